// needs: simulator
/* Simulated raters: many tastes, none the judge's, who agree with it and with each other like people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "simulator/rate.h"
#include "simulator/session.h"
#include "simulator/spoil.h"
#include "simulator/verbs.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-rate-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static Truth *session(uint64_t seed) {
    Truth *t;
    assert_int_equal(session_truth(&t, "song", seed, 120), BS_OK);
    return t;
}

static void no_two_raters_are_alike_and_some_are_blind(void **state) {
    (void)state;
    enum { RATERS = 300 };
    int blind = 0;
    double least = 1e9, most = 0;
    for (int i = 0; i < RATERS; i++) {
        Rater a = rater_of(1, i), again = rater_of(1, i), other = rater_of(2, i), next = rater_of(1, i + 1);
        assert_memory_equal(&a, &again, sizeof a);
        assert_memory_not_equal(a.weights, other.weights, sizeof a.weights);
        assert_memory_not_equal(a.weights, next.weights, sizeof a.weights);
        for (int k = 0; k < TRAITS; k++) {
            blind += a.weights[k] == 0;
            if (a.weights[k] > 0 && a.weights[k] < least) least = a.weights[k];
            if (a.weights[k] > most) most = a.weights[k];
        }
    }
    assert_in_range(blind, RATERS * TRAITS * 8 / 100, RATERS * TRAITS * 16 / 100);
    assert_true(most > 8 * least);
}

static void traits_name_what_is_wrong(void **state) {
    (void)state;
    int n = 0;
    for (uint64_t seed = 100; n < 20; seed++) {
        Truth *t = session(seed);
        double right[TRAITS], worse[TRAITS];
        Edit edit;
        traits_of(t, t->tune, &t->edit, t->lo_samples, t->hi_samples, right);
        for (int k = 0; k < TRAITS; k++) assert_true(right[k] >= 0 && right[k] <= 1);
        assert_true(right[TRAIT_LENGTH] == 0);
        edit_init(&edit); /* the whole recording */
        edit_append(&edit, 0, t->n_samples, FADE_SHORT);
        traits_of(t, t->tune, &edit, t->lo_samples, t->hi_samples, worse);
        assert_true(worse[TRAIT_TALK] > 0.7 && worse[TRAIT_TALK] > right[TRAIT_TALK]);
        assert_true(worse[TRAIT_LENGTH] > 0.3);
        assert_true(worse[TRAIT_MISSING] == 0 && worse[TRAIT_SAME] == 0);
        edit_drop(&edit);
        edit_init(&edit); /* its first bar, eight times */
        for (int i = 0; i < 8; i++) {
            int64_t start = t->edit.segments[0].start_sample, beat = (int64_t)truth_beat_samples(t, t->tune);
            edit_append(&edit, start, start + 4 * beat, FADE_SHORT);
        }
        traits_of(t, t->tune, &edit, t->lo_samples, t->hi_samples, worse);
        assert_true(worse[TRAIT_SAME] > 0.6);
        edit_drop(&edit);
        truth_free(t);
        n++;
    }
}

static void spoiled_edits_lie_in_the_recording_and_repeat(void **state) {
    (void)state;
    for (uint64_t seed = 200; seed < 230; seed++) {
        Truth *t = session(seed);
        for (int kind = 0; kind < SPOIL_KINDS; kind++) {
            Edit edit, again;
            Rng a = rng_at(seed, (uint64_t)kind), b = a;
            assert_int_equal(spoil(t, t->tune, &t->edit, (SpoilKind)kind, &a, &edit), BS_OK);
            assert_int_equal(spoil(t, t->tune, &t->edit, (SpoilKind)kind, &b, &again), BS_OK);
            assert_true(edit_equal(&edit, &again));
            assert_true(edit.n_segments > 0);
            for (int32_t i = 0; i < edit.n_segments; i++)
                assert_true(edit.segments[i].start_sample >= 0 &&
                            edit.segments[i].end_sample > edit.segments[i].start_sample &&
                            edit.segments[i].end_sample <= t->n_samples);
            edit_drop(&edit);
            edit_drop(&again);
        }
        truth_free(t);
    }
}

static void raters_agree_with_the_judge_and_each_other_like_people(void **state) {
    (void)state;
    enum { SESSIONS = 80 };
    const RateOptions o = {.n_raters = 24, .raters_a_session = 4, .n_edits = 8, .seed = 7};
    double with_judge = 0, with_others = 0;
    Rated *rated = malloc(sizeof *rated);
    assert_non_null(rated);
    for (uint64_t seed = 300; seed < 300 + SESSIONS; seed++) {
        Truth *t = session(seed);
        assert_int_equal(rate_session(rated, t, &o), BS_OK);
        with_judge += rated_tau_judge(rated) / SESSIONS;
        with_others += rated_tau_raters(rated) / SESSIONS;
        rated_drop(rated);
        truth_free(t);
    }
    free(rated);
    print_message("Kendall's tau with the judge %.3f, between raters %.3f\n", with_judge, with_others);
    assert_true(with_judge > 0.5 && with_judge < 0.7);
    assert_true(with_others > 0.5 && with_others < 0.7);
}

static void kendalls_tau_counts_pairs(void **state) {
    (void)state;
    const double up[] = {1, 2, 3, 4}, down[] = {4, 3, 2, 1}, one_off[] = {2, 1, 3, 4}, flat[] = {1, 1, 1, 1};
    assert_true(kendall_tau(up, up, 4) == 1);
    assert_true(kendall_tau(up, down, 4) == -1);
    assert_true(kendall_tau(up, one_off, 4) > 0.66 && kendall_tau(up, one_off, 4) < 0.67);
    assert_true(kendall_tau(up, flat, 4) == 0);
}

static void *slurp(const char *path, size_t *n) {
    void *bytes;
    assert_int_equal(file_read(path, 1 << 26, &bytes, n), BS_OK);
    return bytes;
}

static void a_folder_becomes_judgments_that_repeat_and_can_be_read(void **state) {
    (void)state;
    char path[PATH_BYTES], out[PATH_BYTES], again[PATH_BYTES];
    RateReport report, second;
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%d.truth.json", i);
        Truth *t = session(400 + (uint64_t)i);
        assert_int_equal(path_join(path, folder, name), BS_OK);
        assert_int_equal(truth_write(t, path), BS_OK);
        truth_free(t);
    }
    assert_int_equal(path_join(out, folder, "judgments.jsonl"), BS_OK);
    assert_int_equal(path_join(again, folder, "again.jsonl"), BS_OK);
    RateOptions o = {folder, out, 5, 6, 4, 2, 9};
    assert_int_equal(rate(&o, &report), BS_OK);
    o.out = again;
    assert_int_equal(rate(&o, &second), BS_OK);
    assert_int_equal(report.n_sessions, 3);
    assert_int_equal(report.n_ratings, 3 * 2 * 6);
    assert_int_equal(report.n_comparisons, 3 * 2 * 4);
    size_t n, n_again;
    char *text = slurp(out, &n), *same = slurp(again, &n_again);
    assert_int_equal(n, n_again);
    assert_memory_equal(text, same, n);
    int lines = 0;
    for (char *line = text, *end; line < text + n && (end = memchr(line, '\n', (size_t)(text + n - line)));
         line = end + 1, lines++) {
        Json *json;
        const Json *edit;
        const char *kind;
        Edit e;
        edit_init(&e);
        assert_int_equal(json_parse(&json, "line", line, (size_t)(end - line)), BS_OK);
        assert_int_equal(json_get_text(json, "kind", &kind), BS_OK);
        assert_int_equal(json_get_object(json, strcmp(kind, "pair") ? "edit" : "b", &edit), BS_OK);
        assert_int_equal(edit_json_segments(&e, edit, INT64_MAX), BS_OK);
        edit_drop(&e);
        json_free(json);
    }
    assert_int_equal(lines, report.n_ratings + report.n_comparisons);
    free(text);
    free(same);
}

static void folders_without_what_is_needed_are_refused_in_one_line(void **state) {
    (void)state;
    char empty[PATH_BYTES], path[PATH_BYTES], out[PATH_BYTES];
    RateReport report;
    assert_int_equal(path_join(empty, folder, "empty"), BS_OK);
    assert_int_equal(dir_make(empty, 0777), BS_OK);
    assert_int_equal(path_join(out, empty, "out.jsonl"), BS_OK);
    const RateOptions o = {empty, out, 5, 6, 4, 2, 9};
    assert_int_equal(rate(&o, &report), BS_NOT_FOUND);
    assert_non_null(strstr(error_text(), "no NAME.truth.json here"));
    Truth *t = session(500);
    edit_drop(&t->edit);
    edit_init(&t->edit);
    assert_int_equal(path_join(path, empty, "bare.truth.json"), BS_OK);
    assert_int_equal(truth_write(t, path), BS_OK);
    truth_free(t);
    assert_int_equal(rate(&o, &report), BS_INVALID);
    assert_non_null(strstr(error_text(), "no right edit"));
    assert_false(file_exists(out));
}

static void judgments_that_are_there_are_written_over_only_with_force(void **state) {
    (void)state;
    char there[PATH_BYTES], path[PATH_BYTES], out[PATH_BYTES];
    char *const plain[] = {"rate", there, NULL}, *const forced[] = {"rate", there, "--force", NULL};
    size_t n;
    assert_int_equal(path_join(there, folder, "there"), BS_OK);
    assert_int_equal(dir_make(there, 0777), BS_OK);
    assert_int_equal(path_join(path, there, "s.truth.json"), BS_OK);
    assert_int_equal(path_join(out, there, "judgments.jsonl"), BS_OK);
    Truth *t = session(600);
    assert_int_equal(truth_write(t, path), BS_OK);
    truth_free(t);
    assert_int_equal(file_replace(out, "of people\n", 10), BS_OK);
    assert_int_equal(verb_rate(2, (char **)plain), BS_EXISTS);
    assert_non_null(strstr(error_text(), "judgments.jsonl: exists already; --force"));
    char *text = slurp(out, &n);
    assert_string_equal(text, "of people\n");
    free(text);
    assert_int_equal(verb_rate(3, (char **)forced), BS_OK);
    text = slurp(out, &n);
    assert_memory_equal(text, "{\"version\":1", 12);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_raters_are_alike_and_some_are_blind),
        cmocka_unit_test(traits_name_what_is_wrong),
        cmocka_unit_test(spoiled_edits_lie_in_the_recording_and_repeat),
        cmocka_unit_test(raters_agree_with_the_judge_and_each_other_like_people),
        cmocka_unit_test(kendalls_tau_counts_pairs),
        cmocka_unit_test(a_folder_becomes_judgments_that_repeat_and_can_be_read),
        cmocka_unit_test(folders_without_what_is_needed_are_refused_in_one_line),
        cmocka_unit_test(judgments_that_are_there_are_written_over_only_with_force),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
