/* The learner's actors: who they are, what they hold, and what becomes of their tickets when they fail. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/protocol/learner_turn.h"

/* ---- out ---- */

void learner_send(LearnerTurn *t, uint64_t peer, MessageType type) {
    t->p->out.type = type;
    t->sink(t->context, &(LearnerAction){.type = LEARNER_SEND, .peer = peer, .message = &t->p->out});
}

void learner_report(LearnerTurn *t, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->sink(t->context, &(LearnerAction){.type = LEARNER_REPORT, .text = text});
}

void learner_cancel(LearnerTurn *t, const ActorState *a, uint64_t first_id, uint64_t mask) {
    t->p->out.cancel = (GroupRef){.epoch = t->p->rules.epoch, .first_id = first_id, .mask = mask};
    learner_send(t, a->peer, MESSAGE_CANCEL);
}

/* ---- actors ---- */

ActorState *actor_of_peer(LearnerProtocol *p, uint64_t peer) {
    for (uint32_t i = 0; i < p->n_actors; i++)
        if (p->actors[i].used && p->actors[i].peer == peer) return &p->actors[i];
    return NULL;
}

ActorState *actor_of_incarnation(LearnerProtocol *p, uint64_t incarnation) {
    for (uint32_t i = 0; i < p->n_actors; i++)
        if (p->actors[i].used && p->actors[i].incarnation == incarnation) return &p->actors[i];
    return NULL;
}

uint16_t actor_index(const LearnerProtocol *p, const ActorState *a) { return (uint16_t)(a - p->actors); }

bool actor_is_banned(const LearnerProtocol *p, uint64_t incarnation) {
    uint32_t n = p->n_banned < BANNED_MAX ? p->n_banned : BANNED_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (p->banned[i] == incarnation) return true;
    return false;
}

/* A mask over ids from `from` on, as one over ids from `to` on. */
uint64_t mask_from(uint64_t mask, uint64_t from, uint64_t to) {
    if (from >= to) return from - to < 64 ? mask << (from - to) : 0;
    return to - from < 64 ? mask >> (to - from) : 0;
}

ActorGroup *actor_group(ActorState *a, uint64_t id) {
    for (uint32_t g = 0; g < a->n_groups; g++) {
        uint64_t first = a->groups[g].first_id;
        if (id >= first && id - first < 64 && (a->groups[g].mask >> (id - first) & 1)) return &a->groups[g];
    }
    return NULL;
}

void actor_group_clear(ActorState *a, ActorGroup *g, uint64_t id) {
    g->mask &= ~(1ull << (id - g->first_id));
    if (!g->mask) *g = a->groups[--a->n_groups];
}

SecondRun *second_run_of(LearnerProtocol *p, uint64_t id) {
    for (uint32_t i = 0; i < CHECKS_MAX; i++)
        if (p->checks[i].used && p->checks[i].id == id) return &p->checks[i];
    return NULL;
}

void second_run_forget(LearnerProtocol *p, SecondRun *c) {
    c->used = false;
    p->n_checks--;
}

/* ---- tickets ---- */

/* The ticket will never have a result: tell the learner, so that nobody waits for it. */
void learner_give_up(LearnerTurn *t, uint64_t id, LedgerEntry *e, const char *reason) {
    Ticket ticket;
    learner_ticket(t->p, id, &ticket);
    Result r = {.epoch = t->p->rules.epoch, .id = id, .failed = 1};
    snprintf(r.reason, sizeof r.reason, "%s", reason);
    ledger_move(&t->p->ledger, id, e, TICKET_FAILED);
    t->sink(t->context, &(LearnerAction){.type = LEARNER_DELIVER, .ticket = &ticket, .result = &r});
}

/* An issue that came to nothing. blame: the attempt itself went wrong, and counts. */
void learner_put_back(LearnerTurn *t, uint64_t id, LedgerEntry *e, uint16_t actor, bool blame,
                      const char *reason) {
    if (blame) {
        e->attempts++;
        e->blamed = actor;
        if (e->attempts >= t->p->rules.max_attempts) {
            learner_report(t, "ticket %" PRIx64 " failed after %u attempts: %s", id, e->attempts, reason);
            learner_give_up(t, id, e, reason);
            return;
        }
    }
    ledger_move(&t->p->ledger, id, e, TICKET_BACK);
}

/* The tickets of `mask` are no longer with this actor. */
void learner_take_away(LearnerTurn *t, ActorState *a, uint32_t g, uint64_t mask, bool blame,
                       const char *reason) {
    LearnerProtocol *p = t->p;
    ActorGroup group = a->groups[g];
    mask &= group.mask;
    a->groups[g].mask &= ~mask;
    if (!a->groups[g].mask) a->groups[g] = a->groups[--a->n_groups];
    for (int i = 0; i < 64; i++) {
        if (!(mask >> i & 1)) continue;
        uint64_t id = group.first_id + (uint64_t)i;
        if (group.check) {
            SecondRun *c = second_run_of(p, id);
            if (c) c->out = false;
            continue;
        }
        LedgerEntry *e = ledger_find(&p->ledger, id);
        if (e && e->state == TICKET_OUT && e->holder == actor_index(p, a))
            learner_put_back(t, id, e, actor_index(p, a), blame, reason);
    }
}

void learner_drop_actor(LearnerTurn *t, ActorState *a, bool blame, const char *reason) {
    while (a->n_groups) {
        bool started = a->groups[a->n_groups - 1].started;
        learner_take_away(t, a, a->n_groups - 1, UINT64_MAX, blame && started, reason);
    }
    a->used = false;
    while (t->p->n_actors && !t->p->actors[t->p->n_actors - 1].used) t->p->n_actors--;
}

void learner_strike(LearnerTurn *t, uint64_t incarnation) {
    LearnerProtocol *p = t->p;
    ActorState *a = actor_of_incarnation(p, incarnation);
    if (!a || ++a->strikes < STRIKES_MAX) return;
    p->banned[p->n_banned++ % BANNED_MAX] = incarnation;
    p->ledger.counters.turned_away++;
    learner_report(t, "actor %s turned away: %d invalid results", a->name, STRIKES_MAX);
    p->out.welcome = (Welcome){.epoch = p->rules.epoch};
    snprintf(p->out.welcome.refused, REFUSAL_BYTES, "%d invalid results", STRIKES_MAX);
    learner_send(t, a->peer, MESSAGE_WELCOME);
    learner_drop_actor(t, a, false, "");
}
