// needs: learner
/* Curriculum, pool, replay and micro-batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "learner/demos.h"
#include "learner/pool.h"
#include "tests/unit/learner_songs.h"

static const SongMakeOptions small = {.takes = 3, .sections = 3, .bars_per_section = 2};

static Curriculum curriculum(const SongBook *songs, RunMode mode) {
    return (Curriculum){.seed = 7,
                        .epoch = 3,
                        .batch = 16,
                        .updates = {2, 2, 1, 4},
                        .mode = mode,
                        .max_lag = 1,
                        .songs = songs};
}

/* An episode of uniformly drawn legal actions. */
static Episode *play_random(SongBook *songs, int32_t song, const Job *job, uint64_t seed) {
    static uint8_t actions[ENV_MAX_STEPS];
    static float log_probs[ENV_MAX_STEPS];
    uint8_t mask[ENV_ACTIONS];
    int32_t n = 0;
    Env *env;
    Episode *e;
    Status st = BS_OK;
    Rng r = rng_at(seed, 1);
    assert_int_equal(songs_env(songs, song, &env), BS_OK);
    assert_int_equal(env_reset(env, job), BS_OK);
    while (!env_done(env)) {
        int n_legal = env_legal(env, mask), pick = (int)rng_below(&r, (uint32_t)n_legal), a = 0;
        while (!mask[a] || pick-- > 0) a++;
        log_probs[n] = -logf((float)n_legal);
        actions[n++] = (uint8_t)a;
        env_step(env, a, NULL, &st);
        assert_int_equal(st, BS_OK);
    }
    assert_int_equal(episode_new(&e, env, song, job, actions, log_probs, n), BS_OK);
    e->id = seed;
    return e;
}

/* ---- curriculum --------------------------------------------------------------------------------- */

static void a_ticket_is_a_function_of_its_id(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 5, 1, &small);
    Curriculum c = curriculum(&songs, RUN_ASYNC), again = c;
    again.epoch = 9;
    for (uint64_t id = 0; id < 300; id++) {
        Ticket a, b;
        curriculum_ticket(&c, id, &a);
        curriculum_ticket(&again, id, &b);
        assert_int_equal(a.id, id);
        assert_int_equal(a.seed, b.seed);
        assert_memory_equal(&a.job, &b.job, sizeof a.job);
        assert_true(hash_equal(&a.song, &b.song));
        const Song *song = songs.entries[songs_find(&songs, &a.song)].song;
        assert_int_equal(job_check(&a.job, song), BS_OK);
    }
    songs_drop(&songs);
}

static void a_group_has_one_song_eight_seeds_and_two_jobs_or_eight(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 3, 1, &small);
    Curriculum c = curriculum(&songs, RUN_ASYNC);
    int n_different = 0, n_eight = 0;
    for (uint64_t g = 0; g < 40; g++) {
        Ticket t[TICKET_GROUP];
        for (int i = 0; i < TICKET_GROUP; i++) {
            curriculum_ticket(&c, g * TICKET_GROUP + (uint64_t)i, &t[i]);
            assert_true(hash_equal(&t[i].song, &t[0].song));
            assert_int_equal(t[i].kind, t[0].kind);
            if (policy_needs_weights((PolicyKind)t[i].kind))
                assert_memory_equal(&t[i].job, &t[i < 4 ? 0 : 4].job, sizeof t[i].job);
            else if (i > 0)
                n_eight += memcmp(&t[i].job, &t[i - 1].job, sizeof t[i].job) != 0;
            for (int k = 0; k < i; k++) assert_true(t[i].seed != t[k].seed);
        }
        n_different += memcmp(&t[0].job, &t[4].job, sizeof t[0].job) != 0;
    }
    assert_true(n_different > 35);
    assert_true(n_eight > 50); /* the first groups of this curriculum are retarget's */
    songs_drop(&songs);
}

static void every_song_comes_once_in_each_pass(void **state) {
    (void)state;
    for (int n = 1; n <= 12; n++) {
        SongBook songs;
        songs_made(&songs, n, 1, &small);
        Curriculum c = curriculum(&songs, RUN_ASYNC);
        for (uint64_t pass = 0; pass < 6; pass++) {
            int seen[12] = {0};
            for (int i = 0; i < n; i++) seen[curriculum_song(&c, pass * (uint64_t)n + (uint64_t)i)]++;
            for (int i = 0; i < n; i++) assert_int_equal(seen[i], 1);
        }
        songs_drop(&songs);
    }
}

static void stages_follow_each_other(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 1, 1, &small);
    Curriculum c = curriculum(&songs, RUN_LOCKSTEP);
    const Stage wanted[] = {0, 0, 1, 1, 2, 3, 3, 3, 3, 3, 3};
    for (uint64_t u = 0; u < 11; u++) {
        Ticket t;
        assert_int_equal(curriculum_stage(&c, u), wanted[u]);
        curriculum_ticket(&c, u * c.batch, &t);
        assert_int_equal(t.kind, wanted[u] < STAGE_VALUE ? POLICY_RETARGET : POLICY_NET);
        assert_int_equal(t.exact_version, u ? u - 1 : 0);
    }
    assert_int_equal(curriculum_updates(&c), 9);
    assert_int_equal(curriculum_start(&c, STAGE_PPO), 5);
    c.updates[STAGE_VALUE] = c.updates[STAGE_PPO] = 0;
    assert_int_equal(curriculum_stage(&c, 100), STAGE_DEMOS);
    songs_drop(&songs);
}

/* ---- replay ------------------------------------------------------------------------------------- */

static void a_replay_rebuilds_what_the_actor_saw(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 1, 1, &small);
    Curriculum c = curriculum(&songs, RUN_ASYNC);
    for (uint64_t seed = 0; seed < 20; seed++) {
        Job job;
        Env *env;
        Status st = BS_OK;
        curriculum_job(&c, 60 + seed, (int)(seed % 2), &job);
        Episode *e = play_random(&songs, 0, &job, seed);
        EnvObs *obs = malloc(sizeof *obs * ((size_t)e->n_steps + 1)), seen;
        assert_int_equal(songs_env(&songs, 0, &env), BS_OK);
        assert_int_equal(episode_observe(e, env, obs), BS_OK);
        assert_int_equal(env_reset(env, &job), BS_OK);
        double total = 0, terms = 0;
        for (int32_t i = 0; i < e->n_steps; i++) {
            env_observe(env, &seen);
            assert_int_equal(obs[i].playhead, seen.playhead);
            assert_memory_equal(obs[i].mask, seen.mask, sizeof seen.mask);
            assert_memory_equal(obs[i].step, seen.step, sizeof seen.step);
            assert_true(obs[i].mask[e->actions[i]]);
            assert_int_equal(e->bars[i], env_bars_kept(env));
            assert_true(e->rewards[i] == env_step(env, e->actions[i], NULL, &st));
            total += e->rewards[i];
        }
        for (int t = 0; t < REWARD_TERMS; t++) terms += e->terms[t];
        assert_true(fabs(total - e->total) < 1e-5 && fabs(terms - e->total) < 1e-3);
        free(obs);
        episode_free(e);
    }
    songs_drop(&songs);
}

static void a_replay_refuses_what_cannot_have_happened(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 1, 1, &small);
    Curriculum c = curriculum(&songs, RUN_ASYNC);
    Job job;
    Env *env;
    Episode *bad;
    uint8_t mask[ENV_ACTIONS], actions[ENV_MAX_STEPS];
    float log_probs[ENV_MAX_STEPS];
    curriculum_job(&c, 70, 1, &job);
    Episode *e = play_random(&songs, 0, &job, 5);
    assert_true(e->n_steps > 3);
    assert_int_equal(songs_env(&songs, 0, &env), BS_OK);
    memcpy(actions, e->actions, (size_t)e->n_steps);
    memcpy(log_probs, e->log_probs, sizeof(float) * (size_t)e->n_steps);
    /* too short, too long, an illegal action, a probability that is none */
    assert_int_equal(episode_new(&bad, env, 0, &job, actions, log_probs, e->n_steps - 1), BS_CORRUPT);
    actions[e->n_steps] = 0;
    log_probs[e->n_steps] = 0;
    assert_int_equal(episode_new(&bad, env, 0, &job, actions, log_probs, e->n_steps + 1), BS_CORRUPT);
    assert_int_equal(env_reset(env, &job), BS_OK);
    env_legal(env, mask);
    int illegal = 0;
    while (mask[illegal]) illegal++;
    uint8_t first = actions[0];
    actions[0] = (uint8_t)illegal;
    assert_int_equal(episode_new(&bad, env, 0, &job, actions, log_probs, e->n_steps), BS_CORRUPT);
    actions[0] = 255;
    assert_int_equal(episode_new(&bad, env, 0, &job, actions, log_probs, e->n_steps), BS_CORRUPT);
    actions[0] = first;
    const float wrong[] = {0.5f, NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        log_probs[1] = wrong[i];
        assert_int_equal(episode_new(&bad, env, 0, &job, actions, log_probs, e->n_steps), BS_CORRUPT);
    }
    assert_int_equal(episode_new(&bad, env, 0, &job, actions, log_probs, ENV_MAX_STEPS + 1), BS_CORRUPT);
    episode_free(e);
    songs_drop(&songs);
}

static void micro_batches_hold_one_song_and_stay_in_their_limits(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 3, 1, &small);
    Curriculum c = curriculum(&songs, RUN_ASYNC);
    enum { N = 24 };
    Episode *episodes[N];
    int32_t chosen[N], longest = 0;
    for (int i = 0; i < N; i++) {
        Job job;
        uint64_t group = 60 + (uint64_t)i / 8;
        curriculum_job(&c, group, i % 2, &job);
        episodes[i] = play_random(&songs, curriculum_song(&c, group), &job, (uint64_t)i);
        chosen[i] = N - 1 - i;
        if (episodes[i]->n_steps > longest) longest = episodes[i]->n_steps;
    }
    MicroPlan plan;
    MicroBuffer buffer;
    PolicyLimits limits = {.max_units = songs_max_units(&songs), .max_steps = 2 * longest, .max_episodes = 5};
    assert_int_equal(micro_plan_init(&plan, N), BS_OK);
    assert_int_equal(micro_buffer_init(&buffer, limits), BS_OK);
    micro_plan_make(&plan, episodes, chosen, N, limits);
    int n_seen = 0, n_steps = 0, seen[N] = {0};
    for (int32_t k = 0; k < plan.n_micro; k++) {
        const MicroBatch *m = &plan.micro[k];
        PolicyBatch batch;
        assert_true(m->n_steps <= limits.max_steps && m->n_episodes <= limits.max_episodes);
        assert_int_equal(micro_load(&buffer, &plan, m, episodes, &songs, &batch), BS_OK);
        assert_ptr_equal(batch.song, songs.entries[m->song].song);
        assert_int_equal(batch.n_steps, m->n_steps);
        assert_int_equal(batch.episode_start[batch.n_episodes], m->n_steps);
        for (int32_t i = 0; i < m->n_episodes; i++) {
            const Episode *e = episodes[plan.order[m->first + i]];
            assert_int_equal(e->song, m->song);
            assert_int_equal(batch.episode_start[i + 1] - batch.episode_start[i], e->n_steps);
            assert_int_equal(batch.obs[batch.episode_start[i]].last_action, -1);
            seen[plan.order[m->first + i]]++;
            n_seen++;
            n_steps += e->n_steps;
        }
    }
    assert_int_equal(n_seen, N);
    assert_int_equal(n_steps, plan.n_steps);
    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    for (int i = 0; i < N; i++) episode_free(episodes[i]);
    micro_buffer_drop(&buffer);
    micro_plan_drop(&plan);
    songs_drop(&songs);
}

/* ---- pool --------------------------------------------------------------------------------------- */

static Episode *bare(PolicyKind kind, uint64_t version) {
    Episode *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->kind = (uint8_t)kind;
    e->version = version;
    return e;
}

static void lockstep_waits_for_exactly_its_tickets(void **state) {
    (void)state;
    Curriculum c = {.batch = 16, .updates = {0, 0, 0, 9}, .mode = RUN_LOCKSTEP};
    Pool pool;
    pool_init(&pool);
    for (uint64_t id = 40; id-- > 16;) assert_int_equal(pool_add(&pool, id, bare(POLICY_NET, 0)), BS_OK);
    assert_false(pool_choose(&pool, &c, 0, false));
    assert_true(pool_choose(&pool, &c, 1, false));
    PoolItem out[64];
    pool_take(&pool, out);
    for (uint64_t i = 0; i < 16; i++) {
        assert_int_equal(out[i].id, 16 + i);
        episode_free(out[i].episode);
    }
    assert_int_equal(pool.n, 8);
    assert_false(pool_choose(&pool, &c, 2, false));
    for (uint64_t id = 40; id < 48; id++)
        assert_int_equal(pool_add(&pool, id, NULL), BS_OK); /* failed for good */
    assert_true(pool_choose(&pool, &c, 2, false));
    pool_drop(&pool);
}

static void async_takes_whole_groups_of_the_stage(void **state) {
    (void)state;
    Curriculum c = {.batch = 16, .updates = {1, 0, 0, 9}, .mode = RUN_ASYNC, .max_lag = 1};
    Pool pool;
    PoolItem out[64];
    pool_init(&pool);
    for (uint64_t id = 0; id < 23; id++)
        assert_int_equal(pool_add(&pool, id, bare(id < 16 ? POLICY_RETARGET : POLICY_NET, 1)), BS_OK);
    for (uint64_t id = 32; id < 40; id++) assert_int_equal(pool_add(&pool, id, bare(POLICY_NET, 1)), BS_OK);
    assert_true(pool_choose(&pool, &c, 0, false));
    assert_int_equal(pool.n_chosen, 16);
    pool_take(&pool, out);
    for (int i = 0; i < 16; i++) episode_free(out[i].episode);
    assert_false(pool_choose(&pool, &c, 1, false)); /* one of 16..23 is missing */
    assert_int_equal(pool_add(&pool, 23, NULL), BS_OK);
    assert_false(pool_choose(&pool, &c, 1, false)); /* 15 episodes are no batch */
    assert_true(pool_choose(&pool, &c, 1, true));
    assert_int_equal(pool.n_chosen, 16);
    for (uint64_t id = 40; id < 48; id++) assert_int_equal(pool_add(&pool, id, bare(POLICY_NET, 1)), BS_OK);
    assert_true(pool_choose(&pool, &c, 1, false));
    assert_int_equal(pool.n_chosen, 24);
    pool_drop(&pool);
}

static void what_is_too_old_is_given_up(void **state) {
    (void)state;
    Curriculum c = {.batch = 8, .updates = {2, 0, 0, 9}, .mode = RUN_ASYNC, .max_lag = 1};
    Pool pool;
    pool_init(&pool);
    assert_int_equal(pool_add(&pool, 1, bare(POLICY_RETARGET, 0)), BS_OK);
    assert_int_equal(pool_add(&pool, 2, bare(POLICY_NET, 3)), BS_OK);
    assert_int_equal(pool_add(&pool, 3, bare(POLICY_NET, 4)), BS_OK);
    assert_int_equal(pool_choose_too_old(&pool, &c, 1), 0); /* still imitating: planners' plans do not age */
    assert_int_equal(pool_choose_too_old(&pool, &c, 4), 1);
    assert_int_equal(pool_choose_too_old(&pool, &c, 5), 2);
    pool_take(&pool, NULL);
    assert_int_equal(pool.n, 1);
    assert_int_equal(pool.items[0].id, 3);
    pool_drop(&pool);
}

/* ---- demonstrations ----------------------------------------------------------------------------- */

static double weight_of(const Demos *demos, int32_t group) {
    return demos->groups[group].sum - (group ? demos->groups[group - 1].sum : 0);
}

static void assert_same(double a, double b) { assert_true(fabs(a - b) < 1e-12); }

static void a_demonstration_becomes_episodes_that_make_its_edit(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 3, 11, &small);
    Demos demos = {0};
    for (int32_t s = 0; s < songs.n; s++) {
        int32_t units[1024], n;
        uint8_t fades[1024];
        Edit edit, played;
        Demo demo;
        demo_init(&demo);
        edit_init(&edit);
        n = song_made_right(songs.entries[s].song, 0, 6, units, fades, 1024);
        assert_int_equal(edit_from_units(&edit, songs.entries[s].song, units, fades, n), BS_OK);
        int32_t first = demos.n_episodes;
        assert_int_equal(edit_copy(&demo.made, &edit), BS_OK);
        Status st = demos_add(&demos, &songs, s, &demo, 5);
        if (st != BS_OK) print_error("%s\n", error_text());
        assert_int_equal(st, BS_OK);
        assert_true(demos.n_episodes > first && demos.n_episodes <= first + TICKET_GROUP);
        for (int32_t i = first; i < demos.n_episodes; i++) {
            Env *env;
            const Episode *e = demos.episodes[i];
            assert_int_equal(songs_env(&songs, s, &env), BS_OK);
            edit_init(&played);
            assert_int_equal(env_replay(env, &e->job, e->actions, e->n_steps, &played, NULL, NULL), BS_OK);
            assert_true(edit_equal(&played, &edit));
            edit_drop(&played);
        }
        assert_same(weight_of(&demos, s), 1);
        edit_drop(&edit);
        demo_drop(&demo);
    }
    Episode *drawn[64];
    int32_t n = demos_draw(&demos, 1, 0, 16, drawn);
    assert_true(n >= 8 && n <= 16 + TICKET_GROUP);
    demos_drop(&demos);
    songs_drop(&songs);
}

static void lines_that_are_no_demonstration_are_counted(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 1, 11, &small);
    const Song *song = songs.entries[0].song;
    char path[] = "/tmp/bandsaw-demos-XXXXXX", hex[HASH_HEX];
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    int32_t units[1024], n = song_made_right(song, 0, 6, units, (uint8_t[1024]){0}, 1024);
    uint8_t fades[1024] = {0};
    Edit edit;
    edit_init(&edit);
    assert_int_equal(edit_from_units(&edit, song, units, fades, n), BS_OK);
    hash_hex(&song->hash, hex);
    fprintf(f, "{\"version\":1,\"song\":\"%s\",\"name\":\"a\",\"edit\":{\"sample_rate\":%d,\"segments\":[",
            hex, song->sample_rate_hz);
    for (int32_t i = 0; i < edit.n_segments; i++)
        fprintf(f, "%s[%lld,%lld,\"short\"]", i ? "," : "", (long long)edit.segments[i].start_sample,
                (long long)edit.segments[i].end_sample);
    fprintf(f, "]}}\n");
    fprintf(f,
            "{\"version\":1,\"song\":\"%064d\",\"name\":\"b\",\"edit\":{\"sample_rate\":8000,\"segments\":[["
            "0,9]]}}\n",
            0);
    fprintf(f, "this is no JSON\n");
    fprintf(f,
            "{\"version\":1,\"song\":\"%s\",\"edit\":{\"sample_rate\":8000,\"segments\":[[0,9,\"long\"]]}}\n",
            hex);
    fprintf(f,
            "{\"version\":1,\"song\":\"%s\",\"edit\":{\"sample_rate\":8000,\"segments\":[[0,999999999,"
            "\"short\"]]}}\n",
            hex);
    fprintf(f, "{\"version\":1,\"song\":\"%s\",\"ed", hex);
    fclose(f);
    Demos demos;
    assert_int_equal(demos_load(&demos, path, &songs, 1), BS_OK);
    assert_int_equal(demos.n_lines, 6);
    assert_int_equal(demos.n_groups, 1);
    assert_int_equal(demos.n_unknown, 1);
    assert_int_equal(demos.n_refused, 4);
    assert_true(strstr(demos.first_refused, "line 3") != NULL);
    demos_drop(&demos);
    assert_int_equal(demos_load(&demos, "/tmp/bandsaw-no-such-file", &songs, 1), BS_OK);
    assert_int_equal(demos.n_groups, 0);
    remove(path);
    edit_drop(&edit);
    songs_drop(&songs);
}

/* A demonstration of weight w[i] each, by hand: only what is drawn is looked at. */
static void demonstrations_come_as_often_as_they_weigh(void **state) {
    (void)state;
    enum { N = 40, PASSES = 25 };
    static Episode *episodes[N], *drawn[2 * TICKET_GROUP], marks[N];
    DemoGroup groups[N];
    Demos demos = {.episodes = episodes, .groups = groups, .n_episodes = N, .n_groups = N};
    int32_t times[N] = {0}, again[N] = {0};
    for (int32_t i = 0; i < N; i++) {
        const double weight = i % 4 == 0 ? 0.25 : 1;
        episodes[i] = &marks[i];
        groups[i] = (DemoGroup){i, 1, demos.sum_weights += weight};
    }
    for (int run = 0; run < 2; run++)
        for (uint64_t u = 0; u < N * PASSES; u++) {
            assert_int_equal(demos_draw(&demos, 7, u, TICKET_GROUP, drawn), 1);
            (run ? again : times)[drawn[0] - marks]++;
        }
    assert_memory_equal(times, again, sizeof times);
    for (int32_t i = 0; i < N; i++) { /* in each pass right to one */
        const double expected = N * PASSES * weight_of(&demos, i) / demos.sum_weights;
        assert_true(fabs(times[i] - expected) < 0.35 * expected + 3);
    }
}

static void what_was_lost_lowers_the_weight_and_a_later_line_replaces_an_earlier(void **state) {
    (void)state;
    SongBook songs;
    songs_made(&songs, 1, 11, &small);
    const Song *song = songs.entries[0].song;
    int32_t units[1024], n = song_made_right(song, 0, 6, units, (uint8_t[1024]){0}, 1024);
    uint8_t fades[1024] = {0};
    char path[] = "/tmp/bandsaw-demos-XXXXXX";
    Demo demo;
    Demos demos = {0};
    demo_init(&demo);
    demo.song = song->hash;
    snprintf(demo.name, sizeof demo.name, "same");
    assert_int_equal(edit_from_units(&demo.made, song, units, fades, n), BS_OK);
    assert_int_equal(edit_copy(&demo.projected, &demo.made), BS_OK);
    const int64_t length = edit_samples(&demo.made);
    demo.foreign_samples = length / 9; /* a tenth of what was made is not of the recording */
    assert_int_equal(demos_add(&demos, &songs, 0, &demo, 5), BS_OK);
    assert_true(fabs(weight_of(&demos, 0) - (1 - 0.1 / 0.3)) < 0.01);
    demo.foreign_samples = length; /* half of it */
    assert_int_equal(demos_add(&demos, &songs, 0, &demo, 5), BS_UNSUPPORTED);
    assert_non_null(strstr(error_text(), "50 % of it are lost"));
    assert_int_equal(demos.n_groups, 1);
    assert_int_equal(demos.n_episodes, demos.groups[0].n);
    demo.foreign_samples = 0;
    demo.weight = 0.5; /* as somebody may write by hand */
    assert_int_equal(demos_add(&demos, &songs, 0, &demo, 5), BS_OK);
    assert_same(weight_of(&demos, 1), 0.5);
    demos_drop(&demos);

    close(mkstemp(path));
    for (int i = 0; i < 3; i++) {
        Json *line;
        demo.weight = i == 1 ? 0.75 : 0.5;
        if (i == 2) snprintf(demo.name, sizeof demo.name, "other");
        assert_int_equal(demo_to_json(&demo, &line), BS_OK);
        assert_int_equal(json_append_line(line, path, false), BS_OK);
        json_free(line);
    }
    assert_int_equal(demos_load(&demos, path, &songs, 1), BS_OK);
    assert_int_equal(demos.n_groups, 2);
    assert_int_equal(demos.n_said_again, 1);
    assert_same(weight_of(&demos, 0), 0.75);
    assert_same(weight_of(&demos, 1), 0.5);
    assert_true(demos_mean_weight(&demos) == 0.625);
    demos_drop(&demos);

    demo.name[0] = 0; /* two lines without a name are two demonstrations; the muted one is none */
    for (int i = 0; i < 3; i++) {
        Json *line;
        demo.weight = i < 2 ? 1 : 0;
        assert_int_equal(demo_to_json(&demo, &line), BS_OK);
        assert_int_equal(json_append_line(line, path, false), BS_OK);
        json_free(line);
    }
    assert_int_equal(demos_load(&demos, path, &songs, 1), BS_OK);
    assert_int_equal(demos.n_groups, 4);
    assert_int_equal(demos.n_said_again, 1);
    assert_int_equal(demos.n_refused, 1);
    assert_non_null(strstr(demos.first_refused, "muted"));
    demos_drop(&demos);
    remove(path);
    demo_drop(&demo);
    songs_drop(&songs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_a_function_of_its_id),
        cmocka_unit_test(a_group_has_one_song_eight_seeds_and_two_jobs_or_eight),
        cmocka_unit_test(every_song_comes_once_in_each_pass),
        cmocka_unit_test(stages_follow_each_other),
        cmocka_unit_test(a_replay_rebuilds_what_the_actor_saw),
        cmocka_unit_test(a_replay_refuses_what_cannot_have_happened),
        cmocka_unit_test(micro_batches_hold_one_song_and_stay_in_their_limits),
        cmocka_unit_test(lockstep_waits_for_exactly_its_tickets),
        cmocka_unit_test(async_takes_whole_groups_of_the_stage),
        cmocka_unit_test(what_is_too_old_is_given_up),
        cmocka_unit_test(a_demonstration_becomes_episodes_that_make_its_edit),
        cmocka_unit_test(lines_that_are_no_demonstration_are_counted),
        cmocka_unit_test(demonstrations_come_as_often_as_they_weigh),
        cmocka_unit_test(what_was_lost_lowers_the_weight_and_a_later_line_replaces_an_earlier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
