// needs: common/env common/song
/* Random play on songs of every shape: whatever is done, the window is reached, constraints are met, the mask
 * is what a step accepts, a replay repeats it to the bit, and parsing the edit finds actions that make it
 * again and are worth the same. N episodes in all, from the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env/env.h"
#include "tests/unit/env_jobs.h"

static int64_t sequences(int64_t otherwise) {
    const char *n = getenv("N");
    return n ? atoll(n) : otherwise;
}

typedef struct Play {
    Song *song;
    EnvSong *es;
    Env *env, *other;
} Play;

static Play play_open(uint64_t seed) {
    Play p = {.song = env_jobs_song(seed)};
    assert_non_null(p.song);
    assert_int_equal(song_check(p.song), BS_OK);
    assert_int_equal(env_song_new(&p.es, p.song), BS_OK);
    assert_int_equal(env_new(&p.env, p.es), BS_OK);
    assert_int_equal(env_new(&p.other, p.es), BS_OK);
    return p;
}

static void play_close(Play *p) {
    env_free(p->env);
    env_free(p->other);
    env_song_free(p->es);
    song_free(p->song);
}

/* First a kind, then an action of the kind; some players cut or jump most of the time. */
static int random_action(const uint8_t mask[ENV_ACTIONS], Rng *r, int style) {
    int count[ACTION_KINDS] = {0};
    double weight[ACTION_KINDS], sum = 0;
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (mask[a]) count[env_action_kind(a)]++;
    for (int k = 0; k < ACTION_KINDS; k++) {
        weight[k] = !count[k]                                                              ? 0
                    : (style == 1 && k == KIND_CUT) || (style == 2 && k >= KIND_CROSSFADE) ? 6
                    : k == KIND_KEEP                                                       ? 3
                                                                                           : 1;
        sum += weight[k];
    }
    double x = rng_f64(r) * sum;
    int kind = 0;
    while (kind < ACTION_KINDS - 1 && (x -= weight[kind]) >= 0) kind++;
    while (!count[kind]) kind--;
    int nth = (int)rng_below(r, (uint32_t)count[kind]);
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (mask[a] && (int)env_action_kind(a) == kind && nth-- == 0) return a;
    return -1;
}

static void check_constraints(const Play *p, const Job *job) {
    const int32_t *units;
    int32_t n = env_out_units(p->env, &units, NULL);
    assert_true(n > 0);
    if (job->start_unit >= 0) assert_int_equal(units[0], job->start_unit);
    if (job->end_unit >= 0) assert_int_equal(units[n - 1], job->end_unit);
    for (int i = 0; i < job->n_must; i++)
        for (int32_t u = job->must[i].first_unit; u < job->must[i].first_unit + job->must[i].n_units; u++) {
            bool kept = false;
            for (int32_t k = 0; k < n; k++) kept |= units[k] == u;
            assert_true(kept);
        }
    for (int32_t k = 0; k < n; k++)
        for (int i = 0; i < job->n_never; i++)
            assert_false(units[k] >= job->never[i].first_unit &&
                         units[k] < job->never[i].first_unit + job->never[i].n_units);
    for (int32_t k = 0; job->no_loop && k < n; k++)
        for (int32_t i = 0; i < k; i++) assert_int_not_equal(units[i], units[k]);
}

static uint8_t actions[ENV_MAX_STEPS], parsed[ENV_MAX_STEPS];
static float rewards[ENV_MAX_STEPS], again[ENV_MAX_STEPS];
static EnvObs obs, obs_other;

static void check_refusals(Play *p, Rng *r) {
    static EnvObs before, after;
    env_observe(p->env, &before);
    for (int k = 0; k < 4; k++) {
        int a = (int)rng_below(r, ENV_ACTIONS);
        Status st = BS_OK;
        float terms[REWARD_TERMS] = {0};
        if (before.mask[a]) continue;
        env_step(p->env, a, terms, &st);
        assert_int_equal(st, BS_INVALID);
        env_observe(p->env, &after);
        assert_memory_equal(&before, &after, sizeof before);
    }
}

/* Plays one episode; returns the number of steps, -1 when the job cannot be met. */
static int32_t play_episode(Play *p, const Job *job, Rng *r, bool careful) {
    int32_t n = 0;
    int style = (int)rng_below(r, 4);
    if (env_reset(p->env, job) != BS_OK) return -1;
    while (!env_done(p->env)) {
        Status st;
        env_observe(p->env, &obs);
        assert_true(obs.n_legal >= 2);
        int a = random_action(obs.mask, r, style);
        if (careful && rng_below(r, 16) == 0) check_refusals(p, r);
        if (careful && rng_below(r, 16) == 0) {
            env_copy(p->other, p->env);
            env_observe(p->other, &obs_other);
            assert_memory_equal(&obs, &obs_other, sizeof obs);
            float x = env_step(p->other, a, NULL, &st), y = env_step(p->env, a, NULL, &st);
            assert_true(x == y);
            assert_int_equal(env_done(p->env), env_done(p->other));
            if (!env_done(p->env)) {
                env_observe(p->env, &obs);
                env_observe(p->other, &obs_other);
                assert_memory_equal(&obs, &obs_other, sizeof obs);
            }
            rewards[n] = x;
        } else {
            rewards[n] = env_step(p->env, a, NULL, &st);
            if (st != BS_OK) print_message("step %d: %s\n", n, error_text());
            assert_int_equal(st, BS_OK);
        }
        actions[n++] = (uint8_t)a;
        assert_true(n < ENV_MAX_STEPS);
    }
    assert_in_range(env_out_samples(p->env), (uint64_t)job->lo_samples, (uint64_t)job->hi_samples);
    return n;
}

/* The same actions again: the same edit and rewards to the bit, and the dense reward is that of the edit. */
static void check_replay(const Play *p, const Job *job, int32_t n) {
    float terms[REWARD_TERMS], direct[REWARD_TERMS];
    const int32_t *units, *units_again;
    const uint8_t *fades, *fades_again;
    int32_t k = env_out_units(p->env, &units, &fades);
    assert_int_equal(env_replay(p->other, job, actions, n, NULL, again, terms), BS_OK);
    assert_int_equal(env_out_units(p->other, &units_again, &fades_again), k);
    assert_memory_equal(units, units_again, sizeof *units * (size_t)k);
    assert_memory_equal(fades, fades_again, (size_t)k);
    assert_memory_equal(rewards, again, sizeof *again * (size_t)n);
    env_score(p->es, job, units, fades, k, direct);
    assert_memory_equal(terms, direct, sizeof terms);
}

/* The canonical actions make the same edit, and it is worth the same that way; returns how many they are. */
static int32_t check_parse(const Play *p, const Job *job, uint64_t seed) {
    const int32_t *units, *units_again;
    const uint8_t *fades, *fades_again;
    float played[REWARD_TERMS], terms[REWARD_TERMS];
    int32_t k = env_out_units(p->env, &units, &fades), m;
    Status st = env_parse(p->other, job, units, fades, k, parsed, ENV_MAX_STEPS, &m);
    if (st != BS_OK) print_message("seed %llu: %s\n", (unsigned long long)seed, error_text());
    assert_int_equal(st, BS_OK);
    assert_int_equal(env_replay(p->other, job, parsed, m, NULL, NULL, terms), BS_OK);
    assert_int_equal(env_out_units(p->other, &units_again, &fades_again), k);
    assert_memory_equal(units, units_again, sizeof *units * (size_t)k);
    assert_memory_equal(fades, fades_again, (size_t)k);
    env_terms(p->env, played);
    assert_memory_equal(played, terms, sizeof terms);
    return m;
}

typedef struct Played {
    int64_t n, refused, shorter;
    int32_t most; /* steps */
} Played;

static void play_seed(uint64_t seed, bool constrained, Played *sum) {
    Play p = play_open(seed + (constrained ? 1000000 : 0));
    Rng r = rng_at(seed, 2);
    for (int i = 0; i < 20; i++) {
        Job job = env_jobs_job(p.song, &r, constrained);
        int32_t n = play_episode(&p, &job, &r, i % 4 == 0);
        if (n < 0) {
            sum->refused++;
            continue;
        }
        sum->n++;
        if (n > sum->most) sum->most = n;
        check_constraints(&p, &job);
        check_replay(&p, &job, n);
        sum->shorter += check_parse(&p, &job, seed) <= n;
    }
    play_close(&p);
}

static void play_many(bool constrained, int64_t n_episodes) {
    Played sum = {0};
    for (uint64_t seed = 1; sum.n < n_episodes; seed++) play_seed(seed, constrained, &sum);
    assert_true(sum.refused < 20 * sum.n + 200);
    assert_true(sum.shorter * 10 > sum.n * 9);
    print_message("%lld episodes of at most %d steps, %lld jobs refused, %lld parsed into no more steps\n",
                  (long long)sum.n, sum.most, (long long)sum.refused, (long long)sum.shorter);
}

static void random_play_stays_in_its_window_and_can_be_told_again(void **state) {
    (void)state;
    play_many(false, sequences(10000) / 2);
}

static void random_play_meets_every_constraint_it_accepts(void **state) {
    (void)state;
    play_many(true, sequences(10000) / 2);
}

static void mask_says_what_step_accepts(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        Play p = play_open(seed);
        Rng r = rng_at(seed, 3);
        Job job = env_jobs_job(p.song, &r, seed % 2);
        if (env_reset(p.env, &job) != BS_OK) {
            play_close(&p);
            continue;
        }
        for (int n = 0; !env_done(p.env) && n < 40; n++) {
            uint8_t mask[ENV_ACTIONS];
            Status st;
            int legal = env_legal(p.env, mask), accepted = 0;
            for (int a = 0; a < ENV_ACTIONS; a++) {
                env_copy(p.other, p.env);
                env_step(p.other, a, NULL, &st);
                assert_int_equal(st == BS_OK, mask[a]);
                accepted += st == BS_OK;
            }
            assert_int_equal(accepted, legal);
            env_step(p.env, random_action(mask, &r, 0), NULL, &st);
        }
        play_close(&p);
    }
}

/* A CUT before a jump has landed is the jump to where it then lands, in the same fade. */
static void a_jump_that_has_not_landed_is_moved_by_cuts(void **state) {
    (void)state;
    int32_t n_moved = 0, n_long = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        Play p = play_open(seed);
        Rng r = rng_at(seed, 9);
        Job job = env_jobs_job(p.song, &r, false);
        if (env_reset(p.env, &job) != BS_OK) {
            play_close(&p);
            continue;
        }
        while (!env_done(p.env)) {
            const int32_t *units;
            const uint8_t *fades;
            Status st;
            env_observe(p.env, &obs);
            const int a = random_action(obs.mask, &r, 2), fade = (a - ACT_CROSSFADE) % FADE_COUNT;
            const bool jump = a >= ACT_CROSSFADE && a < ACT_REORDER;
            const int32_t last = obs.last_kept, n = env_out_units(p.env, &units, &fades);
            env_step(p.env, a, NULL, &st);
            if (!jump || env_done(p.env)) continue;
            env_observe(p.env, &obs_other);
            const int32_t from = obs_other.playhead;
            if (!obs_other.mask[ACT_CUT] || obs_other.last_action != a ||
                env_out_units(p.env, &units, &fades) != n)
                continue;
            for (int k = 0; k < ENV_TARGETS * FADE_COUNT; k++)
                assert_false(obs_other.mask[ACT_CROSSFADE + k]);
            assert_false(obs_other.mask[ACT_REST]);
            env_step(p.env, ACT_CUT + SPAN_BEAT, NULL, &st);
            assert_int_equal(st, BS_OK);
            while (env_out_units(p.env, &units, &fades) == n)
                env_step(p.env, ACT_KEEP + SPAN_BEAT, NULL, &st);
            assert_int_equal(units[n], from + 1);
            assert_int_equal(fades[n], last >= 0 ? fade : FADE_SHORT);
            n_moved++;
            n_long += fade != FADE_SHORT;
        }
        play_close(&p);
    }
    assert_true(n_moved > 100 && n_long > 10);
}

static void nothing_moves_the_start_that_was_asked_for(void **state) {
    (void)state;
    Play p = {.song = song_make(3, &(SongMakeOptions){.takes = 3})};
    Rng r = rng_at(3, 10);
    Job job;
    const int32_t *units;
    const uint8_t *fades;
    assert_int_equal(env_song_new(&p.es, p.song), BS_OK);
    assert_int_equal(env_new(&p.env, p.es), BS_OK);
    assert_int_equal(env_new(&p.other, p.es), BS_OK);
    job_init(&job, p.song);
    job.start_unit = p.song->takes[0].first_unit + 2;
    for (int i = 0; i < 50; i++) {
        assert_true(play_episode(&p, &job, &r, false) > 0);
        env_out_units(p.env, &units, &fades);
        assert_int_equal(units[0], job.start_unit);
    }
    play_close(&p);
}

/* Units of a few samples and windows of many units: the pace rules are what bounds these episodes. */
static void tiny_units_and_long_windows_end_as_well(void **state) {
    (void)state;
    int32_t most_steps = 0, most_units = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        Rng r = rng_at(seed, 6);
        Play p = {0};
        SongMakeOptions o = {.takes = 2, .sections = 3, .free_units = seed % 2};
        p.song = song_make(seed, &o);
        for (int32_t u = 1; u < p.song->n_units; u++) /* every third unit shrinks to some samples */
            if (rng_below(&r, 3) == 0 && u + 1 < p.song->n_units)
                p.song->units[u + 1].start_sample =
                    p.song->units[u].start_sample + 1 + (int64_t)rng_below(&r, 60);
        assert_int_equal(song_check(p.song), BS_OK);
        assert_int_equal(env_song_new(&p.es, p.song), BS_OK);
        assert_int_equal(env_new(&p.env, p.es), BS_OK);
        assert_int_equal(env_new(&p.other, p.es), BS_OK);
        Job job;
        job_init(&job, p.song);
        job.lo_samples = (int64_t)(rng_between(&r, 2, 6) * (double)p.song->n_samples);
        job.hi_samples = job.lo_samples + env_jobs_longest_unit(p.song);
        if (seed % 3 == 0) job.end_unit = env_jobs_unit(p.song, 0, &r);
        for (int greedy = 0; greedy < 3; greedy++) {
            int32_t n = 0;
            if (env_reset(p.env, &job) != BS_OK) continue;
            while (!env_done(p.env)) { /* the shortest way on, or a jump whenever there is one */
                Status st;
                uint8_t mask[ENV_ACTIONS];
                env_legal(p.env, mask);
                int a = random_action(mask, &r, 2);
                if (greedy == 1 && mask[ACT_KEEP]) a = ACT_KEEP;
                if (greedy == 2 && mask[ACT_CUT]) a = ACT_CUT;
                env_step(p.env, a, NULL, &st);
                assert_int_equal(st, BS_OK);
                n++;
                assert_true(n <= ENV_MAX_STEPS);
            }
            assert_in_range(env_out_samples(p.env), (uint64_t)job.lo_samples, (uint64_t)job.hi_samples);
            int32_t k = env_out_units(p.env, NULL, NULL);
            if (n > most_steps) most_steps = n;
            if (k > most_units) most_units = k;
        }
        play_close(&p);
    }
    print_message("at most %d steps, %d units\n", most_steps, most_units);
    assert_true(most_units > 400);
}

static void replay_names_the_step_that_is_not_legal(void **state) {
    (void)state;
    Play p = play_open(5);
    Rng r = rng_at(5, 5);
    Job job = env_jobs_job(p.song, &r, false);
    job.lo_samples = p.song->n_samples / 4;
    job.hi_samples = job.lo_samples + env_jobs_longest_unit(p.song);
    int32_t n = play_episode(&p, &job, &r, false);
    assert_true(n > 2);
    assert_int_equal(env_replay(p.other, &job, actions, n - 1, NULL, NULL, NULL), BS_CORRUPT);
    actions[1] = ENV_ACTIONS;
    assert_int_equal(env_replay(p.other, &job, actions, n, NULL, NULL, NULL), BS_CORRUPT);
    assert_non_null(strstr(error_text(), "step 1"));
    play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_play_stays_in_its_window_and_can_be_told_again),
        cmocka_unit_test(random_play_meets_every_constraint_it_accepts),
        cmocka_unit_test(mask_says_what_step_accepts),
        cmocka_unit_test(a_jump_that_has_not_landed_is_moved_by_cuts),
        cmocka_unit_test(nothing_moves_the_start_that_was_asked_for),
        cmocka_unit_test(tiny_units_and_long_windows_end_as_well),
        cmocka_unit_test(replay_names_the_step_that_is_not_legal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
