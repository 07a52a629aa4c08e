/* The parameters of a policy by name and place, its named sizes, and the sum each action's logit is:
 *
 *     KEEP, CUT span        kind + span
 *     CUT rest              rest
 *     LOOP span, n          kind + span + count
 *     CROSSFADE j, fade     kind + target_j + fade
 *     REORDER j             kind + pair_j                                                        */
#include "common/model/policy_layout.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    PolicySpec spec;
} named[] = {
    {"tiny", {32, 1, 1, 16, 2}},
    {"small", {128, 4, 2, 64, 4}},
    {"base", {256, 6, 4, 64, 4}},
    {"large", {512, 12, 6, 64, 4}},
};
enum { N_NAMED = sizeof named / sizeof *named };

/* Levenshtein distance of short names. */
static int distance(const char *a, const char *b) {
    int row[32], n = (int)strlen(b);
    if (n > 30) return 99;
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

Status policy_spec_named(PolicySpec *out, const char *name) {
    int nearest = 0;
    for (int i = 0; i < N_NAMED; i++) {
        if (!strcmp(name, named[i].name)) {
            *out = named[i].spec;
            return BS_OK;
        }
        if (distance(name, named[i].name) < distance(name, named[nearest].name)) nearest = i;
    }
    return fail(BS_NOT_FOUND, "no policy size is called '%.40s': did you mean '%s'?", name,
                named[nearest].name);
}

bool policy_spec_equal(const PolicySpec *a, const PolicySpec *b) {
    return a->d_model == b->d_model && a->n_encoder_layers == b->n_encoder_layers &&
           a->n_decoder_layers == b->n_decoder_layers && a->head_dim == b->head_dim &&
           a->ff_mult == b->ff_mult;
}

static size_t tensor(PolicyLayout *l, ParamRole role, float gain, int rows, int cols, const char *group,
                     int layer, const char *name) {
    PolicyTensor *t = &l->tensors[l->n_tensors++];
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s.%s", group, name);
    else
        snprintf(t->name, sizeof t->name, "%s.%d.%s", group, layer, name);
    t->rows = rows, t->cols = cols, t->role = role, t->gain = gain, t->at = l->n_params;
    l->n_params += (size_t)rows * (size_t)cols;
    return t->at;
}

static void layer_tensors(PolicyLayout *l, PolicyLayerAt *at, const char *group, int i, int n_layers) {
    const int d = l->d, ff = l->ff;
    /* What is added to the residual stream starts smaller the more layers add to it: gain^2 = 1 / (2 n). */
    const float into = 1 / __builtin_sqrtf(2.0f * (float)n_layers);
    at->norm1_g = tensor(l, PARAM_ONES, 0, 1, d, group, i, "norm1.gain");
    at->norm1_b = tensor(l, PARAM_ZEROS, 0, 1, d, group, i, "norm1.bias");
    at->qkv_w = tensor(l, PARAM_MATRIX, 1, d, 3 * d, group, i, "qkv.weight");
    at->qkv_b = tensor(l, PARAM_ZEROS, 0, 1, 3 * d, group, i, "qkv.bias");
    at->out_w = tensor(l, PARAM_MATRIX, into, d, d, group, i, "out.weight");
    at->out_b = tensor(l, PARAM_ZEROS, 0, 1, d, group, i, "out.bias");
    at->norm2_g = tensor(l, PARAM_ONES, 0, 1, d, group, i, "norm2.gain");
    at->norm2_b = tensor(l, PARAM_ZEROS, 0, 1, d, group, i, "norm2.bias");
    at->up_w = tensor(l, PARAM_MATRIX, 1, d, ff, group, i, "up.weight");
    at->up_b = tensor(l, PARAM_ZEROS, 0, 1, ff, group, i, "up.bias");
    at->down_w = tensor(l, PARAM_MATRIX, into, ff, d, group, i, "down.weight");
    at->down_b = tensor(l, PARAM_ZEROS, 0, 1, d, group, i, "down.bias");
}

Status policy_layout_init(PolicyLayout *l, const PolicySpec *s) {
    memset(l, 0, sizeof *l);
    if (s->d_model < 16 || s->d_model > 2048 || s->d_model % 16 || s->head_dim < 16 || s->head_dim % 16 ||
        s->d_model % s->head_dim || s->ff_mult < 1 || s->ff_mult > 8 || s->n_encoder_layers < 0 ||
        s->n_encoder_layers > POLICY_MAX_LAYERS || s->n_decoder_layers < 0 ||
        s->n_decoder_layers > POLICY_MAX_LAYERS)
        return fail(BS_INVALID, "policy of width %d, layers %d + %d, heads of %d, ff %d cannot be built",
                    s->d_model, s->n_encoder_layers, s->n_decoder_layers, s->head_dim, s->ff_mult);
    const int d = s->d_model, hd = s->head_dim;
    l->spec = *s, l->d = d, l->n_heads = d / hd, l->ff = d * s->ff_mult;
    l->n_query = 3 * hd + ENV_TARGET_FEATURES + ENV_PAIR_FEATURES;

    l->input_w = tensor(l, PARAM_MATRIX, 1, SONG_FEATURES, d, "encoder", -1, "input.weight");
    l->input_b = tensor(l, PARAM_ZEROS, 0, 1, d, "encoder", -1, "input.bias");
    for (int i = 0; i < s->n_encoder_layers; i++)
        layer_tensors(l, &l->encoder[i], "encoder", i, s->n_encoder_layers);
    l->encoder_norm_g = tensor(l, PARAM_ONES, 0, 1, d, "encoder", -1, "norm.gain");
    l->encoder_norm_b = tensor(l, PARAM_ZEROS, 0, 1, d, "encoder", -1, "norm.bias");
    l->key_w = tensor(l, PARAM_MATRIX, 1, d, 3 * hd, "encoder", -1, "key.weight");
    l->key_b = tensor(l, PARAM_ZEROS, 0, 1, 3 * hd, "encoder", -1, "key.bias");

    l->playhead_w = tensor(l, PARAM_MATRIX, 1, d, d, "decoder", -1, "playhead.weight");
    l->last_w = tensor(l, PARAM_MATRIX, 1, d, d, "decoder", -1, "last.weight");
    l->step_w = tensor(l, PARAM_MATRIX, 1, ENV_STEP_FEATURES, d, "decoder", -1, "step.weight");
    l->token_b = tensor(l, PARAM_ZEROS, 0, 1, d, "decoder", -1, "token.bias");
    l->action =
        tensor(l, PARAM_ROWS, 0.1f, ENV_ACTIONS + 1, d, "decoder", -1, "action.weight"); /* last row: none */
    l->missing =
        tensor(l, PARAM_ROWS, 0.1f, 2, d, "decoder", -1, "missing.weight"); /* no playhead, no last kept */
    for (int i = 0; i < s->n_decoder_layers; i++)
        layer_tensors(l, &l->decoder[i], "decoder", i, s->n_decoder_layers);
    l->decoder_norm_g = tensor(l, PARAM_ONES, 0, 1, d, "decoder", -1, "norm.gain");
    l->decoder_norm_b = tensor(l, PARAM_ZEROS, 0, 1, d, "decoder", -1, "norm.bias");

    /* Small heads: the first policy is nearly uniform over what is legal, the first value nearly 0. */
    l->score_w = tensor(l, PARAM_MATRIX, 0.1f, d, SCORE_TARGET, "head", -1, "score.weight");
    l->score_b = tensor(l, PARAM_ZEROS, 0, 1, SCORE_TARGET, "head", -1, "score.bias");
    l->query_w = tensor(l, PARAM_MATRIX, 0.1f, d, l->n_query, "head", -1, "query.weight");
    l->query_b = tensor(l, PARAM_ZEROS, 0, 1, l->n_query, "head", -1, "query.bias");
    l->value1_w = tensor(l, PARAM_MATRIX, 1, d, d, "head", -1, "value1.weight");
    l->value1_b = tensor(l, PARAM_ZEROS, 0, 1, d, "head", -1, "value1.bias");
    l->value2_w = tensor(l, PARAM_MATRIX, 0.1f, d, 1, "head", -1, "value2.weight");
    l->value2_b = tensor(l, PARAM_ZEROS, 0, 1, 1, "head", -1, "value2.bias");
    return BS_OK;
}

static void row(int32_t *table, int action, int a, int b, int c) {
    table[action * 3] = a, table[action * 3 + 1] = b, table[action * 3 + 2] = c;
}

void policy_action_table(int32_t table[ENV_ACTIONS * 3]) {
    for (int s = 0; s < SPANS; s++) {
        row(table, ACT_KEEP + s, SCORE_KIND + KIND_KEEP, SCORE_SPAN + s, -1);
        row(table, ACT_CUT + s, SCORE_KIND + KIND_CUT, SCORE_SPAN + SPANS + s, -1);
        for (int n = 0; n < 3; n++)
            row(table, ACT_LOOP + s * 3 + n, SCORE_KIND + KIND_LOOP, SCORE_SPAN + 2 * SPANS + s,
                SCORE_COUNT + n);
    }
    row(table, ACT_REST, SCORE_REST, -1, -1);
    for (int j = 0; j < ENV_TARGETS; j++)
        for (int f = 0; f < FADE_COUNT; f++)
            row(table, ACT_CROSSFADE + j * FADE_COUNT + f, SCORE_KIND + KIND_CROSSFADE, SCORE_TARGET + j,
                SCORE_FADE + f);
    for (int j = 0; j < ENV_PAIRS; j++)
        row(table, ACT_REORDER + j, SCORE_KIND + KIND_REORDER, SCORE_PAIR + j, -1);
}
