#pragma once
/* Private to common/model: where each parameter of a PolicySpec lies in the flat block, its name and shape,
 * and how an action's logit is put together. Training, acting and files all read this one table. */
#include "common/model/policy_net.h"

enum {
    POLICY_MAX_LAYERS = 24,
    POLICY_MAX_TENSORS = 2 * POLICY_MAX_LAYERS * 12 + 32,

    /* Columns of a step's scores. */
    SCORE_KIND = 0,
    SCORE_SPAN = SCORE_KIND + ACTION_KINDS, /* of KEEP, CUT, LOOP */
    SCORE_REST = SCORE_SPAN + 3 * SPANS,
    SCORE_COUNT = SCORE_REST + 1, /* LOOP x2, x3, x4 */
    SCORE_FADE = SCORE_COUNT + 3,
    SCORE_TARGET = SCORE_FADE + FADE_COUNT, /* the columns before come from one linear map */
    SCORE_PAIR = SCORE_TARGET + ENV_TARGETS,
    SCORES = SCORE_PAIR + ENV_PAIRS,
};

typedef enum ParamRole {
    PARAM_MATRIX, /* normal, deviation gain / sqrt(rows) */
    PARAM_ROWS,   /* embeddings: normal, deviation gain; no decay */
    PARAM_ONES,
    PARAM_ZEROS,
} ParamRole;

typedef struct PolicyTensor {
    char name[48];
    size_t at;
    int32_t rows, cols; /* rows 1: a vector */
    ParamRole role;
    float gain;
} PolicyTensor;

typedef struct PolicyLayerAt { /* offsets into the block */
    size_t norm1_g, norm1_b, qkv_w, qkv_b, out_w, out_b, norm2_g, norm2_b, up_w, up_b, down_w, down_b;
} PolicyLayerAt;

typedef struct PolicyLayout {
    PolicySpec spec;
    int32_t d, n_heads, ff, n_query; /* n_query: columns of the query map */
    size_t n_params;
    size_t input_w, input_b, encoder_norm_g, encoder_norm_b, key_w, key_b;
    size_t playhead_w, last_w, step_w, token_b, action, missing, decoder_norm_g, decoder_norm_b;
    size_t score_w, score_b, query_w, query_b, value1_w, value1_b, value2_w, value2_b;
    PolicyLayerAt encoder[POLICY_MAX_LAYERS], decoder[POLICY_MAX_LAYERS];
    PolicyTensor tensors[POLICY_MAX_TENSORS];
    int32_t n_tensors;
} PolicyLayout;

/* Query columns: three pointers of head_dim (target; pair a, b), then weights of target and pair features.
 * Key columns: target, pair a, pair b. */
static inline int policy_query_target_features(const PolicyLayout *l) { return 3 * l->spec.head_dim; }
static inline int policy_query_pair_features(const PolicyLayout *l) {
    return 3 * l->spec.head_dim + ENV_TARGET_FEATURES;
}

/* BS_INVALID when the spec cannot be built. */
Status policy_layout_init(PolicyLayout *out, const PolicySpec *spec);

/* table[a] = the columns of a step's scores whose sum is the logit of action a, -1 = none. */
void policy_action_table(int32_t table[ENV_ACTIONS * 3]);

/* Reads every tensor of safetensors bytes into one block of layout->n_params floats. BS_VERSION when spec or
 * feature counts differ, BS_CORRUPT on names, shapes or values. */
Status policy_layout_read(const PolicyLayout *layout, const void *safetensors, size_t n_bytes, float *params);
