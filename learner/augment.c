/* Noise goes to the columns that are standardised per song; shares, likelihoods and flags ("as is" in
 * features.def) keep their meaning and stay. */
#include "learner/augment.h"

#include <math.h>
#include <string.h>

#include "common/core/rng.h"

static const struct {
    int first, last;
} noisy[] = {
    {FEATURE_MEL, FEATURE_MEL_LAST},          {FEATURE_LOUDNESS, FEATURE_LOUDNESS},
    {FEATURE_ONSET, FEATURE_ONSET},           {FEATURE_ONSET_LOW, FEATURE_ONSET_LOW},
    {FEATURE_ONSET_HIGH, FEATURE_ONSET_HIGH}, {FEATURE_ATTACK, FEATURE_ATTACK},
    {FEATURE_LENGTH, FEATURE_LENGTH},         {FEATURE_DEVIATION, FEATURE_DEVIATION_LAST},
};

/* Mean 0, deviation 1: the sum of three uniforms is near enough to normal for noise. */
static double normal(Rng *r) { return 2 * (rng_f64(r) + rng_f64(r) + rng_f64(r)) - 3; }

void augment_features(const Song *song, uint64_t key, double noise, float *out) {
    Rng r = rng_at(key, 1);
    const uint32_t turn = rng_below(&r, SONG_CHROMA);
    memcpy(out, song->features, sizeof *out * (size_t)song->n_units * SONG_FEATURES);
    for (int32_t u = 0; u < song->n_units; u++) {
        const float *from = song->features + (size_t)u * SONG_FEATURES;
        float *to = out + (size_t)u * SONG_FEATURES;
        for (uint32_t c = 0; c < SONG_CHROMA; c++)
            to[FEATURE_CHROMA + (c + turn) % SONG_CHROMA] = from[FEATURE_CHROMA + c];
        for (size_t k = 0; noise > 0 && k < sizeof noisy / sizeof *noisy; k++)
            for (int c = noisy[k].first; c <= noisy[k].last; c++) to[c] += (float)(noise * normal(&r));
    }
}
