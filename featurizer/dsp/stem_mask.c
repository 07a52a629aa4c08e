/* Sixteen bins and four hidden units at a time, which is what sixteen vector registers hold. */
#include "featurizer/dsp/stem_mask.h"

#include <immintrin.h>

#include "featurizer/dsp/approx.h"
#include "featurizer/dsp/stem_weights.inc"

enum { LANES = 16, UNITS = 4 };

typedef struct Lanes {
    __m256 half[2];
} Lanes;

static inline Lanes all_of(float x) { return (Lanes){{_mm256_set1_ps(x), _mm256_set1_ps(x)}}; }

static inline void add_scaled(Lanes *sum, __m256 weight, const Lanes *x) {
    for (int i = 0; i < 2; i++) sum->half[i] = _mm256_fmadd_ps(weight, x->half[i], sum->half[i]);
}

static inline void standardise(const StemNet *net, const float *cues, int32_t k, Lanes z[STEM_CUES]) {
    const __m256 most = _mm256_set1_ps(4), least = _mm256_set1_ps(-4);
    for (int i = 0; i < STEM_CUES; i++)
        for (int l = 0; l < 2; l++) {
            __m256 v = _mm256_loadu_ps(cues + (size_t)i * STEM_BINS + k + 8 * l);
            v = _mm256_mul_ps(_mm256_sub_ps(v, _mm256_set1_ps(net->mean[i])), _mm256_set1_ps(net->scale[i]));
            z[i].half[l] = _mm256_max_ps(least, _mm256_min_ps(most, v));
        }
}

static inline void run(const StemNet *net, const Lanes z[STEM_CUES], float y[STEMS][LANES]) {
    Lanes out[STEMS];
    for (int s = 0; s < STEMS; s++) out[s] = all_of(net->out_bias[s]);
    for (int h = 0; h < net->n_hidden; h += UNITS) {
        Lanes sum[UNITS];
        for (int u = 0; u < UNITS; u++) sum[u] = all_of(net->bias[h + u]);
        for (int i = 0; i < STEM_CUES; i++)
            for (int u = 0; u < UNITS; u++)
                add_scaled(&sum[u], _mm256_broadcast_ss(net->in + (h + u) * STEM_CUES + i), &z[i]);
        for (int u = 0; u < UNITS; u++) {
            for (int l = 0; l < 2; l++) sum[u].half[l] = _mm256_max_ps(_mm256_setzero_ps(), sum[u].half[l]);
            for (int s = 0; s < STEMS; s++)
                add_scaled(&out[s], _mm256_broadcast_ss(net->out + s * net->n_hidden + h + u), &sum[u]);
        }
    }
    for (int s = 0; s < STEMS; s++)
        for (int l = 0; l < 2; l++) _mm256_storeu_ps(y[s] + 8 * l, out[s].half[l]);
}

static inline void softmax(float y[STEMS][LANES]) {
    for (int l = 0; l < LANES; l++) {
        float top = y[0][l], all = 0;
        for (int s = 1; s < STEMS; s++) top = y[s][l] > top ? y[s][l] : top;
        for (int s = 0; s < STEMS; s++) all += y[s][l] = approx_exp2(1.44269504F * (y[s][l] - top));
        for (int s = 0; s < STEMS; s++) y[s][l] /= all;
    }
}

void stem_mask(const StemNet *net, const float *cues, int32_t n_bins, float *shares) {
    Lanes z[STEM_CUES];
    float y[STEMS][LANES];
    for (int32_t k = 0; k < n_bins; k += LANES) {
        standardise(net, cues, k, z);
        run(net, z, y);
        softmax(y);
        for (int s = 0; s < STEM_OTHER; s++)
            for (int l = 0; l < LANES && net->gain_db[s] < STEM_LEAST_GAIN_DB; l++)
                y[STEM_OTHER][l] += y[s][l], y[s][l] = 0;
        for (int s = 0; s < STEMS; s++)
            for (int l = 0; l < LANES; l++) shares[(size_t)s * STEM_BINS + (size_t)(k + l)] = y[s][l];
    }
}
