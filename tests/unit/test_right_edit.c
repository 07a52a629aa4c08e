// needs: simulator
/* The right edit: inside its window, better than what is easily found, a function of truth and window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_inside_every_window_at_least_a_beat_wide),
        cmocka_unit_test(scores_close_to_ten_for_the_jobs_drawn),
        cmocka_unit_test(comping_pays_against_the_last_complete_take),
        cmocka_unit_test(no_change_of_one_bars_take_scores_clearly_higher),
        cmocka_unit_test(is_the_same_every_time),
        cmocka_unit_test(a_window_nothing_fits_is_refused_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
