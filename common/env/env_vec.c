/* Many episodes at once. A slot's Env lies in room for the largest song, so going on to another song moves
 * nothing. */
#include "common/env/env_vec.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"

typedef struct Slot {
    Env *env; /* placed in its part of `room`; NULL before the first reset */
    void *room;
    EnvAsk ask;
    Job job;
    uint64_t seed, n_episodes;
    int32_t song, n_steps;
    double reward;
} Slot;

struct EnvVec {
    const EnvSong **songs;
    int32_t n_songs, n_slots;
    void *room;
    Slot slots[];
};

void env_ask_init(EnvAsk *ask) {
    memset(ask, 0, sizeof *ask);
    ask->song = ask->tune = -1;
    ask->keep_lo = ask->keep_hi = JOB_KEEP_PERCENT / 100.0;
    ask->start_s = ask->end_s = -1;
    ask->tolerance_s = 4;
    for (int k = 0; k < REWARD_TERMS; k++) ask->weights[k] = 1;
}

Status env_vec_new(EnvVec **out, EnvSong *const *songs, int32_t n_songs, int32_t n_slots) {
    *out = NULL;
    if (n_songs < 1) return fail(BS_INVALID, "environments: no songs");
    if (n_slots < 1) return fail(BS_INVALID, "environments: %d of them", n_slots);
    size_t each = 0;
    for (int32_t s = 0; s < n_songs; s++)
        if (env_bytes(songs[s]) > each) each = env_bytes(songs[s]);
    each = (each + 63) & ~(size_t)63;
    EnvVec *v = calloc(1, sizeof *v + sizeof v->slots[0] * (size_t)n_slots);
    const EnvSong **own = malloc(sizeof *own * (size_t)n_songs);
    if (!v || !own || posix_memalign(&v->room, 64, each * (size_t)n_slots)) {
        free(own);
        free(v);
        return fail(BS_NOMEM, "environments: out of memory for %d of them", n_slots);
    }
    for (int32_t s = 0; s < n_songs; s++) own[s] = songs[s];
    v->songs = own;
    v->n_songs = n_songs;
    v->n_slots = n_slots;
    for (int32_t i = 0; i < n_slots; i++) v->slots[i].room = (char *)v->room + each * (size_t)i;
    *out = v;
    return BS_OK;
}

void env_vec_free(EnvVec *v) {
    if (!v) return;
    free(v->room);
    free(v->songs);
    free(v);
}

/* ---- drawing a Job ------------------------------------------------------------------------------- */

static Status unit_of(const Song *song, double at_s, int32_t *unit) {
    double at = at_s * song->sample_rate_hz;
    if (!(at >= 0) || at >= (double)song->n_samples)
        return fail(BS_CONFLICT, "job: %.2f s is not in the recording, which is %.2f s long", at_s,
                    (double)song->n_samples / song->sample_rate_hz);
    *unit = song_unit_at(song, (int64_t)at);
    return BS_OK;
}

/* All units that a stretch touches; what lies after the end of the recording does not count. */
static Status ranges_of(const Song *song, double (*from_to)[2], int32_t n, JobRange *ranges) {
    Status st = BS_OK;
    for (int32_t k = 0; k < n; k++) {
        double to = from_to[k][1] * song->sample_rate_hz;
        int32_t first = 0;
        if (!(from_to[k][1] > from_to[k][0]))
            return fail(BS_INVALID, "job: a range from %g to %g s", from_to[k][0], from_to[k][1]);
        TRY(unit_of(song, from_to[k][0], &first));
        int64_t end = to < (double)song->n_samples ? (int64_t)to : song->n_samples;
        int32_t last = end > song->units[first].start_sample ? song_unit_at(song, end - 1) : first;
        ranges[k] = (JobRange){first, last - first + 1};
    }
out:
    return st;
}

static Status draw_job(Slot *s, const Song *song, Rng *r) {
    EnvAsk *ask = &s->ask;
    Job *job = &s->job;
    Status st = BS_OK;
    job_init(job, song);
    job->tune = ask->tune >= 0 ? ask->tune : (int32_t)rng_below(r, (uint32_t)song->n_tunes);
    double keep = rng_between(r, ask->keep_lo, ask->keep_hi);
    if (job->tune >= song->n_tunes)
        return fail(BS_CONFLICT, "job: tune %d, the recording has %d", job->tune, song->n_tunes);
    memcpy(job->weights, ask->weights, sizeof job->weights);
    job->no_loop = ask->no_loop;
    job->no_reorder = ask->no_reorder;
    if (ask->target_s > 0)
        TRY(job_target(job, song, ask->target_s, ask->tolerance_s));
    else
        TRY(job_keep(job, song, keep));
    TRY(ranges_of(song, ask->must_s, job->n_must = ask->n_must, job->must));
    TRY(ranges_of(song, ask->never_s, job->n_never = ask->n_never, job->never));
    if (ask->start_s >= 0) TRY(unit_of(song, ask->start_s, &job->start_unit));
    if (ask->end_s >= 0) TRY(unit_of(song, ask->end_s, &job->end_unit));
out:
    return st;
}

static void see(const EnvVec *v, const Slot *s, EnvRow *row) {
    const float *features = env_song_song(v->songs[s->song])->features;
    env_observe(s->env, &row->obs);
    int32_t units[2] = {row->obs.playhead, row->obs.last_kept};
    for (int k = 0; k < 2; k++) {
        float *out = k ? row->last : row->here;
        if (units[k] >= 0)
            memcpy(out, features + (size_t)units[k] * SONG_FEATURES, sizeof row->here);
        else
            memset(out, 0, sizeof row->here);
    }
}

static Status next_episode(EnvVec *v, int32_t i, EnvRow *row) {
    Slot *s = &v->slots[i];
    Rng r = rng_at(s->seed, s->n_episodes++);
    Status st = BS_OK;
    s->n_steps = 0;
    s->reward = 0;
    for (int draw = 0; draw < ENV_VEC_DRAWS; draw++) {
        s->song = s->ask.song >= 0 ? s->ask.song : (int32_t)rng_below(&r, (uint32_t)v->n_songs);
        if (!s->env || env_song_of(s->env) != v->songs[s->song])
            s->env = env_place(s->room, v->songs[s->song]);
        st = draw_job(s, env_song_song(v->songs[s->song]), &r);
        if (st == BS_OK) st = env_reset(s->env, &s->job);
        if (st == BS_OK && env_done(s->env)) st = fail(BS_CONFLICT, "job: it leaves nothing to decide");
        if (st == BS_OK) {
            see(v, s, row);
            return BS_OK;
        }
    }
    return st;
}

Status env_vec_reset(EnvVec *v, int32_t i, uint64_t seed, const EnvAsk *ask, EnvRow *row) {
    if (i < 0 || i >= v->n_slots) return fail(BS_INVALID, "environment %d of %d", i, v->n_slots);
    if (ask->song >= v->n_songs) return fail(BS_INVALID, "song %d of %d", ask->song, v->n_songs);
    if (ask->n_must > JOB_MAX_RANGES || ask->n_never > JOB_MAX_RANGES)
        return fail(BS_INVALID, "at most %d ranges are possible", JOB_MAX_RANGES);
    Slot *s = &v->slots[i];
    s->ask = *ask;
    s->seed = seed;
    s->n_episodes = 0;
    return next_episode(v, i, row);
}

static void end_of(const Slot *s, EnvEnd *end) {
    const Song *song = env_song_song(env_song_of(s->env));
    end->length_s = (double)env_out_samples(s->env) / song->sample_rate_hz;
    end->reward = s->reward;
    env_terms(s->env, end->terms);
    end->n_steps = s->n_steps;
    end->song = s->song;
    end->tune = s->job.tune;
}

Status env_vec_step(EnvVec *v, const int64_t *actions, bool go_on, EnvRow *rows, double *rewards,
                    uint8_t *done, uint8_t *refused, EnvEnd *ends) {
    Status st = BS_OK;
    for (int32_t i = 0; i < v->n_slots; i++)
        if (!v->slots[i].env || env_done(v->slots[i].env))
            return fail(BS_INVALID, "environment %d: no episode runs: reset it first", i);
    for (int32_t i = 0; i < v->n_slots; i++) {
        Slot *s = &v->slots[i];
        int action = actions[i] >= 0 && actions[i] < ENV_ACTIONS ? (int)actions[i] : -1;
        Status legal;
        rewards[i] = (double)env_step(s->env, action, NULL, &legal);
        done[i] = env_done(s->env);
        refused[i] = legal != BS_OK;
        s->n_steps += legal == BS_OK;
        s->reward += rewards[i];
        if (!done[i]) {
            if (!refused[i]) see(v, s, &rows[i]);
            continue;
        }
        end_of(s, &ends[i]);
        if (go_on)
            TRY(next_episode(v, i, &rows[i]));
        else
            memset(&rows[i], 0, sizeof rows[i]);
    }
out:
    return st;
}

const Env *env_vec_env(const EnvVec *v, int32_t i) { return v->slots[i].env; }
const Job *env_vec_job(const EnvVec *v, int32_t i) { return &v->slots[i].job; }
int32_t env_vec_song(const EnvVec *v, int32_t i) { return v->slots[i].song; }
