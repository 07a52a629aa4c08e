/* Performing: Policy in, Results out. */
#include "actor/perform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Status performer_init(Performer *p) {
    Status st = BS_OK;
    *p = (Performer){0};
    for (int i = 0; i < TICKET_GROUP; i++) TRY(trajectory_init(&p->trajectories[i], ENV_MAX_STEPS));
out:
    return st;
}

void performer_forget(Performer *p) {
    for (int k = 0; k < POLICY_KINDS; k++) {
        policy_close(p->policies[k]);
        p->policies[k] = NULL;
    }
}

void performer_drop(Performer *p) {
    performer_forget(p);
    for (int i = 0; i < TICKET_GROUP; i++) trajectory_drop(&p->trajectories[i]);
}

bool performer_has(const Performer *p, PolicyKind kind, const Hash *weights) {
    return p->policies[kind] && (!policy_needs_weights(kind) || hash_equal(&p->weights[kind], weights));
}

Status performer_load(Performer *p, PolicyKind kind, const Hash *weights, const void *bytes, size_t n_bytes) {
    policy_close(p->policies[kind]);
    p->policies[kind] = NULL;
    p->weights[kind] = *weights;
    return policy_open(&p->policies[kind], kind, bytes, n_bytes);
}

void result_failed(Result *r, const Ticket *ticket, const char *reason) {
    *r = (Result){.epoch = ticket->epoch, .id = ticket->id, .failed = 1};
    snprintf(r->reason, sizeof r->reason, "%s", reason);
}

static void result_of(Result *r, const Ticket *ticket, const WeightsId *weights, const Trajectory *t) {
    size_t n = (size_t)t->n_steps;
    *r = (Result){.epoch = ticket->epoch, .id = ticket->id, .n_steps = t->n_steps};
    if (policy_needs_weights((PolicyKind)ticket->kind)) r->weights = *weights;
    r->actions = malloc(n + 1);
    r->log_probs = malloc(sizeof(float) * (n + 1));
    if (!r->actions || !r->log_probs) {
        result_drop(r);
        result_failed(r, ticket, "actor: out of memory");
        return;
    }
    memcpy(r->actions, t->actions, n);
    memcpy(r->log_probs, t->log_probs, sizeof(float) * n);
}

/* One ticket alone: what fails here, fails. */
static Status run_alone(Performer *p, Policy *policy, const EnvSong *es, const Ticket *ticket,
                        const WeightsId *weights, PolicyProgress progress, void *context, Result *result) {
    Status st = policy_run(policy, es, 1, &ticket->job, &ticket->seed, p->trajectories, progress, context);
    if (st == BS_CLOSED) return st;
    if (st == BS_OK)
        result_of(result, ticket, weights, &p->trajectories[0]);
    else
        result_failed(result, ticket, error_text());
    return BS_OK;
}

Status performer_run(Performer *p, const EnvSong *es, int32_t n, const Ticket *tickets,
                     const WeightsId *weights, PolicyProgress progress, void *context, Result *results) {
    Job jobs[TICKET_GROUP];
    uint64_t seeds[TICKET_GROUP];
    BS_ASSERT(n > 0 && n <= TICKET_GROUP);
    Policy *policy = p->policies[tickets[0].kind];
    for (int32_t i = 0; i < n; i++) {
        jobs[i] = tickets[i].job;
        seeds[i] = tickets[i].seed;
    }
    Status st = policy_run(policy, es, n, jobs, seeds, p->trajectories, progress, context);
    if (st == BS_CLOSED) return st;
    if (st == BS_OK) {
        for (int32_t i = 0; i < n; i++) result_of(&results[i], &tickets[i], weights, &p->trajectories[i]);
        return BS_OK;
    }
    for (int32_t i = 0; i < n; i++) {
        st = run_alone(p, policy, es, &tickets[i], weights, progress, context, &results[i]);
        if (st == BS_OK) continue;
        for (int32_t k = 0; k < i; k++) result_drop(&results[k]);
        return st;
    }
    return BS_OK;
}
