#pragma once
/* Slots of a Song against a simulated session's truth: what part of the beats of a tune stands in the right
 * place of its form. For benches. */
#include <stdlib.h>

#include "common/song/song.h"
#include "simulator/truth.h"

/* Beats: right up to one constant, for the form may begin elsewhere; alike: right, or at the same bar and
 * beat of another section with the same music, which the judge takes for the same. */
typedef struct SlotScore {
    double right, alike, all;
} SlotScore;

/* The unit of the Song nearest to a time, and how far it is. */
static inline int32_t nearest_beat(const Song *s, int64_t at, int64_t *off) {
    int32_t u = song_unit_at(s, at);
    int32_t best = -1;
    for (int32_t v = u; v <= u + 1 && v < s->n_units; v++) {
        int64_t d = llabs(s->units[v].start_sample - at);
        if (s->units[v].kind == UNIT_BEAT && (best < 0 || d < *off)) best = v, *off = d;
    }
    return best;
}

/* The Song's tune that plays most of a true tune's beats. */
static inline int32_t tune_heard_as(const Song *s, const Truth *t, int32_t tune) {
    int32_t votes[SONG_MAX_TUNES] = {0}, best = 0;
    for (int32_t u = 0; u < t->n_units; u++) {
        int64_t off = 0;
        if (t->units[u].kind != UNIT_BEAT || t->takes[t->units[u].take].tune != tune) continue;
        int32_t v = nearest_beat(s, t->units[u].start_sample, &off);
        if (v >= 0) votes[s->takes[s->units[v].take].tune]++;
    }
    for (int32_t i = 1; i < s->n_tunes; i++)
        if (votes[i] > votes[best]) best = i;
    return best;
}

/* The form can be known where some take plays all of it. */
static inline bool tune_is_whole(const Truth *t, int32_t tune) {
    for (int32_t k = 0; k < t->n_takes; k++)
        if (t->takes[k].tune == tune && t->takes[k].complete) return true;
    return false;
}

static inline bool slots_alike(const Truth *t, int32_t tune, int32_t a, int32_t b) {
    if (b < 0 || b >= t->tunes[tune].n_slots) return false;
    const TruthSection *x = &t->sections[truth_slot_section(t, tune, a)],
                       *y = &t->sections[truth_slot_section(t, tune, b)];
    return x->label == y->label && a - x->first_slot == b - y->first_slot;
}

static inline SlotScore score_tune_slots(const Song *s, const Truth *t, int32_t tune) {
    enum { SPREAD = 1024 };
    SlotScore score = {0};
    const int32_t as = tune_heard_as(s, t, tune), meter = t->tunes[tune].meter;
    int32_t votes[2 * SPREAD + 1] = {0}, best = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t u = 0; u < t->n_units; u++) {
            const TruthUnit *x = &t->units[u];
            if (x->kind != UNIT_BEAT || x->slot < 0 || t->takes[x->take].tune != tune) continue;
            int64_t off = 0;
            int32_t v = nearest_beat(s, x->start_sample, &off);
            score.all += pass;
            double beat = (double)(truth_unit_end(t, u) - x->start_sample);
            if (v < 0 || off > beat / 4 || s->units[v].slot < 0 || s->takes[s->units[v].take].tune != as)
                continue;
            int32_t shift =
                s->units[v].slot * s->tunes[as].meter + s->units[v].phase - x->slot * meter - x->phase;
            if (shift < -SPREAD || shift > SPREAD) continue;
            if (!pass) {
                votes[shift + SPREAD]++;
                if (votes[shift + SPREAD] > votes[best + SPREAD]) best = shift;
            } else {
                score.right += shift == best;
                score.alike += (shift - best) % meter == 0 &&
                               slots_alike(t, tune, x->slot, x->slot + (shift - best) / meter);
            }
        }
    return score;
}
