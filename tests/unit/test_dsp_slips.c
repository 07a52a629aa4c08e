// needs: featurizer
/* Beats stay on one side of the beat through a take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "featurizer/dsp/hearing.h"
#include "featurizer/dsp/slips.h"
#include "tests/unit/hear_synth.h"

enum { BEATS = 160 };

typedef struct Made {
    Arena mem;
    BeatTrack track;
    float *activation;
    int32_t n_frames;
} Made;

/* Beats of `length` seconds, each stretched[k] times as long, played a little loosely. */
static Made track_of(double length_s, const double stretched[BEATS]) {
    Made m = {.n_frames = 20000};
    arena_init(&m.mem, (size_t)1 << 26);
    m.track = (BeatTrack){.n = BEATS, .tempo_bpm = 60 / length_s};
    m.track.time_s = arena_alloc(&m.mem, sizeof(double) * (BEATS + 1));
    m.track.strength = arena_alloc(&m.mem, sizeof(float) * BEATS);
    m.activation = arena_alloc(&m.mem, sizeof(float) * (size_t)m.n_frames);
    double at = 1;
    for (int k = 0; k <= BEATS; k++) {
        Rng r = rng_at((uint64_t)k, 1);
        m.track.time_s[k] = at + rng_between(&r, -0.008, 0.008);
        if (k < BEATS) at += length_s * stretched[k];
    }
    return m;
}

static void even(double stretched[BEATS]) {
    for (int k = 0; k < BEATS; k++) stretched[k] = 1;
}

/* Largest distance from an even grid through the first beat. */
static double off_grid(const BeatTrack *t, double length_s, double first_s) {
    double most = 0;
    for (int32_t k = 0; k < t->n; k++) {
        double x = (t->time_s[k] - first_s) / length_s;
        most = fmax(most, fabs(x - floor(x + 0.5)));
    }
    return most;
}

static void a_part_that_slipped_comes_back(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) { /* longer and shorter beats over the slip, quick and slow ones */
        double stretched[BEATS], length_s = how % 2 ? 0.4 : 0.7;
        int over = how < 2 ? 4 : 9;
        even(stretched);
        for (int k = 0; k < over; k++)
            stretched[60 + k] = 1 + 0.5 / over,
                           stretched[100 + k] = how % 2 ? 1 + 0.5 / over : 1 - 0.5 / over;
        Made m = track_of(length_s, stretched);
        assert_true(off_grid(&m.track, length_s, 1) > 0.4);
        assert_int_equal(slips_mend(m.activation, m.n_frames, &m.track, &m.mem), BS_OK);
        assert_true(off_grid(&m.track, length_s, 1) < 0.15); /* at the edges of what slipped */
        for (int32_t k = 0; k < m.track.n; k++)
            assert_true(fabs((m.track.time_s[k + 1] - m.track.time_s[k]) / length_s - 1) < 0.2);
        arena_drop(&m.mem);
    }
}

static void the_longer_part_stays_where_it_is(void **state) {
    (void)state;
    double stretched[BEATS];
    even(stretched);
    for (int k = 0; k < 5; k++) stretched[30 + k] = 1.1; /* most of the track lies behind the slip */
    Made m = track_of(0.5, stretched);
    assert_int_equal(slips_mend(m.activation, m.n_frames, &m.track, &m.mem), BS_OK);
    assert_true(off_grid(&m.track, 0.5, 1.25) < 0.15);
    arena_drop(&m.mem);
}

/* A held breath of half a beat looks like a slip, but nothing is struck where the beats would go. */
static void beats_that_would_fall_into_silence_stay(void **state) {
    (void)state;
    double stretched[BEATS];
    even(stretched);
    for (int k = 0; k < 5; k++) stretched[80 + k] = 1.1;
    Made m = track_of(0.5, stretched);
    for (int k = 0; k < BEATS; k++) {
        m.activation[(int)(m.track.time_s[k] * FRAMES_PER_S + 0.5)] = 1;
        m.track.strength[k] = 1;
    }
    const double last_s = m.track.time_s[BEATS - 1];
    assert_int_equal(slips_mend(m.activation, m.n_frames, &m.track, &m.mem), BS_OK);
    assert_int_equal(m.track.n, BEATS);
    assert_true(m.track.time_s[BEATS - 1] == last_s);
    assert_true(off_grid(&m.track, 0.5, 1) > 0.4);
    arena_drop(&m.mem);
}

static void breaths_drifts_and_other_tempos_are_left_alone(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        double stretched[BEATS];
        even(stretched);
        for (int k = 0; k < BEATS; k++) {
            if (how == 0) stretched[k] = 1 + 0.05 * sin(k / 20.0);  /* drifts */
            if (how == 1 && k >= 80) stretched[k] = 0.9;            /* another tempo */
            if (how == 2 && k >= 60 && k < 64) stretched[k] = 1.06; /* a breath of a quarter */
            if (how == 3) stretched[k] = k < 70 ? 1 : k < 90 ? 1.05 : k < 91 ? 2 : 1; /* slower, and held */
        }
        Made m = track_of(0.5, stretched);
        double was[BEATS];
        for (int k = 0; k < BEATS; k++) was[k] = m.track.time_s[k];
        assert_int_equal(slips_mend(m.activation, m.n_frames, &m.track, &m.mem), BS_OK);
        assert_int_equal(m.track.n, BEATS);
        for (int k = 0; k < BEATS; k++) assert_true(was[k] == m.track.time_s[k]);
        arena_drop(&m.mem);
    }
}

/* A verse with kick and snare on the beat, a chorus that has its snare between. Returns the share of the
 * beats found that are on the beat. */
static double on_the_beat(double bpm) {
    const double beat = 60 / bpm;
    Synth s = synth_new(100, 1);
    int k = 0;
    for (double at = 0.5; at < 98; at += beat, k++) {
        bool chorus = k >= 100 && k < 150;
        if (chorus || k % 2 == 0) synth_kick(&s, at, chorus ? 0.25 : 0.6);
        if (chorus || k % 2 == 1)
            synth_noise(&s, at + (chorus ? 0.5 : 0) * beat, chorus ? 0.6 : 0.35, 0.05, 1);
        for (int h = 0; h < 2; h++) synth_noise(&s, at + h * beat / 2, 0.06, 0.015, 1);
    }
    Arena mem;
    arena_init(&mem, (size_t)1 << 30);
    Hearing *h = arena_alloc(&mem, sizeof *h);
    assert_int_equal(hear(h, s.samples, s.n, 0, NULL, &mem), BS_OK);
    int32_t n = 0, on = 0;
    for (int32_t t = 0; t < h->n_takes; t++)
        for (int32_t b = 0; b < h->takes[t].track.n; b++, n++) {
            double x = (h->takes[t].track.time_s[b] - 0.5) / beat;
            on += fabs(x - floor(x + 0.5)) < 0.1;
        }
    if (getenv("VERBOSE")) printf("%.0f bpm: %d of %d beats on the beat\n", bpm, on, n);
    assert_true(n > 90);
    arena_drop(&mem);
    free(s.samples);
    return (double)on / n;
}

static void a_snare_between_the_beats_moves_no_beat(void **state) {
    (void)state;
    assert_true(on_the_beat(95) > 0.9);
    assert_true(on_the_beat(100) > 0.9);
    assert_true(on_the_beat(130) > 0.9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_that_slipped_comes_back),
        cmocka_unit_test(the_longer_part_stays_where_it_is),
        cmocka_unit_test(beats_that_would_fall_into_silence_stay),
        cmocka_unit_test(breaths_drifts_and_other_tempos_are_left_alone),
        cmocka_unit_test(a_snare_between_the_beats_moves_no_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
