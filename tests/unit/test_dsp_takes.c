// needs: featurizer
/* Takes by pauses: silence, talk-like noise and count-ins between bands whose takes are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/audio/audio.h"
#include "tests/bench/elsewhere.h"
#include "tests/unit/synth_hear.h"

enum { TAKES = 3 };
static const double start_s[TAKES] = {3, 27, 52};
static const int bars[TAKES] = {8, 9, 10};
static const double beat_s = 0.5;

static double end_of(int k) { return start_s[k] + bars[k] * 4 * beat_s; }

static Synth rehearsal(double gain) {
    static const int roots[4] = {0, 9, 5, 7};
    Synth s = synth_new(76, 21);
    for (int k = 0; k < TAKES; k++)
        for (int b = 0; b < bars[k]; b++) {
            double t[5];
            for (int i = 0; i <= 4; i++) t[i] = start_s[k] + (4 * b + i) * beat_s;
            synth_bar(&s, t, 4, roots[b % 4], roots[b % 4] == 9, 2, gain);
        }
    return s;
}

static void expect_takes(const Synth *s) {
    Arena mem;
    Hearing *h = synth_hear(s, &mem);
    assert_int_equal(h->n_takes, TAKES);
    for (int k = 0; k < TAKES; k++) {
        const BeatTrack *t = &h->takes[k].track;
        assert_true(t->n > 0);
        assert_true(fabs(t->time_s[0] - start_s[k]) < 0.1);
        assert_true(fabs(t->time_s[t->n] - end_of(k)) < 0.5);
    }
    arena_drop(&mem);
}

static void silence_parts_takes_whatever_the_level(void **state) {
    (void)state;
    static const double gains[] = {1, 0.15};
    for (size_t i = 0; i < sizeof gains / sizeof *gains; i++) {
        Synth s = rehearsal(gains[i]);
        expect_takes(&s);
        free(s.samples);
    }
}

static void a_count_in_is_no_part_of_the_take(void **state) {
    (void)state;
    Synth s = rehearsal(1);
    for (int k = 0; k < TAKES; k++)
        for (int i = 1; i <= 4; i++) synth_noise(&s, start_s[k] - i * beat_s, 0.3, 0.01, 1);
    expect_takes(&s);
    free(s.samples);
}

/* A voice of sorts: a buzz of 150 Hz that comes and goes in syllables, without bass, drums or grid. */
static void talk_is_no_take(void **state) {
    (void)state;
    Synth s = rehearsal(1);
    for (int k = 1; k < TAKES; k++)
        for (double at = end_of(k - 1) + 1.5; at < start_s[k] - 1.2; at += rng_between(&s.rng, 0.15, 0.45))
            synth_tone(&s, at, rng_between(&s.rng, 0.1, 0.2), rng_between(&s.rng, 220, 300), 0.04, 12);
    expect_takes(&s);
    free(s.samples);
}

/* The band stops for two beats in mid-song and comes in again on the grid. */
static void a_break_on_the_grid_is_no_pause(void **state) {
    (void)state;
    Synth s = rehearsal(1);
    int64_t from = (int64_t)((start_s[1] + 16 * beat_s + 2 * beat_s - 0.01) * SYNTH_HZ);
    for (int64_t i = from; i < from + (int64_t)(2 * beat_s * SYNTH_HZ); i++) s.samples[i] *= 0.001F;
    expect_takes(&s);
    free(s.samples);
}

/* The band stops in the middle of a bar, and begins again from the top a good second later, off the grid. */
static void a_restart_after_a_second_is_a_take(void **state) {
    (void)state;
    static const int roots[4] = {0, 9, 5, 7};
    static const double pauses_s[] = {1.35, 1.6, 1.75};
    for (size_t k = 0; k < sizeof pauses_s / sizeof *pauses_s; k++) {
        Synth s = synth_new(60, 9);
        const double stops_s = 3 + 30 * beat_s, again_s = stops_s + pauses_s[k];
        for (int bar = 0; bar < 18; bar++) {
            double t[5];
            if (bar == 8)
                for (int64_t i = (int64_t)(stops_s * SYNTH_HZ); i < s.n; i++)
                    s.samples[i] *= (float)exp((stops_s - (double)i / SYNTH_HZ) / 0.15);
            for (int i = 0; i <= 4; i++)
                t[i] = bar < 8 ? 3 + (4 * bar + i) * beat_s : again_s + (4 * (bar - 8) + i) * beat_s;
            const int root = roots[(bar < 8 ? bar : bar - 8) % 4];
            synth_bar(&s, t, 4, root, root == 9, 2, 1);
        }
        Arena mem;
        Hearing *h = synth_hear(&s, &mem);
        assert_int_equal(h->n_takes, 2);
        const BeatTrack *first = &h->takes[0].track, *second = &h->takes[1].track;
        assert_true(fabs(first->time_s[first->n] - stops_s) < beat_s + 0.1);
        assert_true(fabs(second->time_s[0] - again_s) < 0.1);
        arena_drop(&mem);
        free(s.samples);
    }
}

/* The chords of a reggae are short, and between them there may be next to nothing. */
static void silence_between_chords_is_rhythm(void **state) {
    (void)state;
    const int reggae = 8;
    for (int k = 0; k < 3; k++) {
        Piece p;
        piece_make(&p, reggae + k * ELSEWHERE_STYLES, 4711);
        assert_string_equal(p.style, "reggae");
        Synth s = {0};
        assert_int_equal(resample(p.samples, p.n_samples, ELSEWHERE_HZ, SYNTH_HZ, 1, &s.samples, &s.n),
                         BS_OK);
        Arena mem;
        Hearing *h = synth_hear(&s, &mem);
        assert_int_equal(h->n_takes, 1);
        arena_drop(&mem);
        free(s.samples);
        free(p.samples);
    }
}

static void every_region_lies_in_order_inside_the_recording(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        Synth s = synth_new(12, seed);
        for (int i = 0; i < 60; i++)
            synth_noise(&s, rng_between(&s.rng, 0, 12), rng_between(&s.rng, 0, 0.6),
                        rng_between(&s.rng, 0.002, 0.3), rng_between(&s.rng, 0.02, 1));
        Arena mem;
        Hearing *h = synth_hear(&s, &mem);
        Stretches cut;
        assert_int_equal(stretches_cut(h, &cut, &mem), BS_OK);
        for (int k = 0; k < h->map.n; k++) {
            const Region *g = &h->map.regions[k];
            assert_true(g->first >= 0 && g->first < g->end && g->end <= g->ring_end &&
                        g->ring_end <= h->frames.n);
            if (k) assert_true(g->first >= h->map.regions[k - 1].end);
        }
        for (int u = 1; u < cut.n; u++) assert_true(cut.list[u].start_s > cut.list[u - 1].start_s);
        assert_true(cut.list[0].start_s == 0);
        arena_drop(&mem);
        free(s.samples);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_parts_takes_whatever_the_level),
        cmocka_unit_test(a_count_in_is_no_part_of_the_take),
        cmocka_unit_test(talk_is_no_take),
        cmocka_unit_test(a_break_on_the_grid_is_no_pause),
        cmocka_unit_test(a_restart_after_a_second_is_a_take),
        cmocka_unit_test(silence_between_chords_is_rhythm),
        cmocka_unit_test(every_region_lies_in_order_inside_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
