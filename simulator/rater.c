/* Traits are saturating counts, x / (x + half): the second fault of a kind says less than the first, which is
 * how people answer and the judge does not. */
#include "simulator/rater.h"

#include <math.h>

#include "simulator/exact.h"

const char *const trait_names[TRAITS] = {"wrong", "timing",  "holes", "talk",   "jolt",
                                         "jump",  "missing", "same",  "length", "edges"};
const char *const choice_names[3] = {"a", "b", "tie"};

enum { STARS = 5 };
static const double BLIND = 0.12; /* share of weights that are 0 */

static double grown(double x, double half) { return x / (x + half); }

/* ---- what there is to notice */

static Trait trait_of_flaw(FlawKind kind) {
    switch (kind) {
    case FLAW_WRONG_NOTES:
        return TRAIT_WRONG;
    case FLAW_LATE_HITS:
    case FLAW_SLOPPY_TIMING:
        return TRAIT_TIMING;
    case FLAW_TALK_OVER:
        return TRAIT_TALK;
    default:
        return TRAIT_HOLES;
    }
}

/* Of the listed flaw that is worst at this unit. */
static Trait flaw_at(const Truth *t, int32_t u) {
    const int64_t start = t->units[u].start_sample, end = truth_unit_end(t, u);
    const TruthFlaw *worst = NULL;
    for (int32_t i = 0; i < t->n_flaws; i++) {
        const TruthFlaw *f = &t->flaws[i];
        if (f->first_sample < end && f->end_sample > start && (!worst || f->severity > worst->severity))
            worst = f;
    }
    return worst ? trait_of_flaw((FlawKind)worst->kind) : TRAIT_HOLES;
}

/* What has been heard while the edit plays. */
typedef struct Walk {
    const Truth *t;
    int32_t tune;
    double flawed_s[TRAITS], gap_s, beats_s, again_s, jolts, jumps;
    double section_s[TRUTH_MAX_SECTIONS]; /* by label */
    int32_t first, last;                  /* beats of the tune, units; -1 before any */
} Walk;

static bool of_tune(const Walk *w, int32_t u) {
    return w->t->units[u].kind == UNIT_BEAT && truth_unit_tune(w->t, u) == w->tune;
}

static int32_t label_of(const Walk *w, int32_t u) {
    int32_t section = truth_slot_section(w->t, w->tune, w->t->units[u].slot);
    return section < 0 ? -1 : w->t->sections[section].label;
}

static void meet(Walk *w, int32_t u) {
    const TruthUnit *now = &w->t->units[u];
    const int32_t meter = w->t->tunes[w->tune].meter;
    if (w->first < 0) w->first = u;
    if (w->last >= 0 && w->last != u - 1) {
        const TruthUnit *before = &w->t->units[w->last];
        int32_t off = (now->phase - before->phase - 1 + 2 * meter) % meter;
        if (off) w->jolts += 1;
        if (now->slot * meter + now->phase != before->slot * meter + before->phase + 1) w->jumps += 1;
        double a = (double)(truth_unit_end(w->t, w->last) - before->start_sample),
               b = (double)(truth_unit_end(w->t, u) - now->start_sample);
        w->jolts += 3 * fabs(a - b) / (a + b);
    }
    w->last = u;
}

static void hear(Walk *w, int32_t u, int64_t from, int64_t to, bool again) {
    const Truth *t = w->t;
    const double s = (double)(to - from) / t->sample_rate_hz;
    const int64_t start = t->units[u].start_sample, whole = truth_unit_end(t, u) - start;
    if (again) w->again_s += s;
    if (t->units[u].kind == UNIT_TAIL) return;
    if (!of_tune(w, u)) {
        w->gap_s += s;
        return;
    }
    w->beats_s += s;
    if (t->units[u].flaw > 0) w->flawed_s[flaw_at(t, u)] += s * (double)t->units[u].flaw;
    int32_t label = label_of(w, u);
    if (label >= 0 && label < TRUTH_MAX_SECTIONS) w->section_s[label] += s;
    if (3 * (to - from) < whole) { /* a scrap of a beat */
        w->jolts += 0.5;
        return;
    }
    meet(w, u);
}

static bool heard_before(const Edit *edit, int32_t segment, int64_t middle) {
    for (int32_t i = 0; i < segment; i++)
        if (middle >= edit->segments[i].start_sample && middle < edit->segments[i].end_sample) return true;
    return false;
}

static void walk(Walk *w, const Edit *edit) {
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        for (int32_t u = truth_unit_at(w->t, s->start_sample); u < w->t->n_units; u++) {
            int64_t from = w->t->units[u].start_sample, to = truth_unit_end(w->t, u);
            if (from >= s->end_sample) break;
            if (from < s->start_sample) from = s->start_sample;
            if (to > s->end_sample) to = s->end_sample;
            hear(w, u, from, to, heard_before(edit, i, from + (to - from) / 2));
        }
    }
}

/* Share of the tune's kinds of section, among those that some take plays, of which not two seconds are heard.
 */
static double missing(const Walk *w) {
    bool played[TRUTH_MAX_SECTIONS] = {false};
    int n = 0, n_missing = 0;
    for (int32_t u = 0; u < w->t->n_units; u++)
        if (of_tune(w, u) && label_of(w, u) >= 0 && label_of(w, u) < TRUTH_MAX_SECTIONS)
            played[label_of(w, u)] = true;
    for (int i = 0; i < TRUTH_MAX_SECTIONS; i++) {
        n += played[i];
        n_missing += played[i] && w->section_s[i] < 2;
    }
    return n ? (double)n_missing / n : 0;
}

static double edges(const Walk *w) {
    if (w->first < 0) return 1;
    const Truth *t = w->t;
    const TruthUnit *first = &t->units[w->first], *last = &t->units[w->last];
    const int32_t a = truth_slot_section(t, w->tune, first->slot),
                  b = truth_slot_section(t, w->tune, last->slot);
    bool begins = first->phase == 0 && a >= 0 && t->sections[a].first_slot == first->slot,
         ends = last->phase == t->tunes[w->tune].meter - 1 && b >= 0 &&
                t->sections[b].first_slot + t->sections[b].n_slots - 1 == last->slot;
    return 0.4 * !begins + 0.6 * !ends;
}

void traits_of(const Truth *t, int32_t tune, const Edit *edit, int64_t lo, int64_t hi, double out[TRAITS]) {
    Walk w = {.t = t, .tune = tune, .first = -1, .last = -1};
    walk(&w, edit);
    const int64_t n = edit_samples(edit);
    const double all_s = (double)n / t->sample_rate_hz, off = n < lo   ? (double)(lo - n) / (double)lo
                                                              : n > hi ? (double)(n - hi) / (double)hi
                                                                       : 0;
    out[TRAIT_WRONG] = grown(w.flawed_s[TRAIT_WRONG], 1.0);
    out[TRAIT_TIMING] = grown(w.flawed_s[TRAIT_TIMING], 1.5);
    out[TRAIT_HOLES] = grown(w.flawed_s[TRAIT_HOLES], 0.7);
    out[TRAIT_TALK] = grown(w.gap_s + w.flawed_s[TRAIT_TALK], 1.5);
    out[TRAIT_JOLT] = grown(w.jolts, 1.5);
    out[TRAIT_JUMP] = grown(w.jumps, 4);
    out[TRAIT_MISSING] = missing(&w);
    out[TRAIT_SAME] = grown(w.again_s / all_s, 0.3);
    out[TRAIT_LENGTH] = grown(off, 0.15);
    out[TRAIT_EDGES] = edges(&w);
}

/* ---- who notices */

Rater rater_of(uint64_t population, int32_t i) {
    static const double usual[TRAITS] = {
        [TRAIT_WRONG] = 1.1,  [TRAIT_TIMING] = 0.9, [TRAIT_HOLES] = 1.2,   [TRAIT_TALK] = 1.6,
        [TRAIT_JOLT] = 1.3,   [TRAIT_JUMP] = 0.7,   [TRAIT_MISSING] = 1.2, [TRAIT_SAME] = 0.6,
        [TRAIT_LENGTH] = 0.8, [TRAIT_EDGES] = 0.6,
    };
    Rng r = rng_at(rng_mix(population, (uint64_t)i), 0x7261746572);
    Rater out;
    for (int k = 0; k < TRAITS; k++) {
        double weight = usual[k] * exact_exp2(0.7 * exact_normal(&r));
        out.weights[k] = rng_f64(&r) < BLIND ? 0 : weight;
    }
    out.noise = rng_between(&r, 0.15, 0.45);
    out.tie = rng_between(&r, 0.05, 0.3);
    out.harsh = rng_between(&r, 0.8, 1.6);
    return out;
}

double rater_feels(const Rater *rater, const double traits[TRAITS], Rng *r) {
    double sum = 0;
    for (int k = 0; k < TRAITS; k++) sum += rater->weights[k] * traits[k];
    return rater->noise * exact_normal(r) - sum;
}

Choice rater_prefers(const Rater *rater, double a, double b) {
    if (fabs(a - b) < rater->tie) return CHOICE_TIE;
    return a > b ? CHOICE_A : CHOICE_B;
}

int rater_stars(const Rater *rater, double feels) {
    double stars = floor(STARS + 0.5 + rater->harsh * feels);
    return stars < 1 ? 1 : stars > STARS ? STARS : (int)stars;
}

double kendall_tau(const double *a, const double *b, int32_t n) {
    double agree = 0, differ_a = 0, differ_b = 0;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < i; j++) {
            int x = (a[i] > a[j]) - (a[i] < a[j]), y = (b[i] > b[j]) - (b[i] < b[j]);
            agree += x * y;
            differ_a += x != 0;
            differ_b += y != 0;
        }
    return differ_a > 0 && differ_b > 0 ? agree / sqrt(differ_a * differ_b) : 0;
}
