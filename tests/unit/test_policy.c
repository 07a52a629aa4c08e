// needs: common/policy
/* policy: every baseline ends every episode inside its window, its actions replay, a result depends on the
 * ticket alone, and retarget beats the others under the dense reward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/nn.h"
#include "common/policy/policy.h"
#include "tests/unit/model_fixture.h"
#include "tests/unit/song_maker.h"

enum { N_SONGS = 12, N_JOBS = 3 };

static Job job_of(const Song *song, uint64_t seed) {
    Job job;
    Rng rng = rng_at(seed, 5);
    job_init(&job, song);
    double take_s = 0;
    for (int32_t u = 0; u < song->takes[0].n_units; u++)
        take_s += (double)song_unit_samples(song, song->takes[0].first_unit + u) / song->sample_rate_hz;
    double target = take_s * rng_between(&rng, 0.4, 1.3);
    assert_int_equal(job_target(&job, song, target, 0.03 * target), BS_OK);
    return job;
}

/* Runs one episode and gives its dense reward; checks what every result must hold. */
static float run_one(PolicyKind kind, const EnvSong *es, const Job *job, uint64_t seed, Trajectory *t) {
    Policy *policy;
    assert_int_equal(policy_open(&policy, kind, NULL, 0), BS_OK);
    assert_int_equal(policy_run(policy, es, 1, job, &seed, t, NULL, NULL), BS_OK);
    policy_close(policy);
    Env *env;
    Edit edit;
    float terms[REWARD_TERMS];
    assert_int_equal(env_new(&env, es), BS_OK);
    assert_int_equal(env_replay(env, job, t->actions, t->n_steps, &edit, NULL, terms), BS_OK);
    assert_true(edit_samples(&edit) >= job->lo_samples && edit_samples(&edit) <= job->hi_samples);
    edit_drop(&edit);
    env_free(env);
    return env_score_total(job, terms);
}

static void every_baseline_ends_inside_the_window_and_retarget_is_best(void **state) {
    (void)state;
    static const PolicyKind kinds[] = {POLICY_RANDOM, POLICY_CROP, POLICY_LAST_TAKE, POLICY_RETARGET};
    double sum[4] = {0};
    Trajectory t;
    assert_int_equal(trajectory_init(&t, ENV_MAX_STEPS), BS_OK);
    for (uint64_t s = 0; s < N_SONGS; s++) {
        Song *song =
            song_make(s, &(SongMakeOptions){.takes = 3, .partial = s % 2, .meter = s % 3 == 0 ? 3 : 4});
        EnvSong *es;
        assert_int_equal(env_song_new(&es, song), BS_OK);
        for (uint64_t j = 0; j < N_JOBS; j++) {
            Job job = job_of(song, s * N_JOBS + j);
            for (int k = 0; k < 4; k++) sum[k] += run_one(kinds[k], es, &job, 7 * s + j, &t);
        }
        env_song_free(es);
        song_free(song);
    }
    trajectory_drop(&t);
    for (int k = 0; k < 3; k++) assert_true(sum[3] > sum[k]);
    assert_true(sum[3] / (N_SONGS * N_JOBS) > 0.3);
}

static void result_is_the_same_alone_and_among_others(void **state) {
    (void)state;
    Song *song = song_make(3, &(SongMakeOptions){.takes = 3});
    EnvSong *es;
    assert_int_equal(env_song_new(&es, song), BS_OK);
    enum { N = 8 };
    Job jobs[N];
    uint64_t seeds[N];
    Trajectory group[N], one;
    assert_int_equal(trajectory_init(&one, ENV_MAX_STEPS), BS_OK);
    for (int i = 0; i < N; i++) {
        jobs[i] = job_of(song, (uint64_t)i / 4);
        seeds[i] = 100 + (uint64_t)i;
        assert_int_equal(trajectory_init(&group[i], ENV_MAX_STEPS), BS_OK);
    }
    static const PolicyKind kinds[] = {POLICY_RANDOM, POLICY_CROP, POLICY_RETARGET};
    for (int k = 0; k < 3; k++) {
        Policy *policy;
        assert_int_equal(policy_open(&policy, kinds[k], NULL, 0), BS_OK);
        assert_int_equal(policy_run(policy, es, N, jobs, seeds, group, NULL, NULL), BS_OK);
        for (int i = N - 1; i >= 0; i--) {
            assert_int_equal(policy_run(policy, es, 1, &jobs[i], &seeds[i], &one, NULL, NULL), BS_OK);
            assert_int_equal(one.n_steps, group[i].n_steps);
            assert_memory_equal(one.actions, group[i].actions, (size_t)one.n_steps);
        }
        policy_close(policy);
    }
    for (int i = 0; i < N; i++) trajectory_drop(&group[i]);
    trajectory_drop(&one);
    env_song_free(es);
    song_free(song);
}

static void random_episodes_differ_with_their_seeds(void **state) {
    (void)state;
    Song *song = song_make(4, &(SongMakeOptions){.takes = 2});
    EnvSong *es;
    assert_int_equal(env_song_new(&es, song), BS_OK);
    Job jobs[2] = {job_of(song, 1), job_of(song, 1)};
    uint64_t seeds[2] = {1, 2};
    Trajectory t[2];
    Policy *policy;
    for (int i = 0; i < 2; i++) assert_int_equal(trajectory_init(&t[i], ENV_MAX_STEPS), BS_OK);
    assert_int_equal(policy_open(&policy, POLICY_RANDOM, NULL, 0), BS_OK);
    assert_int_equal(policy_run(policy, es, 2, jobs, seeds, t, NULL, NULL), BS_OK);
    assert_true(t[0].n_steps != t[1].n_steps ||
                memcmp(t[0].actions, t[1].actions, (size_t)t[0].n_steps) != 0);
    policy_close(policy);
    for (int i = 0; i < 2; i++) trajectory_drop(&t[i]);
    env_song_free(es);
    song_free(song);
}

/* A policy outlives the songs it edits, and the next song often lies where the last one was. */
static void a_song_at_the_address_of_another_is_another(void **state) {
    (void)state;
    Policy *policy;
    Trajectory t;
    int same = 0;
    assert_int_equal(trajectory_init(&t, ENV_MAX_STEPS), BS_OK);
    assert_int_equal(policy_open(&policy, POLICY_CROP, NULL, 0), BS_OK);
    const EnvSong *before = NULL;
    uint64_t serial = 0;
    Song *songs[4];
    for (int i = 0; i < 4; i++) songs[i] = song_make((uint64_t)i + 1, &(SongMakeOptions){.takes = 1 + i});
    for (uint64_t seed = 0; seed < 20; seed++) {
        const Song *song = songs[seed % 4];
        EnvSong *es;
        Env *env;
        Edit edit;
        assert_int_equal(env_song_new(&es, song), BS_OK);
        same += es == before;
        assert_true(env_song_serial(es) > serial);
        serial = env_song_serial(es);
        Job job = job_of(song, seed);
        assert_int_equal(policy_run(policy, es, 1, &job, &seed, &t, NULL, NULL), BS_OK);
        assert_int_equal(env_new(&env, es), BS_OK);
        assert_int_equal(env_replay(env, &job, t.actions, t.n_steps, &edit, NULL, NULL), BS_OK);
        edit_drop(&edit);
        env_free(env);
        before = es;
        env_song_free(es);
    }
    for (int i = 0; i < 4; i++) song_free(songs[i]);
    if (!same) print_message("no address came again: this run proves nothing\n");
    policy_close(policy);
    trajectory_drop(&t);
}

static void retarget_keeps_clear_of_never(void **state) {
    (void)state;
    Song *song = song_make(6, &(SongMakeOptions){.takes = 3});
    EnvSong *es;
    Trajectory t;
    assert_int_equal(env_song_new(&es, song), BS_OK);
    assert_int_equal(trajectory_init(&t, ENV_MAX_STEPS), BS_OK);
    Job job = job_of(song, 9);
    job.n_never = 1;
    job.never[0] = (JobRange){song->takes[1].first_unit, song->takes[1].n_units};
    run_one(POLICY_RETARGET, es, &job, 1, &t);
    Env *env;
    const int32_t *units;
    const uint8_t *fades;
    assert_int_equal(env_new(&env, es), BS_OK);
    assert_int_equal(env_replay(env, &job, t.actions, t.n_steps, NULL, NULL, NULL), BS_OK);
    int32_t n = env_out_units(env, &units, &fades);
    for (int32_t i = 0; i < n; i++)
        assert_true(units[i] < job.never[0].first_unit ||
                    units[i] >= job.never[0].first_unit + job.never[0].n_units);
    env_free(env);
    trajectory_drop(&t);
    env_song_free(es);
    song_free(song);
}

static float net_reward(PolicyKind kind, const ByteWriter *w, const EnvSong *es, const Job *job,
                        uint64_t seed, Trajectory *t) {
    Policy *policy;
    Env *env;
    float terms[REWARD_TERMS];
    assert_int_equal(policy_open(&policy, kind, w->bytes, w->n_bytes), BS_OK);
    assert_int_equal(policy_run(policy, es, 1, job, &seed, t, NULL, NULL), BS_OK);
    policy_close(policy);
    assert_int_equal(env_new(&env, es), BS_OK);
    assert_int_equal(env_replay(env, job, t->actions, t->n_steps, NULL, NULL, terms), BS_OK);
    env_free(env);
    return env_score_total(job, terms);
}

static void the_best_of_some_tries_is_never_below_the_greedy_one(void **state) {
    (void)state;
    ByteWriter w;
    Trajectory t, again;
    int better = 0;
    fixture_weights(&w, 5);
    assert_int_equal(trajectory_init(&t, ENV_MAX_STEPS), BS_OK);
    assert_int_equal(trajectory_init(&again, ENV_MAX_STEPS), BS_OK);
    for (uint64_t s = 0; s < 6; s++) {
        Song *song = song_make(s, &(SongMakeOptions){.takes = 3});
        EnvSong *es;
        assert_int_equal(env_song_new(&es, song), BS_OK);
        Job job = job_of(song, s);
        float greedy = net_reward(POLICY_NET_GREEDY, &w, es, &job, s, &t);
        float best = net_reward(POLICY_NET_BEST, &w, es, &job, s, &t);
        assert_true(best >= greedy);
        better += best > greedy;
        assert_true(net_reward(POLICY_NET_BEST, &w, es, &job, s, &again) == best);
        assert_int_equal(again.n_steps, t.n_steps);
        assert_memory_equal(again.actions, t.actions, (size_t)t.n_steps);
        env_song_free(es);
        song_free(song);
    }
    assert_true(better >= 3); /* of a random network the likeliest is seldom the best */
    trajectory_drop(&t);
    trajectory_drop(&again);
    bytes_drop(&w);
}

static void weights_of_another_environment_are_refused_when_they_are_opened(void **state) {
    (void)state;
    ByteWriter w;
    Policy *policy;
    fixture_weights(&w, 5);
    char *version = memmem(w.bytes, w.n_bytes, "\"env_version\":\"", 15);
    assert_non_null(version);
    version[15]++;
    assert_int_equal(policy_open(&policy, POLICY_NET_BEST, w.bytes, w.n_bytes), BS_VERSION);
    assert_non_null(strstr(error_text(), "env_version"));
    version[15]--;
    assert_int_equal(policy_open(&policy, POLICY_NET_BEST, w.bytes, w.n_bytes - 4), BS_CORRUPT);
    assert_int_equal(policy_open(&policy, POLICY_NET_BEST, w.bytes, w.n_bytes), BS_OK);
    policy_close(policy);
    bytes_drop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_baseline_ends_inside_the_window_and_retarget_is_best),
        cmocka_unit_test(result_is_the_same_alone_and_among_others),
        cmocka_unit_test(random_episodes_differ_with_their_seeds),
        cmocka_unit_test(a_song_at_the_address_of_another_is_another),
        cmocka_unit_test(retarget_keeps_clear_of_never),
        cmocka_unit_test(weights_of_another_environment_are_refused_when_they_are_opened),
        cmocka_unit_test(the_best_of_some_tries_is_never_below_the_greedy_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
