/* The ramp laws, and reading past the ends of a recording. */
#include "common/audio/mix_fade.h"

#include <math.h>
#include <string.h>

Status mix_read(AudioReader *reader, int64_t at, int64_t n, float *out) {
    Status st = BS_OK;
    const AudioInfo info = audio_info(reader);
    memset(out, 0, (size_t)(n * info.n_channels) * sizeof *out);
    int64_t first = at < 0 ? 0 : at, end = at + n < info.n_samples ? at + n : info.n_samples, got = 0;
    if (first < end)
        TRY(audio_read_at(reader, first, end - first, out + (first - at) * info.n_channels, &got));
out:
    return st;
}

void mix_weights(const Seam *seam, int64_t i, float *a, float *b) {
    const int64_t n = seam->fade_samples;
    if (seam->ring_samples) {
        *a = 1 - mix_edge(i, n);
        *b = mix_edge(i, n - seam->ring_samples);
        return;
    }
    const double s = ((double)i + 0.5) / (double)n, q = 1 - s;
    const double norm = 1 / sqrt(s * s + q * q + 2 * (double)seam->correlation * s * q);
    *a = (float)(q * norm);
    *b = (float)(s * norm);
}

float mix_hold(int64_t i, int64_t n) {
    const double s = ((double)i + 0.5) / (double)n, near_edge = s < 0.5 ? s : 1 - s;
    return near_edge >= 0.125 ? 1.0f : (float)(8 * near_edge);
}

float mix_edge(int64_t i, int64_t n) {
    if (i >= n) return 1;
    if (i < 0) return 0;
    return (float)(0.5 - 0.5 * cos(3.14159265358979323846 * ((double)i + 0.5) / (double)n));
}
