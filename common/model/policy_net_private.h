#pragma once
/* Private to common/model: the state of a PolicyNet. */
#include "common/model/policy_layout.h"

/* What one layer keeps of its forward pass for backward. rows x columns. */
typedef struct LayerKept {
    Real *x;             /* rows x d: its input */
    Real *norm1, *norm2; /* rows x d */
    Real *stats1, *stats2;
    Real *qkv, *attended, *lse;
    Real *middle; /* rows x d: after attention */
    Real *up, *gelu;
} LayerKept;

typedef struct Tower { /* encoder or decoder */
    const PolicyLayerAt *at;
    LayerKept *kept;
    Real *x; /* rows x d: the last layer's output */
    Real *normed, *stats;
    int32_t n_layers;
    bool causal;
} Tower;

struct PolicyNet {
    const NnOps *ops;
    PolicyLayout layout;
    PolicyLimits limits;
    Real *params, *grads;
    uint8_t *decay;
    int32_t action_table[ENV_ACTIONS * 3];

    Tower encoder, decoder;
    LayerKept kept[2 * POLICY_MAX_LAYERS];
    Real *positions;       /* max(units, steps) x d */
    Real *features;        /* units x SONG_FEATURES */
    Real *keys;            /* units x 3 head_dim */
    Real *playhead, *last; /* steps x d, gathered encodings */
    Real *step, *target_features, *pair_features;
    int32_t *playhead_at, *last_at, *action_at, *position_at, *target_at, *pair_at;
    int32_t *identity; /* 0, 1, 2...: positions of units */
    Real *scores, *queries, *value_up, *value_gelu, *values;
    Real *logits;
    /* backward */
    Real *d_x, *d_part, *d_wide, *d_encoded, *d_keys, *d_scores, *d_queries;
    Real *work;
    Real *staging; /* host */
    void *blocks[80];
    int32_t n_blocks;
};
