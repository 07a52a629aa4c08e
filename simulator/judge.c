/* Walks the edit over the units of the truth. A beat is *played* when its middle is inside a segment;
 * severities are weighted by samples. A beat of a chorus may stand for the same beat of any chorus, so the
 * walk keeps a hypothesis for each of them, with the cheapest way to get there (Viterbi); the cheapest at the
 * end counts. */
#include "simulator/judge.h"

#include <stdio.h>
#include <string.h>

#include "simulator/judge_terms.h"

const char *const judge_names[JUDGE_PARTS] = {"content", "gaps", "form", "seams", "length", "edges", "sound"};

static const double TAIL_FREE_S = 4; /* of ring-out after the last beat */

typedef struct Hypothesis {
    int32_t position; /* of the form, played last */
    double form, seams, edges;
} Hypothesis;

typedef struct Walk {
    const Truth *t;
    const Form *f;
    int64_t free_samples;
    double content, gaps, gap_samples;
    int32_t n; /* hypotheses; 0 before the first beat */
    Hypothesis now[TRUTH_MAX_SECTIONS];
    bool cut;      /* a seam waits for the beat after it: */
    double misfit; /*   its fault without the place, */
    double fixed;  /*   and prices that no place changes */
} Walk;

static double smaller(double a, double b) { return a < b ? a : b; }
static double total(const Hypothesis *h) { return h->form + h->seams + h->edges; }

static Hypothesis start_at(const Walk *w, int32_t position) {
    Hypothesis h = {.position = position};
    h.form = form_start_price(w->f, position, &h.edges) - h.edges;
    h.seams = w->fixed;
    return h;
}

static Hypothesis go_on_at(const Walk *w, const Hypothesis *from, int32_t position) {
    Hypothesis h = *from;
    h.position = position;
    h.form += form_jump_price(w->f, from->position + 1, position);
    h.seams += w->fixed;
    if (w->cut)
        h.seams += PRICE_SEAM * smaller(1, w->misfit + line_fault(w->f, from->position + 1, position));
    return h;
}

static void play(Walk *w, int32_t u) {
    Hypothesis next[TRUTH_MAX_SECTIONS];
    int32_t n = 0, first = w->t->units[u].slot, slot = first;
    do {
        int32_t position = slot * w->f->meter + w->t->units[u].phase;
        if (w->n == 0) next[n] = start_at(w, position);
        for (int32_t i = 0; i < w->n; i++) {
            Hypothesis h = go_on_at(w, &w->now[i], position);
            if (i == 0 || total(&h) < total(&next[n])) next[n] = h;
        }
        n++;
        slot = w->f->alike[slot];
    } while (slot != first);
    memcpy(w->now, next, (size_t)n * sizeof *next);
    w->n = n;
    w->cut = false;
    w->misfit = w->fixed = 0;
}

static bool of_tune(const Walk *w, int32_t u) {
    return w->t->units[u].kind == UNIT_BEAT && truth_unit_tune(w->t, u) == w->f->tune;
}

static void keep_gap(Walk *w, double samples, double price) {
    w->gap_samples += samples;
    w->gaps += price * samples / w->t->sample_rate_hz;
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
        if (of_tune(w, u)) {
            w->content += (double)w->f->excess[u] * weight / w->f->target;
            if (played) play(w, u);
        } else if (t->units[u].kind == UNIT_TAIL && last_segment) {
            double spare = weight - TAIL_FREE_S * t->sample_rate_hz;
            if (spare > 0) keep_gap(w, spare, PRICE_GAP_S);
        } else {
            keep_gap(w, weight, t->units[u].kind == UNIT_FREE ? PRICE_FREE_S : PRICE_GAP_S);
        }
    }
}

/* The place in the form of a cut: unit and beats into it. Cuts up to the free error outside a take belong
 * to its nearest beat. *unit = -1 where there is no beat. */
static double cut_place(const Walk *w, int64_t at, bool leaving, int32_t *unit) {
    const Truth *t = w->t;
    int32_t u = truth_unit_at(t, leaving ? at - 1 : at);
    *unit = -1;
    if (!of_tune(w, u)) {
        if (leaving && u > 0 && at - t->units[u].start_sample <= w->free_samples)
            u--;
        else if (!leaving && u + 1 < t->n_units && truth_unit_end(t, u) - at <= w->free_samples)
            u++;
    }
    if (!of_tune(w, u)) return 0;
    *unit = u;
    int64_t start = t->units[u].start_sample;
    return form_position(w->f, u) + (double)(at - start) / (double)(truth_unit_end(t, u) - start);
}

static int32_t nearest(double x) { return x < 0 ? 0 : (int32_t)(x + 0.5); }

static double off_ms(const Walk *w, double beats, double beat_samples) {
    return 1000 * (beats < 0 ? -beats : beats) * beat_samples / w->t->sample_rate_hz;
}

static double phase_fault(double ms) {
    return ms <= JUDGE_FREE_MS ? 0 : smaller(1, (ms - JUDGE_FREE_MS) / 200);
}

/* The unit that starts at the cut, give or take the free error; -1 where none does. */
static int32_t starts_at(const Walk *w, int64_t at) {
    const Truth *t = w->t;
    if (at >= t->n_samples) return -1;
    int32_t u = truth_unit_at(t, at);
    if (at - t->units[u].start_sample <= w->free_samples) return u;
    return truth_unit_end(t, u) - at <= w->free_samples ? u + 1 : -1;
}

static double unit_samples(const Truth *t, int32_t u) {
    return (double)(truth_unit_end(t, u) - t->units[u].start_sample);
}

static double join_price(const Walk *w, const EditSegment *out, const EditSegment *in, double beat) {
    Fade fade = (Fade)in->fade;
    double length = fade_beats(fade) * beat, a = (double)(out->end_sample - out->start_sample),
           b = (double)(in->end_sample - in->start_sample);
    if (length / 2 > a || length / 2 > b) return PRICE_JOIN;
    return PRICE_JOIN *
           smaller(1, join_fault(w->t, starts_at(w, out->end_sample), starts_at(w, in->start_sample), fade));
}

/* The seam from one segment to the next waits for the beat that is played after it. */
static void seam(Walk *w, const EditSegment *out, const EditSegment *in) {
    const Truth *t = w->t;
    int32_t a, b;
    double from = cut_place(w, out->end_sample, true, &a), to = cut_place(w, in->start_sample, false, &b);
    w->fixed += PRICE_CUT;
    if (a < 0 || b < 0) {
        w->fixed += PRICE_SEAM;
        return;
    }
    double off = to - from, meter = w->f->meter, beat = 0.5 * (unit_samples(t, a) + unit_samples(t, b));
    off -= meter * (double)(int64_t)(off / meter);
    if (off > meter / 2) off -= meter;
    if (off < -meter / 2) off += meter;
    w->fixed += join_price(w, out, in, beat);
    w->misfit = smaller(1, w->misfit + phase_fault(off_ms(w, off, beat)) + tempo_fault(t, a, b));
    w->cut = true;
}

/* A start or end off its beat costs up to one inside a bar. */
static double edge_offset(const Walk *w, int64_t at, bool leaving) {
    int32_t u;
    double place = cut_place(w, at, leaving, &u);
    if (u < 0) return PRICE_EDGE_BEAT;
    return PRICE_EDGE_BEAT * phase_fault(off_ms(w, place - nearest(place), unit_samples(w->t, u)));
}

static Status check_edit(const Truth *t, const Edit *edit) {
    if (edit->n_segments < 1) return fail(BS_INVALID, "the edit is empty");
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        if (s->start_sample < 0 || s->end_sample <= s->start_sample || s->end_sample > t->n_samples)
            return fail(BS_INVALID, "segment %d (%lld..%lld) leaves the recording of %lld samples", i,
                        (long long)s->start_sample, (long long)s->end_sample, (long long)t->n_samples);
        if (s->fade >= FADE_COUNT) return fail(BS_INVALID, "segment %d has fade %d", i, s->fade);
    }
    return BS_OK;
}

static void walk_edit(Walk *w, const Edit *edit) {
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        if (i > 0 && s[-1].end_sample != s->start_sample) seam(w, &s[-1], s);
        walk_segment(w, s, i + 1 == edit->n_segments);
    }
}

/* The cheapest hypothesis with the price of its end. */
static Hypothesis ending(const Walk *w, const Edit *edit) {
    Hypothesis best = {0};
    if (w->n == 0) { /* no beat at all: the whole form is missing */
        best.form = PRICE_MISSING;
        best.seams = w->fixed;
        best.edges = 2 * PRICE_EDGE_BEAT;
        return best;
    }
    for (int32_t i = 0; i < w->n; i++) {
        Hypothesis h = w->now[i];
        double edge;
        h.form += form_end_price(w->f, h.position + 1, &edge) - edge;
        h.edges += edge;
        if (i == 0 || total(&h) < total(&best)) best = h;
    }
    best.seams += w->fixed;
    int64_t end = edit->segments[edit->n_segments - 1].end_sample;
    bool rings_out = w->t->units[truth_unit_at(w->t, end - 1)].kind == UNIT_TAIL;
    best.edges +=
        edge_offset(w, edit->segments[0].start_sample, false) + (rings_out ? 0 : edge_offset(w, end, true));
    return best;
}

static void set_score(JudgeScore *score) {
    double x = 0;
    for (int p = 0; p < JUDGE_PARTS; p++) x += score->faults[p];
    score->score = 10 / (1 + x);
}

Status judge(const Truth *t, int32_t tune, const Edit *edit, int64_t lo, int64_t hi, JudgeScore *out) {
    Status st = BS_OK;
    Form f = {0};
    *out = (JudgeScore){0};
    TRY(check_edit(t, edit));
    TRY(form_init(&f, t, tune, lo, hi));
    Walk w = {.t = t, .f = &f, .free_samples = (int64_t)t->sample_rate_hz * JUDGE_FREE_MS / 1000};
    walk_edit(&w, edit);
    Hypothesis end = ending(&w, edit);
    int64_t length = edit_samples(edit);
    double outside = 0;
    if (length < lo) outside = (double)(lo - length) / (double)lo;
    if (length > hi) outside = (double)(length - hi) / (double)hi;
    out->flaw = w.content;
    out->gap_s = w.gap_samples / t->sample_rate_hz;
    for (int32_t i = 1; i < edit->n_segments; i++)
        out->n_seams += edit->segments[i - 1].end_sample != edit->segments[i].start_sample;
    out->faults[JUDGE_CONTENT] = PRICE_FLAW * w.content;
    out->faults[JUDGE_GAPS] = w.gaps;
    out->faults[JUDGE_FORM] = end.form;
    out->faults[JUDGE_SEAMS] = end.seams;
    out->faults[JUDGE_LENGTH] = PRICE_LENGTH * outside;
    out->faults[JUDGE_EDGES] = end.edges;
    set_score(out);
out:
    form_drop(&f);
    return st;
}

void judge_add_sound(JudgeScore *score, double fault) {
    score->faults[JUDGE_SOUND] = fault;
    set_score(score);
}

static const struct {
    const char *name;
    double price;
} prices[] = {
#define PRICE(name, price, text) {#name, price},
#include "simulator/judge_prices.def"
#undef PRICE
};

void judge_hash(char out[JUDGE_HASH]) {
    char text[128], hex[HASH_HEX];
    HashState state;
    hash_begin(&state);
    snprintf(text, sizeof text, "judge %d free %d ms\n", JUDGE_VERSION, JUDGE_FREE_MS);
    hash_add(&state, text, strlen(text));
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
        snprintf(text, sizeof text, "%s %.9g\n", prices[i].name, prices[i].price);
        hash_add(&state, text, strlen(text));
    }
    Hash hash = hash_end(&state);
    hash_hex(&hash, hex);
    memcpy(out, hex, JUDGE_HASH - 1);
    out[JUDGE_HASH - 1] = 0;
}
