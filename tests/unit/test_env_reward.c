// needs: common/env common/song
/* The dense reward: musically right edits are worth more than the obvious cheats, and a reward belongs to
 * the edit, not to the way it was made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env/env.h"
#include "tests/unit/song_maker.h"

static int32_t units[ENV_MAX_UNITS];
static uint8_t fades[ENV_MAX_UNITS];
static EnvObs obs;

typedef struct Case {
    Song *song;
    EnvSong *es;
    Env *env;
    Job job;
    int32_t first_slot, end_slot;
} Case;

static Case case_open(uint64_t seed, int part) {
    Case c = {0};
    SongMakeOptions o = {.takes = 3, .sections = 6, .bars_per_section = 4, .flawed_bars = 0.2};
    c.song = song_make(seed, &o);
    assert_int_equal(env_song_new(&c.es, c.song), BS_OK);
    assert_int_equal(env_new(&c.env, c.es), BS_OK);
    /* the whole form; its first two thirds; two sections of its middle */
    c.first_slot = part == 2 ? 8 : 0;
    c.end_slot = part == 0 ? 24 : 16;
    int32_t n = song_made_right(c.song, c.first_slot, c.end_slot, units, fades, ENV_MAX_UNITS);
    double length = 0;
    for (int32_t i = 0; i < n; i++) length += (double)song_unit_samples(c.song, units[i]) / SONG_MAKE_RATE;
    job_init(&c.job, c.song);
    assert_int_equal(job_target(&c.job, c.song, length, 0.05 * length), BS_OK);
    return c;
}

static void case_close(Case *c) {
    env_free(c->env);
    env_song_free(c->es);
    song_free(c->song);
}

static float score(const Case *c, const int32_t *u, int32_t n, float terms[REWARD_TERMS]) {
    static const uint8_t none[ENV_MAX_UNITS];
    env_score(c->es, &c->job, u, none, n, terms);
    return env_score_total(&c->job, terms);
}

/* The best of the edits a person would make: whole sections in order, of a length in the window. */
static float right_score(const Case *c, float best_terms[REWARD_TERMS]) {
    float best = -1e9f, terms[REWARD_TERMS];
    for (int32_t first = 0; first < 24; first += 4)
        for (int32_t end = first + 4; end <= 24; end += 4) {
            int32_t n = song_made_right(c->song, first, end, units, fades, ENV_MAX_UNITS);
            int64_t length = 0;
            for (int32_t i = 0; i < n; i++) length += song_unit_samples(c->song, units[i]);
            if (length < c->job.lo_samples || length > c->job.hi_samples) continue;
            float x = score(c, units, n, terms);
            if (x > best) {
                best = x;
                memcpy(best_terms, terms, sizeof terms);
            }
        }
    return best;
}

/* Every contiguous run of units whose length lies in the window. */
static float best_block_score(const Case *c, float best_terms[REWARD_TERMS]) {
    float best = -1e9f, terms[REWARD_TERMS];
    for (int32_t a = 0; a < c->song->n_units; a++) {
        int64_t length = 0;
        for (int32_t b = a; b < c->song->n_units; b++) {
            length += song_unit_samples(c->song, b);
            units[b - a] = b;
            if (length > c->job.hi_samples) break;
            if (length < c->job.lo_samples) continue;
            float x = score(c, units, b - a + 1, terms);
            if (x > best) {
                best = x;
                memcpy(best_terms, terms, sizeof terms);
            }
        }
    }
    return best;
}

static float best_looped_bar_score(const Case *c, float best_terms[REWARD_TERMS]) {
    float best = -1e9f, terms[REWARD_TERMS];
    for (int32_t a = 0; a < c->song->n_units; a++) {
        const SongUnit *s = c->song->units;
        if (s[a].kind != UNIT_BEAT || s[a].phase != 0) continue;
        int64_t length = 0;
        int32_t n = 0;
        while (length < c->job.lo_samples && n + 16 < ENV_MAX_UNITS)
            for (int32_t b = a; b < c->song->n_units && s[b].bar == s[a].bar; b++) {
                length += song_unit_samples(c->song, b);
                units[n++] = b;
            }
        float x = score(c, units, n, terms);
        if (x > best) {
            best = x;
            memcpy(best_terms, terms, sizeof terms);
        }
    }
    return best;
}

static float random_score(Case *c, uint64_t seed, float terms[REWARD_TERMS]) {
    Rng r = rng_at(seed, 9);
    float sum = 0;
    memset(terms, 0, REWARD_TERMS * sizeof *terms);
    assert_int_equal(env_reset(c->env, &c->job), BS_OK);
    while (!env_done(c->env)) {
        Status st;
        env_observe(c->env, &obs);
        int nth = (int)rng_below(&r, (uint32_t)obs.n_legal), a = 0;
        for (;; a++)
            if (obs.mask[a] && nth-- == 0) break;
        sum += env_step(c->env, a, terms, &st);
    }
    return sum;
}

static void print_terms(const char *name, float sum, const float terms[REWARD_TERMS]) {
    if (!getenv("SHOW")) return;
    printf("%-8s %7.3f  ", name, (double)sum);
    for (int k = 0; k < REWARD_TERMS; k++) printf(" %s %.3f", reward_names[k], (double)terms[k]);
    printf("\n");
}

static void right_edit_beats_block_beats_looped_bar_and_random(void **state) {
    (void)state;
    int above_block = 0, n = 0;
    float right_sum = 0, block_sum = 0;
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (int part = 0; part < 3; part++, n++) {
            Case c = case_open(seed, part);
            float terms[REWARD_TERMS];
            float right = right_score(&c, terms);
            print_terms("right", right, terms);
            float block = best_block_score(&c, terms);
            print_terms("block", block, terms);
            float bar = best_looped_bar_score(&c, terms);
            print_terms("bar", bar, terms);
            float random = -1e9f;
            for (uint64_t k = 0; k < 5; k++) {
                float x = random_score(&c, seed * 100 + k, terms);
                if (x > random) random = x;
            }
            print_terms("random", random, terms);
            above_block += right >= block;
            if (part == 0) assert_true(right > block); /* the whole form, with mistakes in every take */
            right_sum += right;
            block_sum += block;
            assert_true(right > random);
            assert_true(block > bar);
            assert_true(right > bar);
            case_close(&c);
        }
    if (getenv("SHOW"))
        printf("right at or above the best block: %d of %d, means %.3f %.3f\n", above_block, n,
               (double)(right_sum / (float)n), (double)(block_sum / (float)n));
    /* a shorter window may find a clean block, which is then a right edit itself */
    assert_true(above_block * 3 >= n * 2);
    assert_true(right_sum > block_sum + 0.05f * (float)n);
}

static void an_uncut_edit_has_no_seam_cost(void **state) {
    (void)state;
    Case c = case_open(3, 0);
    float terms[REWARD_TERMS];
    const SongTake *t = &c.song->takes[0];
    for (int32_t i = 0; i <= t->n_units; i++) units[i] = t->first_unit + i; /* with its tail */
    score(&c, units, t->n_units + 1, terms);
    assert_true(terms[REWARD_TRANSITION] == 0);
    assert_true(terms[REWARD_TEMPO] == 0);
    assert_true(terms[REWARD_PHRASE] == 0);
    for (int32_t u = 0; u + 1 < c.song->n_units; u++)
        assert_true(env_seam_cost(c.es, &c.job, u, u + 1, FADE_SHORT) == 0);
    case_close(&c);
}

static void no_term_is_constant_over_edits_of_a_song(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        Case c = case_open(seed, 1);
        float lo[REWARD_TERMS], hi[REWARD_TERMS], terms[REWARD_TERMS];
        for (uint64_t k = 0; k < 20; k++) {
            random_score(&c, k, terms);
            for (int t = 0; t < REWARD_TERMS; t++) {
                if (k == 0 || terms[t] < lo[t]) lo[t] = terms[t];
                if (k == 0 || terms[t] > hi[t]) hi[t] = terms[t];
            }
        }
        for (int t = 0; t < REWARD_TERMS; t++) assert_true(hi[t] > lo[t] + 1e-3f);
        case_close(&c);
    }
}

/* KEEP bar, CUT bar, KEEP bar against KEEP beats, CROSSFADE over the bar, KEEP beats. */
static void one_edit_is_worth_the_same_whichever_way_it_was_made(void **state) {
    (void)state;
    int compared = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Case c = case_open(seed, 1);
        float played[REWARD_TERMS], parsed[REWARD_TERMS];
        random_score(&c, seed, played);
        const int32_t *view;
        const uint8_t *fade_view;
        int32_t n = env_out_units(c.env, &view, &fade_view), m;
        memcpy(units, view, sizeof *view * (size_t)n);
        memcpy(fades, fade_view, (size_t)n);
        static uint8_t actions[ENV_MAX_STEPS];
        assert_int_equal(env_parse(c.env, &c.job, units, fades, n, actions, ENV_MAX_STEPS, &m), BS_OK);
        assert_int_equal(env_replay(c.env, &c.job, actions, m, NULL, NULL, parsed), BS_OK);
        for (int t = 0; t < REWARD_TERMS; t++) assert_float_equal(played[t], parsed[t], 1e-3);
        compared++;
        case_close(&c);
    }
    assert_int_equal(compared, 10);
}

static void talk_and_silence_cost_more_than_a_seam(void **state) {
    (void)state;
    Case c = case_open(4, 0);
    float with[REWARD_TERMS], without[REWARD_TERMS];
    int32_t n = 0, m = 0;
    const SongTake *a = &c.song->takes[0], *b = &c.song->takes[1];
    for (int32_t u = a->first_unit; u < b->first_unit + b->n_units; u++) units[n++] = u;
    float kept = score(&c, units, n, with);
    for (int32_t u = a->first_unit; u < b->first_unit + b->n_units; u++)
        if (c.song->units[u].kind == UNIT_BEAT) units[m++] = u;
    assert_true(m < n);
    assert_true(score(&c, units, m, without) > kept);
    case_close(&c);
}

static void a_seam_out_of_the_bar_costs_more_than_one_in_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        Case c = case_open(seed, 0);
        int32_t a = song_made_bar(c.song, 0, 7), b = song_made_bar(c.song, 1, 8);
        assert_true(a >= 0 && b >= 0);
        assert_int_equal(a + 4, song_made_bar(c.song, 0, 8));
        float in = env_seam_cost(c.es, &c.job, a + 3, b, FADE_SHORT);
        float out = env_seam_cost(c.es, &c.job, a + 3, b + 1, FADE_SHORT);
        float far = env_seam_cost(c.es, &c.job, a + 3, song_made_bar(c.song, 1, 2), FADE_SHORT);
        assert_true(in > 0 && in < out);
        assert_true(in < far);
        case_close(&c);
    }
}

static void a_flawed_bar_is_worth_replacing(void **state) {
    (void)state;
    SongMakeOptions o = {.takes = 2, .sections = 6, .bars_per_section = 4, .flawed_bars = 1e-9};
    Song *song = song_make(8, &o);
    int32_t a = song_made_bar(song, 0, 9), b = song_made_bar(song, 1, 9), n = 0;
    for (int i = 0; i < 4; i++) song->units[a + i].flaw = 0.8f;
    EnvSong *es;
    assert_int_equal(env_song_new(&es, song), BS_OK);
    Case c = {.song = song, .es = es};
    job_init(&c.job, song);
    assert_int_equal(job_target(&c.job, song, 50, 3), BS_OK);
    float terms[REWARD_TERMS];
    const SongTake *t = &song->takes[0];
    for (int32_t i = 0; i <= t->n_units; i++) units[n++] = t->first_unit + i;
    float uncut = score(&c, units, n, terms);
    print_terms("uncut", uncut, terms);
    for (int i = 0; i < 4; i++) units[a - t->first_unit + i] = b + i;
    float mended = score(&c, units, n, terms);
    print_terms("mended", mended, terms);
    assert_true(mended > uncut);
    env_song_free(es);
    song_free(song);
}

/* Slots [first, end) of take 0, appended to `units`. */
static int32_t add_slots(const Case *c, int32_t n, int32_t first, int32_t end) {
    for (int32_t u = 0; u < c->song->n_units; u++) {
        const SongUnit *x = &c->song->units[u];
        if (x->kind == UNIT_BEAT && x->take == 0 && x->slot >= first && x->slot < end) units[n++] = u;
    }
    return n;
}

/* The song of four-bar sections is A B A C A D. */
static void a_section_stands_for_another_of_the_same_music(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        Case c = case_open(seed, 0);
        float own[REWARD_TERMS], same[REWARD_TERMS], other[REWARD_TERMS], late[REWARD_TERMS];
        score(&c, units, add_slots(&c, 0, 0, 24), own);
        score(&c, units, add_slots(&c, add_slots(&c, add_slots(&c, 0, 0, 8), 0, 4), 12, 24), same);
        score(&c, units, add_slots(&c, add_slots(&c, add_slots(&c, 0, 0, 8), 4, 8), 12, 24), other);
        score(&c, units, add_slots(&c, add_slots(&c, 0, 8, 12), 4, 24), late);
        assert_true(same[REWARD_FORM] < own[REWARD_FORM]);
        assert_true(same[REWARD_FORM] > own[REWARD_FORM] - 0.03f);  /* two jumps, and nothing is missing */
        assert_true(other[REWARD_FORM] < own[REWARD_FORM] - 0.15f); /* B twice, A missing */
        assert_true(late[REWARD_FORM] > own[REWARD_FORM] - 0.08f);  /* the second A begins the song */
        case_close(&c);
    }
}

static void an_edit_that_is_longer_is_worth_no_more(void **state) {
    (void)state;
    Case c = case_open(3, 0);
    float whole[REWARD_TERMS], wider[REWARD_TERMS];
    const int32_t n = add_slots(&c, 0, 0, 24);
    score(&c, units, n, whole);
    c.job.hi_samples += c.job.hi_samples / 20; /* the same edit where more would fit */
    score(&c, units, n, wider);
    assert_true(fabsf(whole[REWARD_CONTENT] - wider[REWARD_CONTENT]) < 1e-4f);
    assert_true(fabsf(whole[REWARD_FORM] - wider[REWARD_FORM]) < 0.01f);
    case_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_stands_for_another_of_the_same_music),
        cmocka_unit_test(an_edit_that_is_longer_is_worth_no_more),
        cmocka_unit_test(right_edit_beats_block_beats_looped_bar_and_random),
        cmocka_unit_test(an_uncut_edit_has_no_seam_cost),
        cmocka_unit_test(no_term_is_constant_over_edits_of_a_song),
        cmocka_unit_test(one_edit_is_worth_the_same_whichever_way_it_was_made),
        cmocka_unit_test(talk_and_silence_cost_more_than_a_seam),
        cmocka_unit_test(a_seam_out_of_the_bar_costs_more_than_one_in_it),
        cmocka_unit_test(a_flawed_bar_is_worth_replacing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
