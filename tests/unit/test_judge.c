// needs: simulator
/* The ladder: what is clearly worse scores clearly lower, on many sessions, with margins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "tests/unit/ladder.h"

static double score_of(const Ladder *c, const Edit *edit) {
    JudgeScore score;
    assert_int_equal(judge(c->t, c->t->tune, edit, c->lo, c->hi, &score), BS_OK);
    double sum = 1;
    for (int p = 0; p < JUDGE_PARTS; p++) {
        assert_true(score.faults[p] >= 0);
        sum += score.faults[p];
    }
    assert_true(score.score > 0 && score.score <= 10 && fabs(score.score - 10 / sum) < 1e-9);
    return score.score;
}

static void every_rung_of_the_ladder_is_lower(void **state) {
    (void)state;
    enum { SEEDS = 60 };
    double mean[RUNGS] = {0}, least[RUNGS];
    for (int i = 0; i < RUNGS; i++) least[i] = 10;
    Rng r = rng_at(9, 9);
    Ladder l;
    for (int n = 0, seed = 1000; n < SEEDS; seed++) {
        assert_true(seed < 1000 + 8 * SEEDS);
        if (!ladder_open(&l, (uint64_t)seed, 150)) continue;
        double score[RUNGS];
        ladder_climb(&l, &r, score);
        for (int i = 0; i < RUNGS; i++) {
            mean[i] += score[i] / SEEDS;
            if (i && score[i - 1] - score[i] < least[i]) least[i] = score[i - 1] - score[i];
        }
        n++;
        ladder_close(&l);
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
        Ladder c;
        if (!ladder_open(&c, seed, 90)) continue;
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
        ladder_close(&c);
    }
}

static void equal_takes_tie(void **state) {
    (void)state;
    int n = 0;
    for (uint64_t seed = 3000; n < 10; seed++) {
        Ladder c;
        if (!ladder_open(&c, seed, 90)) continue;
        for (int32_t u = 0; u < c.t->n_units; u++) c.t->units[u].flaw = 0;
        double first = -1;
        for (int32_t k = 0; k < c.t->n_takes; k++) {
            int64_t length = c.t->takes[k].end_sample - c.t->takes[k].first_sample;
            if (c.t->takes[k].tune != c.t->tune || length < c.lo || length > c.hi) continue;
            if (!c.t->takes[k].complete) continue;
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
        ladder_close(&c);
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
    Ladder c = {0};
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

/* Whoever changes a price or a formula raises JUDGE_VERSION and adds its hash here; rows above it never
 * change. */
static void prices_stay_as_their_version_froze_them(void **state) {
    (void)state;
    static const char *const frozen[] = {[2] = "80090519acdf", [3] = "cc9ab3bae838"};
    char hash[JUDGE_HASH];
    judge_hash(hash);
    assert_int_equal(JUDGE_VERSION + 1, sizeof frozen / sizeof *frozen);
    assert_string_equal(hash, frozen[JUDGE_VERSION]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rung_of_the_ladder_is_lower),
        cmocka_unit_test(boundaries_off_by_less_than_40_ms_cost_nothing),
        cmocka_unit_test(equal_takes_tie),
        cmocka_unit_test(edits_outside_the_recording_are_refused),
        cmocka_unit_test(prices_stay_as_their_version_froze_them),
        cmocka_unit_test(any_ranges_get_a_score_between_0_and_10),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
