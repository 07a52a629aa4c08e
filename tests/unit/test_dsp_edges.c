// needs: featurizer
/* Where takes begin and end, to the beat: chords that are held, drums that ring on, takes that break off. The
 * bands are not the simulator's, which the network was trained on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "featurizer/dsp/edges.h"
#include "tests/unit/synth_hear.h"

enum { TAKES = 2, BARS = 10, METER = 4 };
static const double start_s[TAKES] = {4, 34}, beat_s = 0.5;

static double beat_at(int take, int beat) { return start_s[take] + beat * beat_s; }

static void play_bar(Synth *s, int take, int bar) {
    static const int roots[4] = {0, 9, 5, 7};
    double t[METER + 1];
    for (int i = 0; i <= METER; i++) t[i] = beat_at(take, METER * bar + i);
    synth_bar(s, t, METER, roots[bar % 4], roots[bar % 4] == 9, 2, 1);
}

/* Two takes of bars [first, end). */
static Synth rehearsal(int first, int end) {
    Synth s = synth_new(60, 5);
    for (int take = 0; take < TAKES; take++)
        for (int bar = first; bar < end; bar++) play_bar(&s, take, bar);
    return s;
}

static void hush(Synth *s, double from_s, double to_s) {
    for (int64_t i = (int64_t)(from_s * SYNTH_HZ); i < (int64_t)(to_s * SYNTH_HZ) && i < s->n; i++)
        s->samples[i] *= 0.002F;
}

/* Takes begin with beat `first`, and end with beat `end` or up to `late` beats after it. */
static void expect_beats(Synth *s, int first, int end, int late) {
    Arena mem;
    Hearing *h = synth_hear(s, &mem);
    assert_int_equal(h->n_takes, TAKES);
    for (int k = 0; k < TAKES; k++) {
        const BeatTrack *t = &h->takes[k].track;
        assert_true(t->n > 0);
        assert_true(fabs(t->time_s[0] - beat_at(k, first)) < 0.3 * beat_s);
        assert_true(t->time_s[t->n] > beat_at(k, end) - 0.3 * beat_s);
        assert_true(t->time_s[t->n] < beat_at(k, end + late) + 0.3 * beat_s);
    }
    arena_drop(&mem);
    free(s->samples);
}

static void chord(Synth *s, double at_s, double length_s, double gain) {
    static const int notes[3] = {60, 64, 67};
    for (int i = 0; i < 3; i++) synth_tone(s, at_s, length_s, synth_hz(notes[i]), gain, 5);
}

static void a_last_chord_is_held_to_the_end_of_its_bar(void **state) {
    (void)state;
    Synth s = rehearsal(0, BARS);
    for (int k = 0; k < TAKES; k++) {
        chord(&s, beat_at(k, METER * BARS), METER * beat_s, 0.1);
        synth_noise(&s, beat_at(k, METER * BARS), 0.2, 0.3, 1);
    }
    expect_beats(&s, 0, METER * (BARS + 1), 0);
}

static void what_rings_after_the_last_bar_is_no_beat(void **state) {
    (void)state;
    Synth s = rehearsal(0, BARS);
    for (int k = 0; k < TAKES; k++) {
        synth_noise(&s, beat_at(k, METER * BARS - 2), 0.15, 0.55, 1);
        chord(&s, beat_at(k, METER * BARS - 2), 3 * beat_s, 0.06);
    }
    expect_beats(&s, 0, METER * BARS, 0);
}

/* The end of a bar is likelier than its middle, but not when nothing sounds up to it. */
static void silence_is_not_counted_to_the_end_of_the_bar(void **state) {
    (void)state;
    Synth s = rehearsal(0, BARS);
    for (int k = 0; k < TAKES; k++)
        hush(&s, beat_at(k, METER * BARS - 2) + 0.2, beat_at(k, METER * BARS + 2));
    expect_beats(&s, 0, METER * BARS - 2, 1);
}

static void strings_tuned_before_a_take_are_no_beats(void **state) {
    (void)state;
    Synth s = rehearsal(0, BARS);
    for (int k = 0; k < TAKES; k++)
        for (double at = start_s[k] - 2.6; at < start_s[k]; at += rng_between(&s.rng, 0.35, 0.7))
            synth_tone(&s, at, 0.4, 110 * rng_between(&s.rng, 0.98, 1.02), 0.03, 4);
    expect_beats(&s, 0, METER * BARS, 0);
}

static void places_lie_on_the_grid_between_the_takes_around(void **state) {
    (void)state;
    Synth s = rehearsal(0, BARS);
    Arena mem;
    EdgePlaces places;
    arena_init(&mem, (size_t)1 << 30);
    Hearing *h = arena_alloc(&mem, sizeof *h);
    assert_int_equal(hear_bars(h, s.samples, s.n, 0, NULL, &mem), BS_OK);
    assert_int_equal(h->n_takes, TAKES);
    for (int side = 0; side < 2; side++) {
        EdgeView v = hear_edges(h, 1);
        const BeatTrack *t = &v.take->track;
        const int found = side == EDGE_END ? t->n : 0;
        v.silent_db = -100;
        v.from_s = t->time_s[0] - 2.5 * beat_s;
        v.to_s = t->time_s[t->n] + 3.5 * beat_s;
        edge_places(&v, (EdgeSide)side, &places);
        const int beyond = side == EDGE_END ? 3 : 2;
        assert_int_equal(places.n, 1 + EDGE_REACH + beyond);
        for (int i = 0; i < places.n; i++) {
            assert_int_equal(places.beat[i], found + i - (side == EDGE_END ? EDGE_REACH : beyond));
            assert_true(fabs(places.time_s[i] - t->time_s[found] - (places.beat[i] - found) * beat_s) < 0.1);
            for (int c = 0; c < EDGE_CUES; c++) assert_true(isfinite(places.cues[i][c]));
        }
        v.silent_db = 0; /* all of this is silence: nothing can be added */
        edge_places(&v, (EdgeSide)side, &places);
        assert_int_equal(places.n, 1 + EDGE_REACH);
    }
    arena_drop(&mem);
    free(s.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_last_chord_is_held_to_the_end_of_its_bar),
        cmocka_unit_test(what_rings_after_the_last_bar_is_no_beat),
        cmocka_unit_test(silence_is_not_counted_to_the_end_of_the_bar),
        cmocka_unit_test(strings_tuned_before_a_take_are_no_beats),
        cmocka_unit_test(places_lie_on_the_grid_between_the_takes_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
