/* A policy as safetensors: one tensor per named parameter, the spec and the width of every input in the
 * metadata, so that weights are never read by a network or environment that would misunderstand them. */
#include "common/model/policy_net_private.h"
#include "common/nn/bf16.h"
#include "common/nn/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_VERSION = 1, N_NUMBERS = 13 };

typedef struct Number {
    const char *key;
    int32_t value;
} Number;

/* Everything that must agree between writer and reader. The first five are the spec. */
static void numbers(const PolicySpec *s, Number out[N_NUMBERS]) {
    const Number all[N_NUMBERS] = {
        {"d_model", s->d_model},
        {"n_encoder_layers", s->n_encoder_layers},
        {"n_decoder_layers", s->n_decoder_layers},
        {"head_dim", s->head_dim},
        {"ff_mult", s->ff_mult},
        {"format", FILE_VERSION},
        {"env_version", ENV_VERSION},
        {"song_version", SONG_VERSION},
        {"song_features", SONG_FEATURES},
        {"step_features", ENV_STEP_FEATURES},
        {"target_features", ENV_TARGET_FEATURES},
        {"pair_features", ENV_PAIR_FEATURES},
        {"actions", ENV_ACTIONS},
    };
    memcpy(out, all, sizeof all);
}

Status policy_net_save(const PolicyNet *net, bool bf16, ByteWriter *out) {
    Status st = BS_OK;
    const PolicyLayout *l = &net->layout;
    const size_t n = l->n_params;
    float *params = malloc(n * sizeof *params);
    uint16_t *halves = malloc(n * sizeof *halves);
    TensorEntry *entries = calloc((size_t)l->n_tensors, sizeof *entries);
    Number number[N_NUMBERS];
    TensorMeta meta[N_NUMBERS + 1];
    char values[N_NUMBERS][16];
    if (!params || !halves || !entries) TRY(fail(BS_NOMEM, "saving a policy of %zu parameters", n));
    net->ops->download(params, net->params, n * sizeof *params);
    for (size_t i = 0; i < n; i++) halves[i] = bf16_of(params[i]);
    for (int i = 0; i < l->n_tensors; i++) {
        const PolicyTensor *t = &l->tensors[i];
        const size_t count = (size_t)t->rows * (size_t)t->cols;
        TensorEntry *e = &entries[i];
        snprintf(e->name, sizeof e->name, "%s", t->name);
        e->type = bf16 ? TENSOR_BF16 : TENSOR_F32;
        if (t->rows > 1) e->dims[e->n_dims++] = t->rows;
        e->dims[e->n_dims++] = t->cols;
        e->data = bf16 ? (const void *)(halves + t->at) : (const void *)(params + t->at);
        e->n_bytes = count * (bf16 ? 2 : 4);
    }
    numbers(&l->spec, number);
    meta[0] = (TensorMeta){"kind", "bandsaw policy"};
    for (int i = 0; i < N_NUMBERS; i++) {
        snprintf(values[i], sizeof values[i], "%d", number[i].value);
        meta[i + 1] = (TensorMeta){number[i].key, values[i]};
    }
    TRY(safetensors_write(out, entries, (size_t)l->n_tensors, meta, N_NUMBERS + 1));
out:
    free(params);
    free(halves);
    free(entries);
    return st;
}

static Status meta_number(const Safetensors *s, const char *key, int32_t *out) {
    const char *text = safetensors_meta(s, key);
    char *end = NULL;
    long v = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || v < -1000000 || v > 1000000)
        return fail(BS_CORRUPT, "weights: no number '%s' in the metadata", key);
    *out = (int32_t)v;
    return BS_OK;
}

static Status spec_of(const Safetensors *s, PolicySpec *out) {
    Status st = BS_OK;
    const char *kind = safetensors_meta(s, "kind");
    if (!kind || strcmp(kind, "bandsaw policy")) TRY(fail(BS_CORRUPT, "weights: these are not a policy's"));
    TRY(meta_number(s, "d_model", &out->d_model));
    TRY(meta_number(s, "n_encoder_layers", &out->n_encoder_layers));
    TRY(meta_number(s, "n_decoder_layers", &out->n_decoder_layers));
    TRY(meta_number(s, "head_dim", &out->head_dim));
    TRY(meta_number(s, "ff_mult", &out->ff_mult));
out:
    return st;
}

Status policy_spec_read(PolicySpec *out, const void *safetensors, size_t n_bytes) {
    Safetensors s;
    Status st = safetensors_read(&s, safetensors, n_bytes);
    if (st != BS_OK) return st;
    st = spec_of(&s, out);
    safetensors_drop(&s);
    return st;
}

static Status read_tensor(const PolicyTensor *t, const Safetensors *s, float *to) {
    const TensorEntry *e = safetensors_find(s, t->name);
    if (!e) return fail(BS_CORRUPT, "weights: tensor '%s' is missing", t->name);
    const size_t n = (size_t)t->rows * (size_t)t->cols;
    const int dims = t->rows > 1 ? 2 : 1;
    if (e->n_dims != dims || e->dims[dims - 1] != t->cols || (dims == 2 && e->dims[0] != t->rows) ||
        (e->type != TENSOR_F32 && e->type != TENSOR_BF16))
        return fail(BS_CORRUPT, "weights: tensor '%s' has the wrong type or shape", t->name);
    const uint8_t *from = e->data;
    for (size_t i = 0; i < n; i++) {
        if (e->type == TENSOR_F32)
            memcpy(&to[i], from + 4 * i, 4);
        else {
            uint16_t half;
            memcpy(&half, from + 2 * i, 2);
            to[i] = bf16_to_f32(half);
        }
        if (!isfinite(to[i]))
            return fail(BS_CORRUPT, "weights: '%s' holds a value that is not finite", t->name);
    }
    return BS_OK;
}

Status policy_layout_read(const PolicyLayout *layout, const void *safetensors, size_t n_bytes,
                          float *params) {
    Status st = BS_OK;
    Number number[N_NUMBERS];
    Safetensors s = {0};
    TRY(safetensors_read(&s, safetensors, n_bytes));
    PolicySpec spec;
    TRY(spec_of(&s, &spec));
    numbers(&layout->spec, number);
    for (int i = 0; i < N_NUMBERS; i++) {
        int32_t v;
        TRY(meta_number(&s, number[i].key, &v));
        if (v != number[i].value)
            TRY(fail(BS_VERSION, "weights: %s is %d, this program has %d; train again", number[i].key, v,
                     number[i].value));
    }
    if (s.n_entries != (size_t)layout->n_tensors)
        TRY(fail(BS_CORRUPT, "weights: %zu tensors, a policy has %d", s.n_entries, layout->n_tensors));
    for (int i = 0; i < layout->n_tensors; i++)
        TRY(read_tensor(&layout->tensors[i], &s, params + layout->tensors[i].at));
out:
    safetensors_drop(&s);
    return st;
}

Status policy_net_load(PolicyNet *net, const void *safetensors, size_t n_bytes) {
    const size_t n = net->layout.n_params;
    float *params = malloc(n * sizeof *params);
    if (!params) return fail(BS_NOMEM, "loading a policy of %zu parameters", n);
    Status st = policy_layout_read(&net->layout, safetensors, n_bytes, params);
    if (st == BS_OK) net->ops->upload(net->params, params, n * sizeof *params);
    free(params);
    return st;
}
