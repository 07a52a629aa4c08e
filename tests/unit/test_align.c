// needs: featurizer
/* Align: offsets are exact for hard cuts, seams split in the middle, what is foreign is refused. */
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
#include "featurizer/align/exact.h"

enum { RATE = 44100, N_RAW = 40 * RATE, MAX_EDIT = 60 * RATE };

static int16_t raw[N_RAW], edit[MAX_EDIT];
static int64_t n_edit;

/* A tone that wanders, in noise, with three seconds of digital silence in the middle. */
static int make_recording(void **state) {
    (void)state;
    Rng rng = rng_at(7, 7);
    double phase = 0;
    for (int64_t t = 0; t < N_RAW; t++) {
        phase += (200 + 100 * sin((double)t / RATE)) / RATE;
        raw[t] = (int16_t)lrint(6000 * sin(6.283185307179586 * phase) + rng_between(&rng, -300, 300));
    }
    memset(raw + 20 * RATE, 0, 3 * RATE * sizeof *raw);
    return 0;
}

static void copy(int64_t start, int64_t end) {
    assert_true(n_edit + end - start <= MAX_EDIT);
    memcpy(edit + n_edit, raw + start, (size_t)(end - start) * sizeof *edit);
    n_edit += end - start;
}

static void blend(int64_t fade) { /* what was copied last gets a ramp of other samples before it */
    for (int64_t t = n_edit - fade; t < n_edit; t++) edit[t] = (int16_t)(edit[t] / 2 + 17);
}

static void assert_segments(const Edit *e, const int64_t (*expected)[2], int32_t n, int64_t slack) {
    assert_int_equal(e->n_segments, n);
    for (int32_t i = 0; i < n; i++) {
        assert_in_range(e->segments[i].start_sample - expected[i][0] + slack, 0, 2 * slack);
        assert_in_range(e->segments[i].end_sample - expected[i][1] + slack, 0, 2 * slack);
    }
}

static void finds_hard_cuts_to_the_sample(void **state) {
    (void)state;
    const int64_t expected[][2] = {{100000, 300001},   {50003, 90000}, {50003, 90000},
                                   {1200000, 1300007}, {7, 5000},      {1500000, 1502111}};
    const int32_t n = sizeof expected / sizeof *expected;
    Edit e;
    AlignReport report;
    n_edit = 0;
    for (int32_t i = 0; i < n; i++) copy(expected[i][0], expected[i][1]);
    assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_OK);
    assert_segments(&e, expected, n, 0);
    assert_true(report.matched == 1);
    assert_int_equal(report.n_seams, n - 1);
    assert_int_equal(e.sample_rate_hz, RATE);
    edit_drop(&e);
}

static void finds_random_cuts_to_the_sample(void **state) {
    (void)state;
    const char *given = getenv("N");
    int n_rounds = (given ? atoi(given) : 10000) / 100;
    n_rounds = n_rounds < 5 ? 5 : n_rounds > 300 ? 300 : n_rounds;
    for (int round = 0; round < n_rounds; round++) {
        Rng rng = rng_at((uint64_t)round, 1);
        int64_t expected[12][2];
        int32_t n = 1 + (int32_t)rng_below(&rng, 12);
        Edit e;
        AlignReport report;
        n_edit = 0;
        for (int32_t i = 0; i < n; i++) {
            int64_t length = 2000 + rng_below(&rng, 4 * RATE);
            /* within the music before or after the silence, whose samples are all alike */
            int64_t room = (i & 1 ? 17 : 20) * RATE - length;
            expected[i][0] = (i & 1 ? 23 * RATE : 0) + rng_below(&rng, (uint32_t)room);
            expected[i][1] = expected[i][0] + length;
            copy(expected[i][0], expected[i][1]);
        }
        assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_OK);
        assert_segments(&e, (const int64_t(*)[2])expected, n, 1); /* two neighbours may agree by chance */
        assert_int_equal(edit_samples(&e), n_edit);
        edit_drop(&e);
    }
}

static void splits_seams_in_the_middle_and_keeps_the_length(void **state) {
    (void)state;
    const int64_t expected[][2] = {{100000, 200000}, {400000, 500000}, {300000, 350000}};
    Edit e;
    AlignReport report;
    n_edit = 0;
    copy(100000, 200000);
    blend(400);
    copy(400000, 500000);
    blend(8000); /* 181 ms */
    copy(300000, 350000);
    assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_OK);
    assert_segments(&e, expected, 3, 4001);
    assert_in_range(200000 - e.segments[0].end_sample, 195, 205);
    assert_in_range(400000 - e.segments[1].start_sample, 195, 205);
    assert_int_equal(e.segments[1].fade, FADE_SHORT);
    assert_int_equal(e.segments[2].fade, FADE_HALF_BEAT);
    assert_int_equal(edit_samples(&e), n_edit);
    assert_int_equal(report.unmatched_end - report.unmatched_start, 8000);
    edit_drop(&e);
}

static void passes_over_silence_that_is_kept(void **state) {
    (void)state;
    const int64_t expected[][2] = {{15 * RATE, 25 * RATE}, {100, 50000}};
    Edit e;
    AlignReport report;
    n_edit = 0;
    copy(15 * RATE, 25 * RATE);
    copy(100, 50000);
    assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_OK);
    assert_segments(&e, expected, 2, 0);
    edit_drop(&e);
}

static void forgives_fades_at_both_ends(void **state) {
    (void)state;
    const int64_t expected[][2] = {{100000, 400000}};
    Edit e;
    AlignReport report;
    n_edit = 0;
    copy(90000, 100000);
    blend(10000);
    copy(100000, 500000);
    blend(100000);
    assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_OK);
    assert_segments(&e, expected, 1, 1);
    edit_drop(&e);
}

static void refuses_what_the_recording_does_not_hold(void **state) {
    (void)state;
    Edit e;
    AlignReport report;
    Rng rng = rng_at(3, 3);
    n_edit = 0;
    copy(0, 200000);
    for (int i = 0; i < RATE; i++) edit[n_edit++] = (int16_t)rng_below(&rng, 60000);
    copy(300000, 400000);
    assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_UNSUPPORTED);
    assert_string_equal(error_text(), "from 4.54 s to 5.54 s it agrees with no part of the recording");
    assert_int_equal(report.unmatched_start, 200000);
    assert_int_equal(e.n_segments, 0);
    for (int64_t t = 0; t < n_edit; t++) edit[t] = (int16_t)(edit[t] * 0.9);
    assert_int_equal(align_exact(raw, N_RAW, edit, n_edit, RATE, &e, &report), BS_UNSUPPORTED);
    assert_non_null(strstr(error_text(), "changed in level?"));
    assert_int_equal(align_exact(raw, N_RAW, edit, 0, RATE, &e, &report), BS_UNSUPPORTED);
    assert_int_equal(align_exact(raw, 10, edit, 10, RATE, &e, &report), BS_UNSUPPORTED);
}

static void folds_equal_frames_to_equal_numbers(void **state) {
    (void)state;
    const float frames[] = {0.5F, -0.25F, 0.5F, -0.25F, -0.25F, 0.5F, 2, -2};
    int16_t stereo[4], mono[8];
    align_fold(frames, 4, 2, stereo);
    assert_int_equal(stereo[0], stereo[1]);
    assert_int_not_equal(stereo[1], stereo[2]);
    align_fold(frames, 8, 1, mono);
    assert_int_equal(mono[0], 16384);
    assert_int_equal(mono[6], 32767);
    assert_int_equal(mono[7], -32768);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_hard_cuts_to_the_sample),
        cmocka_unit_test(finds_random_cuts_to_the_sample),
        cmocka_unit_test(splits_seams_in_the_middle_and_keeps_the_length),
        cmocka_unit_test(passes_over_silence_that_is_kept),
        cmocka_unit_test(forgives_fades_at_both_ends),
        cmocka_unit_test(refuses_what_the_recording_does_not_hold),
        cmocka_unit_test(folds_equal_frames_to_equal_numbers),
    };
    return cmocka_run_group_tests(tests, make_recording, NULL);
}
