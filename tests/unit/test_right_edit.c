// needs: simulator
/* The right edit: inside its window, better than what is easily found, a function of truth and window. */
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
#include "simulator/judge.h"
#include "simulator/right_edit.h"
#include "simulator/session.h"

static int tries(int initial) {
    const char *n = getenv("N");
    return n ? atoi(n) / 100 : initial;
}

static Truth *session(uint64_t seed) {
    Truth *t;
    assert_int_equal(session_truth(&t, "song", seed, 90), BS_OK);
    return t;
}

static double score_of(const Truth *t, const Edit *edit, int64_t lo, int64_t hi) {
    JudgeScore score;
    assert_int_equal(judge(t, t->tune, edit, lo, hi, &score), BS_OK);
    return score.score;
}

static int64_t longest_beat(const Truth *t) {
    int64_t longest = 0;
    for (int32_t u = 0; u < t->n_units; u++)
        if (t->units[u].kind == UNIT_BEAT && truth_unit_end(t, u) - t->units[u].start_sample > longest)
            longest = truth_unit_end(t, u) - t->units[u].start_sample;
    return longest;
}

static void lies_inside_every_window_at_least_a_beat_wide(void **state) {
    (void)state;
    Rng r = rng_at(1, 0);
    for (int i = 0; i < tries(60); i++) {
        Truth *t = session(5000 + (uint64_t)i);
        for (int k = 0; k < 3; k++) {
            int64_t lo = (int64_t)(rng_between(&r, 0.3, 70) * t->sample_rate_hz);
            int64_t hi = lo + longest_beat(t) + (k ? rng_below(&r, 200000) : 0);
            Edit edit;
            assert_int_equal(right_edit(t, t->tune, lo, hi, &edit), BS_OK);
            int64_t n = edit_samples(&edit);
            assert_true(n >= lo && n <= hi);
            edit_drop(&edit);
        }
        truth_free(t);
    }
}

static void scores_close_to_ten_for_the_jobs_drawn(void **state) {
    (void)state;
    double sum = 0, least = 10;
    int n = tries(200), low = 0;
    for (int i = 0; i < n; i++) {
        Truth *t = session(6000 + (uint64_t)i);
        double score = score_of(t, &t->edit, t->lo_samples, t->hi_samples);
        int64_t length = edit_samples(&t->edit);
        assert_true(length >= t->lo_samples && length <= t->hi_samples);
        sum += score;
        low += score < 8.5;
        if (score < least) least = score;
        truth_free(t);
    }
    print_message("right edit over %d sessions: mean %.2f, least %.2f, below 8.5: %d\n", n, sum / n, least,
                  low);
    assert_true(sum / n > 9.2);
    assert_true(low <= n / 10);
}

/* The last complete take, whole, under a window that holds it: what comping must beat. */
static void comping_pays_against_the_last_complete_take(void **state) {
    (void)state;
    double right = 0, last_take = 0;
    int n = 0, better = 0;
    for (uint64_t seed = 7000; n < 60; seed++) {
        Truth *t = session(seed);
        int32_t last = -1;
        for (int32_t k = 0; k < t->n_takes; k++)
            if (t->takes[k].complete && t->takes[k].tune == t->tune) last = k;
        if (last >= 0) {
            int64_t length = t->takes[last].end_sample - t->takes[last].first_sample, spare = length / 12;
            Edit edit, whole;
            edit_init(&whole);
            edit_append(&whole, t->takes[last].first_sample, t->takes[last].end_sample, FADE_SHORT);
            assert_int_equal(right_edit(t, t->tune, length - spare, length + spare, &edit), BS_OK);
            double a = score_of(t, &edit, length - spare, length + spare);
            double b = score_of(t, &whole, length - spare, length + spare);
            assert_true(a >= b - 1e-9);
            right += a;
            last_take += b;
            better += a > b + 0.3;
            n++;
            edit_drop(&edit);
            edit_drop(&whole);
        }
        truth_free(t);
    }
    print_message("right edit %.2f, last complete take %.2f, better in %d of %d\n", right / n, last_take / n,
                  better, n);
    assert_true(better > n * 2 / 3);
}

/* The right edit with the bar at unit u, which it keeps, played by the bar at unit v. false: not kept. */
static bool exchange(const Truth *t, int32_t u, int32_t v, Edit *out) {
    int64_t from = t->units[u].start_sample, to = truth_unit_end(t, u + t->tunes[t->tune].meter - 1);
    bool changed = false;
    edit_init(out);
    for (int32_t s = 0; s < t->edit.n_segments; s++) {
        const EditSegment *seg = &t->edit.segments[s];
        bool here = !changed && from >= seg->start_sample && to <= seg->end_sample;
        if (!here) {
            edit_append(out, seg->start_sample, seg->end_sample, FADE_SHORT);
            continue;
        }
        changed = true;
        if (from > seg->start_sample) edit_append(out, seg->start_sample, from, FADE_SHORT);
        edit_append(out, t->units[v].start_sample, truth_unit_end(t, v + t->tunes[t->tune].meter - 1),
                    FADE_SHORT);
        if (to < seg->end_sample) edit_append(out, to, seg->end_sample, FADE_SHORT);
    }
    return changed;
}

static void no_change_of_one_bars_take_scores_clearly_higher(void **state) {
    (void)state;
    int higher = 0, n = 0;
    for (int i = 0; i < tries(40); i++) {
        Truth *t = session(8000 + (uint64_t)i);
        double right = score_of(t, &t->edit, t->lo_samples, t->hi_samples);
        for (int32_t u = 0; u < t->n_units; u++) {
            if (!truth_bar_at(t, u)) continue;
            for (int32_t v = 0; v < t->n_units; v++) {
                Edit edit;
                if (v == u || !truth_bar_at(t, v) || t->units[u].slot != t->units[v].slot ||
                    truth_unit_tune(t, v) != t->tune || truth_unit_tune(t, u) != t->tune)
                    continue;
                if (exchange(t, u, v, &edit)) {
                    n++;
                    higher += score_of(t, &edit, t->lo_samples, t->hi_samples) > right + 0.02;
                }
                edit_drop(&edit);
            }
        }
        truth_free(t);
    }
    print_message("%d of %d changes of a bar's take score higher\n", higher, n);
    assert_true(n > 300);
    assert_true(higher * 100 <= n);
}

static void is_the_same_every_time(void **state) {
    (void)state;
    Truth *t = session(42);
    Edit a, b;
    assert_int_equal(right_edit(t, t->tune, 1000000, 1200000, &a), BS_OK);
    assert_int_equal(right_edit(t, t->tune, 1000000, 1200000, &b), BS_OK);
    assert_true(edit_equal(&a, &b));
    edit_drop(&a);
    edit_drop(&b);
    truth_free(t);
}

static void a_window_nothing_fits_is_refused_with_the_nearest(void **state) {
    (void)state;
    Truth *t = session(43);
    Edit edit;
    assert_int_equal(right_edit(t, t->tune, 1000, 1010, &edit), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "none is near"));
    edit_drop(&edit);
    const int64_t far = (int64_t)1 << 30; /* seven hours */
    assert_int_equal(right_edit(t, t->tune, far, far + 1, &edit), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "the nearest that can be made is"));
    edit_drop(&edit);
    assert_int_equal(right_edit(t, t->tune, 10, 5, &edit), BS_INVALID);
    edit_drop(&edit);
    for (int32_t u = 0; u < t->n_units; u++)
        if (t->units[u].kind == UNIT_BEAT)
            t->units[u] = (TruthUnit){
                .start_sample = t->units[u].start_sample, .kind = UNIT_FREE, .take = -1, .slot = -1};
    assert_int_equal(right_edit(t, t->tune, 1000, 2000000, &edit), BS_CONFLICT);
    edit_drop(&edit);
    truth_free(t);
}

/* ---- every edit there is, of a truth that is small enough */

enum { TINY_METER = 2, TINY_SLOTS = 3, TINY_TAKES = 2, TINY_BARS = TINY_TAKES * TINY_SLOTS, TINY_MOST = 5 };

/* Two takes of A B A (one bar each), with a pause between them, in beats of about 1,000 samples. */
static Truth *tiny_truth(Rng *r) {
    Truth *t;
    const TruthCounts counts = {
        .n_units = TINY_BARS * TINY_METER + 1, .n_takes = 2, .n_tunes = 1, .n_sections = 3};
    int64_t at = 0;
    int32_t u = 0;
    assert_int_equal(truth_new(&t, counts), BS_OK);
    t->sample_rate_hz = 2000;
    t->tunes[0] = (TruthTune){.meter = TINY_METER, .n_slots = TINY_SLOTS, .n_sections = 3};
    for (int s = 0; s < 3; s++)
        t->sections[s] = (TruthSection){.label = s % 2, .first_slot = s, .n_slots = 1};
    for (int16_t k = 0; k < TINY_TAKES; k++) {
        t->takes[k] = (TruthTake){.first_sample = at, .complete = 1};
        for (int b = 0; b < TINY_SLOTS * TINY_METER; b++) {
            t->units[u++] = (TruthUnit){.start_sample = at,
                                        .kind = UNIT_BEAT,
                                        .take = k,
                                        .slot = b / TINY_METER,
                                        .phase = (uint8_t)(b % TINY_METER),
                                        .flaw = rng_below(r, 2) ? 0 : rng_f32(r),
                                        .sustain = rng_below(r, 3) ? 0 : rng_f32(r)};
            at += 900 + rng_below(r, 200);
        }
        t->takes[k].end_sample = at;
        if (k == 0) {
            t->units[u++] = (TruthUnit){.start_sample = at, .kind = UNIT_GAP, .take = -1, .slot = -1};
            at += 1500;
        }
    }
    t->n_samples = at;
    return t;
}

/* The highest score of any sequence of up to five whole bars, the last maybe cut short; 0 where none fits.
 * Each join is tried with a short and with a long fade. */
static double best_of_all(const Truth *t, int64_t lo, int64_t hi) {
    double best = 0;
    for (int32_t n = 1; n <= TINY_MOST; n++) {
        int32_t n_sequences = 1;
        for (int32_t i = 0; i < n; i++) n_sequences *= TINY_BARS;
        for (int32_t code = 0; code < n_sequences * TINY_METER * 2; code++) {
            Edit edit;
            int32_t rest = code / (TINY_METER * 2);
            edit_init(&edit);
            for (int32_t i = 0; i < n; i++, rest /= TINY_BARS) {
                int32_t bar = rest % TINY_BARS, u = bar * TINY_METER + (bar >= TINY_SLOTS),
                        last = i + 1 < n ? u + TINY_METER - 1 : u + code / 2 % TINY_METER;
                bool follows =
                    i > 0 && edit.segments[edit.n_segments - 1].end_sample == t->units[u].start_sample;
                edit_append(&edit, t->units[u].start_sample, truth_unit_end(t, last),
                            i > 0 && !follows && code % 2 ? FADE_1_BEAT : FADE_SHORT);
            }
            int64_t length = edit_samples(&edit);
            if (length >= lo && length <= hi) {
                double score = score_of(t, &edit, lo, hi);
                if (score > best) best = score;
            }
            edit_drop(&edit);
        }
    }
    return best;
}

static void no_edit_of_whole_bars_is_better(void **state) {
    (void)state;
    Rng r = rng_at(77, 1);
    int n_better = 0;
    for (int i = 0; i < 12; i++) {
        Truth *t = tiny_truth(&r);
        assert_int_equal(truth_check(t), BS_OK);
        int64_t lo = 2500 + rng_below(&r, 4000), hi = lo + 400 + rng_below(&r, 1200);
        Edit edit;
        assert_int_equal(right_edit(t, 0, lo, hi, &edit), BS_OK);
        double right = score_of(t, &edit, lo, hi), best = best_of_all(t, lo, hi);
        /* mixed fades are not among the tried, so the right edit may be better */
        assert_true(right >= best - 1e-4);
        n_better += right > best + 1e-4;
        edit_drop(&edit);
        truth_free(t);
    }
    assert_true(n_better <= 4);
}

static void what_is_forbidden_is_not_used_and_costs(void **state) {
    (void)state;
    static const RightForbid kinds[] = {RIGHT_NO_LOOP, RIGHT_NO_REORDER, RIGHT_NO_LONG_FADE,
                                        RIGHT_NO_TAKE_CHANGE, RIGHT_NO_CUT};
    int n_used[5] = {0};
    for (uint64_t seed = 9000; seed < 9040; seed++) {
        Truth *t = session(seed);
        Edit edit;
        RightUse free_use, use;
        assert_int_equal(right_edit_without(t, t->tune, t->lo_samples, t->hi_samples, 0, &edit, &free_use),
                         BS_OK);
        JudgeScore score;
        assert_int_equal(judge(t, t->tune, &edit, t->lo_samples, t->hi_samples, &score), BS_OK);
        assert_true(fabs(10 / (1 + free_use.fault) - score.score) <
                    1e-4); /* the search counts as the judge does */
        edit_drop(&edit);
        for (int k = 0; k < 5; k++) {
            Status st = right_edit_without(t, t->tune, t->lo_samples, t->hi_samples, kinds[k], &edit, &use);
            assert_true(st == BS_OK || st == BS_CONFLICT);
            const int32_t used[5] = {use.n_loops, use.n_reorders, use.n_long_fades, use.n_take_changes,
                                     use.n_cuts};
            const int32_t before[5] = {free_use.n_loops, free_use.n_reorders, free_use.n_long_fades,
                                       free_use.n_take_changes, free_use.n_cuts};
            n_used[k] += before[k] > 0;
            if (st == BS_OK) {
                assert_int_equal(used[k], 0);
                assert_true(!free_use.proved || use.fault >= free_use.fault);
            }
            edit_drop(&edit);
        }
        truth_free(t);
    }
    for (int k = 0; k < 4; k++) assert_true(n_used[k] >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_inside_every_window_at_least_a_beat_wide),
        cmocka_unit_test(scores_close_to_ten_for_the_jobs_drawn),
        cmocka_unit_test(comping_pays_against_the_last_complete_take),
        cmocka_unit_test(no_change_of_one_bars_take_scores_clearly_higher),
        cmocka_unit_test(no_edit_of_whole_bars_is_better),
        cmocka_unit_test(what_is_forbidden_is_not_used_and_costs),
        cmocka_unit_test(is_the_same_every_time),
        cmocka_unit_test(a_window_nothing_fits_is_refused_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
