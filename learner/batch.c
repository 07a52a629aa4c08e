/* Batch: replay, and the packing of episodes into micro-batches. */
#include "learner/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- episodes ----------------------------------------------------------------------------------- */

void episode_free(Episode *e) {
    if (!e) return;
    free(e->actions);
    free(e->log_probs);
    free(e->rewards);
    free(e->bars);
    free(e);
}

static Episode *episode_of(int32_t n_steps) {
    size_t n = (size_t)n_steps;
    Episode *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->n_steps = n_steps;
    e->actions = malloc(n + 1);
    e->log_probs = malloc(sizeof(float) * (n + 1));
    e->rewards = malloc(sizeof(float) * (n + 1));
    e->bars = malloc(sizeof(int32_t) * (n + 1));
    if (e->actions && e->log_probs && e->rewards && e->bars) return e;
    episode_free(e);
    return NULL;
}

static Status play(Episode *e, Env *env) {
    Status st = BS_OK;
    float terms[REWARD_TERMS] = {0};
    double total = 0;
    for (int32_t i = 0; i < e->n_steps; i++) {
        if (!(e->log_probs[i] <= 1e-3f) || isinf(e->log_probs[i]))
            return fail(BS_CORRUPT, "replay: step %d has log-probability %g", i, (double)e->log_probs[i]);
        if (env_done(env)) return fail(BS_CORRUPT, "replay: %d steps, but step %d ended it", e->n_steps, i);
        e->bars[i] = env_bars_kept(env);
        e->rewards[i] = env_step(env, e->actions[i], terms, &st);
        if (st != BS_OK) return fail(BS_CORRUPT, "replay: step %d: action %d is not legal", i, e->actions[i]);
        total += e->rewards[i];
    }
    if (!env_done(env)) return fail(BS_CORRUPT, "replay: %d steps do not end the episode", e->n_steps);
    int64_t out = env_out_samples(env);
    if (out < e->job.lo_samples || out > e->job.hi_samples)
        return fail(BS_CORRUPT, "replay: %lld samples lie outside the window", (long long)out);
    e->bars[e->n_steps] = env_bars_kept(env);
    e->total = (float)total;
    for (int t = 0; t < REWARD_TERMS; t++) e->terms[t] = terms[t] * e->job.weights[t];
    return BS_OK;
}

Status episode_new(Episode **out, Env *env, int32_t song, const Job *job, const uint8_t *actions,
                   const float *log_probs, int32_t n_steps) {
    Status st = BS_OK;
    *out = NULL;
    if (n_steps < 0 || n_steps > ENV_MAX_STEPS) return fail(BS_CORRUPT, "replay: %d steps", n_steps);
    Episode *e = episode_of(n_steps);
    if (!e) return fail(BS_NOMEM, "replay: no memory for %d steps", n_steps);
    e->song = song;
    e->job = *job;
    if (n_steps) memcpy(e->actions, actions, (size_t)n_steps);
    if (n_steps) memcpy(e->log_probs, log_probs, sizeof(float) * (size_t)n_steps);
    TRY(env_reset(env, job));
    TRY(play(e, env));
    *out = e;
    e = NULL;
out:
    episode_free(e);
    return st;
}

Status episode_observe(const Episode *e, Env *env, EnvObs *obs) {
    Status st = BS_OK;
    TRY(env_reset(env, &e->job));
    for (int32_t i = 0; i < e->n_steps; i++) {
        env_observe(env, &obs[i]);
        env_step(env, e->actions[i], NULL, &st);
        if (st != BS_OK) return fail_in(st, "replay of ticket %llu, step %d", (unsigned long long)e->id, i);
    }
out:
    return st;
}

/* ---- micro-batches ------------------------------------------------------------------------------ */

Status micro_plan_init(MicroPlan *plan, int32_t max_episodes) {
    *plan = (MicroPlan){.capacity = max_episodes};
    plan->order = malloc(sizeof *plan->order * (size_t)max_episodes);
    plan->micro = malloc(sizeof *plan->micro * (size_t)max_episodes);
    if (plan->order && plan->micro) return BS_OK;
    micro_plan_drop(plan);
    return fail(BS_NOMEM, "batch: no memory for %d episodes", max_episodes);
}

void micro_plan_drop(MicroPlan *plan) {
    free(plan->order);
    free(plan->micro);
    *plan = (MicroPlan){0};
}

static bool before(const Episode *a, const Episode *b) {
    return a->song != b->song ? a->song < b->song : a->id < b->id;
}

/* By (song, id): insertion, since what comes is sorted by id in long runs of one song. */
static void order_episodes(MicroPlan *plan, Episode *const *episodes, const int32_t *chosen, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        int32_t at = i;
        while (at > 0 && before(episodes[chosen[i]], episodes[plan->order[at - 1]])) {
            plan->order[at] = plan->order[at - 1];
            at--;
        }
        plan->order[at] = chosen[i];
    }
}

void micro_plan_make(MicroPlan *plan, Episode *const *episodes, const int32_t *chosen, int32_t n,
                     PolicyLimits limits) {
    BS_ASSERT(n <= plan->capacity);
    order_episodes(plan, episodes, chosen, n);
    plan->n_episodes = n;
    plan->n_micro = plan->n_steps = 0;
    for (int32_t i = 0; i < n; i++) {
        const Episode *e = episodes[plan->order[i]];
        MicroBatch *m = plan->n_micro ? &plan->micro[plan->n_micro - 1] : NULL;
        BS_ASSERT(e->n_steps <= limits.max_steps);
        if (!m || m->song != e->song || m->n_episodes == limits.max_episodes ||
            m->n_steps + e->n_steps > limits.max_steps) {
            m = &plan->micro[plan->n_micro++];
            *m = (MicroBatch){.song = e->song, .first = i};
        }
        m->n_episodes++;
        m->n_steps += e->n_steps;
        plan->n_steps += e->n_steps;
    }
}

static void *block(size_t n, size_t item) { return aligned_alloc(64, (n * item + 63) & ~(size_t)63); }

Status micro_buffer_init(MicroBuffer *b, PolicyLimits limits) {
    size_t steps = (size_t)limits.max_steps;
    *b = (MicroBuffer){.limits = limits};
    b->obs = block(steps, sizeof *b->obs);
    b->episode_start = block((size_t)limits.max_episodes + 1, sizeof *b->episode_start);
    b->logits = block(steps * ENV_ACTIONS, sizeof *b->logits);
    b->d_logits = block(steps * ENV_ACTIONS, sizeof *b->d_logits);
    b->values = block(steps, sizeof *b->values);
    b->d_values = block(steps, sizeof *b->d_values);
    if (b->obs && b->episode_start && b->logits && b->d_logits && b->values && b->d_values) return BS_OK;
    micro_buffer_drop(b);
    return fail(BS_NOMEM, "batch: no memory for micro-batches of %d steps", limits.max_steps);
}

void micro_buffer_drop(MicroBuffer *b) {
    free(b->obs);
    free(b->episode_start);
    free(b->logits);
    free(b->d_logits);
    free(b->values);
    free(b->d_values);
    *b = (MicroBuffer){0};
}

Status micro_load(MicroBuffer *b, const MicroPlan *plan, const MicroBatch *m, Episode *const *episodes,
                  SongBook *songs, PolicyBatch *out) {
    Status st = BS_OK;
    Env *env;
    int32_t at = 0;
    TRY(songs_env(songs, m->song, &env));
    for (int32_t i = 0; i < m->n_episodes; i++) {
        const Episode *e = episodes[plan->order[m->first + i]];
        b->episode_start[i] = at;
        TRY(episode_observe(e, env, b->obs + at));
        at += e->n_steps;
    }
    b->episode_start[m->n_episodes] = at;
    *out = (PolicyBatch){.song = songs->entries[m->song].song,
                         .n_episodes = m->n_episodes,
                         .n_steps = at,
                         .episode_start = b->episode_start,
                         .obs = b->obs};
out:
    return st;
}
