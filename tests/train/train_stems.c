// needs: featurizer simulator
/* Trains the network that tells drums, bass, vocals and the rest apart, bin by bin, and writes
 * featurizer/dsp/stem_weights.inc.
 *
 *   train_stems [-n mixes] [-e epochs] [-H hidden] [-r rows file] -o stem_weights.inc
 *
 * Mixes are made of simulated tracks (seeds 40000 on) at levels and tones of their own, some players left
 * out, through a room. What is minimised is what the stems' signal-to-distortion ratio is made of: the energy
 * of what is wrong in each, against that stem's own energy in the session. Bins are drawn by their level, and
 * weighted by what that leaves out. One mix in eight is kept out; what the stems of those gain over the
 * mix is written beside the weights, and a stem that gains nothing will have no mask. -r keeps the rows in a
 * file, or reads them when it is there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/rng.h"
#include "featurizer/dsp/fft.h"
#include "tests/bench/stem_mixes.h"

enum { FIRST_SEED = 40000, ROWS_A_SESSION = 16000, BATCH = 256 };
static const double length_s = 45;
static bool kept_out(int32_t number) { return number / 4 % 8 == 0; }

typedef struct Row {
    float x[STEM_CUES], share[STEMS], weight[STEMS];
} Row;

typedef struct Rows {
    int64_t n, room;
    Row *list;
} Rows;

typedef struct Net {
    int hidden, n;
    float mean[STEM_CUES], scale[STEM_CUES];
    float *w; /* in [hidden][STEM_CUES], bias [hidden], out [STEMS][hidden], out bias [STEMS] */
} Net;

/* ---- rows ---------------------------------------------------------------------------------------- */

typedef void (*OnFrame)(void *context, int64_t frame, const float *cues, const StemMix *m,
                        Fft *const fft[STEMS + 1]);

static void transform(Fft *f, const float *x, int64_t n, int64_t at) {
    for (int32_t i = 0; i < f->n; i++) {
        float w = (float)(0.5 - 0.5 * cos(2 * M_PI * i / f->n));
        f->time[i] = at + i >= 0 && at + i < n ? w * x[at + i] : 0;
    }
    fft_forward(f);
}

/* Calls `on` with the cues of each frame and the transforms of mix and stems there. */
static Status each_frame(const StemMix *m, OnFrame on, void *context, int every) {
    Status st = BS_OK;
    StemCues *c = NULL;
    Fft *fft[STEMS + 1] = {0}, *ahead = NULL;
    static float cues[STEM_CUES * STEM_BINS];
    const int32_t n_fft = stem_fft(m->rate_hz), hop = n_fft / 4;
    StemLoud loud = {.rate_hz = m->rate_hz};
    TRY(stem_loud_add(&loud, m->mix, m->n));
    TRY(stem_cues_open(&c, m->rate_hz, stem_loud_end(&loud)));
    TRY(fft_open(&ahead, n_fft));
    for (int s = 0; s <= STEMS; s++) TRY(fft_open(&fft[s], n_fft));
    for (int64_t k = 0; k < m->n / hop + STEM_REACH; k++) {
        transform(ahead, m->mix, m->n, k * hop - n_fft / 2);
        stem_cues_push(c, (const float(*)[2])ahead->freq);
        int64_t at = k - STEM_REACH;
        if (at < 0 || at % every) continue;
        stem_cues_make(c, at, cues);
        transform(fft[STEMS], m->mix, m->n, at * hop - n_fft / 2);
        for (int s = 0; s < STEMS; s++) transform(fft[s], m->stem[s], m->n, at * hop - n_fft / 2);
        on(context, at, cues, m, fft);
    }
out:
    for (int s = 0; s <= STEMS; s++) fft_close(fft[s]);
    fft_close(ahead);
    stem_cues_close(c);
    return st;
}

typedef struct Draw {
    Rows *rows;
    Rng r;
    double reference, per_row, energy[STEMS];
    int32_t n_bins;
} Draw;

/* Truth as a share of the mix: what of the stem lies along it. */
static void true_shares(Fft *const fft[STEMS + 1], int32_t k, float share[STEMS], float *power) {
    float re = fft[STEMS]->freq[k][0], im = fft[STEMS]->freq[k][1], p = re * re + im * im + 1e-20F;
    for (int s = 0; s < STEMS; s++) {
        float v = (fft[s]->freq[k][0] * re + fft[s]->freq[k][1] * im) / p;
        share[s] = v > 1.5F ? 1.5F : v < -0.5F ? -0.5F : v;
    }
    *power = p;
}

static void draw_rows(void *context, int64_t frame, const float *cues, const StemMix *m,
                      Fft *const fft[STEMS + 1]) {
    Draw *d = context;
    (void)frame, (void)m;
    for (int32_t k = 1; k < d->n_bins; k++) {
        float share[STEMS], power;
        true_shares(fft, k, share, &power);
        double size = sqrt((double)power / d->reference), chance = d->per_row * (size > 8 ? 8 : size + 0.02);
        if (rng_f64(&d->r) >= chance) continue;
        if (chance > 1) chance = 1;
        Rows *rows = d->rows;
        if (rows->n == rows->room) {
            rows->room = rows->room ? 2 * rows->room : 1 << 20;
            rows->list = realloc(rows->list, sizeof *rows->list * (size_t)rows->room);
            BS_ASSERT(rows->list);
        }
        Row *row = &rows->list[rows->n++];
        for (int i = 0; i < STEM_CUES; i++) row->x[i] = cues[(size_t)i * STEM_BINS + (size_t)k];
        memcpy(row->share, share, sizeof share);
        for (int s = 0; s < STEMS; s++) row->weight[s] = (float)((double)power / chance / d->energy[s]);
    }
}

static void sum_size(void *context, int64_t frame, const float *cues, const StemMix *m,
                     Fft *const fft[STEMS + 1]) {
    Draw *d = context;
    (void)frame, (void)m, (void)cues;
    for (int32_t k = 1; k < d->n_bins; k++) {
        float share[STEMS], power;
        true_shares(fft, k, share, &power);
        d->reference += (double)power;
        for (int s = 0; s < STEMS; s++)
            d->energy[s] += (double)fft[s]->freq[k][0] * fft[s]->freq[k][0] +
                            (double)fft[s]->freq[k][1] * fft[s]->freq[k][1];
    }
}

/* Every fourth mix is a piece from elsewhere. */
static Status make_mix(StemMix *m, int32_t number, bool vary) {
    if (number % 4 == 3) return stem_mix_elsewhere(m, number / 4, FIRST_SEED, ANALYSIS_HZ);
    return stem_mix_make(m, FIRST_SEED + (uint64_t)number, length_s, ANALYSIS_HZ, vary);
}

static Status collect(Rows *rows, int32_t number) {
    Status st = BS_OK;
    StemMix m = {0};
    Draw d = {.rows = rows, .r = rng_at(FIRST_SEED + (uint64_t)number, 9)};
    TRY(make_mix(&m, number, true));
    int32_t hop = stem_fft(m.rate_hz) / 4;
    d.n_bins = STEM_BINS;
    TRY(each_frame(&m, sum_size, &d, 4));
    double cells = (double)(m.n / hop / 4) * d.n_bins, all = d.reference;
    for (int s = 0; s < STEMS; s++) d.energy[s] = (d.energy[s] > 0.04 * all ? d.energy[s] : 0.04 * all);
    d.reference /= cells;
    d.per_row = 4.0 * ROWS_A_SESSION / (double)(m.n / hop * d.n_bins);
    TRY(each_frame(&m, draw_rows, &d, 1));
out:
    stem_mix_drop(&m);
    return st;
}

/* ---- fit ----------------------------------------------------------------------------------------- */

static Net net_new(int hidden) {
    Net n = {.hidden = hidden, .n = hidden * STEM_CUES + hidden + STEMS * hidden + STEMS};
    n.w = calloc((size_t)n.n, sizeof(float));
    BS_ASSERT(n.w);
    return n;
}

static void standardise(Net *net, const Rows *rows) {
    for (int i = 0; i < STEM_CUES; i++) {
        double sum = 0, square = 0;
        for (int64_t k = 0; k < rows->n; k++) {
            sum += rows->list[k].x[i];
            square += (double)rows->list[k].x[i] * rows->list[k].x[i];
        }
        double mean = sum / (double)rows->n, spread = sqrt(square / (double)rows->n - mean * mean);
        net->mean[i] = (float)mean;
        net->scale[i] = spread > 1e-5 ? (float)(1 / spread) : 0;
    }
}

/* Loss of a row; with a gradient, adds its own. */
static double row_loss(const Net *net, const Row *row, float *gradient) {
    float z[STEM_CUES], hidden[STEM_HIDDEN_MOST], y[STEMS], top = -1e30F, all = 0;
    const int n_hidden = net->hidden;
    const float *bias = net->w + n_hidden * STEM_CUES, *out = bias + n_hidden,
                *out_bias = out + STEMS * n_hidden;
    for (int i = 0; i < STEM_CUES; i++) {
        float v = (row->x[i] - net->mean[i]) * net->scale[i];
        z[i] = v > 4 ? 4 : v < -4 ? -4 : v;
    }
    memcpy(y, out_bias, sizeof y);
    for (int h = 0; h < n_hidden; h++) {
        float sum = bias[h];
        for (int i = 0; i < STEM_CUES; i++) sum += net->w[h * STEM_CUES + i] * z[i];
        hidden[h] = sum > 0 ? sum : 0;
        for (int s = 0; s < STEMS; s++) y[s] += out[s * n_hidden + h] * hidden[h];
    }
    for (int s = 0; s < STEMS; s++) top = y[s] > top ? y[s] : top;
    for (int s = 0; s < STEMS; s++) all += y[s] = expf(y[s] - top);
    double loss = 0;
    float slope[STEMS], mean_slope = 0;
    for (int s = 0; s < STEMS; s++) {
        y[s] /= all;
        float off = y[s] - row->share[s];
        loss += (double)row->weight[s] * off * off;
        slope[s] = 2 * row->weight[s] * off;
        mean_slope += y[s] * slope[s];
    }
    if (!gradient) return loss;
    float *bias_g = gradient + n_hidden * STEM_CUES, *out_g = bias_g + n_hidden, error[STEMS];
    for (int s = 0; s < STEMS; s++) {
        error[s] = y[s] * (slope[s] - mean_slope);
        out_g[STEMS * n_hidden + s] += error[s];
    }
    for (int h = 0; h < n_hidden; h++) {
        float e = 0;
        for (int s = 0; s < STEMS; s++) {
            e += error[s] * out[s * n_hidden + h];
            out_g[s * n_hidden + h] += error[s] * hidden[h];
        }
        if (hidden[h] <= 0) continue;
        bias_g[h] += e;
        for (int i = 0; i < STEM_CUES; i++) gradient[h * STEM_CUES + i] += e * z[i];
    }
    return loss;
}

static void fit(Net *net, Rows *rows, int epochs) {
    Rng r = rng_at(11, 11);
    size_t bytes = sizeof(float) * (size_t)net->n;
    float *gradient = malloc(bytes), *m = calloc(1, bytes), *v = calloc(1, bytes);
    double mean = 0;
    int64_t step = 0, n_steps = (int64_t)epochs * (rows->n / BATCH);
    BS_ASSERT(gradient && m && v);
    standardise(net, rows);
    for (int64_t k = 0; k < rows->n; k++)
        for (int s = 0; s < STEMS; s++) mean += (double)rows->list[k].weight[s] / (double)(rows->n * STEMS);
    for (int64_t k = 0; k < rows->n; k++) /* a mean weight of 1; one bin must not be a batch */
        for (int s = 0; s < STEMS; s++) {
            float w = rows->list[k].weight[s] / (float)mean;
            rows->list[k].weight[s] = w > 20 ? 20 : w;
        }
    for (int i = 0; i < net->hidden * STEM_CUES; i++) net->w[i] = (float)rng_between(&r, -0.25, 0.25);
    for (int i = 0; i < STEMS * net->hidden; i++)
        net->w[net->hidden * (STEM_CUES + 1) + i] = (float)rng_between(&r, -0.2, 0.2);
    for (int e = 0; e < epochs; e++) {
        double sum = 0;
        for (int64_t i = rows->n - 1; i > 0; i--) {
            int64_t j = (int64_t)(rng_f64(&r) * (double)(i + 1));
            Row t = rows->list[i];
            rows->list[i] = rows->list[j], rows->list[j] = t;
        }
        for (int64_t at = 0; at + BATCH <= rows->n; at += BATCH) {
            double rate = 4e-3 * 0.5 * (1 + cos(M_PI * (double)step / (double)n_steps)) + 2e-5;
            memset(gradient, 0, bytes);
            for (int64_t k = at; k < at + BATCH; k++) sum += row_loss(net, &rows->list[k], gradient);
            step++;
            for (int i = 0; i < net->n; i++) {
                float g = gradient[i] / BATCH;
                m[i] = 0.9F * m[i] + 0.1F * g;
                v[i] = 0.999F * v[i] + 0.001F * g * g;
                double up = m[i] / (1 - pow(0.9, (double)step)), down = v[i] / (1 - pow(0.999, (double)step));
                net->w[i] -= (float)(rate * (up / (sqrt(down) + 1e-8) + 1e-3 * (double)net->w[i]));
            }
        }
        fprintf(stderr, "epoch %d, loss %.5f\n", e + 1, sum / (double)rows->n);
    }
    free(gradient), free(m), free(v);
}

/* ---- what it gains ------------------------------------------------------------------------------- */

typedef struct Gains {
    const StemNet *net;
    int32_t n_bins;
    double tt[STEMS], te[STEMS], ee[STEMS], tm[STEMS], mm; /* truth, estimate, mix */
} Gains;

static void sum_gains(void *context, int64_t frame, const float *cues, const StemMix *m,
                      Fft *const fft[STEMS + 1]) {
    static float shares[STEMS * STEM_BINS];
    Gains *g = context;
    (void)frame, (void)m;
    stem_mask(g->net, cues, g->n_bins, shares);
    for (int32_t k = 1; k < g->n_bins; k++) {
        double re = fft[STEMS]->freq[k][0], im = fft[STEMS]->freq[k][1], p = re * re + im * im;
        g->mm += p;
        for (int s = 0; s < STEMS; s++) {
            double tr = fft[s]->freq[k][0], ti = fft[s]->freq[k][1],
                   share = shares[(size_t)s * STEM_BINS + (size_t)k];
            g->tt[s] += tr * tr + ti * ti;
            g->tm[s] += tr * re + ti * im;
            g->te[s] += share * (tr * re + ti * im);
            g->ee[s] += share * share * p;
        }
    }
}

static double ratio_db(double tt, double te, double ee) {
    double along = te * te / (tt + 1e-20);
    return 10 * log10((along + 1e-20) / (ee - along + 1e-20));
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over sessions kept out; a stem counts where it is not 30 dB under the mix. */
static void measure(StemNet *net, int32_t n_mixes) {
    static double gain[STEMS][4096], is[STEMS][4096];
    int32_t n[STEMS] = {0};
    for (int32_t i = 0; i < n_mixes; i++) {
        StemMix m;
        Gains g = {.net = net, .n_bins = STEM_BINS};
        if (!kept_out(i) || make_mix(&m, i, false) != BS_OK) continue;
        if (each_frame(&m, sum_gains, &g, 1) == BS_OK)
            for (int s = 0; s < STEMS; s++)
                if (g.tt[s] > 1e-3 * g.mm && n[s] < 4096) {
                    is[s][n[s]] = ratio_db(g.tt[s], g.te[s], g.ee[s]);
                    gain[s][n[s]] = is[s][n[s]] - ratio_db(g.tt[s], g.tm[s], g.mm);
                    n[s]++;
                }
        stem_mix_drop(&m);
    }
    for (int s = 0; s < STEMS; s++) {
        qsort(gain[s], (size_t)n[s], sizeof(double), by_value);
        qsort(is[s], (size_t)n[s], sizeof(double), by_value);
        net->gain_db[s] = n[s] ? (float)gain[s][n[s] / 2] : 0;
        fprintf(stderr, "%s: %.2f dB, %.2f over the mix (a tenth under %.2f), %d sessions\n", stem_names[s],
                n[s] ? is[s][n[s] / 2] : 0, (double)net->gain_db[s], n[s] ? gain[s][n[s] / 10] : 0, n[s]);
    }
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void print(FILE *f, const char *what, const float *v, int n) {
    fprintf(f, "static const float net_%s[%d] = {", what, n);
    for (int i = 0; i < n; i++) fprintf(f, "%s%#.5gF", i % 12 ? ", " : i ? ",\n    " : "", (double)v[i]);
    fprintf(f, "};\n");
}

static bool write_net(const StemNet *n, const char *path) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    fprintf(f, "/* Made by tests/train/train_stems.c. */\n");
    print(f, "mean", n->mean, STEM_CUES);
    print(f, "scale", n->scale, STEM_CUES);
    print(f, "in", n->in, n->n_hidden * STEM_CUES);
    print(f, "bias", n->bias, n->n_hidden);
    print(f, "out", n->out, STEMS * n->n_hidden);
    print(f, "out_bias", n->out_bias, STEMS);
    fprintf(f,
            "const StemNet stem_net = {%d, net_mean, net_scale, net_in, net_bias, net_out, net_out_bias, "
            "{%.2fF, %.2fF, %.2fF, %.2fF}};\n",
            n->n_hidden, (double)n->gain_db[0], (double)n->gain_db[1], (double)n->gain_db[2],
            (double)n->gain_db[3]);
    return fclose(f) == 0;
}

static bool load_rows(Rows *rows, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    bool good = fread(&rows->n, sizeof rows->n, 1, f) == 1 && rows->n > 0 && rows->n < (int64_t)1 << 28;
    if (good) good = (rows->list = malloc(sizeof *rows->list * (size_t)rows->n)) != NULL;
    good = good && fread(rows->list, sizeof *rows->list, (size_t)rows->n, f) == (size_t)rows->n;
    fclose(f);
    return good;
}

static bool save_rows(const Rows *rows, const char *path) {
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    bool good = fwrite(&rows->n, sizeof rows->n, 1, f) == 1 &&
                fwrite(rows->list, sizeof *rows->list, (size_t)rows->n, f) == (size_t)rows->n;
    return fclose(f) == 0 && good;
}

int main(int argc, char **argv) {
    int32_t n = 240, epochs = 10, hidden = 32;
    const char *out = NULL, *file = NULL;
    Rows rows = {0};
    for (int c; (c = getopt(argc, argv, "n:e:H:o:r:")) != -1;) {
        if (c == 'n') n = atoi(optarg);
        if (c == 'e') epochs = atoi(optarg);
        if (c == 'H') hidden = atoi(optarg);
        if (c == 'o') out = optarg;
        if (c == 'r') file = optarg;
        if (c == '?') return 2;
    }
    if (!out || hidden < 4 || hidden % 4 || hidden > STEM_HIDDEN_MOST) {
        fprintf(stderr, "train_stems: give the weights file to write: -o featurizer/dsp/stem_weights.inc\n");
        return 2;
    }
    bool loaded = file && load_rows(&rows, file);
    for (int32_t i = 0; i < n && !loaded; i++) {
        if (kept_out(i)) continue;
        if (collect(&rows, i) != BS_OK) fprintf(stderr, "session %d is left out: %s\n", i, error_text());
        if (i % 20 == 1) fprintf(stderr, "%d of %d, %lld rows\n", i, n, (long long)rows.n);
    }
    if (file && !loaded && !save_rows(&rows, file))
        return fprintf(stderr, "train_stems: %s: the rows cannot be kept there\n", file), 1;
    Net net = net_new(hidden);
    fit(&net, &rows, epochs);
    const float *bias = net.w + hidden * STEM_CUES;
    StemNet made = {.n_hidden = hidden,
                    .mean = net.mean,
                    .scale = net.scale,
                    .in = net.w,
                    .bias = bias,
                    .out = bias + hidden,
                    .out_bias = bias + hidden + STEMS * hidden,
                    .gain_db = {1, 1, 1, 1}}; /* all masks, while they are measured */
    measure(&made, n);
    if (write_net(&made, out)) return 0;
    fprintf(stderr, "train_stems: %s: cannot be written\n", out);
    return 1;
}
