/* Loudness by libebur128: integrated, range and true peak of EBU R128 / ITU-R BS.1770. */
#include "common/audio/audio.h"

#include <ebur128.h>
#include <math.h>
#include <stdlib.h>

static double decibels(double value, double floor_db) {
    double db = value > 0 ? 20 * log10(value) : floor_db;
    return db < floor_db ? floor_db : db;
}

struct LoudnessMeter {
    ebur128_state *state;
    int32_t n_channels;
};

static Status open_meter(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz, int mode) {
    if (n_channels < 1 || rate_hz < 16)
        return fail(BS_INVALID, "loudness: %d channels, %d Hz", n_channels, rate_hz);
    LoudnessMeter *meter = calloc(1, sizeof *meter);
    if (!meter) return fail(BS_NOMEM, "loudness: out of memory");
    meter->n_channels = n_channels;
    meter->state = ebur128_init((unsigned)n_channels, (unsigned long)rate_hz, mode);
    if (!meter->state) {
        free(meter);
        return fail(BS_NOMEM, "loudness: out of memory");
    }
    *out = meter;
    return BS_OK;
}

Status loudness_open(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz) {
    return open_meter(out, n_channels, rate_hz, EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK);
}

Status loudness_open_level(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz) {
    return open_meter(out, n_channels, rate_hz, EBUR128_MODE_I | EBUR128_MODE_LRA);
}

Status loudness_add(LoudnessMeter *meter, const float *samples, int64_t n_samples) {
    return ebur128_add_frames_float(meter->state, samples, (size_t)n_samples) == EBUR128_SUCCESS
               ? BS_OK
               : fail(BS_NOMEM, "loudness: out of memory");
}

Loudness loudness_close(LoudnessMeter *meter) {
    Loudness out = {.integrated_lufs = -70, .true_peak_db = -120};
    double value = 0, peak = 0;
    if (!meter) return out;
    if (ebur128_loudness_global(meter->state, &value) == EBUR128_SUCCESS && isfinite(value) && value > -70)
        out.integrated_lufs = value;
    if (ebur128_loudness_range(meter->state, &value) == EBUR128_SUCCESS && isfinite(value))
        out.range_lu = value;
    for (int32_t c = 0; c < meter->n_channels; c++)
        if (ebur128_true_peak(meter->state, (unsigned)c, &value) == EBUR128_SUCCESS && value > peak)
            peak = value;
    out.true_peak_db = decibels(peak, -120);
    ebur128_destroy(&meter->state);
    free(meter);
    return out;
}

Status loudness_measure(const float *samples, int64_t n_samples, int32_t n_channels, int32_t rate_hz,
                        Loudness *out) {
    Status st = BS_OK;
    LoudnessMeter *meter = NULL;
    if (n_samples < 0) return fail(BS_INVALID, "loudness: %lld samples", (long long)n_samples);
    TRY(loudness_open(&meter, n_channels, rate_hz));
    TRY(loudness_add(meter, samples, n_samples));
out:
    *out = loudness_close(meter);
    return st;
}
