// needs: common/env common/song
/* What a step looks like from outside, and Jobs that cannot be met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env/env.h"
#include "tests/unit/song_maker.h"

static EnvObs obs;

typedef struct World {
    Song *song;
    EnvSong *es;
    Env *env;
    Job job;
} World;

static World world_open(uint64_t seed, double target_s) {
    World w = {0};
    w.song = song_make(seed, NULL);
    assert_int_equal(env_song_new(&w.es, w.song), BS_OK);
    assert_int_equal(env_new(&w.env, w.es), BS_OK);
    job_init(&w.job, w.song);
    assert_int_equal(job_target(&w.job, w.song, target_s, 3), BS_OK);
    return w;
}

static void world_close(World *w) {
    env_free(w->env);
    env_song_free(w->es);
    song_free(w->song);
}

static int random_legal(const uint8_t *mask, int n_legal, Rng *r) {
    int nth = (int)rng_below(r, (uint32_t)n_legal), a = 0;
    for (;; a++)
        if (mask[a] && nth-- == 0) return a;
}

static void check_range(const float *x, int n, float lo, float hi) {
    for (int i = 0; i < n; i++) {
        assert_true(x[i] >= lo);
        assert_true(x[i] <= hi);
    }
}

static void every_value_is_of_order_one(void **state) {
    (void)state;
    float widest = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        World w = world_open(seed, 20 + (double)seed);
        Rng r = rng_at(seed, 1);
        assert_int_equal(env_reset(w.env, &w.job), BS_OK);
        while (!env_done(w.env)) {
            Status st;
            env_observe(w.env, &obs);
            check_range(obs.step, ENV_STEP_FEATURES, -4, 4);
            check_range(obs.target_features[0], ENV_TARGETS * ENV_TARGET_FEATURES, -4, 4);
            check_range(obs.pair_features[0], ENV_PAIRS * ENV_PAIR_FEATURES, -4, 8);
            for (int i = 0; i < ENV_TARGETS; i++) {
                assert_in_range(obs.target[i] + 1, 0, w.song->n_units);
                assert_true(obs.target_features[i][OBS_TARGET_THERE] == (obs.target[i] >= 0));
                for (int k = 0; k < i && obs.target[i] >= 0; k++)
                    assert_int_not_equal(obs.target[i], obs.target[k]);
            }
            int n = 0;
            for (int a = 0; a < ENV_ACTIONS; a++) n += obs.mask[a];
            assert_int_equal(n, obs.n_legal);
            for (int i = 0; i < ENV_STEP_FEATURES; i++)
                if (obs.step[i] > widest) widest = obs.step[i];
            env_step(w.env, random_legal(obs.mask, obs.n_legal, &r), NULL, &st);
        }
        world_close(&w);
    }
    assert_true(widest > 0.9f);
}

static void no_column_of_the_step_is_constant_except_the_bias(void **state) {
    (void)state;
    float lo[ENV_STEP_FEATURES], hi[ENV_STEP_FEATURES];
    bool first = true;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        World w = world_open(seed, 15 + (double)seed);
        Rng r = rng_at(seed, 2);
        if (seed % 3 == 0) {
            w.job.end_unit = w.song->takes[0].first_unit + 40;
            w.job.must[0] = (JobRange){w.song->takes[1].first_unit + 8, 4};
            w.job.n_must = 1;
        }
        assert_int_equal(env_reset(w.env, &w.job), BS_OK);
        while (!env_done(w.env)) {
            Status st;
            env_observe(w.env, &obs);
            for (int i = 0; i < ENV_STEP_FEATURES; i++) {
                if (first || obs.step[i] < lo[i]) lo[i] = obs.step[i];
                if (first || obs.step[i] > hi[i]) hi[i] = obs.step[i];
            }
            first = false;
            env_step(w.env, random_legal(obs.mask, obs.n_legal, &r), NULL, &st);
        }
        world_close(&w);
    }
    for (int i = 0; i < ENV_STEP_FEATURES; i++)
        if (i != OBS_BIAS && !(hi[i] > lo[i])) {
            print_message("column %d is always %g\n", i, (double)lo[i]);
            assert_true(hi[i] > lo[i]);
        }
}

/* The rewards of a bare KEEP of a cut are the seam the observation announced. */
static void seam_here_is_what_keep_costs(void **state) {
    (void)state;
    World w = world_open(4, 30);
    Rng r = rng_at(4, 3);
    int seen = 0;
    assert_int_equal(env_reset(w.env, &w.job), BS_OK);
    while (!env_done(w.env)) {
        Status st;
        float terms[REWARD_TERMS] = {0};
        env_observe(w.env, &obs);
        int a = obs.mask[ACT_KEEP] && obs.playhead != obs.last_kept + 1
                    ? ACT_KEEP
                    : random_legal(obs.mask, obs.n_legal, &r);
        int32_t before = env_out_units(w.env, NULL, NULL);
        env_step(w.env, a, terms, &st);
        if (a == ACT_KEEP && env_out_units(w.env, NULL, NULL) == before + 1 && obs.last_kept >= 0 &&
            obs.playhead != obs.last_kept + 1) {
            bool some = obs.step[OBS_SEAM_HERE] > 0;
            assert_int_equal(some, terms[REWARD_TRANSITION] < 0);
            assert_true((obs.step[OBS_SEAM_HERE + 2] > 0) == (terms[REWARD_PHRASE] < 0));
            seen++;
        }
    }
    assert_true(seen > 0);
    world_close(&w);
}

static void nothing_is_allocated_in_an_episode(void **state) {
    (void)state;
    World w = world_open(6, 40);
    Rng r = rng_at(6, 1);
    assert_int_equal(env_reset(w.env, &w.job), BS_OK);
    struct mallinfo2 before = mallinfo2();
    for (int episode = 0; episode < 5; episode++) {
        assert_int_equal(env_reset(w.env, &w.job), BS_OK);
        while (!env_done(w.env)) {
            Status st;
            env_observe(w.env, &obs);
            env_step(w.env, random_legal(obs.mask, obs.n_legal, &r), NULL, &st);
        }
    }
    struct mallinfo2 after = mallinfo2();
    assert_true(before.uordblks == after.uordblks);
    world_close(&w);
}

static void starts_and_ends_where_it_is_asked(void **state) {
    (void)state;
    World w = world_open(7, 30);
    w.job.start_unit = w.song->takes[1].first_unit + 16;
    w.job.end_unit = w.song->takes[2].first_unit + w.song->takes[2].n_units;
    for (uint64_t seed = 0; seed < 20; seed++) {
        Rng r = rng_at(seed, 1);
        assert_int_equal(env_reset(w.env, &w.job), BS_OK);
        while (!env_done(w.env)) {
            Status st;
            env_observe(w.env, &obs);
            env_step(w.env, random_legal(obs.mask, obs.n_legal, &r), NULL, &st);
        }
        const int32_t *units;
        int32_t n = env_out_units(w.env, &units, NULL);
        assert_int_equal(units[0], w.job.start_unit);
        assert_int_equal(units[n - 1], w.job.end_unit);
    }
    world_close(&w);
}

static void a_job_that_cannot_be_met_is_refused_with_its_reason(void **state) {
    (void)state;
    World w = world_open(8, 30);
    Job job = w.job;
    job.n_must = job.n_never = 1;
    job.must[0] = (JobRange){w.song->takes[0].first_unit, 4};
    job.never[0] = job.must[0];
    assert_int_equal(env_reset(w.env, &job), BS_CONFLICT);
    assert_true(strlen(error_text()) > 10);
    assert_true(env_done(w.env));
    job = w.job;
    job.no_reorder = 1;
    job.n_must = 2;
    job.must[0] = (JobRange){song_made_bar(w.song, 0, 3), 1};
    job.must[1] = (JobRange){song_made_bar(w.song, 1, 3), 1};
    assert_int_equal(env_reset(w.env, &job), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "no_reorder"));
    job = w.job;
    job.hi_samples = job.lo_samples + 5;
    assert_int_equal(env_reset(w.env, &job), BS_CONFLICT);
    job = w.job;
    job.no_loop = 1;
    job.lo_samples = w.song->n_samples;
    job.hi_samples = 2 * job.lo_samples;
    assert_int_equal(env_reset(w.env, &job), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "without loops"));
    assert_int_equal(env_reset(w.env, &w.job), BS_OK);
    world_close(&w);
}

static void parse_refuses_what_no_actions_make(void **state) {
    (void)state;
    World w = world_open(9, 30);
    uint8_t actions[64], fades[3] = {0, 0, 0};
    int32_t n, units[3] = {w.song->takes[0].first_unit, w.song->takes[0].first_unit + 1, -1};
    assert_int_equal(env_parse(w.env, &w.job, units, fades, 3, actions, 64, &n), BS_NOT_FOUND);
    assert_int_equal(env_parse(w.env, &w.job, units, fades, 2, actions, 64, &n),
                     BS_NOT_FOUND); /* too short */
    assert_int_equal(env_parse(w.env, &w.job, units, fades, 0, actions, 64, &n), BS_NOT_FOUND);
    world_close(&w);
}

/* A take kept whole is one KEEP a section, an end, and CUTs or a jump to get there. */
static void parse_of_a_whole_take_is_short(void **state) {
    (void)state;
    World w = world_open(10, 30);
    static int32_t units[ENV_MAX_UNITS];
    static uint8_t fades[ENV_MAX_UNITS], actions[64];
    const SongTake *t = &w.song->takes[1];
    int64_t length = 0;
    int32_t n = 0, m;
    for (int32_t i = 0; i <= t->n_units; i++, n++) {
        units[n] = t->first_unit + i;
        length += song_unit_samples(w.song, units[n]);
    }
    assert_int_equal(job_target(&w.job, w.song, (double)length / SONG_MAKE_RATE, 4), BS_OK);
    assert_int_equal(env_parse(w.env, &w.job, units, fades, n, actions, 64, &m), BS_OK);
    int keeps = 0;
    for (int32_t i = 0; i < m; i++) keeps += env_action_kind(actions[i]) == KIND_KEEP;
    assert_in_range(keeps, 4, 5); /* four sections and the tail */
    assert_true(m <= 8);
    Edit edit;
    assert_int_equal(env_replay(w.env, &w.job, actions, m, &edit, NULL, NULL), BS_OK);
    assert_int_equal(edit.n_segments, 1);
    assert_true(edit_samples(&edit) == length);
    edit_drop(&edit);
    world_close(&w);
}

static void a_song_with_too_many_units_is_refused(void **state) {
    (void)state;
    SongMakeOptions o = {.takes = 9, .sections = 8, .bars_per_section = 16};
    Song *song = song_make(1, &o);
    EnvSong *es;
    assert_true(song->n_units > ENV_MAX_UNITS);
    assert_int_equal(env_song_new(&es, song), BS_TOO_BIG);
    assert_null(es);
    song_free(song);
}

static void every_action_has_a_name_of_its_own(void **state) {
    (void)state;
    static char names[ENV_ACTIONS][48];
    assert_true(ENV_ACTIONS <= 256);
    for (int a = 0; a < ENV_ACTIONS; a++) {
        env_action_text(a, names[a], sizeof names[a]);
        for (int b = 0; b < a; b++) assert_string_not_equal(names[a], names[b]);
    }
    assert_string_equal(names[ACT_KEEP + SPAN_BAR], "KEEP bar");
    assert_string_equal(names[ACT_REST], "CUT rest");
    assert_string_equal(names[ACT_LOOP + SPAN_PHRASE * 3 + 1], "LOOP phrase x3");
}

/* docs/environment.md holds the table made from obs.def: tools/gen-env-docs.sh writes it. */
static void documentation_names_every_column(void **state) {
    (void)state;
    static char text[1 << 17];
    FILE *f = fopen("docs/environment.md", "rb");
    if (!f) {
        print_message("SKIP: run from the repository's root\n");
        skip();
    }
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
#define CHECK_ROW(name, meaning)                                                           \
    if (!strstr(text, "| `" #name "` |") || !strstr(text, meaning)) {                      \
        print_message("docs/environment.md lacks %s: run tools/gen-env-docs.sh\n", #name); \
        assert_true(false);                                                                \
    }
#define OBS_STEP(name, width, meaning) CHECK_ROW(name, meaning)
#define OBS_TARGET(name, meaning)      CHECK_ROW(name, meaning)
#define OBS_PAIR(name, meaning)        CHECK_ROW(name, meaning)
#include "common/env/obs.def"
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_of_order_one),
        cmocka_unit_test(no_column_of_the_step_is_constant_except_the_bias),
        cmocka_unit_test(seam_here_is_what_keep_costs),
        cmocka_unit_test(nothing_is_allocated_in_an_episode),
        cmocka_unit_test(starts_and_ends_where_it_is_asked),
        cmocka_unit_test(a_job_that_cannot_be_met_is_refused_with_its_reason),
        cmocka_unit_test(parse_refuses_what_no_actions_make),
        cmocka_unit_test(parse_of_a_whole_take_is_short),
        cmocka_unit_test(a_song_with_too_many_units_is_refused),
        cmocka_unit_test(every_action_has_a_name_of_its_own),
        cmocka_unit_test(documentation_names_every_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
