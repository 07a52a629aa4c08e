// needs: featurizer simulator
/* Trains the flaw model on simulated sessions and writes featurizer/dsp/flaw_weights.inc.
 *
 *   train_flaw [-n sessions] [-s first seed] [-r rows file] -o flaw_weights.inc
 *
 * Sessions are simulated with seeds of their own (50000 on) and lengths of 40 to 200 s, heard, and every beat
 * becomes four rows: as seen with all takes, with two others, with one other, alone. The target is the true
 * severity, 1 for beats heard where nobody plays the piece. One session in eight is kept out to stop by and
 * to report: AUC of bars and reliability (what was said against what was true), per view. -r keeps the rows
 * in a file, or reads them when it is there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "featurizer/dsp/flaw.h"
#include "featurizer/featurize.h"
#include "simulator/session.h"

enum { HIDDEN = 16, BATCH = 128, EPOCHS = 40, PATIENCE = 6, KEPT_OUT = 8 };

typedef struct Rows {
    int64_t n, room;
    float *x;        /* [n x FLAW_INPUTS] */
    float *severity; /* [n] */
    int32_t *session, *bar;
    uint8_t *view;
} Rows;

static void add_row(Rows *r, const float *x, float severity, int32_t session, int32_t bar, uint8_t view) {
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 65536;
        r->x = realloc(r->x, sizeof(float) * FLAW_INPUTS * (size_t)r->room);
        r->severity = realloc(r->severity, sizeof(float) * (size_t)r->room);
        r->session = realloc(r->session, sizeof(int32_t) * (size_t)r->room);
        r->bar = realloc(r->bar, sizeof(int32_t) * (size_t)r->room);
        r->view = realloc(r->view, (size_t)r->room);
        BS_ASSERT(r->x && r->severity && r->session && r->bar && r->view);
    }
    memcpy(r->x + (size_t)r->n * FLAW_INPUTS, x, sizeof(float) * FLAW_INPUTS);
    r->severity[r->n] = severity;
    r->session[r->n] = session;
    r->bar[r->n] = bar;
    r->view[r->n++] = view;
}

/* ---- collecting -------------------------------------------------------------------------------- */

/* The severity of what is truly played at the middle of a unit; below 0 where that is no question. */
static float severity_at(const Truth *t, int64_t at) {
    const TruthUnit *u = &t->units[truth_unit_at(t, at >= t->n_samples ? t->n_samples - 1 : at)];
    return u->kind == UNIT_BEAT ? u->flaw : u->kind == UNIT_TAIL ? -1 : 1;
}

static Status collect_session(Rows *rows, uint64_t seed, int32_t number, const char *path) {
    Status st = BS_OK;
    Session session = {0};
    Song *song = NULL;
    FlawRows flaws = {0};
    Rng r = rng_at(seed, 1);
    TRY(session_make(&session, "train", seed, rng_between(&r, 40, 200)));
    TRY(audio_save(path, session.samples, session.n_samples, 2, SESSION_RATE, 16));
    TRY(featurize_files(&path, NULL, 1, &(FeaturizeOptions){.flaw_rows = &flaws}, NULL, NULL, &song));
    for (int32_t v = 0; v < FLAW_VIEWS; v++)
        for (int32_t u = 0; u < flaws.n_units; u++) {
            const float *x = flaws.rows + ((size_t)v * (size_t)flaws.n_units + (size_t)u) * FLAW_INPUTS;
            float severity =
                severity_at(session.truth, (song->units[u].start_sample + song_unit_end(song, u)) / 2);
            if (x[0] == x[0] && severity >= 0)
                add_row(rows, x, severity, number, song->units[u].bar, (uint8_t)v);
        }
out:
    free(flaws.rows);
    song_free(song);
    session_drop(&session);
    return st;
}

static Status collect(Rows *rows, int32_t n, uint64_t first_seed) {
    char path[] = "/tmp/train_flaw_XXXXXX.wav";
    int file = mkstemps(path, 4);
    if (file < 0) return fail(BS_IO, "%s: cannot be made", path);
    close(file);
    for (int32_t i = 0; i < n; i++) {
        Status st = collect_session(rows, first_seed + (uint64_t)i, i, path);
        if (st != BS_OK) fprintf(stderr, "session %d is left out: %s\n", i, error_text());
        if (i % 20 == 19) fprintf(stderr, "%d of %d sessions, %lld rows\n", i + 1, n, (long long)rows->n);
    }
    unlink(path);
    return BS_OK;
}

/* A rows file: n, then per row the inputs, severity, session, bar, view. */
static bool load(Rows *rows, const char *path) {
    FILE *f = fopen(path, "rb");
    int64_t head[2];
    if (!f) return false;
    bool good = fread(head, sizeof head, 1, f) == 1 && head[1] == FLAW_INPUTS;
    for (int64_t i = 0; good && i < head[0]; i++) {
        float x[FLAW_INPUTS + 1];
        int32_t id[3];
        good = fread(x, sizeof x, 1, f) == 1 && fread(id, sizeof id, 1, f) == 1;
        if (good) add_row(rows, x, x[FLAW_INPUTS], id[0], id[1], (uint8_t)id[2]);
    }
    fclose(f);
    return good;
}

static bool save(const Rows *rows, const char *path) {
    FILE *f = fopen(path, "wb");
    int64_t head[2] = {rows->n, FLAW_INPUTS};
    if (!f) return false;
    bool good = fwrite(head, sizeof head, 1, f) == 1;
    for (int64_t i = 0; good && i < rows->n; i++) {
        int32_t id[3] = {rows->session[i], rows->bar[i], rows->view[i]};
        good = fwrite(rows->x + i * FLAW_INPUTS, sizeof(float) * FLAW_INPUTS, 1, f) == 1 &&
               fwrite(&rows->severity[i], sizeof(float), 1, f) == 1 && fwrite(id, sizeof id, 1, f) == 1;
    }
    return fclose(f) == 0 && good;
}

/* ---- the network ------------------------------------------------------------------------------- */

enum { N_WEIGHTS = HIDDEN * FLAW_INPUTS + 2 * HIDDEN + 1 };

typedef struct Net {
    float mean[FLAW_INPUTS], scale[FLAW_INPUTS];
    float w[N_WEIGHTS]; /* in [HIDDEN][FLAW_INPUTS], bias [HIDDEN], out [HIDDEN], out bias */
} Net;

static void standardise(Net *net, const Rows *r) {
    for (int i = 0; i < FLAW_INPUTS; i++) {
        double sum = 0, square = 0;
        for (int64_t k = 0; k < r->n; k++) sum += r->x[k * FLAW_INPUTS + i];
        double mean = sum / (double)r->n;
        for (int64_t k = 0; k < r->n; k++) {
            double d = r->x[k * FLAW_INPUTS + i] - mean;
            square += d * d;
        }
        double deviation = sqrt(square / (double)r->n);
        net->mean[i] = (float)mean;
        net->scale[i] = deviation > 1e-5 ? (float)(1 / deviation) : 0;
    }
}

static float forward(const Net *net, const float *x, float *z, float *hidden) {
    const float *bias = net->w + HIDDEN * FLAW_INPUTS, *out = bias + HIDDEN;
    for (int i = 0; i < FLAW_INPUTS; i++) {
        float v = (x[i] - net->mean[i]) * net->scale[i];
        z[i] = v > 4 ? 4 : v < -4 ? -4 : v;
    }
    float y = out[HIDDEN];
    for (int h = 0; h < HIDDEN; h++) {
        float sum = bias[h];
        for (int i = 0; i < FLAW_INPUTS; i++) sum += net->w[h * FLAW_INPUTS + i] * z[i];
        hidden[h] = tanhf(sum);
        y += out[h] * hidden[h];
    }
    return 1 / (1 + expf(-y));
}

static void backward(const Net *net, const float *z, const float *hidden, float error, float *gradient) {
    const float *out = net->w + HIDDEN * FLAW_INPUTS + HIDDEN;
    float *bias_g = gradient + HIDDEN * FLAW_INPUTS, *out_g = bias_g + HIDDEN;
    out_g[HIDDEN] += error;
    for (int h = 0; h < HIDDEN; h++) {
        float e = error * out[h] * (1 - hidden[h] * hidden[h]);
        out_g[h] += error * hidden[h];
        bias_g[h] += e;
        for (int i = 0; i < FLAW_INPUTS; i++) gradient[h * FLAW_INPUTS + i] += e * z[i];
    }
}

static double loss_of(const Net *net, const Rows *r) {
    float z[FLAW_INPUTS], hidden[HIDDEN];
    double sum = 0;
    int64_t n = 0;
    for (int64_t k = 0; k < r->n; k++) {
        if (r->session[k] % KEPT_OUT) continue;
        double y = forward(net, r->x + k * FLAW_INPUTS, z, hidden), t = r->severity[k];
        sum -= t * log(y + 1e-7) + (1 - t) * log(1 - y + 1e-7);
        n++;
    }
    return n ? sum / (double)n : 0;
}

/* Adam with decay of the first layer, on inputs with a little noise; the best by the sessions kept out. */
static void train(Net *best, const Rows *r) {
    static Net net;
    static float gradient[N_WEIGHTS], m[N_WEIGHTS], v[N_WEIGHTS];
    float z[FLAW_INPUTS], hidden[HIDDEN];
    Rng rng = rng_at(7, 7);
    int64_t *order = malloc(sizeof *order * (size_t)r->n), n = 0, step = 0;
    BS_ASSERT(order);
    for (int64_t k = 0; k < r->n; k++)
        if (r->session[k] % KEPT_OUT) order[n++] = k;
    standardise(&net, r);
    for (int i = 0; i < HIDDEN * FLAW_INPUTS; i++) net.w[i] = (float)rng_between(&rng, -0.05, 0.05);
    for (int i = 0; i < HIDDEN; i++)
        net.w[HIDDEN * FLAW_INPUTS + HIDDEN + i] = (float)rng_between(&rng, -0.5, 0.5);
    net.w[N_WEIGHTS - 1] = -1.5F;
    double lowest = 1e9;
    for (int epoch = 0, since = 0; epoch < EPOCHS && since < PATIENCE; epoch++, since++) {
        double rate = 1e-3 / (1 + 0.15 * epoch);
        for (int64_t i = n - 1; i > 0; i--) {
            int64_t j = (int64_t)rng_below(&rng, (uint32_t)(i + 1)), t = order[i];
            order[i] = order[j], order[j] = t;
        }
        for (int64_t at = 0; at + BATCH <= n; at += BATCH) {
            memset(gradient, 0, sizeof gradient);
            for (int64_t k = at; k < at + BATCH; k++) {
                float y = forward(&net, r->x + order[k] * FLAW_INPUTS, z, hidden);
                backward(&net, z, hidden, (y - r->severity[order[k]]) / BATCH, gradient);
            }
            step++;
            for (int i = 0; i < N_WEIGHTS; i++) {
                if (i < HIDDEN * FLAW_INPUTS) gradient[i] += 3e-4F * net.w[i];
                m[i] = 0.9F * m[i] + 0.1F * gradient[i];
                v[i] = 0.999F * v[i] + 0.001F * gradient[i] * gradient[i];
                double up = m[i] / (1 - pow(0.9, (double)step)), down = v[i] / (1 - pow(0.999, (double)step));
                net.w[i] -= (float)(rate * up / (sqrt(down) + 1e-8));
            }
        }
        double loss = loss_of(&net, r);
        fprintf(stderr, "epoch %d, loss of sessions kept out %.5f\n", epoch + 1, loss);
        if (loss < lowest - 1e-5) lowest = loss, *best = net, since = -1;
    }
    free(order);
}

/* ---- the report -------------------------------------------------------------------------------- */

typedef struct Judged {
    float said, truth;
} Judged;

static int by_said(const void *a, const void *b) {
    float x = ((const Judged *)a)->said, y = ((const Judged *)b)->said;
    return (x > y) - (x < y);
}

/* Bars with severity 0 against those from 0.2, by ranks. */
static double auc_of(Judged *j, int64_t n) {
    double ranks = 0, bad = 0, good = 0;
    qsort(j, (size_t)n, sizeof *j, by_said);
    for (int64_t i = 0; i < n; i++) {
        if (j[i].truth > 0 && j[i].truth < 0.2F) continue;
        if (j[i].truth > 0)
            ranks += good, bad++;
        else
            good++;
    }
    return bad > 0 && good > 0 ? ranks / (bad * good) : 0.5;
}

static void report(const Net *net, const Rows *r) {
    static const char *const names[FLAW_VIEWS] = {"all takes", "two others", "one other", "alone"};
    float z[FLAW_INPUTS], hidden[HIDDEN];
    Judged *bars = malloc(sizeof *bars * (size_t)(r->n + 1));
    BS_ASSERT(bars);
    for (int v = 0; v < FLAW_VIEWS; v++) {
        int64_t n = 0, last = -1;
        double said[10] = {0}, truth[10] = {0}, count[10] = {0};
        for (int64_t k = 0; k < r->n; k++) {
            if (r->view[k] != v || r->session[k] % KEPT_OUT) continue;
            float y = forward(net, r->x + k * FLAW_INPUTS, z, hidden);
            int bin = (int)(10 * y) > 9 ? 9 : (int)(10 * y);
            said[bin] += y, truth[bin] += r->severity[k], count[bin]++;
            bool same = last >= 0 && r->bar[last] == r->bar[k] && r->session[last] == r->session[k];
            if (!same) bars[n++] = (Judged){0, 0};
            bars[n - 1].said = fmaxf(bars[n - 1].said, y);
            bars[n - 1].truth = fmaxf(bars[n - 1].truth, r->severity[k]);
            last = k;
        }
        fprintf(stderr, "%s: AUC of bars %.4f over %lld bars; said/true (beats):", names[v], auc_of(bars, n),
                (long long)n);
        for (int b = 0; b < 10; b++)
            if (count[b] > 0)
                fprintf(stderr, " %.2f/%.2f (%.0f)", said[b] / count[b], truth[b] / count[b], count[b]);
        fprintf(stderr, "\n");
    }
    free(bars);
}

static void print_row(FILE *f, const char *name, const float *v, int n) {
    fprintf(f, "%s{", name);
    for (int i = 0; i < n; i++) fprintf(f, "%s%#.5gF", i % 12 ? ", " : i ? ",\n    " : "", (double)v[i]);
    fprintf(f, "}");
}

static bool write_weights(const Net *net, const char *path) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    const float *bias = net->w + HIDDEN * FLAW_INPUTS;
    fprintf(f, "/* Made by tests/train/train_flaw.c: make train-flaw. */\n");
    fprintf(f, "enum { FLAW_WEIGHTS_INPUTS = %d, FLAW_WEIGHTS_HIDDEN = %d };\n", FLAW_INPUTS, HIDDEN);
    print_row(f, "static const float flaw_mean[FLAW_WEIGHTS_INPUTS] = ", net->mean, FLAW_INPUTS);
    print_row(f, ";\nstatic const float flaw_scale[FLAW_WEIGHTS_INPUTS] = ", net->scale, FLAW_INPUTS);
    fprintf(f, ";\nstatic const float flaw_in[FLAW_WEIGHTS_HIDDEN][FLAW_WEIGHTS_INPUTS] = {\n");
    for (int h = 0; h < HIDDEN; h++) {
        print_row(f, "", net->w + h * FLAW_INPUTS, FLAW_INPUTS);
        fprintf(f, ",\n");
    }
    print_row(f, "};\nstatic const float flaw_bias[FLAW_WEIGHTS_HIDDEN] = ", bias, HIDDEN);
    print_row(f, ";\nstatic const float flaw_out[FLAW_WEIGHTS_HIDDEN] = ", bias + HIDDEN, HIDDEN);
    fprintf(f, ";\nstatic const float flaw_out_bias = %#.5gF;\n", (double)bias[2 * HIDDEN]);
    return fclose(f) == 0;
}

int main(int argc, char **argv) {
    static Rows rows;
    static Net net;
    int32_t n = 300;
    uint64_t seed = 50000;
    const char *rows_file = NULL, *out = NULL;
    for (int c; (c = getopt(argc, argv, "n:s:r:o:")) != -1;) {
        if (c == 'n') n = atoi(optarg);
        if (c == 's') seed = strtoull(optarg, NULL, 10);
        if (c == 'r') rows_file = optarg;
        if (c == 'o') out = optarg;
        if (c == '?') return 2;
    }
    if (!out) {
        fprintf(stderr, "train_flaw: give the weights file to write: -o featurizer/dsp/flaw_weights.inc\n");
        return 2;
    }
    if (!rows_file || !load(&rows, rows_file)) {
        rows.n = 0;
        Status st = collect(&rows, n, seed);
        if (st != BS_OK || (rows_file && !save(&rows, rows_file))) {
            fprintf(stderr, "train_flaw: %s\n", st != BS_OK ? error_text() : "the rows cannot be kept");
            return 1;
        }
    }
    if (rows.n < 1000) {
        fprintf(stderr, "train_flaw: %lld rows are too few\n", (long long)rows.n);
        return 1;
    }
    train(&net, &rows);
    report(&net, &rows);
    if (!write_weights(&net, out)) {
        fprintf(stderr, "train_flaw: %s: cannot be written\n", out);
        return 1;
    }
    return 0;
}
