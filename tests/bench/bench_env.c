// needs: common/env common/song
/* Environment steps a second on one core: masks, menus, observations and dense rewards for every step. Replay
 * is the same from recorded actions, as the learner does it; stepping alone is what a search pays. Checks
 * first that replaying what was timed gives the same rewards, and that they are those of the edit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/env/env.h"
#include "tests/unit/song_maker.h"

enum { EPISODES = 64, ROUNDS = 200, MAX_STEPS = 2048 };

/* Every allocation of the program is counted: the environment must make none after creation. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
static int64_t n_allocations;

void *malloc(size_t n) { return n_allocations++, __libc_malloc(n); }
void *calloc(size_t n, size_t each) { return n_allocations++, __libc_calloc(n, each); }
void *realloc(void *p, size_t n) { return n_allocations++, __libc_realloc(p, n); }
int posix_memalign(void **p, size_t align, size_t n) {
    n_allocations++;
    *p = __libc_memalign(align, n);
    return *p ? 0 : ENOMEM;
}

typedef struct Trace {
    Job job;
    int32_t n;
    uint8_t actions[MAX_STEPS];
} Trace;

static Trace traces[EPISODES];
static EnvObs obs, trajectory[MAX_STEPS];

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int pick(const EnvObs *o, Rng *r) {
    double best = -1;
    int action = -1;
    for (int a = 0; a < ENV_ACTIONS; a++) {
        if (!o->mask[a]) continue;
        double x = rng_f64(r) * (a < ACT_CUT ? 40 : a < ACT_CROSSFADE ? 3 : 1);
        if (a == ACT_REST) x = 0;
        if (x > best) best = x, action = a;
    }
    return action;
}

static void record(Env *env, const Song *song, int i) {
    Rng r = rng_at(7, (uint64_t)i);
    Trace *t = &traces[i];
    Status st;
    job_init(&t->job, song);
    if (job_target(&t->job, song, rng_between(&r, 20, 90), 4) != BS_OK || env_reset(env, &t->job) != BS_OK) {
        fprintf(stderr, "bench_env: %s\n", error_text());
        exit(1);
    }
    while (!env_done(env) && t->n < MAX_STEPS) {
        env_observe(env, &obs);
        t->actions[t->n] = (uint8_t)pick(&obs, &r);
        env_step(env, t->actions[t->n++], NULL, &st);
    }
}

static void check(Env *env, const EnvSong *es, const Trace *t) {
    float terms[REWARD_TERMS], direct[REWARD_TERMS];
    const int32_t *units;
    const uint8_t *fades;
    Status st = env_replay(env, &t->job, t->actions, t->n, NULL, NULL, terms);
    int32_t n = env_out_units(env, &units, &fades);
    env_score(es, &t->job, units, fades, n, direct);
    for (int k = 0; k < REWARD_TERMS; k++) {
        float d = terms[k] - direct[k];
        if (st != BS_OK || d > 1e-3f || d < -1e-3f) {
            fprintf(stderr, "bench_env: wrong rewards: %s\n", error_text());
            exit(1);
        }
    }
}

typedef enum Way { STEP_ONLY, OBSERVE, REPLAY } Way; /* REPLAY keeps every observation of an episode */

/* Best of the rounds: the machine may be shared. Processor time, not the clock's. */
static double time_all(Env *env, Way way, double *steps_per_s) {
    double best = 1e9, sum = 0;
    int64_t steps = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double t0 = now_s();
        steps = 0;
        for (int i = 0; i < EPISODES; i++) {
            Status st;
            if (env_reset(env, &traces[i].job) != BS_OK) exit(1);
            for (int32_t k = 0; k < traces[i].n; k++) {
                EnvObs *o = way == REPLAY ? &trajectory[k] : &obs;
                if (way != STEP_ONLY) {
                    env_observe(env, o);
                    sum += o->target_features[8][1] + (float)o->n_legal;
                }
                sum += env_step(env, traces[i].actions[k], NULL, &st);
                if (st != BS_OK) exit(1);
            }
            steps += traces[i].n;
        }
        double s = now_s() - t0;
        if (s < best) best = s;
    }
    *steps_per_s = (double)steps / best;
    return sum;
}

int main(void) {
    SongMakeOptions o = {.takes = 3, .sections = 6, .bars_per_section = 4};
    Song *song = song_make(11, &o);
    EnvSong *es;
    Env *env;
    if (!song || env_song_new(&es, song) != BS_OK || env_new(&env, es) != BS_OK) return 1;
    int64_t steps = 0;
    int32_t units = 0;
    for (int i = 0; i < EPISODES; i++) {
        record(env, song, i);
        units += env_out_units(env, NULL, NULL);
        steps += traces[i].n;
    }
    for (int i = 0; i < EPISODES; i++) check(env, es, &traces[i]);
    double full, replay, bare;
    int64_t before = n_allocations;
    double sink =
        time_all(env, OBSERVE, &full) + time_all(env, REPLAY, &replay) + time_all(env, STEP_ONLY, &bare);
    int64_t allocations = n_allocations - before;
    double s0 = now_s();
    for (int i = 0; i < 10; i++) {
        EnvSong *again;
        if (env_song_new(&again, song) != BS_OK) return 1;
        env_song_free(again);
    }
    double song_s = (now_s() - s0) / 10;
    printf("env.units_in_song %d units\n", song->n_units);
    printf("env.steps_per_episode %.1f steps\n", (double)steps / EPISODES);
    printf("env.units_per_step %.2f units\n", (double)units / (double)steps);
    printf("env.steps_per_second %.0f steps/s\n", full);
    printf("env.replay_steps_per_second %.0f steps/s\n", replay);
    printf("env.search_steps_per_second %.0f steps/s\n", bare);
    printf("env.allocations_after_start %lld allocations\n", (long long)allocations);
    printf("env.song_tables %.3f ms\n", song_s * 1e3);
    env_free(env);
    env_song_free(es);
    song_free(song);
    return sink == 12345.678 || allocations ? 1 : 0;
}
