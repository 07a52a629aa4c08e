// needs: featurizer
/* Flaws of takes made up here beat by beat: what the others do not play, in one take of several and alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "featurizer/dsp/flaw.h"

enum { METER = 4, BARS = 16, BEATS = BARS * METER, TAKES_MOST = 5 };

typedef struct Stage {
    Heard units[TAKES_MOST * BEATS];
    int n_takes;
    Arena mem;
} Stage;

/* One beat of music number `name` (repeats have equal names), played with a player's freedom. */
static void play(Heard *u, int name, Rng *r) {
    Rng own = rng_at(17, (uint64_t)name);
    for (int c = 0; c < CHROMA; c++)
        u->m.chroma[c] = (float)(rng_f64(&own) < 0.3 ? 1 - 0.1 * rng_f64(r) : 0.1);
    for (int p = 0; p < PITCHES; p++) {
        bool on = rng_f64(&own) < 0.1;
        for (int h = 0; h < DETAIL_HALVES; h++)
            u->d.pitch[h][p] = on ? (float)(1 + 0.15 * rng_f64(r)) : (float)(0.02 * rng_f64(r));
    }
    for (int c = 0; c < DETAIL_CELLS; c++)
        for (int g = 0; g < ONSET_BANDS; g++)
            u->d.onset[c][g] = c % 6 ? (float)(0.05 * rng_f64(r)) : (float)(0.8 + 0.2 * rng_f64(r));
    for (int g = 0; g < MEASURE_MEL; g++) u->m.mel[g] = (float)(-30 - g + rng_between(r, -1, 1));
    u->m.level_db = (float)(-20 + rng_between(r, -0.5, 0.5));
    u->timing = (float)rng_between(r, -0.01, 0.01);
    u->rush = (float)rng_between(r, 0, 0.01);
}

static Stage *stage_new(int n_takes) {
    Stage *s = calloc(1, sizeof *s);
    Rng r = rng_at(23, (uint64_t)n_takes);
    s->n_takes = n_takes;
    arena_init(&s->mem, 1 << 26);
    for (int t = 0; t < n_takes; t++)
        for (int k = 0; k < BEATS; k++) {
            Heard *u = &s->units[t * BEATS + k];
            int music = k % (BEATS / 2); /* the second half repeats the first */
            play(u, music, &r);
            u->take = t, u->phase = k % METER, u->bar = t * BARS + k / METER;
            u->place = k, u->music_place = music;
            u->level_db = u->m.level_db + 20;
            u->from_start = (float)k, u->to_end = (float)(BEATS - 1 - k);
            memcpy(u->take_mel, u->m.mel, sizeof u->take_mel);
        }
    return s;
}

static void stage_free(Stage *s) {
    arena_drop(&s->mem);
    free(s);
}

/* A bar of wrong notes: half of the partials gone, as many foreign ones there. */
static void spoil(Stage *s, int take, int bar) {
    for (int k = 0; k < METER; k++) {
        Heard *u = &s->units[take * BEATS + bar * METER + k];
        for (int p = 0; p + 1 < PITCHES; p += 2)
            for (int h = 0; h < DETAIL_HALVES; h++) {
                float t = u->d.pitch[h][p];
                u->d.pitch[h][p] = u->d.pitch[h][p + 1], u->d.pitch[h][p + 1] = t;
            }
        for (int c = 0; c + 1 < CHROMA; c += 2) {
            float t = u->m.chroma[c];
            u->m.chroma[c] = u->m.chroma[c + 1], u->m.chroma[c + 1] = t;
        }
    }
}

static float bar_flaw(const Stage *s, int take, int bar) {
    float sum = 0;
    for (int k = 0; k < METER; k++) sum += s->units[take * BEATS + bar * METER + k].flaw / METER;
    return sum;
}

static void hear_flaws(Stage *s) {
    assert_int_equal(flaws_find(s->units, s->n_takes * BEATS, BEATS + 1, &s->mem, NULL), BS_OK);
}

static void wrong_notes_stand_out_however_many_takes_there_are(void **state) {
    (void)state;
    for (int n = 1; n <= TAKES_MOST; n++) {
        Stage *s = stage_new(n);
        int take = n / 2, bar = 5;
        spoil(s, take, bar);
        hear_flaws(s);
        float most = 0;
        for (int t = 0; t < n; t++)
            for (int b = 0; b < BARS; b++)
                if (n > 1 ? t != take || b != bar
                          : b != bar && b != bar + BARS / 2) /* alone, either may be it */
                    most = fmaxf(most, bar_flaw(s, t, b));
        /* a take that nothing but its own repeats can be held against is told less surely, and of two takes
         * that differ either may be it */
        assert_true(bar_flaw(s, take, bar) > (n > 2 ? 3 : n > 1 ? 2 : 1.1F) * most);
        assert_true(bar_flaw(s, take, bar) > 0.3F);
        stage_free(s);
    }
}

static void takes_that_agree_have_no_flaws(void **state) {
    (void)state;
    Stage *s = stage_new(3);
    hear_flaws(s);
    float mean = 0;
    for (int t = 0; t < 3; t++)
        for (int b = 0; b < BARS; b++) mean += bar_flaw(s, t, b) / (3 * BARS);
    assert_true(mean < 0.1F);
    stage_free(s);
}

static void the_spoilt_take_ranks_last_in_its_slot(void **state) {
    (void)state;
    Stage *s = stage_new(4);
    spoil(s, 2, 9);
    hear_flaws(s);
    for (int k = 0; k < METER; k++) {
        const Heard *u = &s->units[2 * BEATS + 9 * METER + k];
        assert_float_equal(u->rank, 1, 1e-6);
        assert_int_equal(u->alternatives, 3);
    }
    stage_free(s);
}

static void what_is_no_beat_has_no_flaw_of_its_own(void **state) {
    (void)state;
    Stage *s = stage_new(2);
    for (int k = 0; k < 8; k++) {
        Heard *u = &s->units[k];
        u->bar = u->place = u->music_place = -1;
        if (k < 4) u->take = -1;
    }
    hear_flaws(s);
    assert_float_equal(s->units[0].flaw, 0, 1e-6);
    assert_float_equal(s->units[5].flaw, 0.1, 1e-6);
    assert_float_equal(s->units[5].rank, 0.5, 1e-6);
    stage_free(s);
}

static void rows_for_training_hold_every_view_and_leave_out_what_is_not_judged(void **state) {
    (void)state;
    Stage *s = stage_new(3);
    FlawRows rows = {0};
    s->units[0].bar = -1;
    assert_int_equal(flaws_find(s->units, 3 * BEATS, BEATS + 1, &s->mem, &rows), BS_OK);
    assert_int_equal(rows.n_units, 3 * BEATS);
    for (int v = 0; v < FLAW_VIEWS; v++)
        for (int u = 0; u < rows.n_units; u++) {
            const float *x = rows.rows + ((size_t)v * (size_t)rows.n_units + (size_t)u) * FLAW_INPUTS;
            assert_true(u == 0 ? isnan(x[0]) : isfinite(x[0]));
            if (u == 0) continue;
            float known = x[3 * FLAW_GROUPS * RESPECTS]; /* are there other takes? not when seen alone */
            assert_true(known == (v == FLAW_VIEWS - 1 ? 0.0F : 1.0F));
        }
    free(rows.rows);
    stage_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_notes_stand_out_however_many_takes_there_are),
        cmocka_unit_test(takes_that_agree_have_no_flaws),
        cmocka_unit_test(the_spoilt_take_ranks_last_in_its_slot),
        cmocka_unit_test(what_is_no_beat_has_no_flaw_of_its_own),
        cmocka_unit_test(rows_for_training_hold_every_view_and_leave_out_what_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
