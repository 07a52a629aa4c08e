/* The policy network in training, written over NnOps: no line here knows which machine computes.
 *
 *     layer(x):  m = x + attention(norm(x));  x' = m + down(gelu(up(norm(m))))        (pre-norm)
 *     encoder:   E = norm(layers(features W + positions));  K = E W_key
 *     decoder:   S = norm(layers(E[playhead] W_p + E[last] W_l + step W_s + action + positions)), causal
 *     scores:    S W_score | q.K[target] + u.target features | qa.K[a] + qb.K[b] + w.pair features,
 *                q, qa, qb, u, w = S W_query
 *     logits:    sums of scores by policy_action_table;  value = gelu(S W_1) w_2
 *
 * Backward walks the same lines from the end; every buffer it needs was kept by forward. */
#include "common/core/rng.h"
#include "common/model/policy_net_private.h"
#include <stdlib.h>
#include <string.h>

static void *block(PolicyNet *net, size_t n_bytes, bool *bad) {
    void *p = net->ops->alloc(n_bytes ? n_bytes : 1);
    if (!p)
        *bad = true;
    else
        net->blocks[net->n_blocks++] = p;
    return p;
}

/* One block for all that a tower keeps. */
static void tower_init(PolicyNet *net, Tower *t, const PolicyLayerAt *at, LayerKept *kept, int n_layers,
                       size_t rows, bool causal, bool *bad) {
    const size_t d = (size_t)net->layout.d, ff = (size_t)net->layout.ff, heads = (size_t)net->layout.n_heads;
    const size_t per_layer = rows * (8 * d + 2 * ff + 4 + heads), top = rows * (2 * d + 2);
    *t = (Tower){.at = at, .kept = kept, .n_layers = n_layers, .causal = causal};
    Real *p = block(net, ((size_t)n_layers * per_layer + top) * sizeof(Real), bad);
    if (!p) return;
    for (int i = 0; i < n_layers; i++) {
        LayerKept *k = &kept[i];
        k->x = p, p += rows * d;
        k->norm1 = p, p += rows * d;
        k->norm2 = p, p += rows * d;
        k->qkv = p, p += rows * 3 * d;
        k->attended = p, p += rows * d;
        k->middle = p, p += rows * d;
        k->up = p, p += rows * ff;
        k->gelu = p, p += rows * ff;
        k->stats1 = p, p += rows * 2;
        k->stats2 = p, p += rows * 2;
        k->lse = p, p += rows * heads;
    }
    t->x = p, p += rows * d;
    t->normed = p, p += rows * d;
    t->stats = p;
}

/* Nearly normal: the sum of twelve uniforms, which needs no libm. */
static double normal(Rng *r) {
    double s = -6;
    for (int i = 0; i < 12; i++) s += rng_f64(r);
    return s;
}

static void params_init(PolicyNet *net, Real *params, uint64_t seed) {
    for (int i = 0; i < net->layout.n_tensors; i++) {
        const PolicyTensor *t = &net->layout.tensors[i];
        const size_t n = (size_t)t->rows * (size_t)t->cols;
        Rng rng = rng_at(seed, (uint64_t)i);
        double deviation = (double)t->gain;
        if (t->role == PARAM_MATRIX) deviation /= __builtin_sqrt((double)t->rows);
        for (size_t j = 0; j < n; j++)
            params[t->at + j] = t->role == PARAM_ONES    ? 1
                                : t->role == PARAM_ZEROS ? 0
                                                         : (Real)(normal(&rng) * deviation);
        memset(net->decay + t->at, t->role == PARAM_MATRIX, n);
    }
}

static void constants_init(PolicyNet *net, float *table, int32_t n) {
    const int d = net->layout.d;
    nn_positions(table, n, d);
    for (size_t i = (size_t)n * (size_t)d; i-- > 0;) net->positions[i] = (Real)table[i];
    for (int32_t i = 0; i < n; i++) net->identity[i] = i;
}

Status policy_net_new(PolicyNet **out, const NnOps *ops, const PolicySpec *spec, PolicyLimits limits,
                      uint64_t seed) {
    Status st = BS_OK;
    float *table = NULL;
    PolicyNet *net = calloc(1, sizeof *net);
    if (!net) return fail(BS_NOMEM, "a policy network");
    net->ops = ops, net->limits = limits;
    TRY(policy_layout_init(&net->layout, spec));
    const PolicyLayout *l = &net->layout;
    const size_t units = (size_t)limits.max_units, steps = (size_t)limits.max_steps, d = (size_t)l->d;
    const size_t rows = units > steps ? units : steps, hd = (size_t)spec->head_dim;
    const size_t wide = (size_t)(l->ff > 3 * l->d ? l->ff : 3 * l->d), real = sizeof(Real);
    const size_t target_width = ENV_TARGETS * ENV_TARGET_FEATURES, pair_width = ENV_PAIRS * ENV_PAIR_FEATURES;
    bool bad = limits.max_units < 1 || limits.max_steps < 1 || limits.max_episodes < 1;
    if (bad)
        TRY(fail(BS_INVALID, "policy network for %d units, %d steps", limits.max_units, limits.max_steps));

    net->params = block(net, l->n_params * real, &bad);
    net->grads = block(net, l->n_params * real, &bad);
    net->decay = block(net, l->n_params, &bad);
    tower_init(net, &net->encoder, l->encoder, net->kept, spec->n_encoder_layers, units, false, &bad);
    tower_init(net, &net->decoder, l->decoder, net->kept + POLICY_MAX_LAYERS, spec->n_decoder_layers, steps,
               true, &bad);
    net->positions = block(net, rows * d * real, &bad);
    net->features = block(net, units * SONG_FEATURES * real, &bad);
    net->keys = block(net, units * 3 * hd * real, &bad);
    net->playhead = block(net, steps * d * real, &bad);
    net->last = block(net, steps * d * real, &bad);
    net->step = block(net, steps * ENV_STEP_FEATURES * real, &bad);
    net->target_features = block(net, steps * target_width * real, &bad);
    net->pair_features = block(net, steps * pair_width * real, &bad);
    net->playhead_at = block(net, steps * sizeof(int32_t), &bad);
    net->last_at = block(net, steps * sizeof(int32_t), &bad);
    net->action_at = block(net, steps * sizeof(int32_t), &bad);
    net->position_at = block(net, steps * sizeof(int32_t), &bad);
    net->target_at = block(net, steps * ENV_TARGETS * sizeof(int32_t), &bad);
    net->pair_at = block(net, steps * ENV_PAIRS * 2 * sizeof(int32_t), &bad);
    net->identity = block(net, rows * sizeof(int32_t), &bad);
    net->scores = block(net, steps * SCORES * real, &bad);
    net->queries = block(net, steps * (size_t)l->n_query * real, &bad);
    net->value_up = block(net, steps * d * real, &bad);
    net->value_gelu = block(net, steps * d * real, &bad);
    net->values = block(net, steps * real, &bad);
    net->logits = block(net, steps * ENV_ACTIONS * real, &bad);
    net->d_x = block(net, rows * d * real, &bad);
    net->d_part = block(net, rows * d * real, &bad);
    net->d_wide = block(net, rows * wide * real, &bad);
    net->d_encoded = block(net, units * d * real, &bad);
    net->d_keys = block(net, units * 3 * hd * real, &bad);
    net->d_scores = block(net, steps * SCORES * real, &bad);
    net->d_queries = block(net, steps * (size_t)l->n_query * real, &bad);
    net->work = block(net, nn_attention_work(rows) * real, &bad);
    const size_t unit_bytes = units * SONG_FEATURES * real, step_bytes = steps * target_width * real;
    net->staging = malloc(unit_bytes > step_bytes ? unit_bytes : step_bytes);
    table = malloc(rows * d * sizeof *table);
    if (bad || !net->staging || !table)
        TRY(fail(BS_NOMEM, "a policy network for %zu units and %zu steps", units, steps));
    constants_init(net, table, (int32_t)rows);
    params_init(net, net->params, seed);
    policy_action_table(net->action_table);
    *out = net;
    net = NULL;
out:
    free(table);
    policy_net_free(net);
    return st;
}

void policy_net_free(PolicyNet *net) {
    if (!net) return;
    while (net->n_blocks > 0) net->ops->release(net->blocks[--net->n_blocks]);
    free(net->staging);
    free(net);
}

const PolicySpec *policy_net_spec(const PolicyNet *net) { return &net->layout.spec; }
size_t policy_net_n_params(const PolicyNet *net) { return net->layout.n_params; }
Real *policy_net_params(PolicyNet *net) { return net->params; }
Real *policy_net_grads(PolicyNet *net) { return net->grads; }
const uint8_t *policy_net_decay(const PolicyNet *net) { return net->decay; }

/* t->kept[0].x (or t->x) holds the input; fills t->normed. */
static void tower_forward(PolicyNet *net, Tower *t, int m, NnSegments segments) {
    const NnOps *o = net->ops;
    const Real *p = net->params;
    const int d = net->layout.d, ff = net->layout.ff, heads = net->layout.n_heads,
              hd = net->layout.spec.head_dim;
    for (int i = 0; i < t->n_layers; i++) {
        const PolicyLayerAt *a = &t->at[i];
        LayerKept *k = &t->kept[i];
        Real *next = i + 1 < t->n_layers ? t->kept[i + 1].x : t->x;
        o->layernorm(k->norm1, k->stats1, k->x, p + a->norm1_g, p + a->norm1_b, m, d);
        o->linear(k->qkv, 3 * d, k->norm1, d, p + a->qkv_w, p + a->qkv_b, m, 3 * d, d, false);
        o->attention(k->attended, k->lse, k->qkv, segments, heads, hd, t->causal, net->work);
        o->copy(k->middle, k->x, (size_t)m * d);
        o->linear(k->middle, d, k->attended, d, p + a->out_w, p + a->out_b, m, d, d, true);
        o->layernorm(k->norm2, k->stats2, k->middle, p + a->norm2_g, p + a->norm2_b, m, d);
        o->linear(k->up, ff, k->norm2, d, p + a->up_w, p + a->up_b, m, ff, d, false);
        o->gelu(k->gelu, k->up, (size_t)m * ff);
        o->copy(next, k->middle, (size_t)m * d);
        o->linear(next, d, k->gelu, ff, p + a->down_w, p + a->down_b, m, d, ff, true);
    }
}

/* In: net->d_part = gradient of t->normed; out: net->d_x = gradient of the tower's input. */
static void tower_backward(PolicyNet *net, Tower *t, int m, NnSegments segments, size_t norm_g,
                           size_t norm_b) {
    const NnOps *o = net->ops;
    const Real *p = net->params;
    Real *g = net->grads, *dx = net->d_x, *part = net->d_part, *wide = net->d_wide;
    const int d = net->layout.d, ff = net->layout.ff, heads = net->layout.n_heads,
              hd = net->layout.spec.head_dim;
    o->zero(dx, (size_t)m * d);
    o->layernorm_grad(dx, g + norm_g, g + norm_b, part, t->x, t->stats, p + norm_g, m, d);
    for (int i = t->n_layers; i-- > 0;) {
        const PolicyLayerAt *a = &t->at[i];
        LayerKept *k = &t->kept[i];
        o->linear_grad(wide, ff, g + a->down_w, g + a->down_b, dx, d, k->gelu, ff, p + a->down_w, m, d, ff,
                       false);
        o->gelu_grad(wide, wide, k->up, (size_t)m * ff);
        o->linear_grad(part, d, g + a->up_w, g + a->up_b, wide, ff, k->norm2, d, p + a->up_w, m, ff, d,
                       false);
        o->layernorm_grad(dx, g + a->norm2_g, g + a->norm2_b, part, k->middle, k->stats2, p + a->norm2_g, m,
                          d);
        o->linear_grad(part, d, g + a->out_w, g + a->out_b, dx, d, k->attended, d, p + a->out_w, m, d, d,
                       false);
        o->attention_grad(wide, part, k->attended, k->lse, k->qkv, segments, heads, hd, t->causal, net->work);
        o->linear_grad(part, d, g + a->qkv_w, g + a->qkv_b, wide, 3 * d, k->norm1, d, p + a->qkv_w, m, 3 * d,
                       d, false);
        o->layernorm_grad(dx, g + a->norm1_g, g + a->norm1_b, part, k->x, k->stats1, p + a->norm1_g, m, d);
    }
}

static Real *tower_input(Tower *t) { return t->n_layers ? t->kept[0].x : t->x; }

static Status batch_check(const PolicyNet *net, const PolicyBatch *b) {
    const int32_t n = b->song->n_units;
    if (n < 1 || n > net->limits.max_units || b->n_steps < 1 || b->n_steps > net->limits.max_steps ||
        b->n_episodes < 1 || b->n_episodes > net->limits.max_episodes)
        return fail(BS_TOO_BIG, "batch of %d units, %d steps, %d episodes; made for %d, %d, %d", n,
                    b->n_steps, b->n_episodes, net->limits.max_units, net->limits.max_steps,
                    net->limits.max_episodes);
    bool ok = b->episode_start[0] == 0 && b->episode_start[b->n_episodes] == b->n_steps;
    for (int e = 0; e < b->n_episodes; e++) ok = ok && b->episode_start[e] < b->episode_start[e + 1];
    if (!ok) return fail(BS_INVALID, "the episodes of a batch do not cover its steps");
    for (int i = 0; i < b->n_steps; i++) {
        const EnvObs *obs = &b->obs[i];
        ok = obs->playhead < n && obs->last_kept < n && obs->last_action < ENV_ACTIONS;
        for (int j = 0; j < ENV_TARGETS; j++) ok = ok && obs->target[j] < n;
        for (int j = 0; j < ENV_PAIRS; j++) ok = ok && obs->pair[j][0] < n && obs->pair[j][1] < n;
        if (!ok) return fail(BS_INVALID, "step %d of a batch names a unit or action that is not there", i);
    }
    return BS_OK;
}

static void upload_reals(PolicyNet *net, Real *to, const float *from, size_t stride, size_t width, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            net->staging[i * width + j] =
                (Real) * (const float *)((const char *)from + i * stride + j * sizeof(float));
    net->ops->upload(to, net->staging, n * width * sizeof(Real));
}

static void upload_ints(PolicyNet *net, int32_t *to, const int32_t *from, size_t stride, size_t width,
                        size_t n) {
    int32_t *staging = (int32_t *)net->staging;
    for (size_t i = 0; i < n; i++)
        memcpy(staging + i * width, (const char *)from + i * stride, width * sizeof *to);
    net->ops->upload(to, staging, n * width * sizeof *to);
}

static void batch_upload(PolicyNet *net, const PolicyBatch *b) {
    const size_t n = (size_t)b->n_steps, stride = sizeof(EnvObs);
    upload_reals(net, net->features, b->song->features, SONG_FEATURES * sizeof(float), SONG_FEATURES,
                 (size_t)b->song->n_units);
    upload_reals(net, net->step, b->obs->step, stride, ENV_STEP_FEATURES, n);
    upload_reals(net, net->target_features, &b->obs->target_features[0][0], stride,
                 ENV_TARGETS * ENV_TARGET_FEATURES, n);
    upload_reals(net, net->pair_features, &b->obs->pair_features[0][0], stride, ENV_PAIRS * ENV_PAIR_FEATURES,
                 n);
    upload_ints(net, net->playhead_at, &b->obs->playhead, stride, 1, n);
    upload_ints(net, net->last_at, &b->obs->last_kept, stride, 1, n);
    upload_ints(net, net->target_at, b->obs->target, stride, ENV_TARGETS, n);
    upload_ints(net, net->pair_at, &b->obs->pair[0][0], stride, 2 * ENV_PAIRS, n);
    int32_t *staging = (int32_t *)net->staging;
    for (size_t i = 0; i < n; i++)
        staging[i] = b->obs[i].last_action < 0 ? ENV_ACTIONS : b->obs[i].last_action;
    net->ops->upload(net->action_at, staging, n * sizeof *staging);
    for (int e = 0; e < b->n_episodes; e++)
        for (int i = b->episode_start[e]; i < b->episode_start[e + 1]; i++)
            staging[i] = i - b->episode_start[e];
    net->ops->upload(net->position_at, staging, n * sizeof *staging);
}

static void encode(PolicyNet *net, const PolicyBatch *b) {
    const NnOps *o = net->ops;
    const PolicyLayout *l = &net->layout;
    const Real *p = net->params;
    const int m = b->song->n_units, d = l->d, hd3 = 3 * l->spec.head_dim;
    Tower *t = &net->encoder;
    Real *x = tower_input(t);
    o->linear(x, d, net->features, SONG_FEATURES, p + l->input_w, p + l->input_b, m, d, SONG_FEATURES, false);
    o->gather(x, net->positions, NULL, net->identity, m, d, true);
    tower_forward(net, t, m, (NnSegments){(const int32_t[]){0, m}, 1});
    o->layernorm(t->normed, t->stats, t->x, p + l->encoder_norm_g, p + l->encoder_norm_b, m, d);
    o->linear(net->keys, hd3, t->normed, d, p + l->key_w, p + l->key_b, m, hd3, d, false);
}

static void decode(PolicyNet *net, const PolicyBatch *b) {
    const NnOps *o = net->ops;
    const PolicyLayout *l = &net->layout;
    const Real *p = net->params, *encoded = net->encoder.normed;
    const int m = b->n_steps, d = l->d;
    Tower *t = &net->decoder;
    Real *x = tower_input(t);
    o->gather(net->playhead, encoded, p + l->missing, net->playhead_at, m, d, false);
    o->gather(net->last, encoded, p + l->missing + d, net->last_at, m, d, false);
    o->linear(x, d, net->playhead, d, p + l->playhead_w, p + l->token_b, m, d, d, false);
    o->linear(x, d, net->last, d, p + l->last_w, NULL, m, d, d, true);
    o->linear(x, d, net->step, ENV_STEP_FEATURES, p + l->step_w, NULL, m, d, ENV_STEP_FEATURES, true);
    o->gather(x, p + l->action, NULL, net->action_at, m, d, true);
    o->gather(x, net->positions, NULL, net->position_at, m, d, true);
    tower_forward(net, t, m, (NnSegments){b->episode_start, b->n_episodes});
    o->layernorm(t->normed, t->stats, t->x, p + l->decoder_norm_g, p + l->decoder_norm_b, m, d);
}

/* The pointers: their place in scores, queries and keys, in one table for forward and backward. */
typedef struct PointerRow {
    int score, query, width, n, ld_keys, stride;
    Real *keys, *d_keys;
    const int32_t *index;
    Real factor;
} PointerRow;
enum { POINTERS = 5 };

static void pointer_rows(const PolicyNet *net, PointerRow out[POINTERS]) {
    const PolicyLayout *l = &net->layout;
    const int hd = l->spec.head_dim;
    const Real f = 1 / (Real)__builtin_sqrt((double)hd);
    Real *k = net->keys, *dk = net->d_keys;
    out[0] = (PointerRow){SCORE_TARGET, 0, hd, ENV_TARGETS, 3 * hd, 1, k, dk, net->target_at, f};
    out[1] = (PointerRow){SCORE_PAIR, hd, hd, ENV_PAIRS, 3 * hd, 2, k + hd, dk + hd, net->pair_at, f};
    out[2] = (PointerRow){SCORE_PAIR, 2 * hd,     hd,          ENV_PAIRS,        3 * hd,
                          2,          k + 2 * hd, dk + 2 * hd, net->pair_at + 1, f};
    out[3] = (PointerRow){SCORE_TARGET,
                          policy_query_target_features(l),
                          ENV_TARGET_FEATURES,
                          ENV_TARGETS,
                          ENV_TARGET_FEATURES,
                          1,
                          net->target_features,
                          NULL,
                          NULL,
                          1};
    out[4] = (PointerRow){SCORE_PAIR,
                          policy_query_pair_features(l),
                          ENV_PAIR_FEATURES,
                          ENV_PAIRS,
                          ENV_PAIR_FEATURES,
                          1,
                          net->pair_features,
                          NULL,
                          NULL,
                          1};
}

static void heads_forward(PolicyNet *net, int m) {
    const NnOps *o = net->ops;
    const PolicyLayout *l = &net->layout;
    const Real *p = net->params, *s = net->decoder.normed;
    const int d = l->d, nq = l->n_query;
    PointerRow rows[POINTERS];
    pointer_rows(net, rows);
    o->zero(net->scores, (size_t)m * SCORES);
    o->linear(net->scores, SCORES, s, d, p + l->score_w, p + l->score_b, m, SCORE_TARGET, d, false);
    o->linear(net->queries, nq, s, d, p + l->query_w, p + l->query_b, m, nq, d, false);
    for (const PointerRow *r = rows; r < rows + POINTERS; r++)
        o->pointer(net->scores + r->score, SCORES, net->queries + r->query, nq, r->keys, r->ld_keys, r->index,
                   r->stride, m, r->n, r->width, r->factor);
    o->sum_columns(net->logits, net->scores, SCORES, net->action_table, m, ENV_ACTIONS);
    o->linear(net->value_up, d, s, d, p + l->value1_w, p + l->value1_b, m, d, d, false);
    o->gelu(net->value_gelu, net->value_up, (size_t)m * d);
    o->linear(net->values, 1, net->value_gelu, d, p + l->value2_w, p + l->value2_b, m, 1, d, false);
}

Status policy_net_forward(PolicyNet *net, const PolicyBatch *b, Real *logits, Real *values) {
    Status st = batch_check(net, b);
    if (st != BS_OK) return st;
    const size_t m = (size_t)b->n_steps;
    batch_upload(net, b);
    encode(net, b);
    decode(net, b);
    heads_forward(net, b->n_steps);
    net->ops->download(logits, net->logits, m * ENV_ACTIONS * sizeof *logits);
    if (values) net->ops->download(values, net->values, m * sizeof *values);
    return net->ops->sync();
}

/* From the gradients of logits and values to net->d_part (of the decoder's normed rows) and net->d_keys. */
static void heads_backward(PolicyNet *net, int n_units, int m, const Real *d_logits, const Real *d_values) {
    const NnOps *o = net->ops;
    const PolicyLayout *l = &net->layout;
    const Real *p = net->params, *s = net->decoder.normed;
    Real *g = net->grads, *part = net->d_part;
    const int d = l->d, nq = l->n_query;
    PointerRow rows[POINTERS];
    pointer_rows(net, rows);
    o->upload(net->logits, d_logits, (size_t)m * ENV_ACTIONS * sizeof *d_logits);
    o->zero(net->d_scores, (size_t)m * SCORES);
    o->zero(net->d_queries, (size_t)m * nq);
    o->zero(net->d_keys, (size_t)n_units * 3 * l->spec.head_dim);
    o->sum_columns_grad(net->d_scores, SCORES, net->logits, net->action_table, m, ENV_ACTIONS);
    for (const PointerRow *r = rows; r < rows + POINTERS; r++)
        o->pointer_grad(net->d_queries + r->query, nq, r->d_keys, r->ld_keys, net->d_scores + r->score,
                        SCORES, net->queries + r->query, nq, r->keys, r->ld_keys, r->index, r->stride, m,
                        r->n, r->width, r->factor);
    o->linear_grad(part, d, g + l->query_w, g + l->query_b, net->d_queries, nq, s, d, p + l->query_w, m, nq,
                   d, false);
    o->linear_grad(part, d, g + l->score_w, g + l->score_b, net->d_scores, SCORES, s, d, p + l->score_w, m,
                   SCORE_TARGET, d, true);
    if (!d_values) return;
    o->upload(net->values, d_values, (size_t)m * sizeof *d_values);
    o->linear_grad(net->d_wide, d, g + l->value2_w, g + l->value2_b, net->values, 1, net->value_gelu, d,
                   p + l->value2_w, m, 1, d, false);
    o->gelu_grad(net->d_wide, net->d_wide, net->value_up, (size_t)m * d);
    o->linear_grad(part, d, g + l->value1_w, g + l->value1_b, net->d_wide, d, s, d, p + l->value1_w, m, d, d,
                   true);
}

Status policy_net_backward(PolicyNet *net, const PolicyBatch *b, const Real *d_logits, const Real *d_values) {
    Status st = batch_check(net, b);
    if (st != BS_OK) return st;
    const NnOps *o = net->ops;
    const PolicyLayout *l = &net->layout;
    const Real *p = net->params;
    Real *g = net->grads, *part = net->d_part, *d_encoded = net->d_encoded;
    const int n = b->song->n_units, m = b->n_steps, d = l->d, hd3 = 3 * l->spec.head_dim;

    heads_backward(net, n, m, d_logits, d_values);
    tower_backward(net, &net->decoder, m, (NnSegments){b->episode_start, b->n_episodes}, l->decoder_norm_g,
                   l->decoder_norm_b);
    o->linear_grad(d_encoded, d, g + l->key_w, g + l->key_b, net->d_keys, hd3, net->encoder.normed, d,
                   p + l->key_w, n, hd3, d, false);
    o->gather_grad(g + l->action, NULL, net->d_x, net->action_at, m, d);
    o->linear_grad(NULL, 0, g + l->step_w, NULL, net->d_x, d, net->step, ENV_STEP_FEATURES, p + l->step_w, m,
                   d, ENV_STEP_FEATURES, false);
    o->linear_grad(part, d, g + l->playhead_w, g + l->token_b, net->d_x, d, net->playhead, d,
                   p + l->playhead_w, m, d, d, false);
    o->gather_grad(d_encoded, g + l->missing, part, net->playhead_at, m, d);
    o->linear_grad(part, d, g + l->last_w, NULL, net->d_x, d, net->last, d, p + l->last_w, m, d, d, false);
    o->gather_grad(d_encoded, g + l->missing + d, part, net->last_at, m, d);

    o->copy(part, d_encoded, (size_t)n * d);
    tower_backward(net, &net->encoder, n, (NnSegments){(const int32_t[]){0, n}, 1}, l->encoder_norm_g,
                   l->encoder_norm_b);
    o->linear_grad(NULL, 0, g + l->input_w, g + l->input_b, net->d_x, d, net->features, SONG_FEATURES,
                   p + l->input_w, n, d, SONG_FEATURES, false);
    return o->sync();
}
