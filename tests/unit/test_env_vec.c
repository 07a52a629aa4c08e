// needs: common/env common/song
/* Many episodes at once say what one environment says, and each slot's episodes are a function of its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <string.h>

#include "common/env/env_vec.h"
#include "tests/unit/song_maker.h"

enum { SONGS = 3, SLOTS = 5, STEPS = 400 };

typedef struct Stage {
    Song *song[SONGS];
    EnvSong *es[SONGS];
    EnvVec *vec;
    EnvAsk ask;
} Stage;

static EnvRow rows[SLOTS], others[SLOTS];
static double rewards[SLOTS];
static uint8_t done[SLOTS], refused[SLOTS];
static EnvEnd ends[SLOTS];

static Stage stage_open(int32_t n_slots) {
    Stage s = {0};
    for (int k = 0; k < SONGS; k++) {
        SongMakeOptions o = {.takes = 2 + k, .tunes = 1 + k / 2, .sections = 3};
        s.song[k] = song_make((uint64_t)k + 1, &o);
        assert_int_equal(env_song_new(&s.es[k], s.song[k]), BS_OK);
    }
    assert_int_equal(env_vec_new(&s.vec, s.es, SONGS, n_slots), BS_OK);
    env_ask_init(&s.ask);
    s.ask.keep_lo = 0.1;
    s.ask.keep_hi = 0.6;
    return s;
}

static void stage_close(Stage *s) {
    env_vec_free(s->vec);
    for (int k = 0; k < SONGS; k++) {
        env_song_free(s->es[k]);
        song_free(s->song[k]);
    }
}

static int64_t legal_action(const EnvRow *row, Rng *r) {
    int nth = (int)rng_below(r, (uint32_t)row->obs.n_legal), a = 0;
    for (;; a++)
        if (row->obs.mask[a] && nth-- == 0) return a;
}

static void rows_are_what_one_environment_shows(void **state) {
    (void)state;
    Stage s = stage_open(SLOTS);
    int episodes = 0, from_song[SONGS] = {0};
    static EnvObs seen;
    Env *alone[SLOTS];
    double sum[SLOTS] = {0};
    for (int32_t i = 0; i < SLOTS; i++) {
        assert_int_equal(env_vec_reset(s.vec, i, 7 + (uint64_t)i, &s.ask, &rows[i]), BS_OK);
        assert_int_equal(env_new(&alone[i], s.es[env_vec_song(s.vec, i)]), BS_OK);
        assert_int_equal(env_reset(alone[i], env_vec_job(s.vec, i)), BS_OK);
    }
    Rng r = rng_at(1, 1);
    for (int step = 0; step < STEPS; step++) {
        int64_t actions[SLOTS];
        Status st;
        float reward[SLOTS];
        for (int32_t i = 0; i < SLOTS; i++) {
            memset(&seen, 0, sizeof seen);
            env_observe(alone[i], &seen);
            assert_memory_equal(&seen, &rows[i].obs, offsetof(EnvObs, mask));
            assert_memory_equal(seen.mask, rows[i].obs.mask, sizeof seen.mask);
            const Song *song = s.song[env_vec_song(s.vec, i)];
            if (seen.last_kept >= 0)
                assert_memory_equal(rows[i].last, song->features + (size_t)seen.last_kept * SONG_FEATURES,
                                    sizeof rows[i].last);
            actions[i] = legal_action(&rows[i], &r);
            reward[i] = env_step(alone[i], (int)actions[i], NULL, &st);
            assert_int_equal(st, BS_OK);
        }
        assert_int_equal(env_vec_step(s.vec, actions, true, rows, rewards, done, refused, ends), BS_OK);
        for (int32_t i = 0; i < SLOTS; i++) {
            assert_true(rewards[i] == (double)reward[i]);
            assert_int_equal(done[i], env_done(alone[i]));
            assert_false(refused[i]);
            sum[i] += rewards[i];
            if (!done[i]) continue;
            float terms[REWARD_TERMS];
            env_terms(alone[i], terms);
            assert_memory_equal(terms, ends[i].terms, sizeof terms);
            assert_true(ends[i].reward == sum[i]);
            assert_true(ends[i].length_s > 0 && ends[i].n_steps > 0);
            episodes++;
            from_song[ends[i].song]++;
            sum[i] = 0;
            env_free(alone[i]);
            assert_int_equal(env_new(&alone[i], s.es[env_vec_song(s.vec, i)]), BS_OK);
            assert_int_equal(env_reset(alone[i], env_vec_job(s.vec, i)), BS_OK);
        }
    }
    assert_true(episodes > 20);
    for (int k = 0; k < SONGS; k++) assert_true(from_song[k] > 0);
    for (int32_t i = 0; i < SLOTS; i++) env_free(alone[i]);
    stage_close(&s);
}

static void a_slot_depends_on_its_seed_alone(void **state) {
    (void)state;
    Stage many = stage_open(SLOTS), one = stage_open(1);
    for (int32_t i = 0; i < SLOTS; i++)
        assert_int_equal(env_vec_reset(many.vec, i, (uint64_t)i, &many.ask, &rows[i]), BS_OK);
    assert_int_equal(env_vec_reset(one.vec, 0, 2, &one.ask, &others[0]), BS_OK);
    Rng r = rng_at(2, 1);
    int ended = 0;
    for (int step = 0; step < STEPS; step++) {
        int64_t actions[SLOTS];
        for (int32_t i = 0; i < SLOTS; i++) actions[i] = legal_action(&rows[i], &r);
        assert_int_equal(env_vec_step(many.vec, actions, true, rows, rewards, done, refused, ends), BS_OK);
        double reward;
        uint8_t over, no;
        EnvEnd end;
        assert_int_equal(env_vec_step(one.vec, &actions[2], true, others, &reward, &over, &no, &end), BS_OK);
        assert_memory_equal(&rows[2], &others[0], sizeof rows[2]);
        assert_true(reward == rewards[2]);
        ended += over;
    }
    assert_true(ended > 3);
    stage_close(&many);
    stage_close(&one);
}

static void what_is_not_legal_changes_nothing(void **state) {
    (void)state;
    Stage s = stage_open(1);
    assert_int_equal(env_vec_reset(s.vec, 0, 3, &s.ask, rows), BS_OK);
    others[0] = rows[0];
    static const int64_t wrong[] = {-1, ENV_ACTIONS, INT64_MAX, INT64_MIN, ACT_REST};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        if (wrong[k] == ACT_REST) assert_false(rows[0].obs.mask[ACT_REST]);
        assert_int_equal(env_vec_step(s.vec, &wrong[k], true, rows, rewards, done, refused, ends), BS_OK);
        assert_true(refused[0] && !done[0] && rewards[0] == 0);
        assert_memory_equal(&rows[0], &others[0], sizeof rows[0]);
    }
    stage_close(&s);
}

static void an_ended_slot_waits_for_a_reset(void **state) {
    (void)state;
    Stage s = stage_open(1);
    Rng r = rng_at(4, 1);
    static const EnvRow nothing;
    int64_t action = 0;
    assert_int_equal(env_vec_step(s.vec, &action, false, rows, rewards, done, refused, ends), BS_INVALID);
    assert_int_equal(env_vec_reset(s.vec, 0, 3, &s.ask, rows), BS_OK);
    for (done[0] = 0; !done[0];) {
        action = legal_action(&rows[0], &r);
        assert_int_equal(env_vec_step(s.vec, &action, false, rows, rewards, done, refused, ends), BS_OK);
    }
    assert_memory_equal(&rows[0], &nothing, sizeof nothing);
    assert_int_equal(env_vec_step(s.vec, &action, false, rows, rewards, done, refused, ends), BS_INVALID);
    assert_int_equal(env_vec_reset(s.vec, 0, 3, &s.ask, rows), BS_OK);
    stage_close(&s);
}

static void asks_in_seconds_become_units(void **state) {
    (void)state;
    Stage s = stage_open(1);
    const Song *song = s.song[0];
    int32_t a = song->takes[0].first_unit + 4, b = song->takes[1].first_unit + 8;
    double rate = song->sample_rate_hz;
    s.ask.song = s.ask.tune = 0;
    s.ask.target_s = 25;
    s.ask.n_must = s.ask.n_never = 1;
    s.ask.must_s[0][0] = (double)song->units[a].start_sample / rate + 0.01;
    s.ask.must_s[0][1] = (double)song->units[a + 3].start_sample / rate + 0.01; /* touches a fourth */
    s.ask.never_s[0][0] = (double)song->units[b].start_sample / rate;
    s.ask.never_s[0][1] = 1e9; /* to the end */
    assert_int_equal(env_vec_reset(s.vec, 0, 1, &s.ask, rows), BS_OK);
    const Job *job = env_vec_job(s.vec, 0);
    assert_int_equal(job->must[0].first_unit, a);
    assert_int_equal(job->must[0].n_units, 4);
    assert_int_equal(job->never[0].first_unit, b);
    assert_int_equal(job->never[0].n_units, song->n_units - b);
    assert_true(job->lo_samples < 25 * rate && job->hi_samples > 25 * rate);
    s.ask.must_s[0][0] = 1e6;
    s.ask.must_s[0][1] = 1e6 + 1;
    assert_int_equal(env_vec_reset(s.vec, 0, 1, &s.ask, rows), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "1000000.00 s"));
    s.ask.n_must = 0;
    s.ask.target_s = 1e5;
    assert_int_equal(env_vec_reset(s.vec, 0, 1, &s.ask, rows), BS_CONFLICT);
    stage_close(&s);
}

static void nothing_is_allocated_after_creation(void **state) {
    (void)state;
    Stage s = stage_open(SLOTS);
    Rng r = rng_at(5, 1);
    struct mallinfo2 before = mallinfo2();
    for (int32_t i = 0; i < SLOTS; i++)
        assert_int_equal(env_vec_reset(s.vec, i, (uint64_t)i, &s.ask, &rows[i]), BS_OK);
    for (int step = 0; step < STEPS; step++) {
        int64_t actions[SLOTS];
        for (int32_t i = 0; i < SLOTS; i++) actions[i] = legal_action(&rows[i], &r);
        assert_int_equal(env_vec_step(s.vec, actions, true, rows, rewards, done, refused, ends), BS_OK);
    }
    struct mallinfo2 after = mallinfo2();
    assert_true(before.uordblks == after.uordblks);
    stage_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_one_environment_shows),
        cmocka_unit_test(a_slot_depends_on_its_seed_alone),
        cmocka_unit_test(what_is_not_legal_changes_nothing),
        cmocka_unit_test(an_ended_slot_waits_for_a_reset),
        cmocka_unit_test(asks_in_seconds_become_units),
        cmocka_unit_test(nothing_is_allocated_after_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
