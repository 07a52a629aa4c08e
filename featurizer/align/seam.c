/* Reading what is compared, and choosing between the best cut and the best fade. */
#include "featurizer/align/seam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/align/fade.h"

enum { STEP = 8 * FADE_BLOCK };     /* windows are whole steps */
static const double beside_s = 0.2; /* runs know their ends no better */
static const double clear_cost = 6; /* a fade must cost this much less than a cut (fade.h) */

struct Seamer {
    Tone *tone;
    Pcm *raw, *edit;
    int32_t hz;
    int64_t room;            /* samples */
    float *plain[3], *x[3];  /* edit, a, b: as read with TONE_MARGIN around; weighted */
    int64_t edit_at, edit_n; /* what of the edit lies in plain[0] and x[0] */
    double most_level;       /* levels differ by this factor at most */
    FadeSearch fade;
};

static Status learn_levels(Seamer *s, const Run *runs, int32_t n_runs);

Status seamer_open(Seamer **out, Tone *tone, const Run *runs, int32_t n_runs, Pcm *raw, Pcm *edit) {
    Status st = BS_OK;
    bool whole = true;
    *out = NULL;
    Seamer *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "align: out of memory");
    s->tone = tone;
    s->raw = raw;
    s->edit = edit;
    s->hz = pcm_info(edit).sample_rate_hz;
    s->room = (int64_t)SEAM_MAX_S * s->hz + 2 * STEP;
    for (int i = 0; i < 3; i++) {
        s->plain[i] = malloc(sizeof(float) * (size_t)(s->room + 2 * TONE_MARGIN));
        s->x[i] = malloc(sizeof(float) * (size_t)s->room);
        whole = whole && s->plain[i] && s->x[i];
    }
    if (!whole) TRY(fail(BS_NOMEM, "align: out of memory"));
    TRY(fade_search_open(&s->fade, s->room / FADE_BLOCK, s->hz));
    TRY(learn_levels(s, runs, n_runs));
    *out = s;
    s = NULL;
out:
    seamer_close(s);
    return st;
}

void seamer_close(Seamer *s) {
    if (!s) return;
    for (int i = 0; i < 3; i++) free(s->plain[i]), free(s->x[i]);
    fade_search_close(&s->fade);
    free(s);
}

/* ---- loading ----------------------------------------------------------------------------------- */

static Status load_edit(Seamer *s, int64_t lo, int64_t n) {
    if (lo == s->edit_at && n == s->edit_n) return BS_OK;
    Status st = pcm_read(s->edit, (double)(lo - TONE_MARGIN), 1, n + 2 * TONE_MARGIN, s->plain[0]);
    if (st == BS_OK) tone_of_edit(s->tone, s->plain[0], n, s->x[0]);
    s->edit_at = lo;
    s->edit_n = st == BS_OK ? n : 0;
    return st;
}

static Status load_run(Seamer *s, const Run *r, int64_t lo, int64_t n, int i) {
    Status st =
        pcm_read(s->raw, run_at(r, (double)(lo - TONE_MARGIN)), r->rate, n + 2 * TONE_MARGIN, s->plain[i]);
    if (st == BS_OK) tone_of_raw(s->tone, s->plain[i], n, s->x[i]);
    return st;
}

typedef struct Products {
    double ee, aa, ea;
} Products;

static Products products(const float *e, const float *a, int64_t n) {
    Products p = {0};
    for (int64_t i = 0; i < n; i++) {
        p.ee += (double)e[i] * e[i];
        p.aa += (double)a[i] * a[i];
        p.ea += (double)e[i] * a[i];
    }
    return p;
}

static void sum_blocks(Seamer *s, int64_t n) {
    const float *e = s->x[0], *a = s->x[1], *b = s->x[2], *heard = s->plain[0] + TONE_MARGIN;
    s->fade.n = n / FADE_BLOCK;
    for (int64_t k = 0; k < s->fade.n; k++) {
        double *v = s->fade.sums[k];
        memset(v, 0, sizeof s->fade.sums[0]);
        for (int64_t i = k * FADE_BLOCK; i < (k + 1) * FADE_BLOCK; i++) {
            v[SUM_EE] += (double)e[i] * e[i], v[SUM_AA] += (double)a[i] * a[i];
            v[SUM_BB] += (double)b[i] * b[i], v[SUM_EA] += (double)e[i] * a[i];
            v[SUM_EB] += (double)e[i] * b[i], v[SUM_AB] += (double)a[i] * b[i];
            v[SUM_HEARD] += (double)heard[i] * heard[i];
        }
    }
}

/* What is left over where the recording explains all that it ever does. */
static double least_share(const Seamer *s) {
    const double share = 0.1 * pow(10, -(double)tone_ratio_db(s->tone) / 10);
    return share < 1e-6 ? 1e-6 : share > 0.05 ? 0.05 : share;
}

/* ---- a cut ------------------------------------------------------------------------------------- */

/* The sample in [from, to] at which a ends and b begins with least error. */
static int64_t least_error(const float *e, const float *a, const float *b, double gain_a, double gain_b,
                           int64_t from, int64_t to) {
    int64_t best = from;
    double sum = 0, least = 0; /* error before t of a, less that of b */
    for (int64_t t = from; t < to; t++) {
        const double x = e[t] - gain_a * a[t], y = e[t] - gain_b * b[t];
        sum += x * x - y * y;
        if (sum < least) least = sum, best = t + 1;
    }
    return best;
}

/* Around the best cut between blocks. */
static int64_t best_cut(const Seamer *s, int64_t n, const FadeFound *found) {
    const int64_t k = (int64_t)found->cut, reach = 3;
    const int64_t from = k - reach > 0 ? k - reach : 0, to = k + reach < s->fade.n ? k + reach : s->fade.n;
    const int64_t before = k > 0 ? k - 1 : 0, behind = k < s->fade.n ? k : s->fade.n - 1;
    const int64_t last = to * FADE_BLOCK < n ? to * FADE_BLOCK : n;
    return least_error(s->x[0], s->x[1], s->x[2], s->fade.gain_a[before], s->fade.gain_b[behind],
                       from * FADE_BLOCK, last);
}

/* In the samples as they are, which no filter has blurred. */
static int64_t plain_cut(const Seamer *s, int64_t n) {
    const double gain = tone_gain(s->tone);
    return least_error(s->plain[0] + TONE_MARGIN, s->plain[1] + TONE_MARGIN, s->plain[2] + TONE_MARGIN, gain,
                       gain, 0, n);
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

/* Reads what lies in [from, to) and finds the best fade there; returns how many samples were read. */
static Status find_fade(Seamer *s, const Run *a, const Run *b, double from, double to, int64_t *n,
                        FadeFound *fade) {
    Status st = BS_OK;
    const int64_t lo = (int64_t)floor(from);
    *n = (int64_t)(to - (double)lo) / STEP * STEP;
    if (*n > s->room - STEP) *n = (s->room - STEP) / STEP * STEP;
    if (*n < 4 * STEP) *n = 4 * STEP;
    TRY(load_edit(s, lo, *n));
    TRY(load_run(s, a, lo, *n, 1));
    TRY(load_run(s, b, lo, *n, 2));
    sum_blocks(s, *n);
    *fade = fade_find(&s->fade, least_share(s));
out:
    return st;
}

Status seam_cost(Seamer *s, const Run *a, const Run *b, double from, double to, double *cost) {
    Status st = BS_OK;
    int64_t n;
    FadeFound fade;
    TRY(find_fade(s, a, b ? b : a, from, to, &n, &fade));
    *cost = b ? fmin(fade.cost, fade.cut_cost) : fade.cut_cost;
out:
    return st;
}

static void set_cut(AlignJoin *join) {
    join->shape = SHAPE_CUT;
    for (int i = 0; i < ALIGN_CURVE; i++) {
        join->enter[i] = i >= ALIGN_CURVE / 2;
        join->leave[i] = !join->enter[i];
    }
}

Status seam_fit(Seamer *s, const Run *a, const Run *b, double from, double to, SeamFit *out) {
    Status st = BS_OK;
    const int64_t lo = (int64_t)floor(from);
    int64_t n;
    FadeFound fade;
    *out = (SeamFit){.start = from, .end = from};
    TRY(find_fade(s, a, b, from, to, &n, &fade));
    bool is_fade =
        (fade.end - fade.start) * FADE_BLOCK > 0.001 * s->hz && fade.cut_cost - fade.cost > clear_cost;
    int64_t cut = best_cut(s, n, &fade);
    if (tone_plain(s->tone)) {
        const int64_t plain = plain_cut(s, n);
        is_fade = is_fade && !cut_is_whole(s, n, plain, tone_gain(s->tone));
        if (!is_fade) cut = plain;
    }
    out->unlike = FADE_BLOCK * (double)fade_unlike(&s->fade, &fade,
                                                   (a->last - beside_s * s->hz - (double)lo) / FADE_BLOCK,
                                                   (b->first + beside_s * s->hz - (double)lo) / FADE_BLOCK);
    if (is_fade) {
        out->start = (double)lo + FADE_BLOCK * fade.start;
        out->end = (double)lo + FADE_BLOCK * fade.end;
        out->join.shape = (uint8_t)fade.shape;
        fade_measure(&s->fade, &fade, &out->join);
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
                      float *loud, int32_t *n) {
    Status st = BS_OK;
    *n = (int32_t)((to - from) / EDGE_BLOCK);
    const int32_t most = (int32_t)(s->room / EDGE_BLOCK);
    for (int32_t done = 0; done < *n; done += most) { /* as much at a time as there is room for */
        int32_t k = *n - done < most ? *n - done : most;
        int64_t lo = (int64_t)floor(from) + (int64_t)done * EDGE_BLOCK;
        TRY(load_edit(s, lo, (int64_t)k * EDGE_BLOCK));
        TRY(load_run(s, r, lo, (int64_t)k * EDGE_BLOCK, 1));
        for (int32_t i = 0; i < k; i++) {
            const int64_t at = (int64_t)i * EDGE_BLOCK;
            const Products p = products(s->x[0] + at, s->x[1] + at, EDGE_BLOCK);
            const double alike = p.ea > 0 && p.ee > 0 && p.aa > 0 ? p.ea * p.ea / (p.ee * p.aa) : 0;
            values[done + i] = (float)-log(1 - (alike > 0.9999 ? 0.9999 : alike));
            const float *e = s->plain[0] + TONE_MARGIN + at;
            power[done + i] = (float)(p.ee / EDGE_BLOCK);
            loud[done + i] = (float)(products(e, e, EDGE_BLOCK).ee / EDGE_BLOCK);
        }
    }
out:
    return st;
}

/* ---- levels, and what is left over ------------------------------------------------------------- */

enum { LONG = 1024 }; /* samples that have one level */

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From the spread of levels where runs explain the edit well; and what is a pause, from the loudest. */
static Status learn_levels(Seamer *s, const Run *runs, int32_t n_runs) {
    enum { MOST = 4000 };
    static const double unknown = 2, least = 1.03, spreads = 6; /* times the median */
    static const double pause = 1e-4;
    Status st = BS_OK;
    int32_t n = 0;
    double *levels = malloc(sizeof *levels * MOST);
    if (!levels) return fail(BS_NOMEM, "align: out of memory");
    for (int32_t i = 0; i < n_runs; i++) {
        const int64_t length = (int64_t)fmin(runs[i].last - runs[i].first, 3.0 * s->hz) / LONG * LONG;
        const int64_t lo = (int64_t)((runs[i].first + runs[i].last - (double)length) / 2);
        if (length < s->hz) continue;
        TRY(load_edit(s, lo, length));
        TRY(load_run(s, &runs[i], lo, length, 1));
        for (int64_t k = 0; k < length && n < MOST; k += LONG) {
            const Products p = products(s->x[0] + k, s->x[1] + k, LONG);
            const float *heard = s->plain[0] + TONE_MARGIN + k;
            s->fade.pause = fmax(s->fade.pause, pause * products(heard, heard, LONG).ee / LONG);
            if (p.ea > 0 && p.ea * p.ea > 0.8 * p.ee * p.aa) levels[n++] = fabs(log(p.ea / p.aa));
        }
    }
    qsort(levels, (size_t)n, sizeof *levels, by_size);
    s->most_level = n ? fmin(unknown, fmax(least, exp(spreads * levels[n / 2]))) : unknown;
out:
    free(levels);
    return st;
}

static double left_of(const Seamer *s, Products p) {
    const double level = p.aa > 0 ? p.ea / p.aa : 1;
    const double r = fmin(s->most_level, fmax(1 / s->most_level, level));
    return fmin(p.ee, p.ee - 2 * r * p.ea + r * r * p.aa);
}

Status seam_left_over(Seamer *s, const Run *r, double from, double lo, double hi, double to, int32_t reach,
                      SeamRest *rest) {
    Status st = BS_OK;
    const int64_t first = (int64_t)floor(from);
    const int64_t room = s->room - 2 * reach, n = (int64_t)(to - from) < room ? (int64_t)(to - from) : room;
    *rest = (SeamRest){.inside = INFINITY};
    TRY(load_edit(s, first, n));
    TRY(load_run(s, r, first - reach, n + 2 * reach, 1));
    for (int32_t shift = -reach; shift <= reach; shift++) {
        double all = 1e-30, inside = 0, beside = 0;
        for (int64_t i = 0; i < n; i += LONG) {
            const int64_t length = n - i < LONG ? n - i : LONG;
            const double mid = (double)(first + i) + 0.5 * (double)length;
            const Products p = products(s->x[0] + i, s->x[1] + i + reach + shift, length);
            if (mid >= lo && mid < hi)
                all += p.ee, inside += left_of(s, p);
            else
                beside += left_of(s, p);
        }
        if ((inside + beside) / all < rest->inside + rest->beside)
            *rest = (SeamRest){inside / all, beside / all, shift};
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
