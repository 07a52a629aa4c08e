// needs: simulator
/* The ladder: what is clearly worse scores clearly lower, on many sessions, with margins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "simulator/judge.h"
#include "simulator/right_edit.h"
#include "simulator/session.h"

enum { RUNGS = 7 };
static const char *const rung_names[RUNGS] = {
    "right", "mild flaw", "beat off", "section missing", "flawed throughout", "talk kept", "random"};

typedef struct Case {
    Truth *t;
    Edit right;
    int64_t lo, hi;
    float *flaws; /* of the units, as they were */
} Case;

/* A session with two complete takes or more, and the window that asks for its form once. */
static bool case_open(Case *c, uint64_t seed) {
    memset(c, 0, sizeof *c);
    assert_int_equal(session_truth(&c->t, "song", seed, 90), BS_OK);
    Truth *t = c->t;
    int32_t complete = 0;
    for (int32_t k = 0; k < t->n_takes; k++) complete += t->takes[k].complete;
    if (complete < 2 || t->n_sections < 4 || t->n_tunes > 1) {
        truth_free(t);
        return false;
    }
    double form = truth_beat_samples(t, 0) * t->tunes[0].meter * t->tunes[0].n_slots;
    c->lo = (int64_t)(0.93 * form);
    c->hi = (int64_t)(1.07 * form);
    assert_int_equal(right_edit(t, 0, c->lo, c->hi, &c->right), BS_OK);
    c->flaws = malloc((size_t)t->n_units * sizeof *c->flaws);
    for (int32_t u = 0; u < t->n_units; u++) c->flaws[u] = t->units[u].flaw;
    return true;
}

static void case_close(Case *c) {
    edit_drop(&c->right);
    free(c->flaws);
    truth_free(c->t);
}

static void restore(Case *c) {
    for (int32_t u = 0; u < c->t->n_units; u++) c->t->units[u].flaw = c->flaws[u];
}

static double score_of(const Case *c, const Edit *edit) {
    JudgeScore score;
    assert_int_equal(judge(c->t, 0, edit, c->lo, c->hi, &score), BS_OK);
    double product = 10;
    for (int p = 0; p < JUDGE_PARTS; p++) {
        assert_true(score.parts[p] > 0 && score.parts[p] <= 1);
        product *= score.parts[p];
    }
    assert_true(score.score >= 0 && score.score <= 10 && score.score - product < 1e-9 &&
                product - score.score < 1e-9);
    return score.score;
}

static bool kept(const Edit *e, int64_t at) {
    for (int32_t i = 0; i < e->n_segments; i++)
        if (at >= e->segments[i].start_sample && at < e->segments[i].end_sample) return true;
    return false;
}

/* Marks kept beats as flawed: those of `slot`, or all when it is -1. Others that play the slot are made
 * clean, so that there is a better take. */
static void spoil(Case *c, int32_t slot, float severity) {
    for (int32_t u = 0; u < c->t->n_units; u++) {
        TruthUnit *unit = &c->t->units[u];
        if (unit->kind != UNIT_BEAT || (slot >= 0 && unit->slot != slot)) continue;
        unit->flaw = kept(&c->right, unit->start_sample) ? severity : 0;
    }
}

/* The right edit without the timeline's [from, to), taken out of the segment that holds it. */
static void without(const Case *c, Edit *out, int64_t from, int64_t to) {
    edit_init(out);
    for (int32_t i = 0; i < c->right.n_segments; i++) {
        const EditSegment *s = &c->right.segments[i];
        int64_t a = from > s->start_sample ? from : s->start_sample,
                b = to < s->end_sample ? to : s->end_sample;
        if (a >= b) {
            edit_append(out, s->start_sample, s->end_sample, FADE_SHORT);
            continue;
        }
        if (a > s->start_sample) edit_append(out, s->start_sample, a, FADE_SHORT);
        if (b < s->end_sample) edit_append(out, b, s->end_sample, FADE_SHORT);
    }
}

/* First beat of a section in the middle of the form that the right edit keeps. */
static int32_t middle_section(const Case *c, int32_t *end_slot) {
    const TruthSection *s = &c->t->sections[c->t->n_sections / 2];
    *end_slot = s->first_slot + s->n_slots;
    for (int32_t u = 0; u < c->t->n_units; u++)
        if (c->t->units[u].slot == s->first_slot && truth_bar_at(c->t, u) &&
            kept(&c->right, c->t->units[u].start_sample))
            return u;
    assert_true(false);
    return -1;
}

static double beat_off(const Case *c) {
    Edit edit;
    int32_t end_slot, u = middle_section(c, &end_slot);
    without(c, &edit, c->t->units[u].start_sample, truth_unit_end(c->t, u));
    double score = score_of(c, &edit);
    edit_drop(&edit);
    return score;
}

static double section_missing(const Case *c) {
    Edit edit, next;
    int32_t end_slot, first = middle_section(c, &end_slot), first_slot = c->t->units[first].slot;
    edit_init(&edit);
    edit_copy(&edit, &c->right);
    Case step = *c;
    for (int32_t u = 0; u < c->t->n_units; u++) {
        const TruthUnit *unit = &c->t->units[u];
        if (unit->slot < first_slot || unit->slot >= end_slot) continue;
        step.right = edit;
        without(&step, &next, unit->start_sample, truth_unit_end(c->t, u));
        edit_drop(&edit);
        edit = next;
    }
    double score = score_of(c, &edit);
    edit_drop(&edit);
    return score;
}

static double talk_kept(const Case *c) {
    int64_t from = 0, to = 0;
    for (int32_t k = 0; k + 1 < c->t->n_takes; k++) /* 3 s of the longest pause between takes */
        if (c->t->takes[k + 1].first_sample - c->t->takes[k].end_sample > to - from) {
            from = c->t->takes[k].end_sample;
            to = c->t->takes[k + 1].first_sample;
        }
    if (to - from > 3 * c->t->sample_rate_hz) to = from + 3 * c->t->sample_rate_hz;
    Edit edit;
    int32_t end_slot, u = middle_section(c, &end_slot);
    int64_t at = c->t->units[u].start_sample;
    edit_init(&edit);
    for (int32_t i = 0; i < c->right.n_segments; i++) {
        const EditSegment *s = &c->right.segments[i];
        bool here = at >= s->start_sample && at < s->end_sample;
        if (here && at > s->start_sample) edit_append(&edit, s->start_sample, at, FADE_SHORT);
        if (here) edit_append(&edit, from, to, FADE_SHORT);
        edit_append(&edit, here ? at : s->start_sample, s->end_sample, FADE_SHORT);
    }
    double score = score_of(c, &edit);
    edit_drop(&edit);
    return score;
}

static double random_cut(const Case *c, Rng *r) {
    Edit edit;
    edit_init(&edit);
    while (edit_samples(&edit) < c->lo) {
        int64_t n = (int64_t)(rng_between(r, 1, 4) * c->t->sample_rate_hz);
        int64_t at = (int64_t)(rng_f64(r) * (double)(c->t->n_samples - n));
        edit_append(&edit, at, at + n, FADE_SHORT);
    }
    double score = score_of(c, &edit);
    edit_drop(&edit);
    return score;
}

static void climb(Case *c, Rng *r, double score[RUNGS]) {
    score[0] = score_of(c, &c->right);
    int32_t end_slot, u = middle_section(c, &end_slot);
    spoil(c, c->t->units[u].slot, 0.3f);
    score[1] = score_of(c, &c->right);
    restore(c);
    score[2] = beat_off(c);
    score[3] = section_missing(c);
    spoil(c, -1, 0.5f);
    score[4] = score_of(c, &c->right);
    restore(c);
    score[5] = talk_kept(c);
    score[6] = random_cut(c, r);
}

static void every_rung_of_the_ladder_is_lower(void **state) {
    (void)state;
    enum { SEEDS = 60 };
    double mean[RUNGS] = {0}, least[RUNGS];
    for (int i = 0; i < RUNGS; i++) least[i] = 10;
    int n = 0;
    Rng r = rng_at(9, 9);
    for (uint64_t seed = 1000; n < SEEDS; seed++) {
        Case c;
        if (!case_open(&c, seed)) continue;
        double score[RUNGS];
        climb(&c, &r, score);
        for (int i = 0; i < RUNGS; i++) {
            mean[i] += score[i] / SEEDS;
            if (i && score[i - 1] - score[i] < least[i]) least[i] = score[i - 1] - score[i];
        }
        n++;
        case_close(&c);
    }
    for (int i = 0; i < RUNGS; i++)
        print_message("%-18s mean %.2f, least margin to the rung above %.2f\n", rung_names[i], mean[i],
                      i ? least[i] : 0);
    assert_true(mean[0] > 9);
    for (int i = 1; i < RUNGS; i++) {
        assert_true(mean[i] < mean[i - 1] - 0.3);
        assert_true(least[i] > 0);
    }
}

static void boundaries_off_by_less_than_40_ms_cost_nothing(void **state) {
    (void)state;
    Rng r = rng_at(3, 3);
    int n = 0;
    for (uint64_t seed = 2000; n < 20; seed++) {
        Case c;
        if (!case_open(&c, seed)) continue;
        n++;
        Edit moved, far;
        edit_copy(&moved, &c.right);
        edit_copy(&far, &c.right);
        int64_t rate = c.t->sample_rate_hz;
        for (int32_t i = 0; i < moved.n_segments; i++) {
            moved.segments[i].start_sample += (int64_t)(rng_between(&r, -0.019, 0.019) * (double)rate);
            moved.segments[i].end_sample += (int64_t)(rng_between(&r, -0.019, 0.019) * (double)rate);
            far.segments[i].start_sample += rate * 12 / 100;
        }
        double right = score_of(&c, &c.right), near = score_of(&c, &moved), off = score_of(&c, &far);
        assert_true(right - near < 0.15);
        assert_true(right - off > 0.3);
        edit_drop(&moved);
        edit_drop(&far);
        case_close(&c);
    }
}

static void equal_takes_tie(void **state) {
    (void)state;
    int n = 0;
    for (uint64_t seed = 3000; n < 10; seed++) {
        Case c;
        if (!case_open(&c, seed)) continue;
        for (int32_t u = 0; u < c.t->n_units; u++) c.t->units[u].flaw = 0;
        double first = -1;
        for (int32_t k = 0; k < c.t->n_takes; k++) {
            int64_t length = c.t->takes[k].end_sample - c.t->takes[k].first_sample;
            if (!c.t->takes[k].complete || length < c.lo || length > c.hi) continue;
            Edit edit;
            edit_init(&edit);
            edit_append(&edit, c.t->takes[k].first_sample, c.t->takes[k].end_sample, FADE_SHORT);
            double score = score_of(&c, &edit);
            edit_drop(&edit);
            if (first < 0) first = score;
            assert_true(score == first);
            assert_true(score == 10);
        }
        n++;
        case_close(&c);
    }
}

static void edits_outside_the_recording_are_refused(void **state) {
    (void)state;
    Truth *t;
    JudgeScore score;
    assert_int_equal(session_truth(&t, "song", 1, 30), BS_OK);
    Edit edit;
    edit_init(&edit);
    assert_int_equal(judge(t, 0, &edit, 0, 1000, &score), BS_INVALID);
    edit_append(&edit, 0, t->n_samples + 1, FADE_SHORT);
    assert_int_equal(judge(t, 0, &edit, 0, 1000, &score), BS_INVALID);
    edit.segments[0].end_sample = t->n_samples;
    assert_int_equal(judge(t, 0, &edit, 0, 1000, &score), BS_OK);
    assert_true(score.score < 1);
    edit_drop(&edit);
    truth_free(t);
}

static void any_ranges_get_a_score_between_0_and_10(void **state) {
    (void)state;
    Rng r = rng_at(4, 4);
    Case c = {0};
    assert_int_equal(session_truth(&c.t, "song", 77, 60), BS_OK);
    c.lo = c.t->lo_samples;
    c.hi = c.t->hi_samples;
    int tries = getenv("N") ? atoi(getenv("N")) / 10 : 1000;
    for (int i = 0; i < tries; i++) {
        Edit edit;
        edit_init(&edit);
        for (uint32_t k = 1 + rng_below(&r, 12); k > 0; k--) {
            int64_t at = rng_below(&r, (uint32_t)c.t->n_samples - 1), room = c.t->n_samples - at;
            if (room > 200000) room = 200000;
            edit_append(&edit, at, at + 1 + rng_below(&r, (uint32_t)room), FADE_SHORT);
        }
        score_of(&c, &edit);
        edit_drop(&edit);
    }
    truth_free(c.t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rung_of_the_ladder_is_lower),
        cmocka_unit_test(boundaries_off_by_less_than_40_ms_cost_nothing),
        cmocka_unit_test(equal_takes_tie),
        cmocka_unit_test(edits_outside_the_recording_are_refused),
        cmocka_unit_test(any_ranges_get_a_score_between_0_and_10),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
