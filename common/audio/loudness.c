/* Loudness by libebur128: integrated and range of EBU R128 / ITU-R BS.1770. The true peak is that of four
 * times as many samples, made by soxr: libebur128's own interpolation has 12 taps a phase and reads clipped
 * music up to .4 dB low, so that other meters found peaks over the ceiling. */
#include "common/audio/audio.h"

#include <ebur128.h>
#include <math.h>
#include <stdlib.h>

enum { OVERSAMPLING = 4, BLOCK = 4096 };

struct LoudnessMeter {
    ebur128_state *state;
    int32_t n_channels;
    Resampler *more; /* NULL: no peak is wanted */
    float *made;     /* of BLOCK frames */
    float peak;
};

static Status open_meter(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz, bool with_peak) {
    Status st = BS_OK;
    if (n_channels < 1 || rate_hz < 16)
        return fail(BS_INVALID, "loudness: %d channels, %d Hz", n_channels, rate_hz);
    LoudnessMeter *meter = calloc(1, sizeof *meter);
    if (!meter) return fail(BS_NOMEM, "loudness: out of memory");
    meter->n_channels = n_channels;
    meter->state =
        ebur128_init((unsigned)n_channels, (unsigned long)rate_hz, EBUR128_MODE_I | EBUR128_MODE_LRA);
    if (!meter->state) TRY(fail(BS_NOMEM, "loudness: out of memory"));
    if (with_peak) {
        TRY(resampler_open(&meter->more, rate_hz, OVERSAMPLING * (double)rate_hz, n_channels));
        meter->made = malloc((size_t)(resampler_room(meter->more, BLOCK) * n_channels) * sizeof *meter->made);
        if (!meter->made) TRY(fail(BS_NOMEM, "loudness: out of memory"));
    }
    *out = meter;
    meter = NULL;
out:
    loudness_close(meter);
    return st;
}

Status loudness_open(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz) {
    return open_meter(out, n_channels, rate_hz, true);
}

Status loudness_open_level(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz) {
    return open_meter(out, n_channels, rate_hz, false);
}

static float peak_of(const float *samples, int64_t n, float peak) {
    for (int64_t i = 0; i < n; i++)
        if (fabsf(samples[i]) > peak) peak = fabsf(samples[i]);
    return peak;
}

/* samples NULL: the end. */
static Status add_peak(LoudnessMeter *m, const float *samples, int64_t n_samples) {
    int64_t made;
    if (samples) m->peak = peak_of(samples, n_samples * m->n_channels, m->peak);
    Status st = resampler_push(m->more, samples, n_samples, m->made, &made);
    if (st == BS_OK) m->peak = peak_of(m->made, made * m->n_channels, m->peak);
    return st;
}

Status loudness_add(LoudnessMeter *meter, const float *samples, int64_t n_samples) {
    Status st = BS_OK;
    if (ebur128_add_frames_float(meter->state, samples, (size_t)n_samples) != EBUR128_SUCCESS)
        return fail(BS_NOMEM, "loudness: out of memory");
    for (int64_t at = 0; at < n_samples && meter->more; at += BLOCK)
        TRY(add_peak(meter, samples + at * meter->n_channels,
                     n_samples - at < BLOCK ? n_samples - at : BLOCK));
out:
    return st;
}

Loudness loudness_close(LoudnessMeter *meter) {
    Loudness out = {.integrated_lufs = -70, .true_peak_db = -120};
    double value = 0;
    if (!meter) return out;
    if (meter->state && ebur128_loudness_global(meter->state, &value) == EBUR128_SUCCESS && isfinite(value) &&
        value > -70)
        out.integrated_lufs = value;
    if (meter->state && ebur128_loudness_range(meter->state, &value) == EBUR128_SUCCESS && isfinite(value))
        out.range_lu = value;
    if (meter->made) add_peak(meter, NULL, 0);
    if (meter->peak > 1e-6f) out.true_peak_db = 20 * log10((double)meter->peak);
    if (meter->state) ebur128_destroy(&meter->state);
    resampler_close(meter->more);
    free(meter->made);
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
