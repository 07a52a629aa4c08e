// needs: common/env common/song
/* Bytes from outside as a Job and as actions: a replay never crashes, never leaves the window, and what it
 * accepts parses back to the same edit. */
#include <stdlib.h>
#include <string.h>

#include "common/env/env.h"
#include "tests/unit/song_maker.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

enum { SONGS = 4, HEAD = 12 };

static Song *songs[SONGS];
static EnvSong *tables[SONGS];
static Env *envs[SONGS];
static EnvObs obs;

static void make_songs(void) {
    for (uint64_t i = 0; i < SONGS; i++) {
        SongMakeOptions o = {.takes = 2 + (int)i % 2,
                             .sections = 3,
                             .bars_per_section = 2 + (int)i,
                             .partial = i == 1,
                             .free_units = i == 2,
                             .no_slots = i == 3};
        songs[i] = song_make(i + 1, &o);
        BS_ASSERT(songs[i]);
        Status st = env_song_new(&tables[i], songs[i]);
        BS_ASSERT(st == BS_OK);
        st = env_new(&envs[i], tables[i]);
        BS_ASSERT(st == BS_OK);
    }
}

static void job_of(Job *job, const Song *song, const uint8_t *b) {
    job_init(job, song);
    job->lo_samples = song->n_samples * b[1] / 300;
    job->hi_samples = job->lo_samples + 2 * SONG_MAKE_RATE + b[2] * 100;
    job->no_loop = b[3] & 1;
    job->no_reorder = b[3] >> 1 & 1;
    if (b[3] & 4) job->start_unit = b[4] * 2 - 3;
    if (b[3] & 8) job->end_unit = b[5] * 2 - 3;
    if (b[3] & 16) job->must[job->n_must++] = (JobRange){b[6] * 2, b[7] % 8};
    if (b[3] & 32) job->must[job->n_must++] = (JobRange){b[8], 3};
    if (b[3] & 64) job->never[job->n_never++] = (JobRange){b[9] * 2, b[10]};
    job->has_curve = b[3] >> 7;
    for (int i = 0; i < JOB_CURVE; i++) job->curve_db[i] = (float)(b[11] * i % 30) - 15;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (!songs[0]) make_songs();
    if (n_bytes < HEAD || n_bytes > 600) return 0;
    int which = bytes[0] % SONGS;
    Env *env = envs[which];
    Job job;
    Status st;
    job_of(&job, songs[which], bytes);
    const uint8_t *actions = bytes + HEAD;
    int32_t n = (int32_t)(n_bytes - HEAD);
    env_replay(env, &job, actions, n, NULL, NULL, NULL); /* raw: mostly refused */

    if (env_reset(env, &job) != BS_OK) return 0;
    static uint8_t played[ENV_MAX_STEPS], parsed[ENV_MAX_STEPS];
    int32_t n_played = 0, n_parsed;
    for (int32_t i = 0; i < n && !env_done(env); i++) { /* the byte-th legal action */
        env_observe(env, &obs);
        int nth = actions[i] % obs.n_legal, a = 0;
        for (;; a++)
            if (obs.mask[a] && nth-- == 0) break;
        env_step(env, a, NULL, &st);
        BS_ASSERT(st == BS_OK);
        played[n_played++] = (uint8_t)a;
        BS_ASSERT(env_out_samples(env) <= job.hi_samples);
    }
    if (!env_done(env)) return 0;
    BS_ASSERT(env_out_samples(env) >= job.lo_samples);
    static int32_t units[ENV_MAX_UNITS];
    static uint8_t fades[ENV_MAX_UNITS];
    const int32_t *view;
    const uint8_t *fade_view;
    int32_t n_out = env_out_units(env, &view, &fade_view);
    memcpy(units, view, sizeof *view * (size_t)n_out);
    memcpy(fades, fade_view, (size_t)n_out);
    st = env_parse(env, &job, units, fades, n_out, parsed, ENV_MAX_STEPS, &n_parsed);
    BS_ASSERT(st == BS_OK);
    st = env_replay(env, &job, parsed, n_parsed, NULL, NULL, NULL);
    BS_ASSERT(st == BS_OK);
    int32_t n_again = env_out_units(env, &view, &fade_view);
    BS_ASSERT(n_again == n_out && memcmp(view, units, sizeof *view * (size_t)n_out) == 0);
    BS_ASSERT(memcmp(fade_view, fades, (size_t)n_out) == 0);
    return 0;
}
