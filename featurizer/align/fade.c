/* A coarse grid over place and length in wide blocks, then descent with each shape in narrow ones. */
#include "featurizer/align/fade.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 8 };                    /* blocks in a wide one */
static const double own_level = 1.25; /* a block's own level: this much up or down */
static const double side_level = 2;   /* a signal's level against the window's edge */
static const double side_s = 0.02;    /* it follows that fast */
static const double most_cost = 8;    /* share left over; more is as bad */

Status fade_search_open(FadeSearch *f, int64_t n_room, double hz) {
    const size_t n = (size_t)n_room + WIDE;
    *f = (FadeSearch){.n_room = n_room, .hz = hz};
    f->sums = malloc(sizeof *f->sums * n);
    f->wide = malloc(sizeof *f->wide * (n / WIDE + 1));
    double **lists[] = {&f->gain_a, &f->gain_b, &f->before_a, &f->before_b, &f->wide_a, &f->wide_b};
    bool whole = f->sums && f->wide;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = malloc(sizeof(double) * (n + 1));
        whole = whole && *lists[i];
    }
    return whole ? BS_OK : fail(BS_NOMEM, "align: out of memory");
}

void fade_search_close(FadeSearch *f) {
    free(f->sums);
    free(f->wide);
    free(f->gain_a);
    free(f->gain_b);
    free(f->before_a);
    free(f->before_b);
    free(f->wide_a);
    free(f->wide_b);
    *f = (FadeSearch){0};
}

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

static double clip(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

/* Share of the block that ga a + gb b leaves over, at the block's own level. */
static double left_over(const double *v, double ga, double gb, double tiny) {
    const double em = ga * v[SUM_EA] + gb * v[SUM_EB];
    const double mm = ga * ga * v[SUM_AA] + gb * gb * v[SUM_BB] + 2 * ga * gb * v[SUM_AB];
    const double r = mm > 0 ? clip(em / mm, 1 / own_level, own_level) : 1;
    const double error = v[SUM_EE] - 2 * r * em + r * r * mm;
    return ((error > 0 ? error : 0) + tiny) / (v[SUM_EE] + tiny);
}

/* Costs are logarithms; factors are multiplied and their logarithm is taken now and then. */
typedef struct Cost {
    double sum, product;
    int n;
} Cost;

static void cost_add(Cost *c, double share, double least) {
    c->product *= clip(share, 0, most_cost) + least;
    if (++c->n % 16 == 0) c->sum += log(c->product), c->product = 1;
}

static double cost_of(const Cost *c) { return c->sum + log(c->product); }

/* ---- levels ------------------------------------------------------------------------------------ */

static double level_of(const double (*v)[FADE_SUMS], int64_t from, int64_t to, FadeSum ex, FadeSum xx) {
    double top = 0, bottom = 0;
    for (int64_t k = from; k < to; k++) top += v[k][ex], bottom += v[k][xx];
    return bottom > 0 ? clip(top / bottom, 0.25, 4) : 1;
}

static void follow_levels(FadeSearch *f) {
    const double keep = exp(-FADE_BLOCK / (side_s * f->hz));
    double aa = 0, bb = 0, mean_a = 0, mean_b = 0;
    for (int64_t k = 0; k < f->n; k++) mean_a += f->sums[k][SUM_AA], mean_b += f->sums[k][SUM_BB];
    mean_a /= (double)f->n, mean_b /= (double)f->n;
    double ea = f->level_a * (aa = mean_a), eb = f->level_b * (bb = mean_b);
    for (int64_t k = 0; k < f->n; k++) {
        const double *v = f->sums[k], *w = f->sums[f->n - 1 - k];
        ea = keep * ea + v[SUM_EA], aa = keep * aa + v[SUM_AA];
        eb = keep * eb + w[SUM_EB], bb = keep * bb + w[SUM_BB];
        f->gain_a[k] = clip(aa > 0 ? ea / aa : f->level_a, f->level_a / side_level, f->level_a * side_level);
        f->gain_b[f->n - 1 - k] =
            clip(bb > 0 ? eb / bb : f->level_b, f->level_b / side_level, f->level_b * side_level);
    }
}

/* ---- scoring gain curves ----------------------------------------------------------------------- */

/* A view of the sums in narrow or wide blocks. */
typedef struct View {
    const FadeSearch *f;
    const double (*v)[FADE_SUMS];
    const double *before_a, *before_b;
    int64_t n;
    int32_t size; /* narrow blocks in one */
} View;

static void sum_costs(const FadeSearch *f, const double (*v)[FADE_SUMS], int64_t n, int32_t size,
                      double *before_a, double *before_b) {
    before_a[0] = before_b[0] = 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t at = k * size + size / 2;
        before_a[k + 1] =
            before_a[k] +
            log(clip(left_over(v[k], f->gain_a[at], 0, f->tiny * size), 0, most_cost) + f->least);
        before_b[k + 1] =
            before_b[k] +
            log(clip(left_over(v[k], 0, f->gain_b[at], f->tiny * size), 0, most_cost) + f->least);
    }
}

/* Gains at share x of a fade from `first` to `last`, in narrow blocks: what compression does to both goes
 * over from what it does before to what it does behind. */
typedef struct Gains {
    double before, behind;
} Gains;

static Gains gains_beside(const FadeSearch *f, int64_t first, int64_t last) {
    first = first < 1 ? 0 : first - 1;
    last = last < f->n ? last : f->n - 1;
    return (Gains){f->gain_a[first < f->n ? first : f->n - 1] / f->level_a, f->gain_b[last] / f->level_b};
}

static double fade_cost(const View *w, double start, double end, FadeShape shape) {
    const FadeSearch *f = w->f;
    int64_t first = (int64_t)floor(start), last = (int64_t)ceil(end);
    if (first < 0) first = 0;
    if (last > w->n) last = w->n;
    const Gains g = gains_beside(f, first * w->size, last * w->size);
    Cost inside = {.product = 1};
    for (int64_t k = first; k < last; k++) {
        const double x = clip(((double)k + 0.5 - start) / (end - start), 0, 1);
        const double level = g.before + x * (g.behind - g.before);
        cost_add(&inside,
                 left_over(w->v[k], level * f->level_a * shape_gain(shape, 1 - x),
                           level * f->level_b * shape_gain(shape, x), f->tiny * w->size),
                 f->least);
    }
    return w->before_a[first] + cost_of(&inside) + w->before_b[w->n] - w->before_b[last];
}

static void search_grid(const View *w, FadeFound *best) {
    best->cost = INFINITY;
    for (double length = 1; length < (double)w->n; length *= 1.35) {
        const double step = length / 8 < 1 ? 1 : length / 8;
        for (double start = 0; start + length <= (double)w->n; start += step) {
            const double cost = fade_cost(w, start, start + length, SHAPE_POWER);
            if (cost < best->cost) best->start = start, best->end = start + length, best->cost = cost;
        }
    }
    best->start *= w->size;
    best->end *= w->size;
}

static void descend(const View *w, FadeFound *found) {
    static const double moves[8][2] = {{1, 1}, {-1, -1}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {-1, 1}, {1, -1}};
    const FadeFound from = *found;
    found->cost = INFINITY;
    for (FadeShape shape = SHAPE_LINEAR; shape < FADE_SHAPES; shape++) {
        double start = from.start, end = from.end, cost = fade_cost(w, start, end, shape);
        double step = (end - start) / 4 > 8 ? (end - start) / 4 : 8;
        const double finest = (end - start) / 256 > 0.2 ? (end - start) / 256 : 0.2;
        while (step > finest) {
            bool moved = false;
            for (int m = 0; m < 8; m++) {
                const double s = start + step * moves[m][0], e = end + step * moves[m][1];
                if (s < 0 || e > (double)w->n || e - s < 1) continue;
                const double now = fade_cost(w, s, e, shape);
                if (now < cost) start = s, end = e, cost = now, moved = true;
            }
            if (!moved) step /= 2;
        }
        if (cost < found->cost)
            found->start = start, found->end = end, found->cost = cost, found->shape = shape;
    }
}

static void find_cut(const View *w, FadeFound *found) {
    int64_t best = 0;
    for (int64_t k = 0; k <= w->n; k++)
        if (w->before_a[k] - w->before_b[k] < w->before_a[best] - w->before_b[best]) best = k;
    found->cut = (double)best;
    found->cut_cost = w->before_a[best] + w->before_b[w->n] - w->before_b[best];
}

static void gains_at(const FadeSearch *f, const FadeFound *fade, Gains g, int64_t k, double *ga, double *gb) {
    const double x = clip(((double)k + 0.5 - fade->start) / (fade->end - fade->start), 0, 1);
    const double level = g.before + x * (g.behind - g.before);
    *ga = x <= 0 ? f->gain_a[k] : level * f->level_a * shape_gain(fade->shape, 1 - x);
    *gb = x >= 1 ? f->gain_b[k] : level * f->level_b * shape_gain(fade->shape, x);
}

FadeFound fade_find(FadeSearch *f, double least) {
    FadeFound found = {.shape = SHAPE_POWER};
    const int64_t n_wide = f->n / WIDE;
    double power = 0;
    f->least = least;
    memset(f->wide, 0, sizeof *f->wide * (size_t)n_wide);
    for (int64_t k = 0; k < n_wide * WIDE; k++)
        for (int j = 0; j < FADE_SUMS; j++) f->wide[k / WIDE][j] += f->sums[k][j];
    for (int64_t k = 0; k < f->n; k++) power += f->sums[k][SUM_EE];
    f->tiny = 1e-5 * power / (double)f->n + 1e-30;
    int64_t edge =
        f->n / 8 < (int64_t)(f->hz / 10 / FADE_BLOCK) ? f->n / 8 : (int64_t)(f->hz / 10 / FADE_BLOCK);
    if (edge < 4) edge = 4;
    f->level_a = level_of((const double(*)[FADE_SUMS])f->sums, 0, edge, SUM_EA, SUM_AA);
    f->level_b = level_of((const double(*)[FADE_SUMS])f->sums, f->n - edge, f->n, SUM_EB, SUM_BB);
    follow_levels(f);
    const View wide = {f, (const double(*)[FADE_SUMS])f->wide, f->wide_a, f->wide_b, n_wide, WIDE};
    const View narrow = {f, (const double(*)[FADE_SUMS])f->sums, f->before_a, f->before_b, f->n, 1};
    sum_costs(f, wide.v, n_wide, WIDE, f->wide_a, f->wide_b);
    sum_costs(f, narrow.v, f->n, 1, f->before_a, f->before_b);
    search_grid(&wide, &found);
    descend(&narrow, &found);
    find_cut(&narrow, &found);
    return found;
}

void fade_measure(const FadeSearch *f, const FadeFound *fade, AlignJoin *join) {
    const double width = (fade->end - fade->start) / ALIGN_CURVE;
    for (int i = 0; i < ALIGN_CURVE; i++) {
        const double x = (double)i / (ALIGN_CURVE - 1), mid = fade->start + (fade->end - fade->start) * x;
        double v[FADE_SUMS] = {0};
        const int64_t from = (int64_t)floor(mid - width / 2), to = (int64_t)ceil(mid + width / 2);
        for (int64_t k = from < 0 ? 0 : from; k < to && k < f->n; k++)
            for (int j = 0; j < FADE_SUMS; j++) v[j] += f->sums[k][j];
        const double det = v[SUM_AA] * v[SUM_BB] - v[SUM_AB] * v[SUM_AB];
        const bool told = det > 1e-3 * v[SUM_AA] * v[SUM_BB] && det > 0;
        const double a = told ? (v[SUM_EA] * v[SUM_BB] - v[SUM_EB] * v[SUM_AB]) / det / f->level_a
                              : shape_gain(fade->shape, 1 - x);
        const double b = told ? (v[SUM_EB] * v[SUM_AA] - v[SUM_EA] * v[SUM_AB]) / det / f->level_b
                              : shape_gain(fade->shape, x);
        join->leave[i] = (float)clip(a, 0, 2);
        join->enter[i] = (float)clip(b, 0, 2);
    }
}

/* Blocks are short against a period, so that chance makes some of them alike: means over 28 of them count.
 * Pauses do not: what is left of their noise says nothing. */
int64_t fade_unlike(const FadeSearch *f, const FadeFound *fade, double from, double to) {
    enum { AROUND = 28 };
    const Gains g = gains_beside(f, (int64_t)floor(fade->start), (int64_t)ceil(fade->end));
    int64_t longest = 0, run = 0;
    double power = 0, ga, gb, left = 0, here = 0, loud = 0, kept[AROUND][3] = {{0}};
    for (int64_t k = 0; k < f->n; k++) power += f->sums[k][SUM_EE];
    power *= AROUND / (double)f->n;
    for (int64_t k = 0; k < f->n; k++) {
        double *slot = kept[k % AROUND];
        gains_at(f, fade, g, k, &ga, &gb);
        left -= slot[0], here -= slot[1], loud -= slot[2];
        slot[1] = f->sums[k][SUM_EE];
        slot[0] = slot[1] * left_over(f->sums[k], ga, gb, f->tiny);
        slot[2] = f->sums[k][SUM_HEARD];
        left += slot[0], here += slot[1], loud += slot[2];
        const bool is_heard = here > 0.01 * power && loud > AROUND * FADE_BLOCK * f->pause;
        const bool is_inside = (double)k >= from && (double)k < to;
        run = is_inside && is_heard && left > 0.6 * here ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}
