/* A beat's references are of three kinds: the same beat of other takes; repeats of the same music; the same
 * beat of the bars around. Its deviations from each kind are put on the song's own scale (distance less the
 * median distance, over 1.48 MAD), averaged over its bar as well, and a small network reads them all: what a
 * lone deviation is worth depends on what the others say and on how many takes there are to compare with. */
#include "featurizer/dsp/flaw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/flaw_model.h"

enum { TAKES, REPEATS, NEIGHBOURS };

typedef struct Index {
    int32_t *first, *list; /* units by place: list[first[p] .. first[p + 1]) */
    int32_t n;
} Index;

typedef struct Deviations {
    float raw[FLAW_GROUPS][RESPECTS], z[FLAW_GROUPS][RESPECTS];
    uint8_t known[FLAW_GROUPS];
    float n_takes; /* references of the first kind */
} Deviations;

typedef struct Workshop {
    Heard *units;
    int32_t n, n_takes, most_takes; /* a unit is compared with at most so many other takes */
    Index same, repeats;
    Deviations *of; /* [n] */
    float *scratch; /* [n] */
} Workshop;

static Status index_by(Index *x, const Heard *units, int32_t n, int32_t n_places, bool by_music, Arena *mem) {
    x->n = n_places;
    x->first = arena_alloc(mem, sizeof(int32_t) * ((size_t)n_places + 2));
    x->list = arena_alloc(mem, sizeof(int32_t) * (size_t)(n + 1));
    if (!x->first || !x->list) return fail(BS_NOMEM, "flaws: out of memory");
    for (int32_t u = 0; u < n; u++) {
        int32_t p = by_music ? units[u].music_place : units[u].place;
        if (p >= 0) x->first[p + 2]++;
    }
    for (int32_t p = 0; p <= n_places; p++) x->first[p + 1] += x->first[p];
    for (int32_t u = 0; u < n; u++) {
        int32_t p = by_music ? units[u].music_place : units[u].place;
        if (p >= 0) x->list[x->first[p + 1]++] = u;
    }
    return BS_OK;
}

/* ---- references -------------------------------------------------------------------------------- */

static bool may_compare(const Workshop *w, int32_t own, int32_t other) {
    return (other - own + w->n_takes) % w->n_takes <= w->most_takes;
}

static int32_t same_in_takes(const Workshop *w, int32_t u, int32_t *refs) {
    int32_t n = 0, p = w->units[u].place;
    for (int32_t i = p < 0 ? 0 : w->same.first[p]; p >= 0 && i < w->same.first[p + 1]; i++) {
        int32_t v = w->same.list[i], take = w->units[v].take;
        if (take != w->units[u].take && may_compare(w, w->units[u].take, take) && n < DEVIATION_REFERENCES)
            refs[n++] = v;
    }
    return n;
}

static int32_t repeats_of(const Workshop *w, int32_t u, int32_t *refs) {
    int32_t n = 0, q = w->units[u].music_place;
    if (q < 0) return 0;
    for (int own = 1; own >= 0; own--) /* those of the same take first: they share its sound */
        for (int32_t i = w->repeats.first[q]; i < w->repeats.first[q + 1] && n < DEVIATION_REFERENCES; i++) {
            int32_t v = w->repeats.list[i], take = w->units[v].take;
            if (w->units[v].place != w->units[u].place && (take == w->units[u].take) == own &&
                may_compare(w, w->units[u].take, take))
                refs[n++] = v;
        }
    return n;
}

static int32_t neighbours_of(const Workshop *w, int32_t u, int32_t *refs) {
    static const int32_t apart[] = {1, 2, 4};
    const Heard *x = &w->units[u];
    int32_t n = 0, reach = 5 * 12, bars = x->bar;
    for (int32_t side = -1; side <= 1; side += 2)
        for (int32_t v = u + side; v >= 0 && v < w->n && abs(v - u) < reach; v += side) {
            const Heard *y = &w->units[v];
            if (y->take != x->take || y->bar < 0) break;
            for (size_t k = 0; k < sizeof apart / sizeof *apart; k++)
                if (y->phase == x->phase && abs(y->bar - bars) == apart[k]) refs[n++] = v;
        }
    return n;
}

/* ---- deviations -------------------------------------------------------------------------------- */

static void compare(Workshop *w, int32_t u) {
    Deviations *d = &w->of[u];
    memset(d, 0, sizeof *d);
    if (w->units[u].bar < 0) return;
    for (int32_t g = 0; g < FLAW_GROUPS; g++) {
        int32_t refs[DEVIATION_REFERENCES];
        int32_t n = g == TAKES     ? same_in_takes(w, u, refs)
                    : g == REPEATS ? repeats_of(w, u, refs)
                                   : neighbours_of(w, u, refs);
        d->known[g] = n > 0;
        if (g == TAKES) d->n_takes = (float)n;
        if (n) deviation_of(w->units, u, refs, n, d->raw[g]);
    }
}

static const float least_spread[RESPECTS] = {
    [PITCH_ADDED] = 0.5F,  [PITCH_MISSING] = 0.5F,  [PITCH_APART] = 0.01F,  [CHROMA_APART] = 0.02F,
    [ONSET_ADDED] = 0.1F,  [ONSET_MISSING] = 0.1F,  [ONSET_APART] = 0.3F,   [ONSET_LATE] = 0.02F,
    [LEVEL_LOW] = 0.5F,    [LEVEL_HIGH] = 0.5F,     [LEVEL_APART] = 0.3F,   [LEVEL_JUMP] = 0.3F,
    [MEL_APART] = 0.3F,    [MEL_HIGH] = 0.3F,       [TIMING_APART] = 0.01F, [RUSH_APART] = 0.01F,
    [NOISE_APART] = 0.01F, [CLIPPED_MORE] = 0.001F,
};

static void put_on_scale(Workshop *w, int32_t g, int32_t r) {
    int32_t m = 0;
    for (int32_t u = 0; u < w->n; u++)
        if (w->of[u].known[g]) w->scratch[m++] = w->of[u].raw[g][r];
    if (!m) return;
    float middle = median_of(w->scratch, m);
    for (int32_t i = 0; i < m; i++) w->scratch[i] = fabsf(w->scratch[i] - middle);
    float spread = fmaxf(1.4826F * median_of(w->scratch, m), least_spread[r]);
    for (int32_t u = 0; u < w->n; u++) {
        float z = w->of[u].known[g] ? (w->of[u].raw[g][r] - middle) / spread : 0;
        w->of[u].z[g][r] = z > 8 ? 8 : z < -4 ? -4 : z;
    }
}

/* ---- what the model reads ---------------------------------------------------------------------- */

typedef struct BarMean {
    float z[FLAW_GROUPS][RESPECTS], raw[FLAW_GROUPS][RESPECTS], most[FLAW_GROUPS], clipped;
} BarMean;

/* Units [*first, *end) are the bar that holds u. */
static void bar_around(const Workshop *w, int32_t u, int32_t *first, int32_t *end) {
    int32_t a = u, b = u + 1, bar = w->units[u].bar;
    while (a > 0 && w->units[a - 1].bar == bar) a--;
    while (b < w->n && w->units[b].bar == bar) b++;
    *first = a, *end = b;
}

static void mean_bar(const Workshop *w, int32_t first, int32_t end, BarMean *m) {
    memset(m, 0, sizeof *m);
    for (int32_t u = first; u < end; u++) {
        m->clipped += w->units[u].clipped / (float)(end - first);
        for (int32_t g = 0; g < FLAW_GROUPS; g++)
            for (int32_t r = 0; r < RESPECTS; r++) {
                m->z[g][r] += w->of[u].z[g][r] / (float)(end - first);
                m->raw[g][r] += w->of[u].raw[g][r] / (float)(end - first);
                m->most[g] = fmaxf(m->most[g], w->of[u].z[g][r]);
            }
    }
}

/* How much the bar of unit v deviates altogether, if it is of the take. */
static float strangeness_of(const Workshop *w, int32_t v, int32_t take) {
    if (v < 0 || v >= w->n || w->units[v].take != take || w->units[v].bar < 0) return 0;
    BarMean m;
    int32_t a, b, g = w->of[v].known[TAKES] ? TAKES : w->of[v].known[REPEATS] ? REPEATS : NEIGHBOURS;
    float sum = 0;
    bar_around(w, v, &a, &b);
    mean_bar(w, a, b, &m);
    for (int32_t r = 0; r < RESPECTS; r++) sum += fmaxf(0, m.z[g][r]);
    return sum;
}

static void fill_row(const Workshop *w, int32_t u, const BarMean *bar, const float around[2], float *row) {
    const Heard *x = &w->units[u];
    const Deviations *d = &w->of[u];
    for (int32_t g = 0; g < FLAW_GROUPS; g++)
        for (int32_t r = 0; r < RESPECTS; r++) {
            *row++ = d->z[g][r];
            *row++ = bar->z[g][r];
            *row++ = sqrtf(fmaxf(0, bar->raw[g][r]));
        }
    for (int32_t g = 0; g < FLAW_GROUPS; g++) *row++ = d->known[g];
    for (int32_t g = 0; g < FLAW_GROUPS; g++) *row++ = bar->most[g];
    *row++ = 1 / (1 + d->n_takes);
    *row++ = x->broken ? expf(-x->to_end / 6) : 0;
    *row++ = x->broken ? 0 : expf(-x->to_end / 6);
    *row++ = expf(-x->from_start / 6);
    *row++ = sqrtf(bar->clipped);
    *row++ = around[0];
    *row++ = around[1];
    *row++ = x->place >= 0;
}

/* Rows of every unit that is a beat, through `use`. */
static void each_row(const Workshop *w, void (*use)(Heard *unit, int32_t u, const float *row, void *context),
                     void *context) {
    float row[FLAW_INPUTS];
    for (int32_t u = 0, end; u < w->n; u = end) {
        int32_t first;
        end = u + 1;
        if (w->units[u].bar < 0) continue;
        BarMean bar;
        bar_around(w, u, &first, &end);
        mean_bar(w, first, end, &bar);
        float around[2] = {strangeness_of(w, first - 1, w->units[u].take),
                           strangeness_of(w, end, w->units[u].take)};
        for (int32_t v = first; v < end; v++) {
            fill_row(w, v, &bar, around, row);
            use(&w->units[v], v, row, context);
        }
    }
}

static void judge(Heard *unit, int32_t u, const float *row, void *context) {
    (void)u, (void)context;
    unit->flaw = flaw_model(row);
}

static void keep(Heard *unit, int32_t u, const float *row, void *context) {
    (void)unit;
    memcpy((float *)context + (size_t)u * FLAW_INPUTS, row, sizeof(float) * FLAW_INPUTS);
}

static Status keep_rows(Workshop *w, FlawRows *rows) {
    static const int32_t most[FLAW_VIEWS] = {1 << 20, 2, 1, 0};
    size_t view = (size_t)w->n * FLAW_INPUTS;
    rows->n_units = w->n;
    rows->rows = malloc(sizeof(float) * view * FLAW_VIEWS);
    if (!rows->rows) return fail(BS_NOMEM, "flaws: out of memory");
    for (size_t i = 0; i < view * FLAW_VIEWS; i += FLAW_INPUTS) rows->rows[i] = NAN;
    for (int32_t k = 0; k < FLAW_VIEWS; k++) {
        w->most_takes = most[k];
        for (int32_t u = 0; u < w->n; u++) compare(w, u);
        for (int32_t g = 0; g < FLAW_GROUPS; g++)
            for (int32_t r = 0; r < RESPECTS; r++) put_on_scale(w, g, r);
        each_row(w, keep, rows->rows + view * (size_t)k);
    }
    return BS_OK;
}

/* ---- ranks ------------------------------------------------------------------------------------- */

static void rank_places(Heard *units, const Index *same) {
    for (int32_t p = 0; p < same->n; p++)
        for (int32_t i = same->first[p]; i < same->first[p + 1]; i++) {
            Heard *u = &units[same->list[i]];
            int32_t others = 0, better = 0;
            for (int32_t j = same->first[p]; j < same->first[p + 1]; j++) {
                const Heard *v = &units[same->list[j]];
                if (v->take == u->take) continue;
                others++;
                better += v->flaw < u->flaw;
            }
            u->alternatives = others;
            u->rank = others ? (float)better / (float)others : 0.5F;
        }
}

static void write_deviations(const Workshop *w) {
    static const Respect shown[4] = {CHROMA_APART, ONSET_APART, LEVEL_APART, TIMING_APART};
    for (int32_t u = 0; u < w->n; u++)
        for (int32_t g = FLAW_GROUPS - 1; g >= 0; g--)
            for (int32_t i = 0; i < 4 && w->of[u].known[g]; i++)
                w->units[u].deviation[i] = w->of[u].z[g][shown[i]];
}

Status flaws_find(Heard *units, int32_t n, int32_t n_places, Arena *mem, FlawRows *rows) {
    Status st = BS_OK;
    Workshop w = {.units = units, .n = n, .n_takes = 1, .most_takes = 1 << 20};
    w.of = arena_alloc(mem, sizeof(Deviations) * (size_t)(n + 1));
    w.scratch = arena_alloc(mem, sizeof(float) * (size_t)(n + 1));
    if (!w.of || !w.scratch) return fail(BS_NOMEM, "flaws: out of memory");
    for (int32_t u = 0; u < n; u++) {
        if (units[u].take >= w.n_takes) w.n_takes = units[u].take + 1;
        units[u].rank = 0.5F;
        units[u].flaw = units[u].take < 0 ? 0 : 0.1F;
    }
    TRY(index_by(&w.same, units, n, n_places, false, mem));
    TRY(index_by(&w.repeats, units, n, n_places, true, mem));
    if (rows) TRY(keep_rows(&w, rows));
    w.most_takes = 1 << 20;
    for (int32_t u = 0; u < n; u++) compare(&w, u);
    for (int32_t g = 0; g < FLAW_GROUPS; g++)
        for (int32_t r = 0; r < RESPECTS; r++) put_on_scale(&w, g, r);
    each_row(&w, judge, NULL);
    write_deviations(&w);
    rank_places(units, &w.same);
out:
    return st;
}
