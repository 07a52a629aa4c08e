#pragma once
/* One step of the learner's state machine, as its three files share it: learner_protocol.c (events),
 * learner_actors.c (what actors hold, and losing it), learner_issue.c (what goes out next). Internal. */
#include "common/protocol/learner_protocol.h"

typedef struct LearnerTurn {
    LearnerProtocol *p;
    int64_t now_ms;
    LearnerSink sink;
    void *context;
} LearnerTurn;

/* Out. learner_send: p->out, already filled. */
void learner_send(LearnerTurn *t, uint64_t peer, MessageType type);
void learner_report(LearnerTurn *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void learner_cancel(LearnerTurn *t, const ActorState *a, uint64_t first_id, uint64_t mask);

/* Actors and their groups; NULL when there is none. */
ActorState *actor_of_peer(LearnerProtocol *p, uint64_t peer);
ActorState *actor_of_incarnation(LearnerProtocol *p, uint64_t incarnation);
uint16_t actor_index(const LearnerProtocol *p, const ActorState *a);
bool actor_is_banned(const LearnerProtocol *p, uint64_t incarnation);
ActorGroup *actor_group(ActorState *a, uint64_t id); /* that holds this ticket */
void actor_group_clear(ActorState *a, ActorGroup *g, uint64_t id);
uint64_t mask_from(uint64_t mask, uint64_t from, uint64_t to); /* over ids from `from` -> from `to` */
SecondRun *second_run_of(LearnerProtocol *p, uint64_t id);
void second_run_forget(LearnerProtocol *p, SecondRun *c);

/* Losing. blame: the attempt itself went wrong, and counts. give_up: the ticket will never have a result. */
void learner_give_up(LearnerTurn *t, uint64_t id, LedgerEntry *e, const char *reason);
void learner_put_back(LearnerTurn *t, uint64_t id, LedgerEntry *e, uint16_t actor, bool blame,
                      const char *reason);
void learner_take_away(LearnerTurn *t, ActorState *a, uint32_t g, uint64_t mask, bool blame,
                       const char *reason);
void learner_drop_actor(LearnerTurn *t, ActorState *a, bool blame, const char *reason);
void learner_strike(LearnerTurn *t, uint64_t incarnation);

/* Issuing. learner_ticket: with its epoch and version rule as they stand now. */
void learner_issue(LearnerTurn *t);
void learner_ticket(LearnerProtocol *p, uint64_t id, Ticket *out);
