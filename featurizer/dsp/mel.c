/* Mel filters, designed in double and kept sparse: about 2,000 of 128 x 1,025 weights are not zero. */
#include "featurizer/dsp/mel.h"

#include <math.h>

static const double break_hz = 1000, hz_per_mel = 200.0 / 3,
                    log_step = 0.068751777420949123; /* ln(6.4) / 27 */

double mel_of_hz(double hz) {
    return hz < break_hz ? hz / hz_per_mel : break_hz / hz_per_mel + log(hz / break_hz) / log_step;
}

double hz_of_mel(double mel) {
    double break_mel = break_hz / hz_per_mel;
    return mel < break_mel ? mel * hz_per_mel : break_hz * exp(log_step * (mel - break_mel));
}

static double triangle(double f, double low, double mid, double high) {
    double up = (f - low) / (mid - low), down = (high - f) / (high - mid);
    double v = up < down ? up : down;
    return v > 0 ? v : 0;
}

Status mel_bank_new(MelBank *bank, Arena *mem, double rate_hz, int32_t n_fft, int32_t n_mels, double low_hz,
                    double high_hz) {
    *bank = (MelBank){.n_mels = n_mels, .n_bins = n_fft / 2 + 1};
    bank->first = arena_alloc(mem, sizeof(int32_t) * (size_t)n_mels);
    bank->count = arena_alloc(mem, sizeof(int32_t) * (size_t)n_mels);
    bank->offset = arena_alloc(mem, sizeof(int32_t) * (size_t)n_mels);
    /* every bin lies under at most two triangles */
    bank->weights = arena_alloc(mem, sizeof(float) * 2 * (size_t)bank->n_bins);
    double *edge = arena_alloc(mem, sizeof(double) * ((size_t)n_mels + 2));
    if (!bank->first || !bank->count || !bank->offset || !bank->weights || !edge)
        return fail(BS_NOMEM, "mel: out of memory");
    double low = mel_of_hz(low_hz), high = mel_of_hz(high_hz);
    for (int32_t m = 0; m < n_mels + 2; m++) edge[m] = hz_of_mel(low + (high - low) * m / (n_mels + 1));
    int32_t used = 0;
    for (int32_t m = 0; m < n_mels; m++) {
        bank->offset[m] = used;
        for (int32_t b = 0; b < bank->n_bins; b++) {
            double w = triangle(b * rate_hz / n_fft, edge[m], edge[m + 1], edge[m + 2]);
            if (w <= 0) continue;
            if (!bank->count[m]) bank->first[m] = b;
            bank->count[m]++;
            bank->weights[used++] = (float)(w * 2 / (edge[m + 2] - edge[m]));
        }
    }
    return BS_OK;
}

void mel_apply(const MelBank *bank, const float *power, float *out) {
    for (int32_t m = 0; m < bank->n_mels; m++) {
        const float *w = bank->weights + bank->offset[m], *p = power + bank->first[m];
        double sum = 0;
        for (int32_t i = 0; i < bank->count[m]; i++) sum += (double)w[i] * p[i];
        out[m] = (float)sum;
    }
}
