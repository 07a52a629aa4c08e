#pragma once
/* Fits the small networks of featurizer/dsp (mlp.h) and writes them as C. Two losses: FIT_LIKELIHOOD, cross
 * entropy of sigmoid(y) with a target 0..1 per row; FIT_CHOICE, cross entropy of the softmax over the rows of
 * a group with targets that say how right each row is. Adam, decay of the first layer; one session in eight
 * is kept out, and the weights that do best on it are the result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/rng.h"
#include "common/core/status.h"
#include "featurizer/dsp/mlp.h"
#include "tests/train/annotated.h"

typedef enum FitLoss { FIT_LIKELIHOOD, FIT_CHOICE } FitLoss;

enum { FIT_BATCH = 128, FIT_EPOCHS = 40, FIT_PATIENCE = 6, FIT_KEPT_OUT = 8, FIT_MOST_HIDDEN = 128 };

/* Rows of one group are adjacent; for FIT_LIKELIHOOD every row is its own group. */
typedef struct FitRows {
    int n_in;
    int64_t n, room;
    float *x, *target;
    int32_t *session, *group, *tag; /* tag: free for the caller's report */
} FitRows;

static inline void fit_add(FitRows *r, const float *x, float target, int32_t session, int32_t group,
                           int32_t tag) {
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 65536;
        r->x = realloc(r->x, sizeof(float) * (size_t)r->n_in * (size_t)r->room);
        r->target = realloc(r->target, sizeof(float) * (size_t)r->room);
        r->session = realloc(r->session, sizeof(int32_t) * (size_t)r->room);
        r->group = realloc(r->group, sizeof(int32_t) * (size_t)r->room);
        r->tag = realloc(r->tag, sizeof(int32_t) * (size_t)r->room);
        BS_ASSERT(r->x && r->target && r->session && r->group && r->tag);
    }
    memcpy(r->x + r->n * r->n_in, x, sizeof(float) * (size_t)r->n_in);
    r->target[r->n] = target;
    r->session[r->n] = session;
    r->group[r->n] = group;
    r->tag[r->n++] = tag;
}

/* A rows file: n, n_in, then per row the inputs, target, session, group, tag. */
static inline bool fit_load(FitRows *rows, const char *path) {
    FILE *f = fopen(path, "rb");
    int64_t head[2];
    if (!f) return false;
    bool good = fread(head, sizeof head, 1, f) == 1 && head[1] == rows->n_in;
    for (int64_t i = 0; good && i < head[0]; i++) {
        float x[MLP_MOST_INPUTS + 1];
        int32_t id[3];
        good = fread(x, sizeof(float), (size_t)rows->n_in + 1, f) == (size_t)rows->n_in + 1 &&
               fread(id, sizeof id, 1, f) == 1;
        if (good) fit_add(rows, x, x[rows->n_in], id[0], id[1], id[2]);
    }
    fclose(f);
    return good;
}

static inline bool fit_save(const FitRows *rows, const char *path) {
    FILE *f = fopen(path, "wb");
    int64_t head[2] = {rows->n, rows->n_in};
    if (!f) return false;
    bool good = fwrite(head, sizeof head, 1, f) == 1;
    for (int64_t i = 0; good && i < rows->n; i++) {
        int32_t id[3] = {rows->session[i], rows->group[i], rows->tag[i]};
        good = fwrite(rows->x + i * rows->n_in, sizeof(float), (size_t)rows->n_in, f) == (size_t)rows->n_in &&
               fwrite(&rows->target[i], sizeof(float), 1, f) == 1 && fwrite(id, sizeof id, 1, f) == 1;
    }
    return fclose(f) == 0 && good;
}

typedef struct FitNet {
    int n_in, n_hidden, n_weights;
    float *mean, *scale, *w; /* w: in [hidden][in], bias [hidden], out [hidden], out bias */
} FitNet;

static inline FitNet fit_net(int n_in, int n_hidden) {
    FitNet n = {n_in, n_hidden, n_hidden * n_in + 2 * n_hidden + 1, NULL, NULL, NULL};
    n.mean = calloc((size_t)n_in, sizeof(float));
    n.scale = calloc((size_t)n_in, sizeof(float));
    n.w = calloc((size_t)n.n_weights, sizeof(float));
    BS_ASSERT(n.mean && n.scale && n.w);
    return n;
}

static inline void fit_drop(FitNet *n) { free(n->mean), free(n->scale), free(n->w); }

static inline void fit_standardise(FitNet *net, const FitRows *r) {
    for (int i = 0; i < net->n_in; i++) {
        double sum = 0, square = 0;
        for (int64_t k = 0; k < r->n; k++) sum += r->x[k * net->n_in + i];
        double mean = sum / (double)r->n;
        for (int64_t k = 0; k < r->n; k++) {
            double d = r->x[k * net->n_in + i] - mean;
            square += d * d;
        }
        double deviation = sqrt(square / (double)r->n);
        net->mean[i] = (float)mean;
        net->scale[i] = deviation > 1e-5 ? (float)(1 / deviation) : 0;
    }
}

/* The output before any squashing; z and hidden are kept for fit_backward. */
static inline float fit_forward(const FitNet *net, const float *x, float *z, float *hidden) {
    const float *bias = net->w + net->n_hidden * net->n_in, *out = bias + net->n_hidden;
    for (int i = 0; i < net->n_in; i++) {
        float v = (x[i] - net->mean[i]) * net->scale[i];
        z[i] = v > 4 ? 4 : v < -4 ? -4 : v;
    }
    float y = out[net->n_hidden];
    for (int h = 0; h < net->n_hidden; h++) {
        float sum = bias[h];
        for (int i = 0; i < net->n_in; i++) sum += net->w[h * net->n_in + i] * z[i];
        hidden[h] = tanhf(sum);
        y += out[h] * hidden[h];
    }
    return y;
}

static inline float fit_run(const FitNet *net, const float *x) {
    float z[MLP_MOST_INPUTS], hidden[FIT_MOST_HIDDEN];
    return fit_forward(net, x, z, hidden);
}

static inline void fit_backward(const FitNet *net, const float *z, const float *hidden, float error,
                                float *gradient) {
    const float *out = net->w + net->n_hidden * net->n_in + net->n_hidden;
    float *bias_g = gradient + net->n_hidden * net->n_in, *out_g = bias_g + net->n_hidden;
    out_g[net->n_hidden] += error;
    for (int h = 0; h < net->n_hidden; h++) {
        float e = error * out[h] * (1 - hidden[h] * hidden[h]);
        out_g[h] += error * hidden[h];
        bias_g[h] += e;
        for (int i = 0; i < net->n_in; i++) gradient[h * net->n_in + i] += e * z[i];
    }
}

static inline int64_t fit_group_end(const FitRows *r, FitLoss loss, int64_t k) {
    int64_t end = k + 1;
    while (loss == FIT_CHOICE && end < r->n && r->group[end] == r->group[k]) end++;
    return end;
}

/* Loss of rows [k, end), which are one group; with a gradient, adds `weight` times its own. */
static inline double fit_group(const FitNet *net, const FitRows *r, FitLoss loss, int64_t k, int64_t end,
                               float weight, float *gradient) {
    float z[MLP_MOST_INPUTS], hidden[FIT_MOST_HIDDEN], y[256];
    double sum = 0, all = 0, most = -1e30, cost = 0;
    for (int64_t i = k; i < end; i++) {
        BS_ASSERT(i - k < 256);
        y[i - k] = fit_forward(net, r->x + i * r->n_in, z, hidden);
        if (y[i - k] > most) most = y[i - k];
        all += r->target[i];
    }
    if (loss == FIT_CHOICE && all <= 0) return 0;
    for (int64_t i = k; i < end; i++) sum += exp(y[i - k] - most);
    for (int64_t i = k; i < end; i++) {
        double p = loss == FIT_CHOICE ? exp(y[i - k] - most) / sum : 1 / (1 + exp(-y[i - k]));
        double t = loss == FIT_CHOICE ? r->target[i] / all : r->target[i];
        cost -= t * log(p + 1e-7) + (loss == FIT_CHOICE ? 0 : (1 - t) * log(1 - p + 1e-7));
        if (!gradient) continue;
        fit_forward(net, r->x + i * r->n_in, z, hidden);
        fit_backward(net, z, hidden, (float)(p - t) * weight, gradient);
    }
    return cost;
}

static inline double fit_kept_out(const FitNet *net, const FitRows *r, FitLoss loss) {
    double sum = 0, n = 0;
    for (int64_t k = 0, end; k < r->n; k = end) {
        end = fit_group_end(r, loss, k);
        if (r->session[k] % FIT_KEPT_OUT == 0) sum += fit_group(net, r, loss, k, end, 0, NULL), n++;
    }
    return n > 0 ? sum / n : 0;
}

static inline void fit_train(FitNet *best, const FitRows *r, FitLoss loss, double decay, int member) {
    FitNet net = fit_net(best->n_in, best->n_hidden);
    Rng rng = rng_at(7, 7 + (uint64_t)member);
    size_t bytes = sizeof(float) * (size_t)net.n_weights;
    float *gradient = malloc(bytes), *m = calloc(1, bytes), *v = calloc(1, bytes);
    int64_t *order = malloc(sizeof *order * (size_t)(r->n + 1)), n = 0, step = 0;
    BS_ASSERT(gradient && m && v && order);
    for (int64_t k = 0; k < r->n; k = fit_group_end(r, loss, k))
        if (r->session[k] % FIT_KEPT_OUT) order[n++] = k;
    fit_standardise(&net, r);
    int n_first = net.n_hidden * net.n_in, batch = loss == FIT_CHOICE ? 16 : FIT_BATCH;
    for (int i = 0; i < n_first; i++) net.w[i] = (float)rng_between(&rng, -0.05, 0.05);
    for (int i = 0; i < net.n_hidden; i++)
        net.w[n_first + net.n_hidden + i] = (float)rng_between(&rng, -0.5, 0.5);
    double lowest = 1e9;
    for (int epoch = 0, since = 0; epoch < FIT_EPOCHS && since < FIT_PATIENCE; epoch++, since++) {
        double rate = (loss == FIT_CHOICE ? 3e-3 : 1e-3) / (1 + 0.15 * epoch);
        for (int64_t i = n - 1; i > 0; i--) {
            int64_t j = (int64_t)rng_below(&rng, (uint32_t)(i + 1)), t = order[i];
            order[i] = order[j], order[j] = t;
        }
        for (int64_t at = 0; at + batch <= n; at += batch) {
            memset(gradient, 0, bytes);
            for (int64_t k = at; k < at + batch; k++)
                fit_group(&net, r, loss, order[k], fit_group_end(r, loss, order[k]), 1.0F / (float)batch,
                          gradient);
            step++;
            for (int i = 0; i < net.n_weights; i++) {
                if (i < n_first) gradient[i] += (float)decay * net.w[i];
                m[i] = 0.9F * m[i] + 0.1F * gradient[i];
                v[i] = 0.999F * v[i] + 0.001F * gradient[i] * gradient[i];
                double up = m[i] / (1 - pow(0.9, (double)step)), down = v[i] / (1 - pow(0.999, (double)step));
                net.w[i] -= (float)(rate * up / (sqrt(down) + 1e-8));
            }
        }
        double cost = fit_kept_out(&net, r, loss);
        fprintf(stderr, "epoch %d, loss of sessions kept out %.5f\n", epoch + 1, cost);
        if (cost >= lowest - 1e-5) continue;
        lowest = cost, since = -1;
        memcpy(best->mean, net.mean, sizeof(float) * (size_t)net.n_in);
        memcpy(best->scale, net.scale, sizeof(float) * (size_t)net.n_in);
        memcpy(best->w, net.w, bytes);
    }
    free(gradient), free(m), free(v), free(order);
    fit_drop(&net);
}

/* Several networks fitted from different starts, and their mean, which is one network: their hidden units
 * side by side. What one of them has learnt by chance counts for less. */
static inline FitNet fit_ensemble(const FitRows *r, FitLoss loss, double decay, int n_hidden, int n_members) {
    FitNet all = fit_net(r->n_in, n_members * n_hidden);
    float *bias = all.w + all.n_hidden * all.n_in, *out = bias + all.n_hidden;
    BS_ASSERT(all.n_hidden <= FIT_MOST_HIDDEN);
    for (int k = 0; k < n_members; k++) {
        FitNet one = fit_net(r->n_in, n_hidden);
        const float *one_bias = one.w + n_hidden * one.n_in, *one_out = one_bias + n_hidden;
        fit_train(&one, r, loss, decay, k);
        memcpy(all.mean, one.mean, sizeof(float) * (size_t)one.n_in);
        memcpy(all.scale, one.scale, sizeof(float) * (size_t)one.n_in);
        memcpy(all.w + k * n_hidden * one.n_in, one.w, sizeof(float) * (size_t)(n_hidden * one.n_in));
        memcpy(bias + k * n_hidden, one_bias, sizeof(float) * (size_t)n_hidden);
        for (int h = 0; h < n_hidden; h++) out[k * n_hidden + h] = one_out[h] / (float)n_members;
        out[all.n_hidden] += one_out[n_hidden] / (float)n_members;
        fit_drop(&one);
    }
    return all;
}

static inline void fit_print(FILE *f, const char *name, const char *what, const float *v, int n) {
    fprintf(f, "static const float %s_%s[%d] = {", name, what, n);
    for (int i = 0; i < n; i++) fprintf(f, "%s%#.5gF", i % 12 ? ", " : i ? ",\n    " : "", (double)v[i]);
    fprintf(f, "};\n");
}

/* `static const Mlp NAME = ...;` and its arrays. */
static inline bool fit_write(const FitNet *n, const char *name, const char *maker, const char *path) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    const float *bias = n->w + n->n_hidden * n->n_in;
    fprintf(f, "/* Made by tests/train/%s.c. */\n#include \"featurizer/dsp/mlp.h\"\n\n", maker);
    fit_print(f, name, "mean", n->mean, n->n_in);
    fit_print(f, name, "scale", n->scale, n->n_in);
    fit_print(f, name, "in", n->w, n->n_hidden * n->n_in);
    fit_print(f, name, "bias", bias, n->n_hidden);
    fit_print(f, name, "out", bias + n->n_hidden, n->n_hidden);
    fprintf(f, "static const Mlp %s = {%d, %d, %s_mean, %s_scale, %s_in, %s_bias, %s_out, %#.5gF};\n", name,
            n->n_in, n->n_hidden, name, name, name, name, name, (double)bias[2 * n->n_hidden]);
    return fclose(f) == 0;
}

/* ---- the program around it ----------------------------------------------------------------------- */

/* Music that rows are collected from: numbers 0 to n - 1, `-OPTION n` on the command line. */
typedef struct FitSource {
    char option;
    int32_t n;
    Status (*collect)(FitRows *rows, int32_t number); /* a failure leaves that music out */
} FitSource;

enum { FIT_SOURCES = 3, FIT_LEAST_ROWS = 200 };

typedef struct FitTask {
    const char *name; /* "flaw": train_flaw writes flaw_weights.inc, which holds flaw_net */
    int n_in, n_hidden;
    int n_members; /* networks whose mean is the result; 0 is one */
    FitLoss loss;
    double decay;
    FitSource sources[FIT_SOURCES];                                             /* those with an option */
    Status (*annotated)(FitRows *rows, const Annotated *music, int32_t number); /* NULL: none are used */
    void (*report)(const FitNet *net, const FitRows *rows);
} FitTask;

/* false: there is none, or none is used. */
static inline bool fit_collect_annotated(const FitTask *t, const char *folder, FitRows *rows) {
    static Annotated music;
    char **list;
    int32_t n = t->annotated ? annotated_list(folder, &list) : 0;
    if (!n) return false;
    for (int32_t i = 0; i < n; i++) {
        if (annotated_read(list[i], &music) != BS_OK || t->annotated(rows, &music, i) != BS_OK)
            fprintf(stderr, "%s is left out: %s\n", list[i], error_text());
        if ((i + 1) % 20 == 0) fprintf(stderr, "%d of %d of %s\n", i + 1, n, folder);
        free(music.samples);
        free(list[i]);
    }
    free(list);
    return true;
}

static inline void fit_collect(const FitTask *t, const int32_t n[FIT_SOURCES], FitRows *rows) {
    int32_t done = 0, all = 0;
    for (int s = 0; s < FIT_SOURCES; s++) all += n[s];
    for (int s = 0; s < FIT_SOURCES; s++)
        for (int32_t i = 0; i < n[s]; i++) {
            if (t->sources[s].collect(rows, i) != BS_OK)
                fprintf(stderr, "-%c %d is left out: %s\n", t->sources[s].option, i, error_text());
            if (++done % 20 == 0) fprintf(stderr, "%d of %d, %lld rows\n", done, all, (long long)rows->n);
        }
}

/* train_NAME [-OPTION n ...] [-a folder of annotated music] [-r rows file, kept there or read when it is
 * there] -o weights file */
static inline int fit_main(const FitTask *t, int argc, char **argv) {
    FitRows rows = {.n_in = t->n_in};
    int32_t n[FIT_SOURCES] = {0}, n_options = 6;
    char options[2 * FIT_SOURCES + 7] = "r:o:a:", name[64], maker[64];
    const char *rows_file = NULL, *out = NULL, *folder = NULL;
    for (int s = 0; s < FIT_SOURCES; s++) {
        n[s] = t->sources[s].n;
        if (t->sources[s].option) options[n_options++] = t->sources[s].option, options[n_options++] = ':';
    }
    for (int c; (c = getopt(argc, argv, options)) != -1;) {
        if (c == '?') return 2;
        if (c == 'r') rows_file = optarg;
        if (c == 'o') out = optarg;
        if (c == 'a') folder = optarg;
        for (int s = 0; s < FIT_SOURCES; s++)
            if (c == t->sources[s].option) n[s] = atoi(optarg);
    }
    if (!out) {
        fprintf(stderr, "train_%s: give the weights file to write: -o featurizer/dsp/%s_weights.inc\n",
                t->name, t->name);
        return 2;
    }
    if (!rows_file || !fit_load(&rows, rows_file)) {
        rows.n = 0;
        if (folder && !fit_collect_annotated(t, folder, &rows)) {
            fprintf(stderr, "train_%s: %s: no annotated music that could be used\n", t->name, folder);
            return 1;
        }
        fit_collect(t, n, &rows);
        if (rows_file && !fit_save(&rows, rows_file)) {
            fprintf(stderr, "train_%s: %s: the rows cannot be kept there\n", t->name, rows_file);
            return 1;
        }
    }
    if (rows.n < FIT_LEAST_ROWS) {
        fprintf(stderr, "train_%s: %lld rows are too few\n", t->name, (long long)rows.n);
        return 1;
    }
    FitNet net = fit_ensemble(&rows, t->loss, t->decay, t->n_hidden, t->n_members ? t->n_members : 1);
    t->report(&net, &rows);
    snprintf(name, sizeof name, "%s_net", t->name);
    snprintf(maker, sizeof maker, "train_%s", t->name);
    if (fit_write(&net, name, maker, out)) return 0;
    fprintf(stderr, "train_%s: %s: cannot be written\n", t->name, out);
    return 1;
}
