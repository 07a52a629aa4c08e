/* Runs that go on from each other become one; what no run explains parts them. Then, from left to right, an
 * edge or a seam is fitted between neighbours, in a window that grows as long as the fade reaches its rim. */
#include "featurizer/align/pieces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/align/places.h"

static const double beside_s = 0.25;     /* a seam lies within this of two runs, or its window is widened */
static const double longest_s = 5.5;     /* window to either side */
static const double foreign_s = 0.08;    /* what neither piece explains for longer is no fade */
static const double unheard_s = 0.25;    /* a run that is not heard for longer is parted */
static const double covered_share = 0.3; /* of what a run explains usually: less is covered */
static const double covered_most = 0.9;
static const float pause = 1e-4F;  /* of the loudest: what lies under it is nothing that covers */
static const double chance = 0.04; /* what a run explains of what it is not */
static const double judged_s = 6;  /* of a run at most */
static const double gap_s = 0.02;  /* shorter ranges without a piece are not worth a word */
static const double as_good = 0.97;
static const double doubtful_s =
    2.5;                           /* so short, so unlike and so little explained: chance, in similar music */
static const double brief_s = 2.5; /* a run so short must explain more than its neighbours */
static const double piece_cost = 60; /* by this much (fade.h) */
static const float doubtful_score = 0.7F;

/* How well runs explain the edit, at EDGE_BLOCK samples a value. */
typedef struct Explained {
    float *value, *power, *loud;
    int32_t n, room;
} Explained;

typedef struct Maker {
    Tone *tone;
    Seamer *seamer;
    Places places;
    Alignment *out;
    Run *runs;
    int32_t n_runs, room;
    double hz, hop; /* of the edit: rate; samples between windows */
    Explained heard;
    double usual;                 /* median of what runs explain */
    float loudest, loudest_heard; /* blocks: weighted, and as they are heard */
} Maker;

static Status explain(Maker *m, const Run *r, double from, double to) {
    Explained *x = &m->heard;
    int32_t n = (int32_t)((to - from) / EDGE_BLOCK) + 1;
    if (n > x->room) {
        float **lists[] = {&x->value, &x->power, &x->loud};
        for (int i = 0; i < 3; i++) {
            float *more = realloc(*lists[i], sizeof *more * (size_t)n);
            if (!more) return fail(BS_NOMEM, "align: no memory for %d blocks", n);
            *lists[i] = more;
        }
        x->room = n;
    }
    return seam_explained(m->seamer, r, from, to, x->value, x->power, x->loud, &x->n);
}

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool is_quiet(const Maker *m, int32_t k) { return m->heard.power[k] < 1e-6F * m->loudest; }

static double mean_explained(const Maker *m) {
    double sum = 0;
    int32_t n = 0;
    for (int32_t k = 0; k < m->heard.n; k++)
        if (!is_quiet(m, k)) sum += m->heard.value[k], n++;
    return n ? sum / n : 0;
}

/* ---- which runs there are ---------------------------------------------------------------------- */

/* Do both runs lie on one line? */
static bool one_line(const Run *a, const Run *b) {
    double mid = (a->last + b->first) / 2, off = fabs(run_at(a, mid) - run_at(b, mid));
    return off <= run_apart(a, b) && fabs(a->rate - b->rate) < 2e-4 * a->rate;
}

/* What runs explain usually, and the loudest block of the edit. */
static Status listen(Maker *m) {
    Status st = BS_OK;
    float *means = malloc(sizeof *means * (size_t)(m->n_runs + 1));
    int32_t n = 0;
    if (!means) return fail(BS_NOMEM, "align: no memory for %d pieces", m->n_runs);
    for (int pass = 0; pass < 2; pass++)
        for (int32_t i = 0; i < m->n_runs; i++) {
            const Run *r = &m->runs[i];
            if (pass == 0 && r->last - r->first < 2 * m->hop && m->n_runs > 1) continue;
            TRY(explain(m, r, r->first - m->hop / 2, r->last + m->hop / 2));
            for (int32_t k = 0; k < m->heard.n; k++) {
                m->loudest = fmaxf(m->loudest, m->heard.power[k]);
                m->loudest_heard = fmaxf(m->loudest_heard, m->heard.loud[k]);
            }
            if (pass) means[n++] = (float)mean_explained(m);
        }
    qsort(means, (size_t)n, sizeof *means, by_value);
    m->usual = n ? means[n / 2] : 0;
out:
    free(means);
    return st;
}

static void drop_run(Maker *m, int32_t i) {
    memmove(&m->runs[i], &m->runs[i + 1], sizeof *m->runs * (size_t)(m->n_runs - i - 1));
    m->n_runs--;
}

static void swallow(Run *a, const Run *b) {
    if (b->last - b->first > a->last - a->first)
        a->at = b->at, a->raw = b->raw, a->rate = b->rate, a->exact = b->exact;
    a->last = b->last;
    a->last_window = b->last_window;
}

static void join_lines(Maker *m) {
    for (int32_t i = 0; i + 1 < m->n_runs; i++)
        if (one_line(&m->runs[i], &m->runs[i + 1])) {
            swallow(&m->runs[i], &m->runs[i + 1]);
            drop_run(m, i-- + 1);
        }
}

/* Short runs that chance could have made go: those that explain nothing, and those that explain no more than
 * the run around them. */
static Status weed(Maker *m) {
    Status st = BS_OK;
    for (int32_t i = 0; i < m->n_runs; i++) {
        Run *r = &m->runs[i], *a = i ? r - 1 : NULL, *b = i + 1 < m->n_runs ? r + 1 : NULL;
        const bool brief = r->last - r->first <= 3 * m->hop;
        if (r->last - r->first > judged_s * m->hz) continue;
        const double from = r->first - m->hop / 4, to = r->last + m->hop / 4;
        TRY(explain(m, r, from, to));
        double own = mean_explained(m), other = brief ? chance : 0;
        Run *better = NULL;
        if (r->last - r->first < doubtful_s * m->hz && r->score < doubtful_score && own < 1) other = INFINITY;
        for (int side = 0; side < 2; side++) {
            Run *beside = side ? b : a;
            if (!beside) continue;
            TRY(explain(m, beside, from, to));
            const double value = mean_explained(m) / as_good;
            if (value > other) other = value, better = beside;
        }
        if (own > other) continue;
        if (better && better == a) a->last = r->last;
        if (better && better == b) b->first = r->first;
        drop_run(m, i--);
    }
    join_lines(m);
out:
    return st;
}

/* Does run i explain more than its neighbours do without it, by more than chance? */
static Status is_needed(Maker *m, int32_t i, bool *needed) {
    Status st = BS_OK;
    const Run *r = &m->runs[i], *a = i ? r - 1 : NULL, *b = i + 1 < m->n_runs ? r + 1 : NULL;
    const double beside = beside_s * m->hz, mid = (r->first + r->last) / 2;
    const double lo = a ? fmax(a->first, fmin(r->first, a->last) - beside) : fmax(0, r->first - beside);
    const double hi =
        b ? fmin(b->last, fmax(r->last, b->first) + beside) : fmin((double)m->out->n_edit, r->last + beside);
    double without, before, behind;
    *needed = true;
    if ((!a && !b) || r->last - r->first > brief_s * m->hz || hi - lo > SEAM_MAX_S * m->hz) return BS_OK;
    const bool pass = a && b && !one_line(a, b);
    TRY(seam_cost(m->seamer, a ? a : b, pass ? b : NULL, lo, hi, &without));
    TRY(seam_cost(m->seamer, a ? a : r, a ? r : NULL, lo, mid, &before));
    TRY(seam_cost(m->seamer, r, b, mid, hi, &behind));
    *needed = without - before - behind > piece_cost;
out:
    return st;
}

/* A short run between two pieces may be what their fade sounds like elsewhere. */
static Status drop_needless(Maker *m) {
    Status st = BS_OK;
    for (int32_t i = 0; i < m->n_runs && m->n_runs > 1; i++) {
        bool needed;
        TRY(is_needed(m, i, &needed));
        if (!needed) drop_run(m, i--);
    }
    join_lines(m);
out:
    return st;
}

static Status push_other(Alignment *out, double from, double to, OtherKind kind) {
    AlignOther *more = realloc(out->others, sizeof *more * (size_t)(out->n_others + 1));
    if (!more) return fail(BS_NOMEM, "align: no memory for %d ranges", out->n_others + 1);
    out->others = more;
    more[out->n_others++] = (AlignOther){llround(from), llround(to), (uint8_t)kind};
    return BS_OK;
}

static Status part_run(Maker *m, int32_t i, double gap_from, double gap_to) {
    if (m->n_runs == m->room) {
        Run *more = realloc(m->runs, sizeof *more * (size_t)(2 * m->room + 8));
        if (!more) return fail(BS_NOMEM, "align: no memory for %d pieces", m->n_runs);
        m->runs = more;
        m->room = 2 * m->room + 8;
    }
    memmove(&m->runs[i + 1], &m->runs[i], sizeof *m->runs * (size_t)(m->n_runs - i));
    m->n_runs++;
    m->runs[i].last = gap_from;
    m->runs[i + 1].first = gap_to;
    return BS_OK;
}

/* Where a run is under something else, or not there at all: means over a tenth of a second say. */
static Status find_covered(Maker *m) {
    Status st = BS_OK;
    const double least = fmin(covered_share * m->usual, covered_most);
    for (int32_t i = 0; i < m->n_runs; i++) {
        const double from = m->runs[i].first, to = m->runs[i].last;
        TRY(explain(m, &m->runs[i], from, to));
        const int32_t wide = (int32_t)(0.1 * m->hz / EDGE_BLOCK) + 1, n = m->heard.n;
        int32_t begun = -1;
        double sum = 0, mean = 0, total = 0;
        for (int32_t k = 0; k + wide <= n; k++) {
            if (k == 0)
                for (int32_t j = 0; j < wide; j++) sum += m->heard.value[j];
            else
                sum += m->heard.value[k + wide - 1] - m->heard.value[k - 1];
            mean = sum / wide;
            bool low = mean < least && m->heard.loud[k + wide / 2] > pause * m->loudest_heard;
            if (low && begun < 0) begun = k, total = 0;
            if (low) total += mean;
            if (begun < 0 || (low && k + wide < n)) continue;
            const double a = from + (begun + wide / 2.0) * EDGE_BLOCK,
                         b = from + (k + wide / 2.0) * EDGE_BLOCK;
            const double level = total / (k - begun > 0 ? k - begun : 1);
            begun = -1;
            if (b - a < unheard_s * m->hz) continue;
            if (level > chance) {
                TRY(push_other(m->out, a, b, OTHER_COVERED));
                continue;
            }
            TRY(part_run(m, i, a, b));
            break; /* the second part is looked at next */
        }
    }
out:
    return st;
}

/* ---- edges ------------------------------------------------------------------------------------- */

/* Where r ends (forward) or begins, next to what is foreign, as far as `limit`. */
static Status open_edge(Maker *m, const Run *r, bool forward, double limit, double *out) {
    Status st = BS_OK;
    const double inside = fmin(0.3 * m->hz, (r->last - r->first) / 2 + 0.01 * m->hz);
    const double known = forward ? r->last - inside : r->first + inside;
    double reach = 0.8 * m->hz;
    for (;; reach *= 4) {
        const double end = forward ? fmin(limit, r->last + reach) : fmax(limit, r->first - reach);
        const double from = forward ? known : end, to = forward ? end : known;
        TRY(explain(m, r, from, to));
        const int32_t n = m->heard.n, n_known = (int32_t)(inside / EDGE_BLOCK);
        double usual = 0, best = 0, sum = 0;
        for (int32_t i = 0; i < n_known && i < n; i++) usual += m->heard.value[forward ? i : n - 1 - i];
        const double even = fmax(1.5 * chance, 0.3 * usual / (n_known > 0 ? n_known : 1));
        int32_t at = 0;
        for (int32_t i = 0; i < n; i++) {
            const int32_t k = forward ? i : n - 1 - i;
            if (!is_quiet(m, k)) sum += m->heard.value[k] - even;
            if (sum >= best) best = sum, at = i + 1;
        }
        *out = forward ? from + at * (double)EDGE_BLOCK : to - at * (double)EDGE_BLOCK;
        if (at + 4 < n || end == limit) {
            if (at + 4 >= n) *out = limit;
            break;
        }
    }
    TRY(seam_exact_edge(m->seamer, r, *out, forward, out));
    if (forward ? *out > limit : *out < limit) *out = limit;
out:
    return st;
}

/* a leaves and b enters between `from` (where a surely has begun) and b's last window. */
static Status fit_seam(Maker *m, const Run *a, const Run *b, double from, SeamFit *fit) {
    Status st = BS_OK;
    const double most = b->last + m->hop / 2;
    double beside = beside_s * m->hz;
    for (;; beside *= 2.2) {
        const double lo = fmax(from, a->last - beside), hi = fmin(most, b->first + beside);
        TRY(seam_fit(m->seamer, a, b, lo, hi, fit));
        const double rim = 0.15 * (hi - lo);
        const bool reaches = (fit->start - lo < rim && lo > from) || (hi - fit->end < rim && hi < most);
        if (fit->join.shape == SHAPE_CUT || !reaches || beside * 2.2 > longest_s * m->hz) break;
    }
out:
    return st;
}

typedef struct Edge {
    double end, start; /* of the piece before; of the piece behind */
    bool joined;
    AlignJoin join;
} Edge;

static Status find_edge(Maker *m, const Run *a, const Run *b, double from, Edge *out) {
    Status st = BS_OK;
    const bool same = one_line(a, b);
    *out = (Edge){0};
    if (b->first - a->last < longest_s * m->hz && !same) {
        SeamFit fit;
        TRY(fit_seam(m, a, b, from, &fit));
        if (fit.unlike < foreign_s * m->hz) {
            out->joined = true;
            out->join = fit.join;
            out->end = out->start = floor((fit.start + fit.end) / 2 + 0.5);
            return BS_OK;
        }
    }
    TRY(open_edge(m, a, true, b->first, &out->end));
    TRY(open_edge(m, b, false, out->end, &out->start));
    out->joined = !same && out->start - out->end < gap_s * m->hz;
    if (out->joined) {
        out->end = out->start = floor((out->start + out->end) / 2);
        out->join = (AlignJoin){.start = (int64_t)out->end, .end = (int64_t)out->end};
        for (int i = 0; i < ALIGN_CURVE; i++) {
            out->join.enter[i] = i >= ALIGN_CURVE / 2;
            out->join.leave[i] = !out->join.enter[i];
        }
    }
out:
    return st;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static Status make_pieces(Maker *m, float gain) {
    Status st = BS_OK;
    Alignment *out = m->out;
    double start = 0, end = (double)out->n_edit;
    Edge edge = {0};
    out->pieces = calloc((size_t)m->n_runs + 1, sizeof *out->pieces);
    if (!out->pieces) return fail(BS_NOMEM, "align: no memory for %d pieces", m->n_runs);
    TRY(open_edge(m, &m->runs[0], false, 0, &start));
    for (int32_t i = 0; i < m->n_runs; i++) {
        const Run *r = &m->runs[i];
        const Edge before = edge;
        if (i + 1 < m->n_runs) {
            TRY(find_edge(m, r, r + 1, before.joined ? (double)before.join.end : start, &edge));
            end = edge.end;
        } else {
            end = (double)out->n_edit;
            TRY(open_edge(m, r, true, end, &end));
        }
        AlignPiece p = {.edit_start = llround(start),
                        .edit_end = llround(end),
                        .rate = r->rate,
                        .ppm = (r->rate * out->edit_rate_hz / out->raw_rate_hz - 1) * 1e6,
                        .gain = gain,
                        .score = r->score,
                        .joined = before.joined,
                        .join = before.join};
        p.raw_start = llround(run_at(r, (double)p.edit_start));
        p.raw_end = llround(run_at(r, (double)p.edit_end));
        if (p.raw_start < 0)
            p.edit_start -= llround((double)p.raw_start / r->rate), p.raw_start = 0, p.joined = 0;
        if (p.raw_end > out->n_raw)
            p.edit_end -= llround((double)(p.raw_end - out->n_raw) / r->rate), p.raw_end = out->n_raw;
        if (p.edit_end > p.edit_start && p.raw_end > p.raw_start) {
            TRY(places_ties(&m->places, r, &p));
            out->pieces[out->n_pieces++] = p;
        }
        start = edge.start;
    }
out:
    return st;
}

/* What lies between pieces. */
static Status make_others(Maker *m) {
    Status st = BS_OK;
    Alignment *out = m->out;
    int64_t at = 0;
    for (int32_t i = 0; i <= out->n_pieces; i++) {
        const int64_t to = i < out->n_pieces ? out->pieces[i].edit_start : out->n_edit;
        if ((double)(to - at) > gap_s * m->hz) {
            TRY(explain(m, &m->runs[0], (double)at, (double)to));
            double power = 0;
            for (int32_t k = 0; k < m->heard.n; k++) power += m->heard.power[k];
            const bool silent = power <= 1e-6 * m->loudest * m->heard.n;
            TRY(push_other(out, (double)at, (double)to, silent ? OTHER_SILENCE : OTHER_UNKNOWN));
        }
        if (i < out->n_pieces) at = out->pieces[i].edit_end;
    }
out:
    return st;
}

static int by_place(const void *a, const void *b) {
    const AlignOther *x = a, *y = b;
    return (x->edit_start > y->edit_start) - (x->edit_start < y->edit_start);
}

static void measure_matched(Alignment *out) {
    int64_t sum = 0;
    for (int32_t i = 0; i < out->n_pieces; i++) {
        const AlignPiece *p = &out->pieces[i];
        sum += p->edit_end - p->edit_start;
        for (int32_t k = 0; k < out->n_others; k++) {
            const AlignOther *o = &out->others[k];
            int64_t from = o->edit_start > p->edit_start ? o->edit_start : p->edit_start;
            int64_t to = o->edit_end < p->edit_end ? o->edit_end : p->edit_end;
            if (to > from) sum -= to - from;
        }
    }
    out->matched = (float)((double)sum / (double)out->n_edit);
}

/* What was done to the sound says where runs lie, and where they lie says what was done: once more where that
 * has moved some. */
static Status settle(Maker *m, const Track *track, Pcm *raw, Pcm *edit) {
    Status st = BS_OK;
    int32_t moved = 1;
    for (int round = 0; round < 3 && moved; round++) {
        seamer_close(m->seamer);
        m->seamer = NULL;
        tone_free(m->tone);
        TRY(tone_learn(&m->tone, m->runs, m->n_runs, raw, edit));
        TRY(seamer_open(&m->seamer, m->tone, m->runs, m->n_runs, raw, edit));
        m->places = (Places){m->seamer, track, m->hz, m->out->raw_rate_hz};
        if (round < 2) TRY(places_choose(&m->places, m->runs, m->n_runs, &moved));
    }
out:
    return st;
}

Status pieces_make(const Run *runs, int32_t n_runs, const Track *track, Pcm *raw, Pcm *edit, Alignment *out) {
    Status st = BS_OK;
    Maker m = {.out = out, .hz = out->edit_rate_hz, .hop = TRACK_HOP * (double)out->edit_rate_hz / COARSE_HZ};
    m.runs = malloc(sizeof *m.runs * (size_t)(n_runs + 8));
    if (!m.runs) return fail(BS_NOMEM, "align: no memory for %d pieces", n_runs);
    memcpy(m.runs, runs, sizeof *m.runs * (size_t)n_runs);
    m.n_runs = n_runs;
    m.room = n_runs + 8;
    TRY(settle(&m, track, raw, edit));
    out->ratio_db = tone_ratio_db(m.tone);
    out->plain = tone_plain(m.tone);
    TRY(listen(&m));
    TRY(weed(&m));
    TRY(drop_needless(&m));
    TRY(find_covered(&m));
    if (m.n_runs) {
        TRY(make_pieces(&m, tone_gain(m.tone)));
        TRY(make_others(&m));
    }
    if (out->n_others) qsort(out->others, (size_t)out->n_others, sizeof *out->others, by_place);
    measure_matched(out);
out:
    seamer_close(m.seamer);
    tone_free(m.tone);
    free(m.heard.value);
    free(m.heard.power);
    free(m.heard.loud);
    free(m.runs);
    return st;
}
