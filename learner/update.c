/* One update.
 *
 *     imitation:  for each minibatch: cross-entropy, AdamW
 *     PPO:        one pass with the current weights  -> log pi_prox, V  -> advantages per bar
 *                 one pass with the imitation policy -> its distribution for the leash
 *                 epochs x minibatches of whole groups: decoupled PPO, AdamW
 *     value:      the same, but only the value head moves
 *
 * A minibatch's loss is its mean over steps; micro-batches add up their shares of it. */
#include "learner/update.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/nn/safetensors.h"
#include "learner/augment.h"
#include "learner/gae.h"

/* ---- life --------------------------------------------------------------------------------------- */

static void *floats(size_t n) {
    float *p = aligned_alloc(64, (sizeof(float) * n + 127) & ~(size_t)63);
    if (p) memset(p, 0, sizeof(float) * n);
    return p;
}

/* Marks the parameters whose names say "value", in the order policy_net_save writes them, which is that of
 * the flat block; checked against the block itself. */
static Status find_value_head(Trainer *t) {
    Status st = BS_OK;
    ByteWriter w;
    Safetensors s = {0};
    size_t n_params = policy_net_n_params(t->net), at = 0, n_marked = 0;
    bytes_init(&w, n_params * sizeof(float) + SAFETENSORS_MAX_HEADER + 16);
    TRY(policy_net_save(t->net, false, &w));
    TRY(safetensors_read(&s, w.bytes, w.n_bytes));
    for (size_t i = 0; i < s.n_entries && at <= n_params; i++) {
        size_t n = s.entries[i].n_bytes / sizeof(float);
        bool value = strstr(s.entries[i].name, "value") != NULL;
        if (at + n > n_params ||
            memcmp(policy_net_params(t->net) + at, s.entries[i].data, n * sizeof(float)) != 0) {
            st = fail(BS_UNSUPPORTED, "policy: parameter %s is not where it was expected", s.entries[i].name);
            goto out;
        }
        memset(t->value_only + at, value, n);
        if (value) n_marked += n;
        at += n;
    }
    if (at != n_params || n_marked == 0) st = fail(BS_UNSUPPORTED, "policy: its value head was not found");
out:
    safetensors_drop(&s);
    bytes_drop(&w);
    return st;
}

Status trainer_new(Trainer **out, const Settings *settings, SongBook *songs, const NnOps *ops) {
    Status st = BS_OK;
    PolicySpec spec;
    Trainer *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return fail(BS_NOMEM, "trainer: out of memory");
    t->settings = settings;
    t->songs = songs;
    t->max_episodes = 2 * ((int32_t)settings->batch + TICKET_GROUP); /* demonstrations beside the batch */
    t->limits = (PolicyLimits){.max_units = songs_max_units(songs),
                               .max_steps = (int32_t)settings->micro_steps,
                               .max_episodes = 2 * TICKET_GROUP};
    TRY(policy_spec_named(&spec, settings->model));
    TRY(policy_net_new(&t->net, ops, &spec, t->limits, rng_mix((uint64_t)settings->seed, 1)));
    size_t n = policy_net_n_params(t->net), steps = (size_t)t->limits.max_steps,
           episodes = (size_t)t->max_episodes;
    TRY(adamw_init(&t->optimiser, n));
    TRY(micro_plan_init(&t->plan, t->max_episodes));
    TRY(micro_buffer_init(&t->micro, t->limits));
    t->reference = floats(n);
    t->kept_params = floats(n);
    t->kept_m = floats(n);
    t->kept_v = floats(n);
    t->value_only = calloc(n, 1);
    t->offset = calloc(episodes + 1, sizeof *t->offset);
    t->chosen = calloc(episodes + 1, sizeof *t->chosen);
    t->group = calloc(episodes + 1, sizeof *t->group);
    t->shuffled = calloc(episodes + 1, sizeof *t->shuffled);
    t->micro_actions = calloc(steps, 1);
    t->micro_behaviour = floats(steps);
    t->micro_proximal = floats(steps);
    t->micro_advantages = floats(steps);
    t->micro_returns = floats(steps);
    t->micro_reference = floats(steps * ENV_ACTIONS);
    t->heard = floats((size_t)t->limits.max_units * SONG_FEATURES);
    if (!t->reference || !t->kept_params || !t->kept_m || !t->kept_v || !t->value_only || !t->offset ||
        !t->chosen || !t->group || !t->shuffled || !t->micro_actions || !t->micro_behaviour ||
        !t->micro_proximal || !t->micro_advantages || !t->micro_returns || !t->micro_reference || !t->heard) {
        st = fail(BS_NOMEM, "trainer: no memory for %zu parameters", n);
        goto out;
    }
    TRY(find_value_head(t));
    *out = t;
    t = NULL;
out:
    trainer_free(t);
    return st;
}

static void drop_steps(Trainer *t) {
    free(t->log_proximal);
    free(t->values);
    free(t->advantages);
    free(t->returns);
    free(t->log_reference);
    t->log_proximal = t->values = t->advantages = t->returns = t->log_reference = NULL;
    t->n_reserved = 0;
}

void trainer_free(Trainer *t) {
    if (!t) return;
    drop_steps(t);
    micro_plan_drop(&t->plan);
    micro_buffer_drop(&t->micro);
    adamw_drop(&t->optimiser);
    policy_net_free(t->net);
    free(t->reference);
    free(t->kept_params);
    free(t->kept_m);
    free(t->kept_v);
    free(t->value_only);
    free(t->offset);
    free(t->chosen);
    free(t->group);
    free(t->shuffled);
    free(t->micro_actions);
    free(t->micro_behaviour);
    free(t->micro_proximal);
    free(t->micro_advantages);
    free(t->micro_returns);
    free(t->micro_reference);
    free(t->heard);
    free(t);
}

bool trainer_accepts(const Trainer *t, const Episode *e) {
    return e->n_steps > 0 && e->n_steps <= t->limits.max_steps;
}

static Status reserve_steps(Trainer *t, size_t n) {
    if (n <= t->n_reserved) return BS_OK;
    drop_steps(t);
    n += n / 4;
    t->log_proximal = floats(n);
    t->values = floats(n);
    t->advantages = floats(n);
    t->returns = floats(n);
    t->log_reference = floats(n * ENV_ACTIONS);
    if (!t->log_proximal || !t->values || !t->advantages || !t->returns || !t->log_reference)
        return fail(BS_NOMEM, "trainer: no memory for a batch of %zu steps", n);
    t->n_reserved = n;
    return BS_OK;
}

static void keep_start(Trainer *t) {
    size_t bytes = sizeof(float) * policy_net_n_params(t->net);
    memcpy(t->kept_params, policy_net_params(t->net), bytes);
    memcpy(t->kept_m, t->optimiser.m, bytes);
    memcpy(t->kept_v, t->optimiser.v, bytes);
    t->kept_step = t->optimiser.step;
    t->kept_reference = t->has_reference;
}

static void back_to_start(Trainer *t) {
    size_t bytes = sizeof(float) * policy_net_n_params(t->net);
    memcpy(policy_net_params(t->net), t->kept_params, bytes);
    memcpy(t->optimiser.m, t->kept_m, bytes);
    memcpy(t->optimiser.v, t->kept_v, bytes);
    t->optimiser.step = t->kept_step;
    t->has_reference = t->kept_reference;
}

/* ---- groups and minibatches --------------------------------------------------------------------- */

/* Groups are neighbours with one id / 8 and one song. Returns how many; group[k] is where the k-th starts. */
static int32_t find_groups(Trainer *t, const UpdateInput *in) {
    int32_t n = 0;
    for (int32_t i = 0; i < in->n_episodes; i++) {
        const Episode *e = in->episodes[i], *last = i ? in->episodes[i - 1] : NULL;
        if (!last || last->id / TICKET_GROUP != e->id / TICKET_GROUP || last->song != e->song)
            t->group[n++] = i;
    }
    t->group[n] = in->n_episodes;
    return n;
}

static void shuffle_groups(Trainer *t, const UpdateInput *in, int32_t n_groups, int64_t epoch) {
    Rng r = rng_at(rng_mix(rng_mix((uint64_t)t->settings->seed, 2), in->update), (uint64_t)epoch);
    for (int32_t i = 0; i < n_groups; i++) t->shuffled[i] = i;
    for (int32_t i = n_groups - 1; i > 0; i--) {
        int32_t j = (int32_t)rng_below(&r, (uint32_t)i + 1), keep = t->shuffled[i];
        t->shuffled[i] = t->shuffled[j];
        t->shuffled[j] = keep;
    }
}

/* The episodes of minibatch b of n_minibatches, planned into micro-batches. */
static void plan_minibatch(Trainer *t, const UpdateInput *in, int32_t n_groups, int32_t b,
                           int32_t n_minibatches) {
    int32_t from = (int32_t)((int64_t)b * n_groups / n_minibatches), n = 0;
    int32_t to = (int32_t)((int64_t)(b + 1) * n_groups / n_minibatches);
    for (int32_t g = from; g < to; g++)
        for (int32_t i = t->group[t->shuffled[g]]; i < t->group[t->shuffled[g] + 1]; i++) t->chosen[n++] = i;
    micro_plan_make(&t->plan, in->episodes, t->chosen, n, t->limits);
}

static bool stopped(const UpdateInput *in) { return in->stop && in->stop(in->stop_context); }

/* ---- the passes at the start -------------------------------------------------------------------- */

/* One forward pass over everything. proximal: fills log_proximal and values; else log_reference. */
static Status first_pass(Trainer *t, const UpdateInput *in, bool proximal) {
    Status st = BS_OK;
    float lp[ENV_ACTIONS];
    for (int32_t i = 0; i < in->n_episodes; i++) t->chosen[i] = i;
    micro_plan_make(&t->plan, in->episodes, t->chosen, in->n_episodes, t->limits);
    for (int32_t k = 0; k < t->plan.n_micro; k++) {
        const MicroBatch *m = &t->plan.micro[k];
        PolicyBatch batch;
        if (stopped(in)) return fail(BS_CLOSED, "update: stopped");
        TRY(micro_load(&t->micro, &t->plan, m, in->episodes, t->songs, &batch));
        TRY(policy_net_forward(t->net, &batch, t->micro.logits, proximal ? t->micro.values : NULL));
        for (int32_t i = 0; i < m->n_episodes; i++) {
            int32_t index = t->plan.order[m->first + i], start = batch.episode_start[i];
            const Episode *e = in->episodes[index];
            for (int32_t s = 0; s < e->n_steps; s++) {
                size_t at = t->offset[index] + (size_t)s, row = (size_t)(start + s);
                masked_log_softmax(t->micro.logits + row * ENV_ACTIONS, batch.obs[row].mask, lp);
                if (proximal) {
                    t->log_proximal[at] = lp[e->actions[s]];
                    t->values[at] = t->micro.values[row];
                } else {
                    memcpy(t->log_reference + at * ENV_ACTIONS, lp, sizeof lp);
                }
            }
        }
    }
out:
    return st;
}

static Status reference_pass(Trainer *t, const UpdateInput *in) {
    size_t bytes = sizeof(float) * policy_net_n_params(t->net);
    memcpy(policy_net_params(t->net), t->reference, bytes);
    Status st = first_pass(t, in, false);
    memcpy(policy_net_params(t->net), t->kept_params, bytes);
    return st;
}

static Status prepare_reinforcement(Trainer *t, const UpdateInput *in, UpdateStats *stats) {
    Status st = BS_OK;
    size_t n = 0;
    for (int32_t i = 0; i < in->n_episodes; i++) {
        t->offset[i] = n;
        n += (size_t)in->episodes[i]->n_steps;
    }
    TRY(reserve_steps(t, n));
    if (!t->has_reference) {
        memcpy(t->reference, policy_net_params(t->net), sizeof(float) * policy_net_n_params(t->net));
        t->has_reference = true;
    }
    if (in->stage == STAGE_PPO && t->settings->leash > 0) TRY(reference_pass(t, in));
    TRY(first_pass(t, in, true));
    for (int32_t i = 0; i < in->n_episodes; i++) {
        const Episode *e = in->episodes[i];
        size_t at = t->offset[i];
        gae_episode(e->n_steps, e->rewards, t->values + at, e->bars, t->settings->lambda, t->advantages + at,
                    t->returns + at);
    }
    stats->explained_variance = explained_variance(t->returns, t->values, n);
    gae_normalise(t->advantages, n);
out:
    return st;
}

/* ---- minibatches -------------------------------------------------------------------------------- */

static void gather(Trainer *t, const UpdateInput *in, const MicroBatch *m) {
    size_t row = 0;
    bool reinforce = !stage_imitates(in->stage);
    for (int32_t i = 0; i < m->n_episodes; i++) {
        int32_t index = t->plan.order[m->first + i];
        const Episode *e = in->episodes[index];
        size_t n = (size_t)e->n_steps, at = t->offset[index];
        memcpy(t->micro_actions + row, e->actions, n);
        if (reinforce) {
            memcpy(t->micro_behaviour + row, e->log_probs, sizeof(float) * n);
            memcpy(t->micro_proximal + row, t->log_proximal + at, sizeof(float) * n);
            memcpy(t->micro_advantages + row, t->advantages + at, sizeof(float) * n);
            memcpy(t->micro_returns + row, t->returns + at, sizeof(float) * n);
            memcpy(t->micro_reference + row * ENV_ACTIONS, t->log_reference + at * ENV_ACTIONS,
                   sizeof(float) * n * ENV_ACTIONS);
        }
        row += n;
    }
}

/* Loss and gradient of one micro-batch; scale = 1 / steps of the minibatch. */
static Status micro_step(Trainer *t, const UpdateInput *in, const MicroBatch *m, double scale,
                         LossSums *sums) {
    Status st = BS_OK;
    const Settings *s = t->settings;
    MicroBuffer *b = &t->micro;
    PolicyBatch batch;
    bool reinforce = !stage_imitates(in->stage);
    TRY(micro_load(b, &t->plan, m, in->episodes, t->songs, &batch));
    gather(t, in, m);
    Song heard = *batch.song;
    if (!reinforce && s->feature_noise > 0) {
        /* keyed by update and song: however the minibatch is cut into micro-batches */
        augment_features(batch.song,
                         rng_mix(rng_mix((uint64_t)s->seed, 3), rng_mix(in->update, (uint64_t)m->song)),
                         s->feature_noise, t->heard);
        heard.features = t->heard;
        batch.song = &heard;
    }
    TRY(policy_net_forward(t->net, &batch, b->logits, reinforce ? b->values : NULL));
    if (!reinforce) {
        loss_imitation(m->n_steps, b->logits, b->obs, t->micro_actions, (float)s->label_smoothing, scale,
                       b->d_logits, sums);
    } else if (in->stage == STAGE_VALUE) {
        memset(b->d_logits, 0, sizeof(float) * (size_t)m->n_steps * ENV_ACTIONS);
        loss_value(m->n_steps, b->values, t->micro_returns, scale, b->d_values, sums);
        sums->n_steps += m->n_steps;
    } else {
        PpoTargets targets = {.actions = t->micro_actions,
                              .log_behaviour = t->micro_behaviour,
                              .log_proximal = t->micro_proximal,
                              .advantages = t->micro_advantages,
                              .returns = t->micro_returns,
                              .log_reference = s->leash > 0 ? t->micro_reference : NULL};
        PpoOptions o = {.clip = (float)s->clip,
                        .max_behaviour_weight = (float)s->max_behaviour_weight,
                        .entropy = (float)s->entropy,
                        .leash = (float)s->leash,
                        .value = (float)s->value_coefficient};
        loss_ppo(m->n_steps, b->logits, b->values, b->obs, &targets, &o, scale, b->d_logits, b->d_values,
                 sums);
    }
    TRY(policy_net_backward(t->net, &batch, b->d_logits, reinforce ? b->d_values : NULL));
out:
    return st;
}

static Status minibatch_step(Trainer *t, const UpdateInput *in, UpdateStats *stats) {
    Status st = BS_OK;
    const Settings *s = t->settings;
    size_t n_params = policy_net_n_params(t->net);
    float *grads = policy_net_grads(t->net), norm = 0;
    if (t->plan.n_steps == 0) return BS_OK;
    memset(grads, 0, sizeof(float) * n_params);
    for (int32_t k = 0; k < t->plan.n_micro; k++) {
        if (stopped(in)) return fail(BS_CLOSED, "update: stopped");
        TRY(micro_step(t, in, &t->plan.micro[k], 1.0 / t->plan.n_steps, &stats->sums));
    }
    if (in->stage == STAGE_VALUE)
        for (size_t i = 0; i < n_params; i++)
            if (!t->value_only[i]) grads[i] = 0;
    AdamWOptions o = {.lr = in->lr,
                      .beta1 = 0.9f,
                      .beta2 = 0.98f,
                      .eps = 1e-5f,
                      .weight_decay = in->stage == STAGE_VALUE ? 0 : (float)s->weight_decay,
                      .max_grad_norm = (float)s->max_grad_norm};
    st = adamw_step(&t->optimiser, policy_net_params(t->net), grads, policy_net_decay(t->net), &o, &norm);
    if (st == BS_NONFINITE) {
        stats->n_nonfinite++;
        return BS_OK;
    }
    stats->grad_norm += norm;
    stats->n_optimiser_steps++;
out:
    return st;
}

static Status run_epochs(Trainer *t, const UpdateInput *in, UpdateStats *stats) {
    Status st = BS_OK;
    const Settings *s = t->settings;
    bool imitates = stage_imitates(in->stage);
    int32_t n_groups = find_groups(t, in);
    int64_t n_epochs = imitates ? s->imitation_epochs : s->epochs;
    int64_t n_minibatches = imitates ? s->imitation_minibatches : s->minibatches;
    if (n_minibatches > n_groups) n_minibatches = n_groups;
    for (int64_t epoch = 0; epoch < n_epochs; epoch++) {
        shuffle_groups(t, in, n_groups, epoch);
        for (int32_t b = 0; b < n_minibatches; b++) {
            plan_minibatch(t, in, n_groups, b, (int32_t)n_minibatches);
            TRY(minibatch_step(t, in, stats));
        }
    }
out:
    return st;
}

Status trainer_update(Trainer *t, const UpdateInput *in, UpdateStats *stats) {
    Status st = BS_OK;
    *stats = (UpdateStats){0};
    BS_ASSERT(in->n_episodes <= t->max_episodes);
    for (int32_t i = 0; i < in->n_episodes; i++) {
        BS_ASSERT(trainer_accepts(t, in->episodes[i]));
        stats->n_steps += in->episodes[i]->n_steps;
    }
    keep_start(t);
    if (in->fresh_optimiser) {
        size_t bytes = sizeof(float) * policy_net_n_params(t->net);
        memset(t->optimiser.m, 0, bytes);
        memset(t->optimiser.v, 0, bytes);
        t->optimiser.step = 0;
    }
    if (!stage_imitates(in->stage)) TRY(prepare_reinforcement(t, in, stats));
    TRY(run_epochs(t, in, stats));
    if (stats->n_optimiser_steps) stats->grad_norm /= stats->n_optimiser_steps;
out:
    if (st != BS_OK) back_to_start(t);
    return st;
}

double learning_rate(double base, double warmup, uint64_t k, uint64_t n) {
    double rise = floor(warmup * (double)n), x;
    if ((double)k < rise) return base * ((double)k + 1) / (rise + 1);
    x = ((double)k - rise) / fmax(1, (double)n - rise);
    return base * (0.1 + 0.45 * (1 + cos(M_PI * fmin(1, x))));
}
