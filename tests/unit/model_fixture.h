#pragma once
/* Made-up songs and observations for tests and benches of networks: random, with every shape right. */
#include "common/core/rng.h"
#include "common/env/env.h"
#include "common/model/policy_net.h"
#include <stdlib.h>
#include <string.h>

static inline void fixture_song(Song *song, int32_t n_units, uint64_t seed) {
    Rng rng = rng_at(seed, 1);
    *song = (Song){.n_units = n_units};
    song->features = malloc((size_t)n_units * SONG_FEATURES * sizeof *song->features);
    if (!song->features) abort();
    for (int i = 0; i < n_units * SONG_FEATURES; i++) song->features[i] = 2 * rng_f32(&rng) - 1;
}
static inline void fixture_song_drop(Song *song) { free(song->features); }

/* Observation `i` of a walk over n_units. The first of an episode (i = 0) has kept nothing yet. */
static inline void fixture_obs(EnvObs *obs, int32_t n_units, int i, uint64_t seed) {
    Rng rng = rng_at(seed, (uint64_t)i + 2);
    memset(obs, 0, sizeof *obs);
    obs->playhead = (int32_t)rng_below(&rng, (uint32_t)n_units);
    obs->last_kept = i ? (int32_t)rng_below(&rng, (uint32_t)n_units) : -1;
    obs->last_action = i ? (int32_t)rng_below(&rng, ENV_ACTIONS) : -1;
    for (int j = 0; j < ENV_STEP_FEATURES; j++) obs->step[j] = 2 * rng_f32(&rng) - 1;
    const int n_targets = 20 + (int)rng_below(&rng, 13), n_pairs = (int)rng_below(&rng, 17);
    for (int j = 0; j < ENV_TARGETS; j++) {
        obs->target[j] = j < n_targets ? (int32_t)rng_below(&rng, (uint32_t)n_units) : -1;
        for (int c = 0; c < ENV_TARGET_FEATURES; c++)
            obs->target_features[j][c] = j < n_targets ? rng_f32(&rng) : 0;
    }
    for (int j = 0; j < ENV_PAIRS; j++) {
        for (int c = 0; c < 2; c++)
            obs->pair[j][c] = j < n_pairs ? (int32_t)rng_below(&rng, (uint32_t)n_units) : -1;
        for (int c = 0; c < ENV_PAIR_FEATURES; c++)
            obs->pair_features[j][c] = j < n_pairs ? rng_f32(&rng) : 0;
    }
    for (int a = 0; a < ENV_ACTIONS; a++) {
        const bool absent = a >= ACT_REORDER     ? a - ACT_REORDER >= n_pairs
                            : a >= ACT_CROSSFADE ? (a - ACT_CROSSFADE) / FADE_COUNT >= n_targets
                                                 : false;
        obs->n_legal += obs->mask[a] = rng_below(&rng, 3) > 0 && !absent;
    }
    if (!obs->n_legal) obs->n_legal = obs->mask[0] = 1;
}

/* A small network with random weights, as it is served. */
static inline void fixture_weights(ByteWriter *w, uint64_t seed) {
    PolicySpec spec;
    PolicyNet *net;
    bytes_init(w, 1 << 24);
    if (policy_spec_named(&spec, "tiny") != BS_OK ||
        policy_net_new(&net, nn_ops_cpu(), &spec, (PolicyLimits){1, 1, 1}, seed) != BS_OK ||
        policy_net_save(net, true, w) != BS_OK)
        abort();
    policy_net_free(net);
}
