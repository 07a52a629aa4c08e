/* Walks the edit over the units of the truth. A beat is *played* when its middle is inside a segment;
 * severities are weighted by samples. score = 10 * prod over parts of 1 / (1 + x_part). */
#include "simulator/judge.h"

#include <stdlib.h>

#include "simulator/judge_terms.h"

const char *const judge_names[JUDGE_PARTS] = {"content", "gaps", "form", "seams", "length", "edges"};

static const double TAIL_FREE_S = 4; /* of ring-out after the last beat */

typedef struct Walk {
    const Truth *t;
    int32_t tune;
    const float *best;
    int64_t free_samples;
    int32_t *plays;                /* per position of the form: times played */
    int32_t n_played, first, last; /* first, last: positions played; -1 before */
    double beat_samples, flaw_samples, gap_samples;
    double form, seams;
} Walk;

static double smaller(double a, double b) { return a < b ? a : b; }

static int32_t position_of(const Truth *t, int32_t u) {
    return t->units[u].slot * t->tunes[truth_unit_tune(t, u)].meter + t->units[u].phase;
}

static void play(Walk *w, int32_t u) {
    int32_t p = position_of(w->t, u);
    w->plays[p]++;
    w->n_played++;
    if (w->first < 0)
        w->first = p;
    else
        w->form += form_jump_price(w->t, w->tune, w->last + 1, p);
    w->last = p;
}

static void walk_segment(Walk *w, const EditSegment *s, bool last_segment) {
    const Truth *t = w->t;
    for (int32_t u = truth_unit_at(t, s->start_sample); u < t->n_units; u++) {
        int64_t start = t->units[u].start_sample, end = truth_unit_end(t, u);
        if (start >= s->end_sample) break;
        int64_t from = start > s->start_sample ? start : s->start_sample;
        int64_t to = end < s->end_sample ? end : s->end_sample;
        bool edge = from == s->start_sample || to == s->end_sample;
        int64_t middle = start + (end - start) / 2;
        bool played = middle >= s->start_sample && middle < s->end_sample;
        if (edge && !played && to - from <= w->free_samples) continue;
        double weight = (double)(to - from);
        const TruthUnit *unit = &t->units[u];
        if (unit->kind == UNIT_BEAT && truth_unit_tune(t, u) == w->tune) {
            float best = w->best[unit->slot];
            double excess = unit->flaw - (best <= 1 ? best : unit->flaw);
            w->beat_samples += weight;
            if (excess > 0) w->flaw_samples += excess * weight;
            if (played) play(w, u);
        } else if (unit->kind == UNIT_TAIL && last_segment) {
            double spare = weight - TAIL_FREE_S * t->sample_rate_hz;
            if (spare > 0) w->gap_samples += spare;
        } else {
            w->gap_samples += weight * (unit->kind == UNIT_FREE ? 0.7 : 1);
        }
    }
}

/* The place in the form of a cut: unit and beats into it. Cuts up to the free error outside a take belong
 * to its nearest beat. *unit = -1 where there is no beat. */
static double cut_place(const Walk *w, int64_t at, bool leaving, int32_t *unit) {
    const Truth *t = w->t;
    int32_t u = truth_unit_at(t, leaving ? at - 1 : at);
    *unit = -1;
    if (t->units[u].kind != UNIT_BEAT) {
        if (leaving && u > 0 && at - t->units[u].start_sample <= w->free_samples)
            u--;
        else if (!leaving && u + 1 < t->n_units && truth_unit_end(t, u) - at <= w->free_samples)
            u++;
    }
    if (t->units[u].kind != UNIT_BEAT || truth_unit_tune(t, u) != w->tune) return 0;
    *unit = u;
    int64_t start = t->units[u].start_sample;
    return position_of(t, u) + (double)(at - start) / (double)(truth_unit_end(t, u) - start);
}

static int32_t nearest(double x) { return x < 0 ? 0 : (int32_t)(x + 0.5); }

static double seam_fault(const Walk *w, int64_t out_at, int64_t in_at) {
    const Truth *t = w->t;
    int32_t a, b;
    double from = cut_place(w, out_at, true, &a), to = cut_place(w, in_at, false, &b);
    if (a < 0 || b < 0) return 1;
    double off = to - from;
    double meter = t->tunes[w->tune].meter;
    off -= meter * (double)(int64_t)(off / meter);
    if (off > meter / 2) off -= meter;
    if (off < -meter / 2) off += meter;
    if (off < 0) off = -off;
    double beat = 0.5 * (double)(truth_unit_end(t, a) - t->units[a].start_sample + truth_unit_end(t, b) -
                                 t->units[b].start_sample);
    double off_ms = 1000 * off * beat / t->sample_rate_hz;
    double phase = off_ms <= JUDGE_FREE_MS ? 0 : smaller(1, (off_ms - JUDGE_FREE_MS) / 200);
    double line_out = line_fault(t, w->tune, nearest(from)), line_in = line_fault(t, w->tune, nearest(to));
    double line = line_out > line_in ? line_out : line_in;
    return smaller(1, phase + line + tempo_fault(t, a, b));
}

/* An edge off its beat costs up to a halved bar. */
static double edge_offset(const Walk *w, int64_t at, bool leaving) {
    int32_t u;
    double place = cut_place(w, at, leaving, &u);
    if (u < 0) return PRICE_EDGE_BEAT;
    double off = place - nearest(place);
    if (off < 0) off = -off;
    double off_ms =
        1000 * off * (double)(truth_unit_end(w->t, u) - w->t->units[u].start_sample) / w->t->sample_rate_hz;
    return off_ms <= JUDGE_FREE_MS ? 0 : PRICE_EDGE_BEAT * smaller(1, (off_ms - JUDGE_FREE_MS) / 200);
}

static Status check_edit(const Truth *t, const Edit *edit) {
    if (edit->n_segments < 1) return fail(BS_INVALID, "the edit is empty");
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        if (s->start_sample < 0 || s->end_sample <= s->start_sample || s->end_sample > t->n_samples)
            return fail(BS_INVALID, "segment %d (%lld..%lld) leaves the recording of %lld samples", i,
                        (long long)s->start_sample, (long long)s->end_sample, (long long)t->n_samples);
    }
    return BS_OK;
}

/* Positions nobody plays in a whole bar are not asked for. */
static void form_coverage(Walk *w, int64_t lo, int64_t hi) {
    const Truth *t = w->t;
    FormBudget budget = form_budget(t, w->tune, w->best, lo, hi);
    int32_t distinct = 0, missing = 0, extra = 0;
    int32_t meter = t->tunes[w->tune].meter;
    for (int32_t p = 0; p < t->tunes[w->tune].n_slots * meter; p++) {
        distinct += w->plays[p] > 0;
        missing += w->plays[p] == 0 && w->best[p / meter] <= 1;
    }
    extra = w->n_played - distinct;
    missing = missing > budget.may_miss ? missing - budget.may_miss : 0;
    extra = extra > budget.may_repeat ? extra - budget.may_repeat : 0;
    int32_t n_form = budget.n_form > 0 ? budget.n_form : 1;
    w->form += PRICE_MISSING * (double)(missing + extra) / n_form;
}

Status judge(const Truth *t, int32_t tune, const Edit *edit, int64_t lo, int64_t hi, JudgeScore *out) {
    *out = (JudgeScore){0};
    if (tune < 0 || tune >= t->n_tunes)
        return fail(BS_INVALID, "tune %d, but there are %d tunes", tune, t->n_tunes);
    Status st = check_edit(t, edit);
    if (st != BS_OK) return st;
    int32_t n_slots = t->tunes[tune].n_slots, n_positions = n_slots * t->tunes[tune].meter;
    float *best = calloc((size_t)n_slots, sizeof *best);
    int32_t *plays = calloc((size_t)n_positions, sizeof *plays);
    if (!best || !plays) {
        free(best);
        free(plays);
        return fail(BS_NOMEM, "no memory to judge a form of %d bars", n_slots);
    }
    truth_best_flaws(t, tune, best);
    Walk w = {.t = t, .tune = tune, .best = best, .plays = plays, .first = -1, .last = -1};
    w.free_samples = (int64_t)t->sample_rate_hz * JUDGE_FREE_MS / 1000;
    int64_t length = edit_samples(edit);
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        walk_segment(&w, s, i + 1 == edit->n_segments);
        if (i == 0 || edit->segments[i - 1].end_sample == s->start_sample) continue;
        out->n_seams++;
        w.seams += seam_fault(&w, edit->segments[i - 1].end_sample, s->start_sample);
    }
    form_coverage(&w, lo, hi);

    double edges = 2 * PRICE_EDGE_BEAT, outside = 0;
    if (w.first >= 0) {
        const EditSegment *tail = &edit->segments[edit->n_segments - 1];
        int32_t u = truth_unit_at(t, tail->end_sample - 1);
        bool rings_out = t->units[u].kind == UNIT_TAIL;
        edges = edge_price(t, tune, w.first, 0) + edge_price(t, tune, w.last + 1, n_positions) +
                edge_offset(&w, edit->segments[0].start_sample, false) +
                (rings_out ? 0 : edge_offset(&w, tail->end_sample, true));
    }
    if (length < lo) outside = (double)(lo - length) / (double)lo;
    if (length > hi) outside = (double)(length - hi) / (double)(hi > 0 ? hi : 1);

    out->flaw = w.beat_samples > 0 ? w.flaw_samples / w.beat_samples : 1;
    out->gap_s = w.gap_samples / t->sample_rate_hz;
    const double faults[JUDGE_PARTS] = {
        [JUDGE_CONTENT] = PRICE_FLAW * out->flaw,
        [JUDGE_GAPS] = PRICE_GAP_S * out->gap_s,
        [JUDGE_FORM] = w.form,
        [JUDGE_SEAMS] = PRICE_SEAM * w.seams,
        [JUDGE_LENGTH] = PRICE_LENGTH * outside,
        [JUDGE_EDGES] = edges,
    };
    out->score = 10;
    for (int p = 0; p < JUDGE_PARTS; p++) {
        out->parts[p] = 1 / (1 + faults[p]);
        out->score *= out->parts[p];
    }
    free(best);
    free(plays);
    return BS_OK;
}
