/* Fitting a fade: coarse grid over place and length, then descent with each shape, over sums of blocks. */
#include "featurizer/align/seam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16, COARSE = 8, SUMS = 6 }; /* a coarse block is COARSE blocks */
enum { EE, AA, BB, EA, EB, AB };
static const double fade_gain = 0.75; /* a fade must leave at most this share of a cut's error around it */

struct Seamer {
    Tone *tone;
    Pcm *raw, *edit;
    int32_t hz;
    int64_t room;           /* samples */
    float *plain[3], *x[3]; /* edit, a, b: as read with TONE_MARGIN around; weighted */
    double *prefix[2];      /* [room + 1] error before t if a alone; if b alone */
    double (*blocks)[SUMS], (*coarse)[SUMS];
};

Status seamer_open(Seamer **out, Tone *tone, Pcm *raw, Pcm *edit) {
    Status st = BS_OK;
    bool whole = true;
    *out = NULL;
    Seamer *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "align: out of memory");
    s->tone = tone;
    s->raw = raw;
    s->edit = edit;
    s->hz = pcm_info(edit).sample_rate_hz;
    s->room = (int64_t)SEAM_MAX_S * s->hz + 2 * BLOCK * COARSE;
    for (int i = 0; i < 3; i++) {
        s->plain[i] = malloc(sizeof(float) * (size_t)(s->room + 2 * TONE_MARGIN));
        s->x[i] = malloc(sizeof(float) * (size_t)s->room);
        whole = whole && s->plain[i] && s->x[i];
    }
    for (int i = 0; i < 2; i++) {
        s->prefix[i] = malloc(sizeof(double) * (size_t)(s->room + 1));
        whole = whole && s->prefix[i];
    }
    s->blocks = malloc(sizeof *s->blocks * (size_t)(s->room / BLOCK + 1));
    s->coarse = malloc(sizeof *s->coarse * (size_t)(s->room / BLOCK / COARSE + 1));
    if (!whole || !s->blocks || !s->coarse) TRY(fail(BS_NOMEM, "align: out of memory"));
    *out = s;
    s = NULL;
out:
    seamer_close(s);
    return st;
}

void seamer_close(Seamer *s) {
    if (!s) return;
    for (int i = 0; i < 3; i++) free(s->plain[i]), free(s->x[i]);
    for (int i = 0; i < 2; i++) free(s->prefix[i]);
    free(s->blocks);
    free(s->coarse);
    free(s);
}

/* ---- loading ----------------------------------------------------------------------------------- */

static Status load_edit(Seamer *s, int64_t lo, int64_t n) {
    Status st = pcm_read(s->edit, (double)(lo - TONE_MARGIN), 1, n + 2 * TONE_MARGIN, s->plain[0]);
    if (st == BS_OK) tone_of_edit(s->tone, s->plain[0], n, s->x[0]);
    return st;
}

static Status load_run(Seamer *s, const Run *r, int64_t lo, int64_t n, int i) {
    Status st =
        pcm_read(s->raw, run_at(r, (double)(lo - TONE_MARGIN)), r->rate, n + 2 * TONE_MARGIN, s->plain[i]);
    if (st == BS_OK) tone_of_raw(s->tone, s->plain[i], n, s->x[i]);
    return st;
}

static void sum_blocks(Seamer *s, int64_t n) {
    const float *e = s->x[0], *a = s->x[1], *b = s->x[2];
    memset(s->coarse, 0, sizeof *s->coarse * (size_t)(n / BLOCK / COARSE + 1));
    for (int64_t k = 0; k < n / BLOCK; k++) {
        double *v = s->blocks[k], *c = s->coarse[k / COARSE];
        memset(v, 0, sizeof s->blocks[0]);
        for (int64_t i = k * BLOCK; i < (k + 1) * BLOCK; i++) {
            v[EE] += (double)e[i] * e[i], v[AA] += (double)a[i] * a[i], v[BB] += (double)b[i] * b[i];
            v[EA] += (double)e[i] * a[i], v[EB] += (double)e[i] * b[i], v[AB] += (double)a[i] * b[i];
        }
        for (int j = 0; j < SUMS; j++) c[j] += v[j];
    }
}

/* ---- scoring gain curves ----------------------------------------------------------------------- */

/* One seam being fitted: n blocks, levels of both pieces, error before block k if a alone (b alone). */
typedef struct Fit {
    const double (*v)[SUMS];
    int64_t n;
    double size; /* samples of a block */
    double level_a, level_b;
    double *before_a, *before_b; /* [n + 1] */
} Fit;

static double shape_gain(FadeShape shape, double x) {
    x = x < 0 ? 0 : x > 1 ? 1 : x;
    switch (shape) {
    case SHAPE_LINEAR:
        return x;
    case SHAPE_POWER:
        return x / sqrt(x * x + (1 - x) * (1 - x));
    case SHAPE_SINE:
        return sin(M_PI / 2 * x);
    case SHAPE_COSINE:
        return 0.5 - 0.5 * cos(M_PI * x);
    case SHAPE_DIP:
        return x > 0.5 ? 2 * x - 1 : 0;
    default:
        return x >= 0.5;
    }
}

static double error_of(const double *v, double ga, double gb) {
    return v[EE] - 2 * ga * v[EA] - 2 * gb * v[EB] + ga * ga * v[AA] + gb * gb * v[BB] + 2 * ga * gb * v[AB];
}

static void sum_errors(Fit *f) {
    f->before_a[0] = f->before_b[0] = 0;
    for (int64_t k = 0; k < f->n; k++) {
        f->before_a[k + 1] = f->before_a[k] + error_of(f->v[k], f->level_a, 0);
        f->before_b[k + 1] = f->before_b[k] + error_of(f->v[k], 0, f->level_b);
    }
}

/* Error of a fade from `start` to `end`, in blocks (fractions are fine). */
static double fade_error(const Fit *f, double start, double end, FadeShape shape) {
    int64_t first = (int64_t)floor(start), last = (int64_t)ceil(end);
    if (first < 0) first = 0;
    if (last > f->n) last = f->n;
    double sum = f->before_a[first] + f->before_b[f->n] - f->before_b[last];
    for (int64_t k = first; k < last; k++) {
        double x = ((double)k + 0.5 - start) / (end - start);
        sum += error_of(f->v[k], f->level_a * shape_gain(shape, 1 - x), f->level_b * shape_gain(shape, x));
    }
    return sum;
}

typedef struct BestFade {
    double start, end, error; /* in blocks */
    FadeShape shape;
} BestFade;

static BestFade search_grid(const Fit *f) {
    BestFade best = {.error = INFINITY, .shape = SHAPE_POWER};
    for (double length = 1; length < (double)f->n; length *= 1.35) {
        double step = length / 8 < 1 ? 1 : length / 8;
        for (double start = 0; start + length <= (double)f->n; start += step) {
            double error = fade_error(f, start, start + length, SHAPE_POWER);
            if (error < best.error) best = (BestFade){start, start + length, error, SHAPE_POWER};
        }
    }
    return best;
}

static BestFade descend(const Fit *f, BestFade from) {
    BestFade best = from;
    best.error = INFINITY;
    for (FadeShape shape = SHAPE_LINEAR; shape < FADE_SHAPES; shape++) {
        BestFade now = from;
        now.shape = shape;
        now.error = fade_error(f, now.start, now.end, shape);
        double step = (now.end - now.start) / 4 > 8 ? (now.end - now.start) / 4 : 8;
        while (step > 0.2) {
            static const double moves[8][2] = {{1, 1}, {-1, -1}, {0, 1},  {0, -1},
                                               {1, 0}, {-1, 0},  {-1, 1}, {1, -1}};
            bool moved = false;
            for (int m = 0; m < 8; m++) {
                double start = now.start + step * moves[m][0], end = now.end + step * moves[m][1];
                if (start < 0 || end > (double)f->n || end - start < 1) continue;
                double error = fade_error(f, start, end, shape);
                if (error < now.error) now.start = start, now.end = end, now.error = error, moved = true;
            }
            if (!moved) step /= 2;
        }
        if (now.error < best.error) best = now;
    }
    return best;
}

/* ---- a cut ------------------------------------------------------------------------------------- */

/* The sample at which a ends and b begins with least error; *error gets it. With `plain` in the samples as
 * they are, which no filter has blurred. */
static int64_t best_cut(Seamer *s, int64_t n, double level_a, double level_b, bool plain, double *error) {
    const float *e = plain ? s->plain[0] + TONE_MARGIN : s->x[0];
    const float *a = plain ? s->plain[1] + TONE_MARGIN : s->x[1];
    const float *b = plain ? s->plain[2] + TONE_MARGIN : s->x[2];
    double *pa = s->prefix[0], *pb = s->prefix[1];
    pa[0] = pb[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = e[i] - level_a * a[i], y = e[i] - level_b * b[i];
        pa[i + 1] = pa[i] + x * x;
        pb[i + 1] = pb[i] + y * y;
    }
    int64_t best = 0;
    for (int64_t t = 0; t <= n; t++)
        if (pa[t] - pb[t] < pa[best] - pb[best]) best = t;
    *error = pa[best] + pb[n] - pb[best];
    return best;
}

/* A sample of the edit is that of the recording, `x` with its gain, but for rounding. */
static bool agrees(float e, float x) { return fabsf(e - x) < 1e-4F + 1e-3F * fabsf(e); }

/* Nothing but a's samples before `cut` and b's from there on: then no fade explains it better. */
static bool cut_is_whole(const Seamer *s, int64_t n, int64_t cut, float gain) {
    const float *e = s->plain[0] + TONE_MARGIN;
    for (int64_t i = 0; i < n; i++)
        if (!agrees(e[i], gain * s->plain[i < cut ? 1 : 2][TONE_MARGIN + i])) return false;
    return true;
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* Level of the piece where it is alone: blocks [from, to). */
static double level_of(const double (*v)[SUMS], int64_t from, int64_t to, int e, int x) {
    double top = 0, bottom = 0;
    for (int64_t k = from; k < to; k++) top += v[k][e], bottom += v[k][x];
    double level = bottom > 0 ? top / bottom : 1;
    return level < 0.25 ? 0.25 : level > 4 ? 4 : level;
}

static void measure_curve(const Fit *f, const BestFade *fade, AlignJoin *join) {
    double width = (fade->end - fade->start) / ALIGN_CURVE;
    for (int i = 0; i < ALIGN_CURVE; i++) {
        double mid = fade->start + (fade->end - fade->start) * i / (ALIGN_CURVE - 1), v[SUMS] = {0};
        int64_t from = (int64_t)floor(mid - width / 2), to = (int64_t)ceil(mid + width / 2);
        for (int64_t k = from < 0 ? 0 : from; k < to && k < f->n; k++)
            for (int j = 0; j < SUMS; j++) v[j] += f->v[k][j];
        double det = v[AA] * v[BB] - v[AB] * v[AB];
        bool told = det > 1e-3 * v[AA] * v[BB] && det > 0;
        double x = (double)i / (ALIGN_CURVE - 1);
        double a = told ? (v[EA] * v[BB] - v[EB] * v[AB]) / det / f->level_a : shape_gain(fade->shape, 1 - x);
        double b = told ? (v[EB] * v[AA] - v[EA] * v[AB]) / det / f->level_b : shape_gain(fade->shape, x);
        join->leave[i] = (float)(a < 0 ? 0 : a > 2 ? 2 : a);
        join->enter[i] = (float)(b < 0 ? 0 : b > 2 ? 2 : b);
    }
}

/* The longest stretch whose error is most of its power. */
static void find_unlike(const Fit *f, const BestFade *fade, double *start, double *end) {
    int64_t longest = 0, run = 0;
    double power = 0;
    for (int64_t k = 0; k < f->n; k++) power += f->v[k][EE];
    power /= (double)(f->n ? f->n : 1);
    *start = *end = 0;
    for (int64_t k = 0; k < f->n; k++) {
        double x = ((double)k + 0.5 - fade->start) / (fade->end - fade->start);
        double ga = f->level_a * shape_gain(fade->shape, 1 - x), gb = f->level_b * shape_gain(fade->shape, x);
        bool unlike = f->v[k][EE] > 0.01 * power && error_of(f->v[k], ga, gb) > 0.6 * f->v[k][EE];
        run = unlike ? run + 1 : 0;
        if (run > longest) longest = run, *end = (double)(k + 1), *start = (double)(k + 1 - run);
    }
}

static void set_cut(AlignJoin *join) {
    join->shape = SHAPE_CUT;
    for (int i = 0; i < ALIGN_CURVE; i++) {
        join->enter[i] = i >= ALIGN_CURVE / 2;
        join->leave[i] = !join->enter[i];
    }
}

/* Error of the fitted fade, and of the cut, within the fade and 5 ms around it. */
static bool fade_is_clear(const Fit *f, const BestFade *fade, double cut_block) {
    double around = 0.005 * 44100 / f->size, from = fmin(fade->start, cut_block) - around,
           to = fmax(fade->end, cut_block) + around;
    double with = 0, without = 0, outside = 0;
    int64_t n_in = 0;
    for (int64_t k = 0; k < f->n; k++) {
        double x = ((double)k + 0.5 - fade->start) / (fade->end - fade->start);
        double error = error_of(f->v[k], f->level_a * shape_gain(fade->shape, 1 - x),
                                f->level_b * shape_gain(fade->shape, x));
        if ((double)k < from || (double)k > to) {
            outside += error;
            continue;
        }
        bool after = (double)k + 0.5 > cut_block;
        with += error;
        without += error_of(f->v[k], after ? 0 : f->level_a, after ? f->level_b : 0);
        n_in++;
    }
    double usual = outside / (double)(f->n - n_in > 0 ? f->n - n_in : 1);
    return with < fade_gain * without && without - with > 2 * usual;
}

Status seam_fit(Seamer *s, const Run *a, const Run *b, double from, double to, SeamFit *out) {
    Status st = BS_OK;
    const int64_t lo = (int64_t)floor(from);
    int64_t n = (int64_t)(to - (double)lo) / (BLOCK * COARSE) * (BLOCK * COARSE);
    const int64_t most = (s->room - BLOCK * COARSE) / (BLOCK * COARSE) * (BLOCK * COARSE);
    *out = (SeamFit){.start = from, .end = from};
    if (n > most) n = most;
    if (n < 4 * BLOCK * COARSE) n = 4 * BLOCK * COARSE;
    TRY(load_edit(s, lo, n));
    TRY(load_run(s, a, lo, n, 1));
    TRY(load_run(s, b, lo, n, 2));
    sum_blocks(s, n);
    int64_t edge = n / BLOCK / 8 < s->hz / 10 / BLOCK ? n / BLOCK / 8 : s->hz / 10 / BLOCK;
    if (edge < 4) edge = 4;
    const double level_a = level_of(s->blocks, 0, edge, EA, AA),
                 level_b = level_of(s->blocks, n / BLOCK - edge, n / BLOCK, EB, BB);
    Fit coarse = {s->coarse, n / BLOCK / COARSE, BLOCK * COARSE, level_a,
                  level_b,   s->prefix[0],       s->prefix[1]};
    sum_errors(&coarse);
    BestFade fade = search_grid(&coarse);
    fade.start *= COARSE;
    fade.end *= COARSE;
    Fit fine = {s->blocks, n / BLOCK, BLOCK, level_a, level_b, s->prefix[0], s->prefix[1]};
    sum_errors(&fine);
    fade = descend(&fine, fade);
    double cut_error;
    const float gain = tone_gain(s->tone);
    int64_t cut = best_cut(s, n, level_a, level_b, false, &cut_error);
    bool is_fade =
        (fade.end - fade.start) * BLOCK > 0.001 * s->hz && fade_is_clear(&fine, &fade, (double)cut / BLOCK);
    find_unlike(&fine, &fade, &out->unlike_start, &out->unlike_end);
    out->unlike_start = (double)lo + BLOCK * out->unlike_start;
    out->unlike_end = (double)lo + BLOCK * out->unlike_end;
    if (tone_plain(s->tone)) {
        const int64_t plain = best_cut(s, n, gain, gain, true, &cut_error);
        is_fade = is_fade && !cut_is_whole(s, n, plain, gain);
        if (!is_fade) cut = plain;
    }
    if (is_fade) {
        out->start = (double)lo + BLOCK * fade.start;
        out->end = (double)lo + BLOCK * fade.end;
        out->join.shape = (uint8_t)fade.shape;
        measure_curve(&fine, &fade, &out->join);
    } else {
        out->start = out->end = (double)(lo + cut);
        set_cut(&out->join);
    }
    out->join.start = llround(out->start);
    out->join.end = llround(out->end);
out:
    return st;
}

Status seam_explained(Seamer *s, const Run *r, double from, double to, float *values, float *power,
                      int32_t *n) {
    Status st = BS_OK;
    *n = (int32_t)((to - from) / EDGE_BLOCK);
    const int32_t most = (int32_t)(s->room / EDGE_BLOCK);
    for (int32_t done = 0; done < *n; done += most) { /* as much at a time as there is room for */
        int32_t k = *n - done < most ? *n - done : most;
        int64_t lo = (int64_t)floor(from) + (int64_t)done * EDGE_BLOCK;
        TRY(load_edit(s, lo, (int64_t)k * EDGE_BLOCK));
        TRY(load_run(s, r, lo, (int64_t)k * EDGE_BLOCK, 1));
        for (int32_t i = 0; i < k; i++) {
            double ee = 0, aa = 0, ea = 0;
            for (int32_t j = i * EDGE_BLOCK; j < (i + 1) * EDGE_BLOCK; j++) {
                ee += (double)s->x[0][j] * s->x[0][j];
                aa += (double)s->x[1][j] * s->x[1][j];
                ea += (double)s->x[0][j] * s->x[1][j];
            }
            double alike = ea > 0 && ee > 0 && aa > 0 ? ea * ea / (ee * aa) : 0;
            values[done + i] = (float)-log(1 - (alike > 0.9999 ? 0.9999 : alike));
            power[done + i] = (float)(ee / EDGE_BLOCK);
        }
    }
out:
    return st;
}

Status seam_exact_edge(Seamer *s, const Run *r, double near, bool forward, double *out) {
    Status st = BS_OK;
    enum { REACH = 1024 };
    *out = near;
    if (!tone_plain(s->tone) || !r->exact) return BS_OK;
    const int64_t lo = (int64_t)near - REACH;
    TRY(load_edit(s, lo, 2 * REACH));
    TRY(load_run(s, r, lo, 2 * REACH, 1));
    const float *e = s->plain[0] + TONE_MARGIN, *a = s->plain[1] + TONE_MARGIN, gain = tone_gain(s->tone);
    double best = -1, sum = 0; /* agreeing samples count for, others against */
    for (int64_t i = 0; i < 2 * REACH; i++) {
        int64_t t = forward ? i : 2 * REACH - 1 - i;
        sum += agrees(e[t], gain * a[t]) ? 1 : -4;
        if (sum > best) best = sum, *out = (double)(lo + (forward ? t + 1 : t));
    }
out:
    return st;
}
