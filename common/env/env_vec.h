#pragma once
/* Many episodes at once: each slot plays one after another, on songs and Jobs drawn at random, and writes
 * what it sees into the caller's rows.
 *
 * A slot's episodes are a function of its seed alone: number, order and company of the slots change nothing.
 * Borrows the EnvSongs, which must outlive it; nothing is allocated after env_vec_new. One thread at a time.
 */
#include "common/env/env.h"

enum { ENV_VEC_DRAWS = 64 /* of a Job, before the last conflict is reported */ };

/* What episodes are drawn from. Times are seconds of the recording. */
typedef struct EnvAsk {
    int32_t song, tune;           /* -1: any, at random */
    double keep_lo, keep_hi;      /* length as a share of the recording, uniform between these */
    double target_s, tolerance_s; /* length in seconds instead, where target_s > 0 */
    float weights[REWARD_TERMS];  /* of the reward's terms */
    bool no_loop, no_reorder;
    int32_t n_must, n_never;
    double must_s[JOB_MAX_RANGES][2], never_s[JOB_MAX_RANGES][2]; /* from, to */
    double start_s, end_s; /* the unit that holds it comes first, last; < 0: free */
} EnvAsk;
void env_ask_init(EnvAsk *ask); /* any song and tune, JOB_KEEP_PERCENT of it, weights 1, nothing else */

/* One slot's view: the observation, and the features of the units at the playhead and last kept (0: none). */
typedef struct EnvRow {
    EnvObs obs;
    float here[SONG_FEATURES], last[SONG_FEATURES];
} EnvRow;

/* An episode that ended. */
typedef struct EnvEnd {
    double length_s, reward; /* of the finished edit; sum of the episode's rewards */
    float terms[REWARD_TERMS];
    int32_t n_steps, song, tune;
} EnvEnd;

typedef struct EnvVec EnvVec;
Status env_vec_new(EnvVec **out, EnvSong *const *songs, int32_t n_songs, int32_t n_slots);
void env_vec_free(EnvVec *v);

/* Begins slot i's stream of episodes anew: the first one starts. BS_CONFLICT when no Job that was drawn can
 * be met, or each of them leaves nothing to decide. */
Status env_vec_reset(EnvVec *v, int32_t i, uint64_t seed, const EnvAsk *ask, EnvRow *row);

/* One step in every slot. An action that is not legal changes nothing, earns 0 and sets refused[i]. When an
 * episode ends, done[i] is set and ends[i] filled; then with go_on the next one starts and its first view is
 * in the row, without it the row is all 0 and the slot waits for env_vec_reset (BS_INVALID before that).
 * Arrays have one element a slot. */
Status env_vec_step(EnvVec *v, const int64_t *actions, bool go_on, EnvRow *rows, double *rewards,
                    uint8_t *done, uint8_t *refused, EnvEnd *ends);

/* Borrowed; of the episode that runs, or that ended without going on. */
const Env *env_vec_env(const EnvVec *v, int32_t i);
const Job *env_vec_job(const EnvVec *v, int32_t i);
int32_t env_vec_song(const EnvVec *v, int32_t i);
