/* Policies behind one interface. Planners make an edit and let env_parse say which actions make it; the
 * others act step by step. An episode's draws are keyed by (its seed, its step), so a result does not
 * depend on the group it ran in. */
#include "common/policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/model/policy_acting.h"
#include "common/nn/act.h"
#include "common/policy/policy_private.h"

const char *const policy_names[POLICY_KINDS] = {"net",       "net-greedy", "random",  "crop",
                                                "last-take", "retarget",   "net-best"};

enum { FIRST_STEPS = 256, MAX_TRIES = 48 };

struct Policy {
    PolicyKind kind;
    Env *envs[POLICY_MAX_GROUP]; /* of `es` */
    const EnvSong *es;
    uint64_t es_serial; /* the songs before may have lived at the same address */

    /* the network kinds */
    PolicySpec spec;
    PolicyActing *acting;
    PolicyLimits limits;
    void *weights;
    size_t n_weight_bytes;
    EnvObs *obs;       /* POLICY_MAX_GROUP */
    float *log_probs;  /* POLICY_MAX_GROUP x ENV_ACTIONS */
    Trajectory *tries; /* POLICY_TRIES, for the best of them */

    /* the planners */
    Planner *planner;
    Plan *plan;
};

Status policy_kind_named(PolicyKind *out, const char *name) {
    for (int k = 0; k < POLICY_KINDS; k++)
        if (strcmp(policy_names[k], name) == 0) {
            *out = (PolicyKind)k;
            return BS_OK;
        }
    return fail(BS_NOT_FOUND,
                "no policy is called '%s': net, net-greedy, net-best, random, crop, last-take, retarget",
                name);
}

bool policy_needs_weights(PolicyKind kind) {
    return kind == POLICY_NET || kind == POLICY_NET_GREEDY || kind == POLICY_NET_BEST;
}

Status trajectory_init(Trajectory *t, int32_t max_steps) {
    *t = (Trajectory){.max_steps = max_steps,
                      .actions = malloc((size_t)max_steps),
                      .log_probs = malloc(sizeof(float) * (size_t)max_steps)};
    if (t->actions && t->log_probs) return BS_OK;
    trajectory_drop(t);
    return fail(BS_NOMEM, "trajectory: cannot allocate %d steps", max_steps);
}

void trajectory_drop(Trajectory *t) {
    free(t->actions);
    free(t->log_probs);
    *t = (Trajectory){0};
}

PolicyKind policy_kind(const Policy *policy) { return policy->kind; }

/* ---- life -------------------------------------------------------------------------------------- */

static Status acting_open(Policy *p, PolicyLimits limits) {
    policy_acting_free(p->acting);
    p->acting = NULL;
    Status st = BS_OK;
    TRY(policy_acting_new(&p->acting, &p->spec, limits));
    TRY(policy_acting_load(p->acting, p->weights, p->n_weight_bytes));
    p->limits = limits;
out:
    return st;
}

static Status tries_new(Policy *p) {
    Status st = BS_OK;
    p->tries = calloc(POLICY_TRIES, sizeof *p->tries);
    if (!p->tries) return fail(BS_NOMEM, "policy: out of memory");
    for (int i = 0; i < POLICY_TRIES; i++) TRY(trajectory_init(&p->tries[i], ENV_MAX_STEPS));
out:
    return st;
}

Status policy_open(Policy **out, PolicyKind kind, const void *weights, size_t n_bytes) {
    Status st = BS_OK;
    Policy *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p) return fail(BS_NOMEM, "policy: out of memory");
    p->kind = kind;
    if (policy_needs_weights(kind)) {
        if (!weights) {
            st = fail(BS_INVALID, "policy %s needs weights", policy_names[kind]);
            goto out;
        }
        p->weights = malloc(n_bytes);
        p->obs = aligned_alloc(64, (sizeof(EnvObs) * POLICY_MAX_GROUP + 63) & ~(size_t)63);
        p->log_probs = malloc(sizeof(float) * POLICY_MAX_GROUP * ENV_ACTIONS);
        if (!p->weights || !p->obs || !p->log_probs) {
            st = fail(BS_NOMEM, "policy: out of memory");
            goto out;
        }
        memcpy(p->weights, weights, n_bytes);
        p->n_weight_bytes = n_bytes;
        TRY(policy_spec_read(&p->spec, p->weights, n_bytes));
        TRY(acting_open(p, (PolicyLimits){1, 1, 1})); /* says at once what is wrong with them */
        if (kind == POLICY_NET_BEST) TRY(tries_new(p));
    } else if (kind != POLICY_RANDOM) {
        p->plan = malloc(sizeof *p->plan);
        if (!p->plan) {
            st = fail(BS_NOMEM, "policy: out of memory");
            goto out;
        }
        TRY(planner_new(&p->planner));
    }
    *out = p;
    p = NULL;
out:
    policy_close(p);
    return st;
}

void policy_close(Policy *p) {
    if (!p) return;
    for (int i = 0; i < POLICY_MAX_GROUP; i++) env_free(p->envs[i]);
    policy_acting_free(p->acting);
    planner_free(p->planner);
    free(p->plan);
    free(p->weights);
    free(p->obs);
    free(p->log_probs);
    for (int i = 0; p->tries && i < POLICY_TRIES; i++) trajectory_drop(&p->tries[i]);
    free(p->tries);
    free(p);
}

/* Envs of this EnvSong for the first n episodes. */
static Status envs_for(Policy *p, const EnvSong *es, int32_t n) {
    Status st = BS_OK;
    if (p->es_serial != env_song_serial(es)) {
        for (int i = 0; i < POLICY_MAX_GROUP; i++) {
            env_free(p->envs[i]);
            p->envs[i] = NULL;
        }
        p->es = es;
        p->es_serial = env_song_serial(es);
    }
    for (int32_t i = 0; i < n; i++)
        if (!p->envs[i]) TRY(env_new(&p->envs[i], es));
out:
    return st;
}

/* ---- random ------------------------------------------------------------------------------------ */

static int random_action(const uint8_t mask[ENV_ACTIONS], uint64_t seed, int32_t step) {
    Rng rng = rng_at(seed, (uint64_t)step);
    int count[ACTION_KINDS] = {0}, kinds = 0;
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (mask[a]) kinds += count[env_action_kind(a)]++ == 0;
    int pick = (int)rng_below(&rng, (uint32_t)kinds), kind = 0;
    for (;; kind++)
        if (count[kind] && pick-- == 0) break;
    int left = (int)rng_below(&rng, (uint32_t)count[kind]);
    for (int a = 0;; a++)
        if (mask[a] && (int)env_action_kind(a) == kind && left-- == 0) return a;
}

static Status run_random(Policy *p, int32_t n, const Job *jobs, const uint64_t *seeds, Trajectory *out,
                         PolicyProgress progress, void *context) {
    Status st = BS_OK;
    uint8_t mask[ENV_ACTIONS];
    int64_t steps = 0;
    for (int32_t i = 0; i < n; i++) {
        TRY(env_reset(p->envs[i], &jobs[i]));
        Trajectory *t = &out[i];
        for (t->n_steps = 0; !env_done(p->envs[i]); steps++) {
            if (t->n_steps == t->max_steps)
                return fail(BS_TOO_BIG, "policy: more than %d steps", t->max_steps);
            env_legal(p->envs[i], mask);
            int action = random_action(mask, seeds[i], t->n_steps);
            t->actions[t->n_steps] = (uint8_t)action;
            t->log_probs[t->n_steps++] = 0;
            env_step(p->envs[i], action, NULL, &st);
            if (st != BS_OK) goto out;
        }
        if (progress && !progress(context, steps)) return fail(BS_CLOSED, "policy: given up");
    }
out:
    return st;
}

/* ---- network ----------------------------------------------------------------------------------- */

/* Inverse of the cumulative distribution, summed in action order. */
static int sample_action(const float log_probs[ENV_ACTIONS], const uint8_t mask[ENV_ACTIONS], uint64_t seed,
                         int32_t step) {
    Rng rng = rng_at(seed, (uint64_t)step);
    float total = 0, p[ENV_ACTIONS];
    int last = -1;
    for (int a = 0; a < ENV_ACTIONS; a++) {
        p[a] = mask[a] ? act_exp(log_probs[a]) : 0;
        total += p[a];
    }
    float left = rng_f32(&rng) * total;
    for (int a = 0; a < ENV_ACTIONS; a++) {
        if (!mask[a] || p[a] <= 0) continue;
        last = a;
        left -= p[a];
        if (left < 0) break;
    }
    return last;
}

static int likeliest_action(const float log_probs[ENV_ACTIONS], const uint8_t mask[ENV_ACTIONS]) {
    int best = -1;
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (mask[a] && (best < 0 || log_probs[a] > log_probs[best])) best = a;
    return best;
}

/* One try with room for `p->limits.max_steps` steps an episode; BS_TOO_BIG when that was too little. */
static Status try_net(Policy *p, int32_t n, const Job *jobs, const uint64_t *seeds, Trajectory *out,
                      PolicyProgress progress, void *context) {
    Status st = BS_OK;
    int32_t live[POLICY_MAX_GROUP], n_live = 0;
    const EnvObs *views[POLICY_MAX_GROUP];
    int64_t steps = 0;
    TRY(policy_acting_begin(p->acting, env_song_song(p->es), n));
    for (int32_t i = 0; i < n; i++) {
        TRY(env_reset(p->envs[i], &jobs[i]));
        out[i].n_steps = 0;
        if (!env_done(p->envs[i])) live[n_live++] = i;
    }
    while (n_live > 0) {
        for (int32_t k = 0; k < n_live; k++) {
            if (out[live[k]].n_steps == p->limits.max_steps) return BS_TOO_BIG;
            env_observe(p->envs[live[k]], &p->obs[k]);
            views[k] = &p->obs[k];
        }
        TRY(policy_acting_step(p->acting, n_live, live, views, p->log_probs, NULL));
        int32_t still = 0;
        for (int32_t k = 0; k < n_live; k++) {
            int32_t i = live[k];
            Trajectory *t = &out[i];
            const float *log_probs = &p->log_probs[(size_t)k * ENV_ACTIONS];
            bool greedy = p->kind == POLICY_NET_GREEDY || (p->kind == POLICY_NET_BEST && i == 0);
            int action = greedy ? likeliest_action(log_probs, p->obs[k].mask)
                                : sample_action(log_probs, p->obs[k].mask, seeds[i], t->n_steps);
            if (t->n_steps == t->max_steps)
                return fail(BS_TOO_BIG, "policy: more than %d steps", t->max_steps);
            t->actions[t->n_steps] = (uint8_t)action;
            t->log_probs[t->n_steps++] = log_probs[action];
            env_step(p->envs[i], action, NULL, &st);
            if (st != BS_OK) goto out;
            if (!env_done(p->envs[i])) live[still++] = i;
        }
        steps += n_live;
        n_live = still;
        if (progress && !progress(context, steps)) return fail(BS_CLOSED, "policy: given up");
    }
out:
    return st;
}

static Status run_net(Policy *p, int32_t n, const Job *jobs, const uint64_t *seeds, Trajectory *out,
                      PolicyProgress progress, void *context) {
    Status st = BS_OK;
    int32_t n_units = env_song_song(p->es)->n_units;
    PolicyLimits want = p->limits;
    if (want.max_steps == 0) want.max_steps = FIRST_STEPS;
    if (want.max_units < n_units) want.max_units = n_units;
    if (want.max_episodes < n) want.max_episodes = n;
    for (;;) {
        if (!p->acting || memcmp(&want, &p->limits, sizeof want) != 0) TRY(acting_open(p, want));
        st = try_net(p, n, jobs, seeds, out, progress, context);
        if (st != BS_TOO_BIG || want.max_steps >= ENV_MAX_STEPS) break;
        want.max_steps *= 2; /* longer than any before: the same episodes again, with more room */
    }
out:
    return st;
}

/* An encoding of the Song costs ten times an episode, so more episodes of one job are cheap. */
static Status run_best(Policy *p, const Job *job, uint64_t seed, Trajectory *out, PolicyProgress progress,
                       void *context) {
    Status st = BS_OK;
    Job jobs[POLICY_TRIES];
    uint64_t seeds[POLICY_TRIES];
    int best = 0;
    float most = 0;
    for (int i = 0; i < POLICY_TRIES; i++) {
        jobs[i] = *job;
        seeds[i] = rng_mix(seed, (uint64_t)i);
    }
    TRY(run_net(p, POLICY_TRIES, jobs, seeds, p->tries, progress, context));
    for (int i = 0; i < POLICY_TRIES; i++) {
        const int32_t *units;
        const uint8_t *fades;
        float terms[REWARD_TERMS];
        int32_t n = env_out_units(p->envs[i], &units, &fades);
        env_score(p->es, job, units, fades, n, terms);
        float reward = env_score_total(job, terms);
        if (i == 0 || reward > most) {
            most = reward;
            best = i;
        }
    }
    const Trajectory *t = &p->tries[best];
    if (t->n_steps > out->max_steps) return fail(BS_TOO_BIG, "policy: more than %d steps", out->max_steps);
    out->n_steps = t->n_steps;
    memcpy(out->actions, t->actions, (size_t)t->n_steps);
    memcpy(out->log_probs, t->log_probs, sizeof(float) * (size_t)t->n_steps);
out:
    return st;
}

/* ---- planners ---------------------------------------------------------------------------------- */

/* Ends every episode, however odd the job: the longest KEEP that is legal, else the first legal action. */
static Status run_plainly(Env *env, const Job *job, Trajectory *t) {
    Status st = BS_OK;
    uint8_t mask[ENV_ACTIONS];
    TRY(env_reset(env, job));
    t->n_steps = 0;
    while (!env_done(env)) {
        if (t->n_steps == t->max_steps) return fail(BS_TOO_BIG, "policy: more than %d steps", t->max_steps);
        env_legal(env, mask);
        int action = -1;
        if (mask[ACT_REST]) action = ACT_REST;
        for (int s = SPANS - 1; s >= 0 && action < 0; s--)
            if (mask[ACT_KEEP + s]) action = ACT_KEEP + s;
        for (int a = ACT_CROSSFADE; a < ENV_ACTIONS && action < 0; a++)
            if (mask[a]) action = a;
        for (int a = 0; a < ENV_ACTIONS && action < 0; a++)
            if (mask[a]) action = a;
        t->actions[t->n_steps] = (uint8_t)action;
        t->log_probs[t->n_steps++] = 0;
        env_step(env, action, NULL, &st);
        if (st != BS_OK) goto out;
    }
out:
    return st;
}

static Status run_plan(Policy *p, const EnvSong *es, const Job *job, Trajectory *t) {
    Status st = planner_prepare(p->planner, es, job, p->kind);
    if (st != BS_OK) return st;
    memset(t->log_probs, 0, sizeof(float) * (size_t)t->max_steps);
    for (int k = 0; k < MAX_TRIES && planner_next(p->planner, p->plan) == BS_OK; k++) {
        st = env_parse(p->envs[0], job, p->plan->units, p->plan->fades, p->plan->n, t->actions, t->max_steps,
                       &t->n_steps);
        if (st != BS_NOT_FOUND) return st;
    }
    return run_plainly(p->envs[0], job, t);
}

static Status run_planner(Policy *p, const EnvSong *es, int32_t n, const Job *jobs, Trajectory *out,
                          PolicyProgress progress, void *context) {
    Status st = BS_OK;
    int64_t steps = 0;
    for (int32_t i = 0; i < n; i++) {
        bool same = i > 0 && memcmp(&jobs[i], &jobs[i - 1], sizeof jobs[i]) == 0;
        if (same && out[i].max_steps >= out[i - 1].n_steps) { /* a plan does not depend on the seed */
            out[i].n_steps = out[i - 1].n_steps;
            memcpy(out[i].actions, out[i - 1].actions, (size_t)out[i].n_steps);
            memset(out[i].log_probs, 0, sizeof(float) * (size_t)out[i].n_steps);
        } else
            TRY(run_plan(p, es, &jobs[i], &out[i]));
        steps += out[i].n_steps;
        if (progress && !progress(context, steps)) return fail(BS_CLOSED, "policy: given up");
    }
out:
    return st;
}

Status policy_run(Policy *p, const EnvSong *es, int32_t n, const Job *jobs, const uint64_t *seeds,
                  Trajectory *out, PolicyProgress progress, void *context) {
    Status st = BS_OK;
    BS_ASSERT(n > 0 && n <= POLICY_MAX_GROUP);
    TRY(envs_for(p, es, p->kind == POLICY_NET_BEST ? POLICY_TRIES : n));
    if (p->kind == POLICY_NET_BEST)
        for (int32_t i = 0; i < n && st == BS_OK; i++)
            st = run_best(p, &jobs[i], seeds[i], &out[i], progress, context);
    else if (policy_needs_weights(p->kind))
        st = run_net(p, n, jobs, seeds, out, progress, context);
    else if (p->kind == POLICY_RANDOM)
        st = run_random(p, n, jobs, seeds, out, progress, context);
    else
        st = run_planner(p, es, n, jobs, out, progress, context);
out:
    return st;
}
