// needs: featurizer
/* Plain sounds that no band made: a click, drum loops slow and fast, a jig, tones in no time at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "featurizer/dsp/hearing.h"
#include "tests/unit/hear_synth.h"

typedef struct Heard {
    double bpm, confidence;
    int n_takes, n_beats, meter;
} Heard;

static Heard heard_in(Synth *s) {
    Arena mem;
    arena_init(&mem, (size_t)1 << 30);
    Hearing *h = arena_alloc(&mem, sizeof *h);
    assert_non_null(h);
    assert_int_equal(hear(h, s->samples, s->n, 0, NULL, &mem), BS_OK);
    const BeatTrack *t = &h->takes[0].track;
    Heard out = {h->tunes[0].tempo_bpm, t->confidence, h->n_takes, t->n, h->tunes[0].meter};
    if (getenv("VERBOSE"))
        printf("%.1f bpm, confidence %.2f, %d takes, %d beats, metre %d\n", out.bpm, out.confidence,
               out.n_takes, out.n_beats, out.meter);
    arena_drop(&mem);
    free(s->samples);
    return out;
}

static void assert_near(double a, double b, double within) { assert_true(fabs(a - b) <= within); }

static void a_click_is_counted_as_it_clicks(void **state) {
    (void)state;
    for (double bpm = 60; bpm < 190; bpm += 40) {
        Synth s = synth_new(30, 1);
        for (double at = 0.5; at < 29; at += 60 / bpm) synth_tone(&s, at, 0.03, 1760, 0.5, 1);
        Heard h = heard_in(&s);
        assert_true(h.bpm > 0);
        double octaves = log2(h.bpm / bpm);                /* nothing tells which click is the beat */
        assert_near(octaves, floor(octaves + 0.5), 0.002); /* .2 bpm of 140 */
        assert_true(fabs(octaves) < 1.1);
        assert_true(h.confidence > 0.5);
    }
}

static void drum_loop(Synth *s, double bpm, double length_s) {
    double beat = 60 / bpm;
    int k = 0;
    for (double at = 0.5; at < length_s - beat; at += beat, k++) {
        if (k % 2 == 0) synth_kick(s, at, 0.6);
        if (k % 4 == 2) synth_kick(s, at + beat / 2, 0.5);
        if (k % 2 == 1) synth_noise(s, at, 0.35, 0.05, 1);
        for (int h = 0; h < 2; h++) synth_noise(s, at + h * beat / 2, 0.08, 0.015, 1);
    }
}

static void drum_loops_are_neither_halved_nor_doubled(void **state) {
    (void)state;
    static const double tempi[] = {70, 100, 140, 170};
    for (size_t i = 0; i < sizeof tempi / sizeof *tempi; i++) {
        Synth s = synth_new(30, 2);
        drum_loop(&s, tempi[i], 29);
        Heard h = heard_in(&s);
        assert_int_equal(h.n_takes, 1);
        assert_near(h.bpm, tempi[i], 0.02 * tempi[i]);
        assert_int_equal(h.meter, 4);
    }
}

static void a_jig_is_in_six(void **state) {
    (void)state;
    static const int tune[12] = {0, 4, 7, 9, 7, 4, 5, 2, 5, 7, 4, 2};
    double eighth = 60.0 / 190;
    Synth s = synth_new(40, 3);
    int k = 0;
    for (double at = 0.5; at < 38; at += eighth, k++) {
        int bar = k / 6, chord = (const int[]){0, 5, 7, 0}[bar % 4];
        synth_tone(&s, at, eighth * 0.9, synth_hz(72 + tune[(k + 3 * (bar / 4 % 2)) % 12]), 0.12, 4);
        if (k % 6 == 0)
            synth_kick(&s, at, 0.5), synth_tone(&s, at, eighth * 2.5, synth_hz(36 + chord), 0.2, 4);
        if (k % 6 == 3) synth_noise(&s, at, 0.2, 0.05, 1);
        if (k % 6 == 0)
            for (int n = 0; n < 3; n++)
                synth_tone(&s, at, eighth * 5.5, synth_hz(60 + chord + (const int[]){0, 4, 7}[n]), 0.05, 4);
    }
    assert_int_equal(heard_in(&s).meter, 6);
}

static void tones_in_no_time_are_not_sure_of_their_beat(void **state) {
    (void)state;
    Synth s = synth_new(40, 4);
    for (double at = 0.5; at < 36; at += rng_between(&s.rng, 0.25, 1.6))
        synth_tone(&s, at, 3, synth_hz(48 + (int)rng_below(&s.rng, 36)), 0.2, 6);
    Heard h = heard_in(&s);
    assert_true(h.n_beats == 0 || h.confidence < 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_click_is_counted_as_it_clicks),
        cmocka_unit_test(drum_loops_are_neither_halved_nor_doubled),
        cmocka_unit_test(a_jig_is_in_six),
        cmocka_unit_test(tones_in_no_time_are_not_sure_of_their_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
