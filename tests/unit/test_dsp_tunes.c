// needs: featurizer
/* Takes of one piece are found to be of one piece, at another speed and in another key; others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "featurizer/dsp/hearing.h"
#include "tests/unit/hear_synth.h"

static const int songs[2][16] = {{0, 9, 5, 7, 0, 9, 5, 7, 2, 7, 4, 9, 5, 5, 7, 7},
                                 {9, 9, 8, 7, 6, 5, 4, 4, 2, 2, 10, 10, 11, 11, 4, 4}};

typedef struct Take {
    int song, turned, n_bars;
    double bpm;
} Take;

/* Plays the takes with three seconds between them and returns what was heard of it. */
static Hearing *hear_takes(const Take *takes, int n, Arena *mem, Synth *synth) {
    double length = 2, at = 1;
    for (int t = 0; t < n; t++) length += takes[t].n_bars * 4 * 60 / takes[t].bpm + 3;
    *synth = synth_new(length, 5);
    for (int t = 0; t < n; t++, at += 3)
        for (int b = 0; b < takes[t].n_bars; b++) {
            double beat[5];
            for (int k = 0; k <= 4; k++) beat[k] = at + k * 60 / takes[t].bpm;
            int root = songs[takes[t].song][b % 16];
            bool minor = root == 9 || root == 2 || root == 4 || root == 1;
            synth_bar(synth, beat, 4, (root + takes[t].turned) % 12, minor, 2, 1);
            at = beat[4];
        }
    Hearing *h = arena_alloc(mem, sizeof *h);
    assert_non_null(h);
    assert_int_equal(hear(h, synth->samples, synth->n, 0, NULL, mem), BS_OK);
    return h;
}

static void assert_tunes(const Take *takes, int n, const int *tunes) {
    Arena mem;
    Synth synth;
    arena_init(&mem, (size_t)1 << 30);
    Hearing *h = hear_takes(takes, n, &mem, &synth);
    assert_int_equal(h->n_takes, n);
    for (int t = 0; t < n; t++) assert_int_equal(h->tune_of[t], tunes[t]);
    arena_drop(&mem);
    free(synth.samples);
}

static void takes_of_two_pieces_are_two_tunes(void **state) {
    (void)state;
    const Take takes[] = {{0, 0, 16, 100}, {1, 0, 16, 132}, {0, 0, 16, 101}, {1, 0, 12, 131}};
    assert_tunes(takes, 4, (const int[]){0, 1, 0, 1});
}

static void a_take_in_another_key_is_of_the_same_tune(void **state) {
    (void)state;
    const Take takes[] = {{0, 0, 16, 104}, {0, 2, 16, 104}, {1, 0, 16, 128}};
    assert_tunes(takes, 3, (const int[]){0, 0, 1});
}

static void a_slower_take_is_of_the_same_tune(void **state) {
    (void)state;
    const Take takes[] = {{0, 0, 16, 120}, {0, 0, 16, 96}, {1, 0, 16, 128}};
    assert_tunes(takes, 3, (const int[]){0, 0, 1});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_of_two_pieces_are_two_tunes),
        cmocka_unit_test(a_take_in_another_key_is_of_the_same_tune),
        cmocka_unit_test(a_slower_take_is_of_the_same_tune),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
