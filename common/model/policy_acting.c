/* The policy forward only, in the fixed-order arithmetic of common/nn/act.h.
 *
 * A song is encoded once; each episode then appends one row a step to its caches of keys and values. Keys
 * lie in blocks of 64 steps, [block][d][64], so that 16 of them are one vector when a query meets them:
 * scores are chains over the head's columns, outputs chains over the steps. Rows are padded to panels of
 * 64 columns; nothing ever reads the padding into a result. */
#include "common/model/policy_acting.h"
#include "common/model/policy_layout.h"
#include "common/nn/act.h"
#include "common/nn/bf16.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BLOCK = 64, QUERY_ROWS = 48, MAX_BLOCKS = 48 };

typedef struct ActLayer {
    ActMatrix qkv, out, up, down;
    const float *norm1_g, *norm1_b, *norm2_g, *norm2_b; /* into params */
} ActLayer;

typedef struct EpisodeCache { /* of one decoder layer */
    float *keys;              /* [episode][block][d][64] */
    float *values;            /* [episode][step][d] */
} EpisodeCache;

struct PolicyActing {
    PolicyLayout layout;
    PolicyLimits limits;
    const ActKernels *k;
    bool loaded;
    int32_t action_table[ENV_ACTIONS * 3];
    int32_t ld, ld_wide, ld_keys, ld_query; /* padded widths of d, max(3 d, ff), 3 head_dim, n_query */
    int32_t step_capacity;                  /* max_steps in whole blocks */

    float *params; /* n_params, rounded to bf16 */
    ActLayer encoder[POLICY_MAX_LAYERS], decoder[POLICY_MAX_LAYERS];
    ActMatrix input, key, playhead, last, step, score, query, value1;

    int32_t n_units, n_episodes; /* of the song begun; n_units 0: none */
    Hash song;                   /* whose encodings are held; zero: none */
    float *positions;            /* max(units, steps) x ld */
    float *encoded, *keys;       /* units x ld, units x ld_keys */
    EpisodeCache cache[POLICY_MAX_LAYERS];
    int32_t *n_steps; /* per episode */

    /* scratch of rows = max(units, episodes) */
    float *x, *normed, *attended, *wide, *token[2], *query_rows, *score_rows;
    float *head_keys; /* head_dim x units, transposed */
    float *attention; /* QUERY_ROWS x units, or 1 x steps */
    float *legal;     /* one row of logits */
    void *blocks[MAX_BLOCKS];
    int32_t n_blocks;
};

/* Zeroed; pages that are never touched cost nothing. */
static float *floats(PolicyActing *a, size_t n, bool *bad) {
    char *p = calloc(n * sizeof(float) + 64, 1);
    if (!p || a->n_blocks == MAX_BLOCKS) {
        free(p);
        *bad = true;
        return NULL;
    }
    a->blocks[a->n_blocks++] = p;
    return (float *)(p + (64 - (uintptr_t)p % 64));
}

static void constants_init(PolicyActing *a, float *table, int rows) {
    const int d = a->layout.d;
    nn_positions(table, rows, d);
    for (int i = 0; i < rows; i++)
        memcpy(a->positions + (size_t)i * a->ld, table + (size_t)i * d, (size_t)d * sizeof *table);
    policy_action_table(a->action_table);
}

Status policy_acting_new(PolicyActing **out, const PolicySpec *spec, PolicyLimits limits) {
    Status st = BS_OK;
    float *table = NULL;
    bool bad = false;
    PolicyActing *a = calloc(1, sizeof *a);
    if (!a) return fail(BS_NOMEM, "an acting policy");
    if (limits.max_units < 1 || limits.max_steps < 1 || limits.max_episodes < 1)
        TRY(fail(BS_INVALID, "acting policy for %d units, %d steps, %d episodes", limits.max_units,
                 limits.max_steps, limits.max_episodes));
    TRY(policy_layout_init(&a->layout, spec));
    const PolicyLayout *l = &a->layout;
    a->limits = limits;
    a->k = act_kernels();
    a->ld = act_pad(l->d), a->ld_wide = act_pad(l->ff > 3 * l->d ? l->ff : 3 * l->d);
    a->ld_keys = act_pad(3 * spec->head_dim), a->ld_query = act_pad(l->n_query);
    a->step_capacity = (limits.max_steps + KEY_BLOCK - 1) / KEY_BLOCK * KEY_BLOCK;
    const size_t units = (size_t)limits.max_units, episodes = (size_t)limits.max_episodes;
    const size_t steps = (size_t)a->step_capacity, ld = (size_t)a->ld, d = (size_t)l->d;
    const size_t rows = units > episodes ? units : episodes, places = units > steps ? units : steps;
    const size_t padded_units = (units + 15) & ~(size_t)15, unit_scores = QUERY_ROWS * padded_units;
    a->params = floats(a, l->n_params, &bad);
    a->positions = floats(a, places * ld, &bad);
    a->encoded = floats(a, units * ld, &bad);
    a->keys = floats(a, units * (size_t)a->ld_keys, &bad);
    for (int i = 0; i < spec->n_decoder_layers; i++) {
        a->cache[i].keys = floats(a, episodes * d * steps, &bad);
        a->cache[i].values = floats(a, episodes * d * steps, &bad);
    }
    a->x = floats(a, rows * ld, &bad);
    a->normed = floats(a, rows * ld, &bad);
    a->attended = floats(a, rows * ld, &bad);
    a->wide = floats(a, rows * (size_t)a->ld_wide, &bad);
    a->token[0] = floats(a, episodes * ld, &bad);
    a->token[1] = floats(a, episodes * ld, &bad);
    a->query_rows = floats(a, episodes * (size_t)a->ld_query, &bad);
    a->score_rows = floats(a, episodes * (size_t)act_pad(SCORES), &bad);
    a->head_keys = floats(a, (size_t)spec->head_dim * padded_units, &bad);
    a->attention = floats(a, unit_scores > steps ? unit_scores : steps, &bad);
    a->legal = floats(a, ENV_ACTIONS + ACT_LANES, &bad);
    a->n_steps = calloc(episodes, sizeof *a->n_steps);
    table = malloc(places * d * sizeof *table);
    if (bad || !table || !a->n_steps)
        TRY(fail(BS_NOMEM, "an acting policy for %zu units, %zu steps, %zu episodes", units, steps,
                 episodes));
    constants_init(a, table, (int)places);
    *out = a;
    a = NULL;
out:
    free(table);
    policy_acting_free(a);
    return st;
}

static void layer_drop(ActLayer *l) {
    act_matrix_drop(&l->qkv);
    act_matrix_drop(&l->out);
    act_matrix_drop(&l->up);
    act_matrix_drop(&l->down);
}

static void matrices_drop(PolicyActing *a) {
    ActMatrix *all[] = {&a->input, &a->key,   &a->playhead, &a->last,
                        &a->step,  &a->score, &a->query,    &a->value1};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) act_matrix_drop(all[i]);
    for (int i = 0; i < POLICY_MAX_LAYERS; i++) layer_drop(&a->encoder[i]), layer_drop(&a->decoder[i]);
    a->loaded = false;
}

void policy_acting_free(PolicyActing *a) {
    if (!a) return;
    matrices_drop(a);
    while (a->n_blocks > 0) free(a->blocks[--a->n_blocks]);
    free(a->n_steps);
    free(a);
}

static Status layer_load(PolicyActing *a, ActLayer *l, const PolicyLayerAt *at) {
    const float *p = a->params;
    const int d = a->layout.d, ff = a->layout.ff;
    Status st = BS_OK;
    TRY(act_matrix_init(&l->qkv, p + at->qkv_w, p + at->qkv_b, d, 3 * d));
    TRY(act_matrix_init(&l->out, p + at->out_w, p + at->out_b, d, d));
    TRY(act_matrix_init(&l->up, p + at->up_w, p + at->up_b, d, ff));
    TRY(act_matrix_init(&l->down, p + at->down_w, p + at->down_b, ff, d));
    l->norm1_g = p + at->norm1_g, l->norm1_b = p + at->norm1_b;
    l->norm2_g = p + at->norm2_g, l->norm2_b = p + at->norm2_b;
out:
    return st;
}

Status policy_acting_load(PolicyActing *a, const void *safetensors, size_t n_bytes) {
    Status st = BS_OK;
    const PolicyLayout *l = &a->layout;
    const int d = l->d;
    float *p = malloc(l->n_params * sizeof *p); /* read aside: a bad file leaves the weights as they were */
    if (!p) TRY(fail(BS_NOMEM, "weights of %zu parameters", l->n_params));
    TRY(policy_layout_read(l, safetensors, n_bytes, p));
    matrices_drop(a);
    a->n_units = 0, a->song = (Hash){0};
    for (size_t i = 0; i < l->n_params; i++) a->params[i] = bf16_to_f32(bf16_of(p[i]));
    const float *q = a->params;
    TRY(act_matrix_init(&a->input, q + l->input_w, q + l->input_b, SONG_FEATURES, d));
    TRY(act_matrix_init(&a->key, q + l->key_w, q + l->key_b, d, 3 * l->spec.head_dim));
    TRY(act_matrix_init(&a->playhead, q + l->playhead_w, q + l->token_b, d, d));
    TRY(act_matrix_init(&a->last, q + l->last_w, NULL, d, d));
    TRY(act_matrix_init(&a->step, q + l->step_w, NULL, ENV_STEP_FEATURES, d));
    TRY(act_matrix_init(&a->score, q + l->score_w, q + l->score_b, d, SCORE_TARGET));
    TRY(act_matrix_init(&a->query, q + l->query_w, q + l->query_b, d, l->n_query));
    TRY(act_matrix_init(&a->value1, q + l->value1_w, q + l->value1_b, d, d));
    for (int i = 0; i < l->spec.n_encoder_layers; i++) TRY(layer_load(a, &a->encoder[i], &l->encoder[i]));
    for (int i = 0; i < l->spec.n_decoder_layers; i++) TRY(layer_load(a, &a->decoder[i], &l->decoder[i]));
    a->loaded = true;
out:
    free(p);
    return st;
}

static void add_row(float *y, const float *x, int d) {
    for (int c = 0; c < d; c++) y[c] += x[c];
}

/* a->attended from the rows of a->wide (q, k, v): every unit sees every unit. */
static void encoder_attention(PolicyActing *a, int n) {
    const int d = a->layout.d, hd = a->layout.spec.head_dim, ldw = a->ld_wide, padded = (n + 15) & ~15;
    const float scale = 1 / __builtin_sqrtf((float)hd);
    for (int h = 0; h < a->layout.n_heads; h++) {
        const float *q = a->wide + h * hd, *k = q + d, *v = k + d;
        for (int i = 0; i < n; i++)
            for (int c = 0; c < hd; c++) a->head_keys[(size_t)c * padded + i] = k[(size_t)i * ldw + c];
        for (int r = 0; r < n; r += QUERY_ROWS) {
            const int m = n - r < QUERY_ROWS ? n - r : QUERY_ROWS;
            a->k->product(a->attention, padded, q + (size_t)r * ldw, ldw, m, a->head_keys, padded, padded,
                          hd);
            for (int i = 0; i < m; i++) a->k->softmax(a->attention + (size_t)i * padded, n, scale);
            a->k->product(a->attended + (size_t)r * a->ld + h * hd, a->ld, a->attention, padded, m, v, ldw,
                          hd, n);
        }
    }
}

/* Appends row i of a->wide to the cache of its episode, then lets it look back. */
static void decoder_attention(PolicyActing *a, const EpisodeCache *cache, int i, int32_t episode) {
    const int d = a->layout.d, hd = a->layout.spec.head_dim, t = a->n_steps[episode];
    const float scale = 1 / __builtin_sqrtf((float)hd);
    const size_t base = (size_t)episode * (size_t)a->step_capacity * (size_t)d;
    const float *q = a->wide + (size_t)i * a->ld_wide, *k = q + d;
    float *keys = cache->keys + base, *values = cache->values + base;
    memcpy(values + (size_t)t * d, q + 2 * d, (size_t)d * sizeof *q);
    float *column = keys + (size_t)(t / KEY_BLOCK) * d * KEY_BLOCK + t % KEY_BLOCK;
    for (int c = 0; c < d; c++) column[c * KEY_BLOCK] = k[c];
    for (int h = 0; h < a->layout.n_heads; h++) {
        for (int b = 0; b * KEY_BLOCK <= t; b++) {
            const int rest = (t + 1 - b * KEY_BLOCK + 15) & ~15, n = rest < KEY_BLOCK ? rest : KEY_BLOCK;
            a->k->product(a->attention + b * KEY_BLOCK, 0, q + h * hd, 0, 1,
                          keys + ((size_t)b * d + (size_t)(h * hd)) * KEY_BLOCK, KEY_BLOCK, n, hd);
        }
        a->k->softmax(a->attention, t + 1, scale);
        a->k->product(a->attended + (size_t)i * a->ld + h * hd, 0, a->attention, 0, 1, values + h * hd, d, hd,
                      t + 1);
    }
}

/* One layer over m rows of a->x; cache and episodes are NULL in the encoder. */
static void layer_forward(PolicyActing *a, const ActLayer *l, int m, const EpisodeCache *cache,
                          const int32_t *episodes) {
    const int d = a->layout.d, ld = a->ld, ldw = a->ld_wide;
    a->k->layernorm(a->normed, ld, a->x, ld, l->norm1_g, l->norm1_b, m, d);
    a->k->linear(a->wide, ldw, a->normed, ld, m, &l->qkv, false);
    if (!cache)
        encoder_attention(a, m);
    else
        for (int i = 0; i < m; i++) decoder_attention(a, cache, i, episodes[i]);
    a->k->linear(a->x, ld, a->attended, ld, m, &l->out, true);
    a->k->layernorm(a->normed, ld, a->x, ld, l->norm2_g, l->norm2_b, m, d);
    a->k->linear(a->wide, ldw, a->normed, ld, m, &l->up, false);
    for (int i = 0; i < m; i++) a->k->gelu(a->wide + (size_t)i * ldw, a->layout.ff);
    a->k->linear(a->x, ld, a->wide, ldw, m, &l->down, true);
}

static void encode(PolicyActing *a, const Song *song) {
    const PolicyLayout *l = &a->layout;
    const float *p = a->params;
    const int n = song->n_units, ld = a->ld;
    a->k->linear(a->x, ld, song->features, SONG_FEATURES, n, &a->input, false);
    for (int i = 0; i < n; i++) add_row(a->x + (size_t)i * ld, a->positions + (size_t)i * ld, l->d);
    for (int i = 0; i < l->spec.n_encoder_layers; i++) layer_forward(a, &a->encoder[i], n, NULL, NULL);
    a->k->layernorm(a->encoded, ld, a->x, ld, p + l->encoder_norm_g, p + l->encoder_norm_b, n, l->d);
    a->k->linear(a->keys, a->ld_keys, a->encoded, ld, n, &a->key, false);
}

Status policy_acting_begin(PolicyActing *a, const Song *song, int32_t n_episodes) {
    if (!a->loaded) return fail(BS_INVALID, "an acting policy has no weights yet");
    if (song->n_units < 1 || song->n_units > a->limits.max_units || n_episodes < 1 ||
        n_episodes > a->limits.max_episodes)
        return fail(BS_TOO_BIG, "song of %d units, %d episodes; made for %d, %d", song->n_units, n_episodes,
                    a->limits.max_units, a->limits.max_episodes);
    const bool held =
        a->n_units == song->n_units && !hash_is_zero(&song->hash) && hash_equal(&a->song, &song->hash);
    if (!held) encode(a, song);
    a->n_units = song->n_units, a->n_episodes = n_episodes, a->song = song->hash;
    memset(a->n_steps, 0, (size_t)n_episodes * sizeof *a->n_steps);
    return BS_OK;
}

static Status step_check(const PolicyActing *a, int32_t n, const int32_t *episodes,
                         const EnvObs *const *obs) {
    if (n < 1 || n > a->n_episodes) return fail(BS_INVALID, "a step of %d of %d episodes", n, a->n_episodes);
    for (int i = 0; i < n; i++) {
        const EnvObs *o = obs[i];
        if (episodes[i] < 0 || episodes[i] >= a->n_episodes)
            return fail(BS_INVALID, "a step of episode %d of %d", episodes[i], a->n_episodes);
        if (a->n_steps[episodes[i]] >= a->limits.max_steps)
            return fail(BS_TOO_BIG, "episode %d is longer than %d steps", episodes[i], a->limits.max_steps);
        bool ok = o->playhead < a->n_units && o->last_kept < a->n_units && o->last_action < ENV_ACTIONS;
        for (int j = 0; j < ENV_TARGETS; j++) ok = ok && o->target[j] < a->n_units;
        for (int j = 0; j < ENV_PAIRS; j++)
            ok = ok && o->pair[j][0] < a->n_units && o->pair[j][1] < a->n_units;
        if (!ok) return fail(BS_INVALID, "an observation names a unit or action that is not there");
        int legal = 0;
        for (int c = 0; c < ENV_ACTIONS; c++) legal |= o->mask[c];
        if (!legal) return fail(BS_INVALID, "an observation without a legal action");
    }
    return BS_OK;
}

/* Row i of a->x: the decoder's input. */
static void tokens(PolicyActing *a, int n, const int32_t *episodes, const EnvObs *const *obs) {
    const PolicyLayout *l = &a->layout;
    const int d = l->d, ld = a->ld;
    const size_t row = (size_t)d * sizeof(float);
    for (int i = 0; i < n; i++) {
        const int32_t at[2] = {obs[i]->playhead, obs[i]->last_kept};
        for (int j = 0; j < 2; j++)
            memcpy(a->token[j] + (size_t)i * ld,
                   at[j] < 0 ? a->params + l->missing + (size_t)(j * d) : a->encoded + (size_t)at[j] * ld,
                   row);
    }
    a->k->linear(a->x, ld, a->token[0], ld, n, &a->playhead, false);
    a->k->linear(a->x, ld, a->token[1], ld, n, &a->last, true);
    for (int i = 0; i < n; i++) {
        float *x = a->x + (size_t)i * ld;
        const int action = obs[i]->last_action < 0 ? ENV_ACTIONS : obs[i]->last_action;
        a->k->linear(x, ld, obs[i]->step, ENV_STEP_FEATURES, 1, &a->step, true);
        add_row(x, a->params + l->action + (size_t)action * (size_t)d, d);
        add_row(x, a->positions + (size_t)a->n_steps[episodes[i]] * ld, d);
    }
}

/* sum of x[c] y[c] as one chain, for the short rows of features */
static float chain(const float *x, const float *y, int n) {
    float s = 0;
    for (int c = 0; c < n; c++) s = __builtin_fmaf(x[c], y[c], s);
    return s;
}

static void scores(PolicyActing *a, float *score, const float *query, const EnvObs *o) {
    const PolicyLayout *l = &a->layout;
    const int hd = l->spec.head_dim;
    const float scale = 1 / __builtin_sqrtf((float)hd);
    const float *u = query + policy_query_target_features(l), *w = query + policy_query_pair_features(l);
    for (int j = 0; j < ENV_TARGETS; j++) {
        float s = chain(u, o->target_features[j], ENV_TARGET_FEATURES);
        if (o->target[j] >= 0)
            s = __builtin_fmaf(scale, a->k->dot(query, a->keys + (size_t)o->target[j] * a->ld_keys, hd), s);
        score[SCORE_TARGET + j] = s;
    }
    for (int j = 0; j < ENV_PAIRS; j++) {
        float s = chain(w, o->pair_features[j], ENV_PAIR_FEATURES);
        for (int c = 0; c < 2; c++)
            if (o->pair[j][c] >= 0) {
                const float *key = a->keys + (size_t)o->pair[j][c] * a->ld_keys + (1 + c) * hd;
                s = __builtin_fmaf(scale, a->k->dot(query + (1 + c) * hd, key, hd), s);
            }
        score[SCORE_PAIR + j] = s;
    }
}

static void log_probabilities(PolicyActing *a, float *out, const float *score, const uint8_t *mask) {
    int n = 0;
    for (int c = 0; c < ENV_ACTIONS; c++) {
        const int32_t *t = a->action_table + 3 * c;
        float s = score[t[0]];
        if (t[1] >= 0) s += score[t[1]];
        if (t[2] >= 0) s += score[t[2]];
        out[c] = s;
        if (mask[c]) a->legal[n++] = s;
    }
    const float shift = a->k->log_sum_exp(a->legal, n);
    for (int c = 0; c < ENV_ACTIONS; c++) out[c] = mask[c] ? out[c] - shift : -INFINITY;
}

Status policy_acting_step(PolicyActing *a, int32_t n, const int32_t *episodes, const EnvObs *const *obs,
                          float *log_probs, float *values) {
    Status st = step_check(a, n, episodes, obs);
    if (st != BS_OK) return st;
    const PolicyLayout *l = &a->layout;
    const float *p = a->params;
    const int ld = a->ld, ld_score = act_pad(SCORES);
    tokens(a, n, episodes, obs);
    for (int i = 0; i < l->spec.n_decoder_layers; i++)
        layer_forward(a, &a->decoder[i], n, &a->cache[i], episodes);
    a->k->layernorm(a->normed, ld, a->x, ld, p + l->decoder_norm_g, p + l->decoder_norm_b, n, l->d);
    a->k->linear(a->score_rows, ld_score, a->normed, ld, n, &a->score, false);
    a->k->linear(a->query_rows, a->ld_query, a->normed, ld, n, &a->query, false);
    for (int i = 0; i < n; i++) {
        float *score = a->score_rows + (size_t)i * ld_score;
        scores(a, score, a->query_rows + (size_t)i * a->ld_query, obs[i]);
        log_probabilities(a, log_probs + (size_t)i * ENV_ACTIONS, score, obs[i]->mask);
        a->n_steps[episodes[i]]++;
    }
    if (!values) return BS_OK;
    a->k->linear(a->x, ld, a->normed, ld, n, &a->value1, false);
    for (int i = 0; i < n; i++) {
        a->k->gelu(a->x + (size_t)i * ld, l->d);
        values[i] = a->k->dot(a->x + (size_t)i * ld, p + l->value2_w, l->d) + p[l->value2_b];
    }
    return BS_OK;
}
