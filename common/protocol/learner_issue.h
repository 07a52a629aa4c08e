#pragma once
/* Which group goes out next, and to whom. Used by learner_protocol.c only. */
#include "common/protocol/learner_protocol.h"

/* One step's surroundings. */
typedef struct LearnerTurn {
    LearnerProtocol *p;
    int64_t now_ms;
    LearnerSink sink;
    void *context;
} LearnerTurn;

void learner_issue(LearnerTurn *t);
/* The ticket with its epoch and version rule as they stand now. */
void learner_ticket(LearnerProtocol *p, uint64_t id, Ticket *out);

void learner_send(LearnerTurn *t, uint64_t peer, MessageType type); /* p->out, already filled */
void learner_give_up(LearnerTurn *t, uint64_t id, LedgerEntry *e, const char *reason);
