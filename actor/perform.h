#pragma once
/* Performer: runs a group of tickets with the policy they ask for and says what was done. One thread.
 *
 * A result is a function of (ticket, weights): a group that fails as a whole is run ticket by ticket, which
 * gives the same bytes, so only the ticket at fault fails. */
#include "actor/shelf.h"
#include "common/policy/policy.h"
#include "common/protocol/ticket.h"

typedef struct Performer {
    Policy *policies[POLICY_KINDS];
    Hash weights[POLICY_KINDS]; /* of each policy; zero for planners */
    Trajectory trajectories[TICKET_GROUP];
} Performer;

Status performer_init(Performer *p);
void performer_drop(Performer *p);
/* Lets go of every policy: they keep tables over the song they ran last. */
void performer_forget(Performer *p);

/* The policy of a kind with these weights (bytes NULL for planners): the one at hand, or opened now. */
bool performer_has(const Performer *p, PolicyKind kind, const Hash *weights);
Status performer_load(Performer *p, PolicyKind kind, const Hash *weights, const void *bytes, size_t n_bytes);

/* Runs n tickets of one kind and song. results[i] gets owned arrays, or failed and the reason. BS_CLOSED when
 * progress gave up: no results then. */
Status performer_run(Performer *p, const EnvSong *es, int32_t n, const Ticket *tickets,
                     const WeightsId *weights, PolicyProgress progress, void *context, Result *results);

/* A Result that says why the ticket could not be run. */
void result_failed(Result *r, const Ticket *ticket, const char *reason);
