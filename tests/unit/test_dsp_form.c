// needs: featurizer
/* Aligning bars of takes to a form, on sounds made up here; sections of a made-up form. */
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
#include "featurizer/dsp/form_path.h"
#include "featurizer/dsp/sections.h"

enum { SLOTS = 24, METER = 4 };

static void unit_length(float *v, int n) {
    double norm = 0;
    for (int i = 0; i < n; i++) norm += (double)v[i] * v[i];
    for (int i = 0; i < n; i++) v[i] /= (float)sqrt(norm);
}

static void direction(float *v, int n, Rng *r) {
    double mean = 0;
    for (int i = 0; i < n; i++) v[i] = (float)rng_between(r, -1, 1), mean += v[i] / n;
    for (int i = 0; i < n; i++) v[i] -= (float)mean;
    unit_length(v, n);
}

/* The bar called `name`, played with some noise. */
static BarSound play_bar(int name, double noise, Rng *r) {
    BarSound b, other;
    BarSound *both[2] = {&b, &other};
    memset(&b, 0, sizeof b);
    Rng own = rng_at(91, (uint64_t)name);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < METER; k++) {
            direction(both[i]->chroma[k], CHROMA, i ? r : &own);
            direction(both[i]->mel[k], MEASURE_MEL, i ? r : &own);
        }
    for (int k = 0; k < METER; k++) {
        for (int c = 0; c < CHROMA; c++)
            b.chroma[k][c] = (float)((1 - noise) * b.chroma[k][c] + noise * other.chroma[k][c]);
        for (int g = 0; g < MEASURE_MEL; g++)
            b.mel[k][g] = (float)((1 - noise) * b.mel[k][g] + noise * other.mel[k][g]);
        unit_length(b.chroma[k], CHROMA);
        unit_length(b.mel[k], MEASURE_MEL);
        b.level[k] = (float)rng_between(r, -1, 1);
    }
    b.n_beats = METER;
    return b;
}

static void align(const int *names, int n, int32_t *slots) {
    BarSound form[SLOTS], bars[64];
    Rng r = rng_at(5, 6);
    Arena mem;
    Status st = BS_OK;
    arena_init(&mem, 1 << 24);
    for (int j = 0; j < SLOTS; j++) form[j] = play_bar(j, 0.2, &r);
    for (int i = 0; i < n; i++) bars[i] = play_bar(names[i], 0.3, &r);
    form_path(bars, n, form, SLOTS, 0.3, &mem, slots, &st);
    assert_int_equal(st, BS_OK);
    arena_drop(&mem);
}

static void a_whole_take_gets_every_slot(void **state) {
    (void)state;
    int names[SLOTS];
    int32_t slots[SLOTS];
    for (int i = 0; i < SLOTS; i++) names[i] = i;
    align(names, SLOTS, slots);
    for (int i = 0; i < SLOTS; i++) assert_int_equal(slots[i], i);
}

static void a_take_may_start_in_the_middle_and_break_off(void **state) {
    (void)state;
    int names[8];
    int32_t slots[8];
    for (int i = 0; i < 8; i++) names[i] = 11 + i;
    align(names, 8, slots);
    for (int i = 0; i < 8; i++) assert_int_equal(slots[i], 11 + i);
}

static void a_take_may_go_back_and_begin_again(void **state) {
    (void)state;
    int names[22];
    int32_t slots[22];
    for (int i = 0; i < 22; i++) names[i] = i < 10 ? i : i - 10;
    align(names, 22, slots);
    for (int i = 0; i < 22; i++) assert_int_equal(slots[i], names[i]);
}

static void a_bar_too_many_costs_one_bar(void **state) {
    (void)state;
    int names[13];
    int32_t slots[13];
    for (int i = 0; i < 13; i++) names[i] = i < 6 ? i : i == 6 ? 777 : i - 1;
    align(names, 13, slots);
    for (int i = 0; i < 13; i++)
        if (i != 6) assert_int_equal(slots[i], names[i]);
}

static void bars_of_another_piece_get_no_slot(void **state) {
    (void)state;
    int names[10];
    int32_t slots[10];
    for (int i = 0; i < 10; i++) names[i] = 500 + i;
    align(names, 10, slots);
    for (int i = 0; i < 10; i++) assert_int_equal(slots[i], -1);
}

/* verse (4) chorus (4) verse chorus bridge (4) chorus */
static void sections_that_come_back_share_a_label(void **state) {
    (void)state;
    static const int parts[6] = {0, 1, 0, 1, 2, 1};
    BarSound sounds[24];
    Rng r = rng_at(8, 8);
    Arena mem;
    arena_init(&mem, 1 << 24);
    for (int i = 0; i < 24; i++) sounds[i] = play_bar(100 * parts[i / 4] + i % 4, 0.25, &r);
    Form form = {.n_slots = 24, .sounds = sounds};
    Sections s;
    assert_int_equal(sections_find(&s, &form, &mem), BS_OK);
    for (int i = 0; i < 24; i++)
        for (int j = 0; j < 24; j++)
            if (i % 4 == j % 4 && i / 4 != 4 && j / 4 != 4 && parts[i / 4] == parts[j / 4])
                assert_int_equal(s.label[i], s.label[j]);
    assert_int_not_equal(s.label[16], s.label[20]);
    assert_true(s.start[0] && s.start[16] && s.start[20]);
    for (int i = 0; i < 24; i++)
        if (s.start[i]) assert_true(s.phrase[i]);
    arena_drop(&mem);
}

/* A section of two bars is told by what else comes before and after it. */
static void short_sections_are_cut_where_music_parts(void **state) {
    (void)state;
    static const char form_of[] = "bbccbbccddcc";
    BarSound sounds[12];
    Rng r = rng_at(9, 9);
    Arena mem;
    arena_init(&mem, 1 << 24);
    for (int i = 0; i < 12; i++) sounds[i] = play_bar(100 * form_of[i] + i % 2, 0.25, &r);
    Form form = {.n_slots = 12, .sounds = sounds};
    Sections s;
    assert_int_equal(sections_find(&s, &form, &mem), BS_OK);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(s.start[i], i % 2 == 0);
        for (int j = 0; j < 12; j++) assert_int_equal(s.label[i] == s.label[j], form_of[i] == form_of[j]);
    }
    arena_drop(&mem);
}

/* A take that plays bars [first, first + n) of the piece. */
static TakeBeats play_take(int first, int n, Rng *r, Arena *mem) {
    const size_t beats = (size_t)(n * METER);
    TakeBeats t = {.track = {.n = n * METER, .tempo_bpm = 120}};
    t.track.time_s = arena_alloc(mem, sizeof(double) * (beats + 1));
    t.measures = arena_alloc(mem, sizeof(Measure) * beats);
    t.evidence = arena_alloc(mem, sizeof(float) * beats);
    t.phase = arena_alloc(mem, beats);
    for (int k = 0; k < n * METER; k++) {
        BarSound bar = play_bar(first + k / METER, 0.25, r);
        memcpy(t.measures[k].chroma, bar.chroma[k % METER], sizeof bar.chroma[0]);
        memcpy(t.measures[k].mel, bar.mel[k % METER], sizeof bar.mel[0]);
        t.evidence[k] = k % METER == 0;
        t.phase[k] = (uint8_t)(k % METER);
    }
    return t;
}

static void assert_plays(const Form *form, int take, int first, int n) {
    assert_int_equal(form->takes[take].n, n);
    for (int i = 0; i < n; i++) assert_int_equal(form->takes[take].bars[i].slot, first + i);
}

static void takes_of_parts_make_a_whole(void **state) {
    (void)state;
    Rng r = rng_at(3, 4);
    Arena mem;
    Form form;
    arena_init(&mem, 1 << 26);
    TakeBeats takes[4] = {play_take(9, 7, &r, &mem), play_take(0, 6, &r, &mem), play_take(3, 8, &r, &mem),
                          play_take(4, 2, &r, &mem)};
    assert_int_equal(form_align(&form, takes, 4, METER, &mem), BS_OK);
    assert_int_equal(form.n_slots, 16);
    assert_plays(&form, 0, 9, 7);
    assert_plays(&form, 1, 0, 6);
    assert_plays(&form, 2, 3, 8);
    assert_plays(&form, 3, 4, 2);
    arena_drop(&mem);
}

/* One take is a form, however short or long; what is past the most slots has none. */
static void a_take_alone_is_the_form(void **state) {
    (void)state;
    static const int lengths[] = {1, 2, SONG_MAX_SLOTS + 4};
    for (int i = 0; i < 3; i++) {
        Rng r = rng_at(3, 6);
        Arena mem;
        Form form;
        arena_init(&mem, (size_t)2 << 30);
        const int n = lengths[i], slots = n < SONG_MAX_SLOTS ? n : SONG_MAX_SLOTS;
        TakeBeats take = play_take(0, n, &r, &mem);
        assert_int_equal(form_align(&form, &take, 1, METER, &mem), BS_OK);
        assert_int_equal(form.n_slots, slots);
        for (int b = 0; b < n; b++) assert_int_equal(form.takes[0].bars[b].slot, b < slots ? b : -1);
        arena_drop(&mem);
    }
}

static void a_part_that_nothing_leads_to_has_slots_of_its_own(void **state) {
    (void)state;
    Rng r = rng_at(3, 5);
    Arena mem;
    Form form;
    arena_init(&mem, 1 << 26);
    TakeBeats takes[4] = {play_take(0, 10, &r, &mem), play_take(50, 4, &r, &mem), play_take(50, 4, &r, &mem),
                          play_take(80, 2, &r, &mem)};
    assert_int_equal(form_align(&form, takes, 4, METER, &mem), BS_OK);
    assert_int_equal(form.n_slots, 14);
    assert_plays(&form, 0, 0, 10);
    assert_plays(&form, 1, 10, 4);
    assert_plays(&form, 2, 10, 4);
    assert_int_equal(form.takes[3].bars[0].slot, -1);
    arena_drop(&mem);
}

/* Eight bars alike and eight others; the voice rests at the end of every n-th bar. */
static void phrases_when_voice_rests_every(int every, Sections *out, Arena *mem) {
    BarSound sounds[16];
    Rng r = rng_at(5, 5);
    for (int i = 0; i < 16; i++) {
        sounds[i] = play_bar(i / 8, 0.2, &r);
        for (int k = 0; k < METER; k++)
            sounds[i].vocal[k] = (i + 1) % every == 0 && k == METER - 1 ? 0.05F : 0.5F;
    }
    Form form = {.n_slots = 16, .sounds = sounds};
    assert_int_equal(sections_find(out, &form, mem), BS_OK);
}

static void phrases_end_where_the_voice_rests(void **state) {
    (void)state;
    for (int every = 2; every <= 4; every *= 2) {
        Sections s;
        Arena mem;
        arena_init(&mem, 1 << 24);
        phrases_when_voice_rests_every(every, &s, &mem);
        for (int i = 0; i < 16; i++) assert_int_equal(s.phrase[i], i % every == 0);
        arena_drop(&mem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_take_gets_every_slot),
        cmocka_unit_test(a_take_may_start_in_the_middle_and_break_off),
        cmocka_unit_test(a_take_may_go_back_and_begin_again),
        cmocka_unit_test(a_bar_too_many_costs_one_bar),
        cmocka_unit_test(bars_of_another_piece_get_no_slot),
        cmocka_unit_test(sections_that_come_back_share_a_label),
        cmocka_unit_test(short_sections_are_cut_where_music_parts),
        cmocka_unit_test(takes_of_parts_make_a_whole),
        cmocka_unit_test(a_take_alone_is_the_form),
        cmocka_unit_test(a_part_that_nothing_leads_to_has_slots_of_its_own),
        cmocka_unit_test(phrases_end_where_the_voice_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
