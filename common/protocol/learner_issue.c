/* Issuing: the next group for the actor with the fewest.
 *
 * A ticket's version rule. async: counted in the order of issue, this ticket is planned for update
 * u = live / batch <= version + max_lag, so weights of version u - max_lag on are fresh enough.
 * lockstep: exactly version max(0, u - max_lag) with u = id / batch. */
#include "common/protocol/learner_turn.h"

#include <string.h>

static uint64_t newest(const LearnerProtocol *p) { return p->history[p->n_history - 1].version; }

static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

void learner_ticket(LearnerProtocol *p, uint64_t id, Ticket *out) {
    if (id & TICKET_EVAL) {
        *out = *ledger_eval_ticket(&p->ledger, id);
        return;
    }
    const LearnerRules *r = &p->rules;
    memset(out, 0, sizeof *out);
    r->make(r->make_context, id, out);
    out->id = id;
    out->epoch = r->epoch;
    out->exact_version = NO_VERSION;
    out->min_version = 0;
    if (r->mode == RUN_LOCKSTEP) {
        out->exact_version = out->min_version = minus(id / r->batch, r->max_lag);
    } else if (p->n_history) {
        uint64_t u = p->ledger.live / r->batch, v = newest(p);
        out->min_version = minus(u > v ? u : v, r->max_lag);
        if (out->min_version > v) out->min_version = v;
    }
}

/* May group `g` be issued now for the first time? */
static bool may_issue(const LearnerProtocol *p, uint64_t g) {
    const LearnerRules *r = &p->rules;
    const Ledger *l = &p->ledger;
    if ((g + 1) * r->group - l->watermark > l->capacity) return false;
    if (r->mode == RUN_LOCKSTEP) {
        uint64_t u = g * r->group / r->batch;
        return u < r->last_update && learner_protocol_weights(p, minus(u, r->max_lag)) != NULL;
    }
    uint64_t updates = newest(p) + 1 + r->max_lag;
    if (updates > r->last_update) updates = r->last_update;
    return l->live / r->batch < updates;
}

/* The actor with a free slot and the fewest groups; `avoid` and `maker` only when there is no other, and
 * never respectively. */
static ActorState *free_actor(LearnerProtocol *p, uint16_t avoid, uint64_t maker) {
    ActorState *best = NULL, *last = NULL;
    for (uint32_t i = 0; i < p->n_actors; i++) {
        ActorState *a = &p->actors[i];
        if (!a->used || a->gone || a->n_groups >= a->slots || (maker && a->incarnation == maker)) continue;
        if (i == avoid)
            last = a;
        else if (!best || a->n_groups < best->n_groups)
            best = a;
    }
    return best ? best : last;
}

/* Sends the tickets collected in p->out to `a` and notes them there. */
static void hand_out(LearnerTurn *t, ActorState *a, bool check) {
    LearnerProtocol *p = t->p;
    Tickets *m = &p->out.tickets;
    ActorGroup *g = &a->groups[a->n_groups++];
    if (a->n_groups == 1) a->progress_ms = t->now_ms;
    *g = (ActorGroup){
        .first_id = m->tickets[0].id, .version = NO_VERSION, .issued_ms = t->now_ms, .check = check};
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t id = m->tickets[i].id;
        g->mask |= 1ull << (id - g->first_id);
        if (check) continue;
        LedgerEntry *e = ledger_find(&p->ledger, id);
        if (e->state == TICKET_BACK) p->ledger.counters.reissued++;
        e->needs_weights = m->needs_weights;
        ledger_move(&p->ledger, id, e, TICKET_OUT);
        e->holder = (uint16_t)(a - p->actors);
    }
    m->epoch = p->rules.epoch;
    const WeightsId *exact = learner_protocol_weights(p, m->tickets[0].exact_version);
    m->weights = exact ? *exact : p->history[p->n_history - 1];
    learner_send(t, a->peer, MESSAGE_TICKETS);
}

static bool joins(const Ticket *a, const Ticket *b) {
    return b->id > a->id && b->id - a->id < 64 && hash_equal(&a->song, &b->song) && a->kind == b->kind &&
           a->exact_version == b->exact_version;
}

/* Tickets of group g in `state`, collected into p->out. */
static uint16_t collect(LearnerProtocol *p, uint64_t g, TicketState state) {
    Tickets *m = &p->out.tickets;
    uint16_t blamed = NOBODY;
    m->n = 0;
    for (uint64_t id = g * p->rules.group; id < (g + 1) * p->rules.group; id++) {
        LedgerEntry *e = ledger_find(&p->ledger, id);
        if (!e || e->state != state) continue;
        if (state == TICKET_NEW) e->holder = e->blamed = NOBODY;
        if (e->blamed != NOBODY) blamed = e->blamed;
        learner_ticket(p, id, &m->tickets[m->n++]);
    }
    if (m->n) m->needs_weights = p->rules.needs_weights(m->tickets[0].kind);
    return blamed;
}

static bool issue_back(LearnerTurn *t) {
    Ledger *l = &t->p->ledger;
    if (!l->back) return false;
    uint64_t id = l->watermark;
    while (ledger_find(l, id)->state != TICKET_BACK) id++;
    uint16_t blamed = collect(t->p, id / t->p->rules.group, TICKET_BACK);
    ActorState *a = free_actor(t->p, blamed, 0);
    if (!a) return false;
    hand_out(t, a, false);
    return true;
}

static bool issue_eval(LearnerTurn *t) {
    LearnerProtocol *p = t->p;
    Ledger *l = &p->ledger;
    Tickets *m = &p->out.tickets;
    if (!l->evals_waiting) return false;
    m->n = 0;
    uint16_t blamed = NOBODY;
    for (uint32_t i = 0; i < l->n_evals && m->n < p->rules.group; i++) {
        LedgerEval *v = &l->evals[i];
        if (!v->used || v->entry.state > TICKET_BACK) continue;
        if (m->n && !joins(&m->tickets[m->n - 1], &v->ticket)) break;
        if (m->n && v->ticket.id - m->tickets[0].id >= 64) break;
        if (v->entry.blamed != NOBODY) blamed = v->entry.blamed;
        m->tickets[m->n++] = v->ticket;
    }
    m->needs_weights = p->rules.needs_weights(m->tickets[0].kind);
    uint64_t exact = m->tickets[0].exact_version;
    if (m->needs_weights && exact != NO_VERSION && !learner_protocol_weights(p, exact)) {
        LedgerEntry *e = ledger_find(l, m->tickets[0].id);
        if (e->state == TICKET_NEW) ledger_move(l, m->tickets[0].id, e, TICKET_BACK);
        learner_give_up(t, m->tickets[0].id, e, "the version it asks for is not published");
        return true;
    }
    ActorState *a = free_actor(p, blamed, 0);
    if (!a) return false;
    hand_out(t, a, false);
    return true;
}

static bool issue_check(LearnerTurn *t) {
    LearnerProtocol *p = t->p;
    for (uint32_t i = 0; i < CHECKS_MAX && p->n_checks; i++) {
        SecondRun *c = &p->checks[i];
        if (!c->used || c->out) continue;
        if (c->version != NO_VERSION && !learner_protocol_weights(p, c->version)) {
            c->used = false;
            p->n_checks--;
            continue;
        }
        ActorState *a = free_actor(p, NOBODY, c->maker);
        if (!a) continue;
        Tickets *m = &p->out.tickets;
        m->n = 1;
        learner_ticket(p, c->id, &m->tickets[0]);
        m->needs_weights = c->version != NO_VERSION;
        m->tickets[0].exact_version = c->version;
        c->out = true;
        hand_out(t, a, true);
        return true;
    }
    return false;
}

static bool issue_new(LearnerTurn *t) {
    LearnerProtocol *p = t->p;
    while (may_issue(p, p->next_group)) {
        collect(p, p->next_group, TICKET_NEW);
        ActorState *a = p->out.tickets.n ? free_actor(p, NOBODY, 0) : NULL;
        if (p->out.tickets.n && !a) return false;
        p->ledger.next_id = ++p->next_group * p->rules.group;
        if (!a) continue; /* done in an earlier life */
        hand_out(t, a, false);
        return true;
    }
    return false;
}

void learner_issue(LearnerTurn *t) {
    LearnerProtocol *p = t->p;
    if (!p->n_history) return;
    while (free_actor(p, NOBODY, 0))
        if (!issue_back(t) && !issue_eval(t) && !issue_check(t) && !issue_new(t)) return;
}
