/* Reporting: the registry, RUN/metrics.jsonl and event files, one log line, RUN/status.json. */
#include <inttypes.h>
#include <stdio.h>

#include "common/host/clock.h"
#include "common/host/json.h"
#include "common/host/log.h"
#include "learner/learner.h"

void learner_mirror_counters(Learner *l) {
    TicketCounters c;
    char why[256];
    learner_link_counters(l->link, &c);
    metric_set(M_TICKETS_ISSUED, (double)c.issued);
    metric_set(M_TICKETS_TRAINED, (double)c.trained);
    metric_set(M_TICKETS_EVALUATED, (double)c.evaluated);
    metric_set(M_TICKETS_STALE, (double)c.stale);
    metric_set(M_TICKETS_FAILED, (double)c.failed);
    metric_set(M_TICKETS_CANCELLED, (double)c.cancelled);
    metric_set(M_TICKETS_BUFFERED, (double)c.buffered);
    metric_set(M_TICKETS_OUTSTANDING, (double)c.outstanding);
    metric_set(M_RESULTS_RECEIVED, (double)c.received);
    metric_set(M_RESULTS_ACCEPTED, (double)c.accepted);
    metric_set(M_RESULTS_DUPLICATE, (double)c.duplicate);
    metric_set(M_RESULTS_INVALID, (double)c.invalid);
    metric_set(M_RESULTS_STALE, (double)c.refused_stale);
    metric_set(M_RESULTS_ROLLBACK, (double)c.rollback);
    metric_set(M_RESULTS_IN_CHECK, (double)c.in_check);
    metric_set(M_TICKETS_REISSUED, (double)c.reissued);
    metric_set(M_ACTORS, (double)c.actors);
    metric_set(M_ACTOR_STEPS, (double)c.actor_steps);
    metric_set(M_ACTOR_EPISODES, (double)c.actor_episodes);
    if (!counters_close(&c, why, sizeof why)) log_error("identity-broken", "%s", why);
}

typedef struct BatchMeans {
    double total, length, lag, terms[REWARD_TERMS];
} BatchMeans;

/* Of the tickets' episodes; demonstrations are no achievement of the policy. */
static BatchMeans batch_means(const Learner *l, uint64_t version) {
    BatchMeans m = {0};
    int32_t n = l->n_tickets ? l->n_tickets : 1, n_acted = 0;
    for (int32_t i = 0; i < l->n_tickets; i++) {
        const Episode *e = l->batch[i];
        m.total += e->total / n;
        m.length += (double)e->n_steps / n;
        for (int t = 0; t < REWARD_TERMS; t++) m.terms[t] += (double)e->terms[t] / n;
        if (!policy_needs_weights((PolicyKind)e->kind)) continue;
        double lag = (double)(version - e->version);
        metric_observe(M_LAG, lag);
        m.lag += lag;
        n_acted++;
    }
    if (n_acted) m.lag /= n_acted;
    return m;
}

static void set_losses(const UpdateStats *s, Stage stage) {
    const LossSums *sums = &s->sums;
    double n = sums->n_steps > 0 ? sums->n_steps : 1;
    if (stage_imitates(stage)) {
        metric_set(M_IMITATION_LOSS, sums->imitation / n);
        metric_set(M_IMITATION_ACCURACY, sums->n_correct / n);
    } else {
        metric_set(M_VALUE_LOSS, sums->value / n);
        metric_set(M_EXPLAINED_VARIANCE, s->explained_variance);
    }
    if (stage == STAGE_PPO) {
        metric_set(M_POLICY_LOSS, sums->policy / n);
        metric_set(M_ENTROPY, sums->entropy / n);
        metric_set(M_APPROX_KL, sums->approx_kl / n);
        metric_set(M_CLIPFRAC, sums->n_clipped / n);
        metric_set(M_LEASH_KL, sums->leash / n);
    }
    metric_set(M_GRAD_NORM, s->grad_norm);
    metric_add(M_NONFINITE, s->n_nonfinite);
}

/* What a supervisor shows. */
static Status write_status(const Learner *l, Stage stage, const BatchMeans *m, double steps_per_s) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    Json *json = json_new_object();
    TRY(json_set_i64(json, "update", (int64_t)l->updates));
    TRY(json_set_i64(json, "total", (int64_t)l->total));
    TRY(json_set_text(json, "stage", stage_names[stage]));
    TRY(json_set_f64(json, "steps_per_s", steps_per_s));
    TRY(json_set_f64(json, "return", m->total));
    TRY(json_set_f64(json, "lag", m->lag));
    TRY(json_set_i64(json, "epoch", (int64_t)l->run.epoch));
    TRY(json_set_i64(json, "version", (int64_t)l->updates));
    TRY(json_set_i64(json, "actors", (int64_t)metric_value(M_ACTORS)));
    TRY(json_set_i64(json, "metrics_port", l->metrics_port));
    TRY(run_path(&l->run, "status.json", path));
    TRY(json_write(json, path, JSON_ONE_LINE));
out:
    json_free(json);
    return st;
}

Status learner_record(Learner *l) {
    Status st = BS_OK;
    Stage stage =
        l->updates ? curriculum_stage(&l->curriculum, l->updates - 1) : curriculum_stage(&l->curriculum, 0);
    BatchMeans m = batch_means(l, l->updates ? l->updates - 1 : 0);
    double now = clock_s(), seconds = now - l->reported_s;
    double rate = seconds > 0 ? (double)(l->env_steps - l->steps_reported) / seconds : 0;
    const Metric terms[REWARD_TERMS] = {M_REWARD_CONTENT, M_REWARD_FORM,   M_REWARD_TRANSITION,
                                        M_REWARD_TEMPO,   M_REWARD_ENERGY, M_REWARD_PHRASE};
    learner_mirror_counters(l);
    set_losses(&l->stats, stage);
    for (int t = 0; t < REWARD_TERMS; t++) metric_set(terms[t], m.terms[t]);
    metric_set(M_RETURN, m.total);
    metric_set(M_LENGTH, m.length);
    metric_set(M_LAG_MEAN, m.lag);
    metric_set(M_EPOCH, (double)l->run.epoch);
    metric_set(M_VERSION, (double)l->updates);
    metric_set(M_UPDATES, (double)l->updates);
    metric_set(M_STEPS, (double)l->env_steps);
    metric_set(M_EPISODES, (double)l->episodes);
    metric_set(M_SPS, rate);
    metric_set(M_UPDATE_SECONDS, l->update_s);
    l->reported_s = now;
    l->steps_reported = l->env_steps;
    log_info("update",
             "n=%" PRIu64 "/%" PRIu64 " stage=\"%s\" return=%.3f length=%.1f lag=%.2f steps_s=%.0f wait=%.2f "
             "update=%.2f loss=%.3f acc=%.3f kl=%.4f ev=%.2f",
             l->updates, l->total, stage_names[stage], m.total, m.length, m.lag, rate, l->wait_s, l->update_s,
             metric_value(stage_imitates(stage) ? M_IMITATION_LOSS : M_POLICY_LOSS),
             metric_value(M_IMITATION_ACCURACY), metric_value(M_APPROX_KL), l->stats.explained_variance);
    TRY(metrics_log_flush(l->log, (int64_t)l->env_steps, (int64_t)l->updates));
    if (l->settings.progress) TRY(write_status(l, stage, &m, rate));
out:
    for (int32_t i = 0; i < l->n_tickets; i++) episode_free(l->batch[i]);
    l->n_batch = l->n_tickets = l->n_demos = 0;
    return st;
}
