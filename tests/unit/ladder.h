#pragma once
/* The ladder: edits of one session, each clearly worse than the one before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "simulator/judge.h"
#include "simulator/right_edit.h"
#include "simulator/session.h"

enum { RUNGS = 7 };
static const char *const rung_names[RUNGS] = {
    "right", "mild_flaw", "beat_off", "section_missing", "flawed_throughout", "talk_kept", "random"};

/* A session, its right edit for a window that holds the form once, and the beats that this edit keeps in
 * order. */
typedef struct Ladder {
    Truth *t;
    Edit right;
    int64_t lo, hi;
    float *flaws; /* of the units, as they were */
    int32_t *beats, n_beats;
    int32_t first, end; /* beats[first, end) are a whole section, elsewhere than at the start */
    int32_t once;       /* at beats[once] starts a bar that is kept once */
} Ladder;

static inline void ladder_close(Ladder *l) {
    edit_drop(&l->right);
    free(l->flaws);
    free(l->beats);
    truth_free(l->t);
}

static inline bool ladder_section_starts(const Ladder *l, int32_t i) {
    const TruthUnit *unit = &l->t->units[l->beats[i]];
    int32_t section = truth_slot_section(l->t, l->t->tune, unit->slot);
    return unit->phase == 0 && section >= 0 && l->t->sections[section].first_slot == unit->slot;
}

static inline void ladder_list_beats(Ladder *l) {
    for (int32_t i = 0; i < l->right.n_segments; i++)
        for (int32_t u = truth_unit_at(l->t, l->right.segments[i].start_sample);
             u < l->t->n_units && l->t->units[u].start_sample < l->right.segments[i].end_sample; u++)
            l->beats[l->n_beats++] = u;
}

/* The first whole section in the middle half, where it is a third of the edit at most. */
static inline bool ladder_find_section(Ladder *l) {
    for (int32_t i = l->n_beats / 4; i < l->n_beats * 3 / 4 && !l->first; i++)
        if (ladder_section_starts(l, i)) l->first = i;
    for (l->end = l->first + 1; l->end < l->n_beats && !ladder_section_starts(l, l->end);) l->end++;
    return l->first > 0 && l->end < l->n_beats && 3 * (l->end - l->first) <= l->n_beats;
}

static inline bool ladder_find_bar(Ladder *l) {
    for (int32_t i = l->n_beats / 4; i < l->n_beats; i++) {
        int32_t n = 0;
        for (int32_t j = 0; j < l->n_beats; j++) n += l->beats[j] == l->beats[i];
        if (n > 1 || !truth_bar_at(l->t, l->beats[i])) continue;
        l->once = i;
        return true;
    }
    return false;
}

/* false: the session has not two complete takes of its tune, or the right edit no such places. */
static inline bool ladder_open(Ladder *l, uint64_t seed, double length_s) {
    memset(l, 0, sizeof *l);
    if (session_truth(&l->t, "ladder", seed, length_s) != BS_OK) return false;
    const TruthTune *tune = &l->t->tunes[l->t->tune];
    double form = truth_beat_samples(l->t, l->t->tune) * tune->meter * tune->n_slots;
    int32_t complete = 0;
    for (int32_t k = 0; k < l->t->n_takes; k++)
        complete += l->t->takes[k].complete && l->t->takes[k].tune == l->t->tune;
    l->lo = (int64_t)(0.93 * form);
    l->hi = (int64_t)(1.07 * form);
    l->flaws = malloc((size_t)l->t->n_units * sizeof *l->flaws);
    l->beats = malloc((size_t)(4 * tune->meter * tune->n_slots) * sizeof *l->beats);
    if (complete >= 2 && l->flaws && l->beats &&
        right_edit(l->t, l->t->tune, l->lo, l->hi, &l->right) == BS_OK) {
        for (int32_t u = 0; u < l->t->n_units; u++) l->flaws[u] = l->t->units[u].flaw;
        ladder_list_beats(l);
        if (ladder_find_section(l) && ladder_find_bar(l)) return true;
    }
    ladder_close(l);
    return false;
}

static inline double ladder_score(const Ladder *l, const Edit *edit) {
    JudgeScore score;
    BS_ASSERT(judge(l->t, l->t->tune, edit, l->lo, l->hi, &score) == BS_OK);
    return score.score;
}

/* The right edit's beats without beats[first, end), with [from, to) of the recording in their place. */
static inline double ladder_score_without(const Ladder *l, int32_t first, int32_t end, int64_t from,
                                          int64_t to) {
    Edit edit;
    edit_init(&edit);
    for (int32_t i = 0; i < l->n_beats; i++) {
        if (i == first && to > from) edit_append(&edit, from, to, FADE_SHORT);
        if (i >= first && i < end) continue;
        int32_t u = l->beats[i];
        edit_append(&edit, l->t->units[u].start_sample, truth_unit_end(l->t, u), FADE_SHORT);
    }
    double score = ladder_score(l, &edit);
    edit_drop(&edit);
    return score;
}

/* Beats [first, end) get a flaw; whatever else the session holds is clean there, so that there is better. */
static inline double ladder_score_spoiled(Ladder *l, int32_t first, int32_t end, float severity) {
    for (int32_t u = 0; u < l->t->n_units; u++)
        for (int32_t i = first; i < end; i++)
            if (l->t->units[u].slot == l->t->units[l->beats[i]].slot) l->t->units[u].flaw = 0;
    for (int32_t i = first; i < end; i++) l->t->units[l->beats[i]].flaw = severity;
    double score = ladder_score(l, &l->right);
    for (int32_t u = 0; u < l->t->n_units; u++) l->t->units[u].flaw = l->flaws[u];
    return score;
}

/* Three seconds of the longest pause between takes. */
static inline double ladder_score_talk(const Ladder *l) {
    int64_t from = 0, to = 0;
    for (int32_t k = 0; k + 1 < l->t->n_takes; k++)
        if (l->t->takes[k + 1].first_sample - l->t->takes[k].end_sample > to - from) {
            from = l->t->takes[k].end_sample;
            to = l->t->takes[k + 1].first_sample;
        }
    if (to - from > 3 * l->t->sample_rate_hz) to = from + 3 * l->t->sample_rate_hz;
    return ladder_score_without(l, l->first, l->first, from, to);
}

static inline double ladder_score_random(const Ladder *l, Rng *r) {
    Edit edit;
    edit_init(&edit);
    while (edit_samples(&edit) < l->lo) {
        int64_t n = (int64_t)(rng_between(r, 0.5, 2.5) * l->t->sample_rate_hz);
        int64_t at = (int64_t)(rng_f64(r) * (double)(l->t->n_samples - n));
        edit_append(&edit, at, at + n, FADE_SHORT);
    }
    double score = ladder_score(l, &edit);
    edit_drop(&edit);
    return score;
}

static inline void ladder_climb(Ladder *l, Rng *r, double score[RUNGS]) {
    const int32_t meter = l->t->tunes[l->t->tune].meter;
    score[0] = ladder_score(l, &l->right);
    score[1] = ladder_score_spoiled(l, l->once, l->once + meter, 0.3f);
    score[2] = ladder_score_without(l, l->first, l->first + 1, 0, 0);
    score[3] = ladder_score_without(l, l->first, l->end, 0, 0);
    score[4] = ladder_score_spoiled(l, 0, l->n_beats, 0.5f);
    score[5] = ladder_score_talk(l);
    score[6] = ladder_score_random(l, r);
}
