/* Shortest path over (beat last kept, length so far in buckets). A bucket is shorter than any beat, so
 * states are settled in order of length; each keeps its exact length in samples.
 *
 *     cost(path) = price of the start + sum over beats of PRICE_FLAW * excess * samples / target
 *                + sum over jumps of (seam + break of the form + part of it skipped) + price of the end
 *
 * From a bar's end the path goes on uncut, or jumps to any take's bar that comes next in the form, or to
 * the start of any section. It may end after any beat; that is how a narrow window is met. */
#include "simulator/right_edit.h"

#include <stdlib.h>
#include <string.h>

#include "simulator/judge.h"
#include "simulator/judge_terms.h"

enum { MAX_STATES = 24 << 20, JUDGED_ENDS = 24, MIN_BUCKETS = 400 };
static const float NO_COST = 1e30f;
static const double SWITCH_PRICE = 0.004; /* fewer seams among equals */

typedef struct Jump {
    int32_t to; /* beat */
    float cost;
} Jump;

typedef struct State {
    float cost;
    int32_t length; /* samples */
    int32_t from;   /* state index, -1 at the start */
} State;

typedef struct End {
    int32_t state;
    float cost;
} End;

typedef struct Search {
    const Truth *t;
    int32_t tune, meter, n_positions; /* of the form, in beats */
    int64_t lo, hi, bucket;
    int32_t n_beats, n_buckets;
    int32_t *unit;      /* per beat: its unit */
    float *worth;       /* per beat: cost of keeping it */
    int32_t *jump_from; /* n_beats + 1: jumps of beat j are jumps[jump_from[j] .. jump_from[j + 1]) */
    Jump *jumps;
    float *best; /* per slot */
    State *states;
    FormBudget budget;
} Search;

static int32_t position(const Search *s, int32_t beat) {
    const TruthUnit *u = &s->t->units[s->unit[beat]];
    return u->slot * s->meter + u->phase;
}
static int32_t beat_samples(const Search *s, int32_t beat) {
    int32_t u = s->unit[beat];
    return (int32_t)(truth_unit_end(s->t, u) - s->t->units[u].start_sample);
}
static bool section_start(const Search *s, int32_t beat) {
    const TruthUnit *u = &s->t->units[s->unit[beat]];
    return s->t->sections[truth_slot_section(s->t, s->tune, u->slot)].first_slot == u->slot;
}

/* What leaving out `beats` of the form costs: nothing while the window has no room for them. */
static double skip_price(const Search *s, int32_t beats) {
    int32_t n_form = s->budget.n_form > 0 ? s->budget.n_form : 1;
    if (beats > 0)
        return PRICE_MISSING * (beats > s->budget.may_miss ? beats - s->budget.may_miss : 0) / n_form;
    return PRICE_MISSING * (-beats > s->budget.may_repeat ? -beats - s->budget.may_repeat : 0) / n_form;
}

static double jump_price(const Search *s, int32_t a, int32_t b) {
    const Truth *t = s->t;
    int32_t from = position(s, a) + 1, to = position(s, b);
    double line_out = line_fault(t, s->tune, from), line_in = line_fault(t, s->tune, to);
    double fault = (line_out > line_in ? line_out : line_in) + tempo_fault(t, s->unit[a], s->unit[b]);
    return SWITCH_PRICE + PRICE_SEAM * (fault < 1 ? fault : 1) + form_jump_price(t, s->tune, from, to) +
           skip_price(s, to - from);
}

static bool follows(const Search *s, int32_t a, int32_t b) {
    return s->unit[b] == s->unit[a] + 1 && s->t->units[s->unit[a]].take == s->t->units[s->unit[b]].take;
}

static Status find_beats(Search *s) {
    const Truth *t = s->t;
    s->unit = malloc((size_t)t->n_units * sizeof *s->unit);
    s->worth = malloc((size_t)t->n_units * sizeof *s->worth);
    s->best = malloc((size_t)t->tunes[s->tune].n_slots * sizeof *s->best);
    if (!s->unit || !s->worth || !s->best) return fail(BS_NOMEM, "no memory for the right edit");
    truth_best_flaws(t, s->tune, s->best);
    double target = 0.5 * (double)(s->lo + s->hi);
    int32_t shortest = INT32_MAX;
    for (int32_t u = 0; u < t->n_units; u++) {
        if (t->units[u].kind != UNIT_BEAT || truth_unit_tune(t, u) != s->tune) continue;
        int64_t samples = truth_unit_end(t, u) - t->units[u].start_sample;
        if (samples > INT32_MAX / 4) return fail(BS_TOO_BIG, "unit %d is too long", u);
        float best = s->best[t->units[u].slot];
        double excess = best <= 1 && t->units[u].flaw > best ? t->units[u].flaw - best : 0;
        s->worth[s->n_beats] = (float)(PRICE_FLAW * excess * (double)samples / target);
        s->unit[s->n_beats++] = u;
        if (samples < shortest) shortest = (int32_t)samples;
    }
    if (s->n_beats == 0) return fail(BS_CONFLICT, "there is no beat to keep");
    s->bucket = shortest / 2 < s->hi / MIN_BUCKETS ? shortest / 2 : s->hi / MIN_BUCKETS;
    if (s->bucket < 1) s->bucket = 1;
    if ((double)s->n_beats * (double)(s->hi / s->bucket + 1) > MAX_STATES)
        return fail(BS_TOO_BIG, "a window of %lld samples over %d beats is too much to search",
                    (long long)s->hi, s->n_beats);
    s->n_buckets = (int32_t)(s->hi / s->bucket) + 1;
    return BS_OK;
}

static Status find_jumps(Search *s) {
    const Truth *t = s->t;
    int32_t n_bars = 0, n = 0, capacity = 0;
    int32_t *bars = malloc((size_t)s->n_beats * sizeof *bars);
    s->jump_from = calloc((size_t)s->n_beats + 1, sizeof *s->jump_from);
    if (!bars || !s->jump_from) goto nomem;
    for (int32_t j = 0; j < s->n_beats; j++)
        if (truth_bar_at(t, s->unit[j])) bars[n_bars++] = j;
    for (int32_t j = 0; j < s->n_beats; j++) {
        s->jump_from[j] = n;
        if (t->units[s->unit[j]].phase + 1 != s->meter) continue;
        for (int32_t i = 0; i < n_bars; i++) {
            int32_t b = bars[i];
            if (follows(s, j, b)) continue;
            if (position(s, b) != position(s, j) + 1 && !section_start(s, b)) continue;
            if (n == capacity) {
                capacity = capacity ? 2 * capacity : 1024;
                Jump *more = realloc(s->jumps, (size_t)capacity * sizeof *more);
                if (!more) goto nomem;
                s->jumps = more;
            }
            s->jumps[n++] = (Jump){.to = b, .cost = (float)jump_price(s, j, b)};
        }
    }
    s->jump_from[s->n_beats] = n;
    free(bars);
    return BS_OK;
nomem:
    free(bars);
    return fail(BS_NOMEM, "no memory for the right edit");
}

static void relax(Search *s, int32_t beat, int64_t length, float cost, int32_t from) {
    length += beat_samples(s, beat);
    if (length > s->hi) return;
    State *state = &s->states[(length / s->bucket) * s->n_beats + beat];
    cost += s->worth[beat];
    if (cost < state->cost) *state = (State){.cost = cost, .length = (int32_t)length, .from = from};
}

static void search(Search *s) {
    const Truth *t = s->t;
    for (int64_t i = 0; i < (int64_t)s->n_beats * s->n_buckets; i++) s->states[i].cost = NO_COST;
    for (int32_t j = 0; j < s->n_beats; j++)
        if (truth_bar_at(t, s->unit[j]))
            relax(s, j, 0, (float)(edge_price(t, s->tune, position(s, j), 0) + skip_price(s, position(s, j))),
                  -1);
    for (int32_t q = 0; q < s->n_buckets; q++)
        for (int32_t j = 0; j < s->n_beats; j++) {
            int32_t index = q * s->n_beats + j;
            State here = s->states[index];
            if (here.cost >= NO_COST) continue;
            if (j + 1 < s->n_beats && follows(s, j, j + 1)) {
                double price = form_jump_price(t, s->tune, position(s, j) + 1, position(s, j + 1));
                relax(s, j + 1, here.length, here.cost + (float)price, index);
            }
            for (int32_t k = s->jump_from[j]; k < s->jump_from[j + 1]; k++)
                relax(s, s->jumps[k].to, here.length, here.cost + s->jumps[k].cost, index);
        }
}

/* The cheapest ends inside the window, cheapest first. *reached gets the length nearest to it otherwise. */
static int32_t best_ends(const Search *s, End ends[JUDGED_ENDS], int64_t *reached) {
    int32_t n = 0;
    *reached = 0;
    for (int32_t i = 0; i < s->n_beats * s->n_buckets; i++) {
        const State *state = &s->states[i];
        if (state->cost >= NO_COST) continue;
        if (state->length > *reached) *reached = state->length;
        if (state->length < s->lo) continue;
        int32_t end = position(s, i % s->n_beats) + 1;
        float cost = state->cost + (float)(edge_price(s->t, s->tune, end, s->n_positions) +
                                           skip_price(s, s->n_positions - end));
        if (n == JUDGED_ENDS && cost >= ends[n - 1].cost) continue;
        int32_t at = n < JUDGED_ENDS ? n++ : n - 1;
        for (; at > 0 && ends[at - 1].cost > cost; at--) ends[at] = ends[at - 1];
        ends[at] = (End){.state = i, .cost = cost};
    }
    return n;
}

static Status build(const Search *s, int32_t state, Edit *out) {
    int32_t n = 0;
    for (int32_t i = state; i >= 0; i = s->states[i].from) n++;
    int32_t *beats = malloc((size_t)n * sizeof *beats);
    if (!beats) return fail(BS_NOMEM, "no memory for the right edit");
    int32_t at = n;
    for (int32_t i = state; i >= 0; i = s->states[i].from) beats[--at] = i % s->n_beats;
    Status st = BS_OK;
    for (int32_t i = 0; i < n && st == BS_OK; i++) {
        int32_t u = s->unit[beats[i]];
        st = edit_append(out, s->t->units[u].start_sample, truth_unit_end(s->t, u), FADE_SHORT);
    }
    out->sample_rate_hz = s->t->sample_rate_hz;
    free(beats);
    return st;
}

static Status judge_ends(const Search *s, const End *ends, int32_t n, Edit *out) {
    Status st = BS_OK;
    double best = -1;
    Edit trial;
    edit_init(&trial);
    for (int32_t i = 0; i < n; i++) {
        JudgeScore score;
        edit_drop(&trial);
        edit_init(&trial);
        TRY(build(s, ends[i].state, &trial));
        TRY(judge(s->t, s->tune, &trial, s->lo, s->hi, &score));
        if (score.score > best + 1e-9) {
            best = score.score;
            Edit swap = *out;
            *out = trial;
            trial = swap;
        }
    }
out:
    edit_drop(&trial);
    return st;
}

Status right_edit(const Truth *t, int32_t tune, int64_t lo, int64_t hi, Edit *out) {
    edit_init(out);
    if (lo < 0 || hi < lo || hi < 1 || hi > INT32_MAX / 2)
        return fail(BS_INVALID, "window %lld..%lld is no window", (long long)lo, (long long)hi);
    if (tune < 0 || tune >= t->n_tunes)
        return fail(BS_INVALID, "tune %d, but there are %d tunes", tune, t->n_tunes);
    Status st = BS_OK;
    Search s = {.t = t, .tune = tune, .lo = lo, .hi = hi, .meter = t->tunes[tune].meter};
    s.n_positions = s.meter * t->tunes[tune].n_slots;
    End ends[JUDGED_ENDS];
    int64_t reached;
    TRY(find_beats(&s));
    s.budget = form_budget(t, tune, s.best, lo, hi);
    TRY(find_jumps(&s));
    s.states = malloc((size_t)s.n_beats * (size_t)s.n_buckets * sizeof *s.states);
    if (!s.states) {
        st = fail(BS_NOMEM, "no memory for the right edit");
        goto out;
    }
    search(&s);
    int32_t n = best_ends(&s, ends, &reached);
    if (n == 0) {
        st = fail(BS_CONFLICT, "no edit is %.1f to %.1f s long; the nearest that can be made is %.1f s",
                  (double)lo / t->sample_rate_hz, (double)hi / t->sample_rate_hz,
                  (double)reached / t->sample_rate_hz);
        goto out;
    }
    TRY(judge_ends(&s, ends, n, out));
out:
    free(s.unit);
    free(s.worth);
    free(s.best);
    free(s.jump_from);
    free(s.jumps);
    free(s.states);
    return st;
}
