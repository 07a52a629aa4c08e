// needs: featurizer
/* Beats, metre and downbeats on bands whose grid is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "featurizer/dsp/hearing.h"
#include "tests/unit/hear_synth.h"

typedef struct Played {
    Synth synth;
    int n_beats, meter;
    double beat_s[1024];
} Played;

/* A minute at most of 8-bar phrases over two chord loops; each beat up to 6 ms off the grid. */
static Played play(double bpm, int meter, int hats, uint64_t seed) {
    static const int loops[2][4] = {{0, 9, 5, 7}, {2, 7, 4, 9}};
    Played p = {.meter = meter};
    double beat = 60 / bpm, at = 1.0;
    int bars = (int)(40 / (beat * meter));
    p.synth = synth_new(1 + bars * meter * beat + 2.5, seed);
    for (int b = 0; b < bars; b++) {
        double t[8];
        for (int k = 0; k <= meter; k++) t[k] = at + k * beat + rng_between(&p.synth.rng, -0.006, 0.006);
        for (int k = 0; k < meter; k++) p.beat_s[p.n_beats++] = t[k];
        int root = loops[b / 8 % 2][b % 4];
        synth_bar(&p.synth, t, meter, root, root == 9 || root == 2 || root == 4, hats, 1);
        at += meter * beat;
    }
    return p;
}

typedef struct Figures {
    double f, downbeat_f, bias_ms;
} Figures;

static double f_of(int hits, int found, int truth) {
    return found + truth ? 2.0 * hits / (found + truth) : 0;
}

static Figures compare(const Played *p, const Hearing *h) {
    Figures out = {0};
    int hits = 0, found = 0, down_hits = 0, down_found = 0, down_truth = 0, used[1024] = {0};
    for (int i = 0; i < p->n_beats; i++) down_truth += i % p->meter == 0;
    for (int t = 0; t < h->n_takes; t++)
        for (int k = 0; k < h->takes[t].track.n; k++) {
            double at = h->takes[t].track.time_s[k];
            bool down = h->takes[t].phase[k] == 0;
            found++;
            down_found += down;
            for (int i = 0; i < p->n_beats; i++)
                if (!used[i] && fabs(p->beat_s[i] - at) < 0.07) {
                    used[i] = 1;
                    hits++;
                    out.bias_ms += 1000 * (at - p->beat_s[i]);
                    down_hits += down && i % p->meter == 0;
                    break;
                }
        }
    out.f = f_of(hits, found, p->n_beats);
    out.downbeat_f = f_of(down_hits, down_found, down_truth);
    out.bias_ms /= hits ? hits : 1;
    return out;
}

static Figures figures_of(double bpm, int meter, int hats, uint64_t seed) {
    Played p = play(bpm, meter, hats, seed);
    Arena mem;
    arena_init(&mem, (size_t)1 << 30);
    Hearing *h = arena_alloc(&mem, sizeof *h);
    assert_int_equal(hear(h, p.synth.samples, p.synth.n, 0, NULL, &mem), BS_OK);
    Figures out = compare(&p, h);
    if (getenv("VERBOSE"))
        printf("bpm %5.1f meter %d hats %d: F %.3f down %.3f bias %.1f ms, heard %.1f bpm meter %d takes %d "
               "slots %d\n",
               bpm, meter, hats, out.f, out.downbeat_f, out.bias_ms, h->tunes[0].tempo_bpm, h->tunes[0].meter,
               h->n_takes, h->tunes[0].form.n_slots);
    arena_drop(&mem);
    free(p.synth.samples);
    return out;
}

static void finds_beats_at_tempi_from_60_to_200(void **state) {
    (void)state;
    static const double tempi[] = {60, 74, 92, 108, 127, 150, 176, 200};
    for (size_t i = 0; i < sizeof tempi / sizeof *tempi; i++) {
        Figures four = figures_of(tempi[i], 4, tempi[i] < 160 ? 2 : 1, 10 + i);
        assert_true(four.f >= 0.95);
        assert_true(four.downbeat_f >= 0.9);
        assert_true(fabs(four.bias_ms) < 10);
        Figures three = figures_of(tempi[i], 3, 1, 30 + i);
        assert_true(three.f >= 0.95);
        assert_true(three.downbeat_f >= 0.9);
        assert_true(fabs(three.bias_ms) < 10);
    }
}

static void a_given_metre_is_taken(void **state) {
    (void)state;
    Played p = play(120, 4, 2, 5);
    Arena mem;
    arena_init(&mem, (size_t)1 << 30);
    Hearing *h = arena_alloc(&mem, sizeof *h);
    assert_int_equal(hear(h, p.synth.samples, p.synth.n, 3, NULL, &mem), BS_OK);
    assert_int_equal(h->tunes[0].meter, 3);
    arena_drop(&mem);
    free(p.synth.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_beats_at_tempi_from_60_to_200),
        cmocka_unit_test(a_given_metre_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
