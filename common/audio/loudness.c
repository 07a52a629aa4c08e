/* Loudness by libebur128: integrated, range and true peak of EBU R128 / ITU-R BS.1770. */
#include "common/audio/audio.h"

#include <ebur128.h>
#include <math.h>

static double decibels(double value, double floor_db) {
    double db = value > 0 ? 20 * log10(value) : floor_db;
    return db < floor_db ? floor_db : db;
}

Status loudness_measure(const float *samples, int64_t n_samples, int32_t n_channels, int32_t rate_hz,
                        Loudness *out) {
    if (n_samples < 0 || n_channels < 1 || rate_hz < 16)
        return fail(BS_INVALID, "loudness: %lld samples, %d channels, %d Hz", (long long)n_samples,
                    n_channels, rate_hz);
    ebur128_state *meter = ebur128_init((unsigned)n_channels, (unsigned long)rate_hz,
                                        EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK);
    if (!meter) return fail(BS_NOMEM, "loudness: out of memory");
    *out = (Loudness){.integrated_lufs = -70, .true_peak_db = -120};
    Status st = BS_OK;
    if (ebur128_add_frames_float(meter, samples, (size_t)n_samples) != EBUR128_SUCCESS)
        st = fail(BS_NOMEM, "loudness: out of memory");
    double value = 0, peak = 0;
    if (ebur128_loudness_global(meter, &value) == EBUR128_SUCCESS && isfinite(value) && value > -70)
        out->integrated_lufs = value;
    if (ebur128_loudness_range(meter, &value) == EBUR128_SUCCESS && isfinite(value)) out->range_lu = value;
    for (int32_t c = 0; c < n_channels; c++)
        if (ebur128_true_peak(meter, (unsigned)c, &value) == EBUR128_SUCCESS && value > peak) peak = value;
    out->true_peak_db = decibels(peak, -120);
    ebur128_destroy(&meter);
    return st;
}
