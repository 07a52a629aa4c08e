#pragma once
/* A seeded world for the protocol: a learner that crashes and resumes from its last checkpoint, actors that
 * crash, stop and lie, and a network that drops, duplicates, delays, reorders and parts. Time is simulated,
 * one seed is one history, and after every event the checker asks:
 *   - do both identities close, and do the counters say what the ledger's entries say;
 *   - is every ticket trained at most once in the history that survives, and never with weights too old;
 *   - lockstep: does update u train exactly [uB, (u+1)B), each made with version max(0, u - L);
 *   - is every result the one that its ticket and its weights determine;
 *   - does the run come to its end. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/protocol/actor_protocol.h"
#include "common/protocol/learner_protocol.h"

enum {
    SIM_STEP_MS = 25,
    SIM_ACTORS = 5,
    SIM_GROUP = 4,
    SIM_BATCH = 16,
    SIM_FLIGHT = 4096, /* messages under way */
    SIM_TICKETS = 4096,
    SIM_LIMIT_MS = 1800000,
    SIM_KINDS = 5, /* tickets with id % 5 == 0 (by group) are planners */
};

/* Planted bugs: the trainer keeps a ticket it has used, it tells the ledger twice, it forgets one. */
typedef enum SimFault { SIM_SOUND, SIM_TRAIN_TWICE, SIM_TELL_TWICE, SIM_LOSE_TICKET } SimFault;

typedef struct SimOptions {
    RunMode mode;
    uint32_t max_lag, updates, check_one_in;
    int n_actors;
    double drop, duplicate, slow;            /* likelihood per message */
    double actor_crash, learner_crash, part; /* per second */
    double invalid;                          /* likelihood that actor 0 sends a wrong result */
    bool evaluate;
    SimFault fault;
} SimOptions;

typedef struct Flight {
    int64_t at_ms;
    int actor; /* whose connection */
    bool to_learner;
    uint64_t peer; /* the connection: dies with a reconnect or either end */
    uint64_t order;
    Message *message;
} Flight;

typedef struct SimActor {
    ActorProtocol p;
    bool alive, connected, busy;
    uint64_t peer, epoch; /* connection, and the learner at its other end */
    int64_t reconnect_ms, revive_ms, apart_until_ms, next_ms, fetch_ms;
    ActorWork work;
    uint32_t at;
    WeightsId fetching;
} SimActor;

typedef struct SimBuffered {
    uint64_t id, version;
    int64_t ready_ms; /* verdict due; < 0: given */
    bool valid, needs_weights;
} SimBuffered;

typedef struct Sim {
    SimOptions o;
    Rng rng;
    int64_t now_ms;
    uint64_t next_peer, order, events;

    LearnerProtocol learner;
    bool learner_alive;
    uint64_t epoch, version;
    int64_t learner_revive_ms, tick_ms, update_ms; /* update_ms > 0: an update computes until then */
    SimBuffered buffered[SIM_TICKETS];
    uint32_t n_buffered;
    uint64_t batch_ids[SIM_BATCH];
    bool fault_done;

    uint8_t *checkpoint; /* ledger */
    size_t checkpoint_bytes;
    uint64_t checkpoint_version;
    int32_t trained_in[SIM_TICKETS]; /* update, or -1: in the history that survives */

    SimActor actors[SIM_ACTORS];
    Flight flights[SIM_FLIGHT];
    uint32_t n_flights;

    uint64_t crashes_learner, crashes_actor, evaluated;
    TicketCounters last; /* of the learner's last life */
    char error[512];
} Sim;

static void sim_fail(Sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void sim_fail(Sim *s, const char *format, ...) {
    if (s->error[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(s->error, sizeof s->error, format, args);
    va_end(args);
}

static bool sim_chance(Sim *s, double p) { return p > 0 && rng_f64(&s->rng) < p; }
static int64_t sim_ms(Sim *s, int64_t lo, int64_t hi) {
    return lo + (int64_t)rng_below(&s->rng, (uint32_t)(hi - lo + 1));
}

/* ---- what a ticket and a result are ---- */

static void sim_make(void *context, uint64_t id, Ticket *out) {
    (void)context;
    out->seed = rng_mix(id, 99);
    out->kind = (id / SIM_GROUP) % SIM_KINDS == 0 ? 1 : 0;
    out->song.bytes[0] = (uint8_t)(id / SIM_GROUP);
}
static bool sim_needs_weights(uint8_t kind) { return kind == 0; }

/* In lockstep the weights of a version are the same in every life; in async a crash may lead elsewhere. */
static Hash sim_weights(const Sim *s, uint64_t epoch, uint64_t version) {
    uint64_t name[2] = {s->o.mode == RUN_LOCKSTEP ? 0 : epoch, version};
    return hash_bytes(name, sizeof name);
}

static uint8_t sim_byte(const Ticket *t, const Hash *weights) {
    return (uint8_t)rng_mix(t->seed, weights ? hash_quick(weights->bytes, HASH_BYTES) : 0);
}

/* ---- the network ---- */

static Message *sim_copy(const Message *m) {
    size_t n = sizeof *m;
    if (m->type != MESSAGE_TICKETS && m->type != MESSAGE_HELLO && m->type != MESSAGE_PING &&
        m->type != MESSAGE_WELCOME)
        n = offsetof(Message, result) + sizeof(Result);
    Message *copy = calloc(1, sizeof *m);
    memcpy(copy, m, n);
    if (m->type == MESSAGE_RESULT && m->result.n_steps > 0) {
        size_t steps = (size_t)m->result.n_steps;
        copy->result.actions = malloc(steps);
        copy->result.log_probs = malloc(steps * sizeof(float));
        memcpy(copy->result.actions, m->result.actions, steps);
        memcpy(copy->result.log_probs, m->result.log_probs, steps * sizeof(float));
    }
    return copy;
}

static void sim_drop_message(Message *m) {
    if (m->type == MESSAGE_RESULT) result_drop(&m->result);
    free(m);
}

static void sim_post(Sim *s, int actor, bool to_learner, uint64_t peer, const Message *m) {
    int copies = sim_chance(s, s->o.drop) ? 0 : sim_chance(s, s->o.duplicate) ? 2 : 1;
    for (int i = 0; i < copies && s->n_flights < SIM_FLIGHT; i++) {
        int64_t delay = sim_chance(s, s->o.slow) ? sim_ms(s, 100, 6000) : sim_ms(s, 0, 40);
        s->flights[s->n_flights++] =
            (Flight){s->now_ms + delay, actor, to_learner, peer, s->order++, sim_copy(m)};
    }
}

/* ---- the learner ---- */

static void sim_check_learner(Sim *s) {
    char why[400];
    TicketCounters c;
    const Ledger *l = &s->learner.ledger;
    learner_protocol_counters(&s->learner, &c);
    s->events++;
    if (!counters_close(&c, why, sizeof why)) sim_fail(s, "%s", why);
    uint64_t n[TICKET_STATES] = {0};
    for (uint64_t i = 0; i < l->capacity; i++) n[l->ring[i].state]++;
    for (uint32_t i = 0; i < l->n_evals; i++)
        if (l->evals[i].used) n[l->evals[i].entry.state]++;
    if (n[TICKET_BACK] + n[TICKET_OUT] + n[TICKET_CHECKING] != c.outstanding)
        sim_fail(s, "ledger holds %" PRIu64 "+%" PRIu64 "+%" PRIu64 " open tickets, counters say %" PRIu64,
                 n[TICKET_BACK], n[TICKET_OUT], n[TICKET_CHECKING], c.outstanding);
    if (n[TICKET_BUFFERED] != c.buffered)
        sim_fail(s, "ledger holds %" PRIu64 " buffered, counters say %" PRIu64, n[TICKET_BUFFERED],
                 c.buffered);
    if (n[TICKET_CHECKING] != c.in_check)
        sim_fail(s, "ledger checks %" PRIu64 ", counters say %" PRIu64, n[TICKET_CHECKING], c.in_check);
    if (c.mismatched) sim_fail(s, "two honest runs of one ticket differ");
}

static void sim_deliver(Sim *s, const Ticket *t, const Result *r) {
    if (r->failed) {
        if (!(t->id & TICKET_EVAL)) sim_fail(s, "ticket %" PRIu64 " failed: %s", t->id, r->reason);
        return;
    }
    if (r->epoch != s->epoch || t->epoch != s->epoch)
        sim_fail(s, "a result of epoch %" PRIu64 " got through in epoch %" PRIu64, r->epoch, s->epoch);
    bool needs = sim_needs_weights(t->kind);
    Hash weights = sim_weights(s, s->epoch, r->weights.version);
    if (needs && !hash_equal(&weights, &r->weights.hash))
        sim_fail(s, "ticket %" PRIu64 ": hash of version %" PRIu64 " is wrong", t->id, r->weights.version);
    bool valid = r->n_steps == 1 && r->actions[0] == sim_byte(t, needs ? &weights : NULL);
    if (!valid && s->o.invalid <= 0) sim_fail(s, "ticket %" PRIu64 " has another's result", t->id);
    if (s->n_buffered == SIM_TICKETS) {
        sim_fail(s, "more than %d results wait", SIM_TICKETS);
        return;
    }
    s->buffered[s->n_buffered++] =
        (SimBuffered){t->id, r->weights.version, s->now_ms + sim_ms(s, 0, 150), valid, needs};
}

static void sim_learner_sink(void *context, const LearnerAction *a) {
    Sim *s = context;
    if (a->type == LEARNER_DELIVER) sim_deliver(s, a->ticket, a->result);
    if (a->type != LEARNER_SEND) return;
    for (int i = 0; i < s->o.n_actors; i++)
        if (s->actors[i].connected && s->actors[i].peer == a->peer)
            sim_post(s, i, false, a->peer, a->message);
}

static Status sim_learner(Sim *s, LearnerEvent e) {
    e.now_ms = s->now_ms;
    Status st = learner_protocol_step(&s->learner, &e, sim_learner_sink, s);
    sim_check_learner(s);
    return st;
}

static void sim_publish(Sim *s, uint64_t version) {
    WeightsId w = {s->epoch, version, sim_weights(s, s->epoch, version)};
    if (sim_learner(s, (LearnerEvent){.type = LEARNER_PUBLISH, .weights = &w}) != BS_OK)
        sim_fail(s, "publish: %s", error_text());
}

static void sim_learner_start(Sim *s) {
    LearnerRules rules = {.epoch = ++s->epoch,
                          .mode = s->o.mode,
                          .batch = SIM_BATCH,
                          .group = SIM_GROUP,
                          .max_lag = s->o.max_lag,
                          .last_update = s->o.updates,
                          .check_one_in = s->o.check_one_in,
                          .max_attempts = 200,
                          .make = sim_make,
                          .needs_weights = sim_needs_weights};
    if (learner_protocol_init(&s->learner, &rules, s->checkpoint, s->checkpoint_bytes) != BS_OK)
        sim_fail(s, "%s", error_text());
    s->learner_alive = true;
    s->version = s->checkpoint_version;
    s->n_buffered = 0;
    s->update_ms = 0;
    sim_check_learner(s);
    for (uint64_t id = 0; id < SIM_TICKETS; id++) /* what was trained after the checkpoint never was */
        if (s->trained_in[id] >= (int32_t)s->version) s->trained_in[id] = -1;
    if (s->o.mode == RUN_LOCKSTEP && s->o.max_lag && s->version) sim_publish(s, s->version - 1);
    sim_publish(s, s->version);
}

static void sim_checkpoint(Sim *s) {
    ByteWriter w;
    bytes_init(&w, 1 << 20);
    learner_protocol_snapshot(&s->learner, &w);
    free(s->checkpoint);
    s->checkpoint = w.bytes;
    s->checkpoint_bytes = w.n_bytes;
    s->checkpoint_version = s->version;
}

static void sim_learner_crash(Sim *s) {
    s->crashes_learner++;
    learner_protocol_drop(&s->learner);
    s->learner_alive = false;
    s->learner_revive_ms = s->now_ms + sim_ms(s, 100, 4000);
}

static void sim_train(Sim *s, uint64_t id, uint64_t version, bool needs_weights) {
    if (id >= SIM_TICKETS) {
        sim_fail(s, "ticket %" PRIu64 " is out of the simulation's range", id);
        return;
    }
    if (s->trained_in[id] >= 0)
        sim_fail(s, "ticket %" PRIu64 " trained in update %d and again in %" PRIu64, id, s->trained_in[id],
                 s->version);
    s->trained_in[id] = (int32_t)s->version;
    uint64_t u = s->version, lag = s->o.max_lag;
    if (s->o.mode == RUN_LOCKSTEP) {
        if (id / SIM_BATCH != u) sim_fail(s, "update %" PRIu64 " trains ticket %" PRIu64, u, id);
        if (needs_weights && version != (u > lag ? u - lag : 0))
            sim_fail(s, "update %" PRIu64 " trains version %" PRIu64, u, version);
    } else if (needs_weights && (version > u || u - version > lag)) {
        sim_fail(s, "update %" PRIu64 " trains version %" PRIu64 ", max_lag is %" PRIu64, u, version, lag);
    }
}

static void sim_remove(Sim *s, uint32_t i) {
    memmove(&s->buffered[i], &s->buffered[i + 1], (s->n_buffered - i - 1) * sizeof s->buffered[0]);
    s->n_buffered--;
}

static void sim_verdicts(Sim *s) {
    for (uint32_t i = s->n_buffered; i-- > 0;) {
        SimBuffered b = s->buffered[i];
        if (b.ready_ms < 0 || b.ready_ms > s->now_ms) continue;
        s->buffered[i].ready_ms = -1;
        if (!b.valid || (b.id & TICKET_EVAL)) sim_remove(s, i);
        Status st = sim_learner(s, (LearnerEvent){.type = LEARNER_VERDICT,
                                                  .id = b.id,
                                                  .verdict = b.valid ? VERDICT_ACCEPT : VERDICT_INVALID});
        if (st != BS_OK) sim_fail(s, "verdict: %s", error_text());
        if (!b.valid || !(b.id & TICKET_EVAL)) continue;
        s->evaluated++;
        if (sim_learner(s, (LearnerEvent){.type = LEARNER_TRAINED, .ids = &b.id, .n = 1}) != BS_OK)
            sim_fail(s, "evaluated: %s", error_text());
    }
}

/* An update starts when its tickets are there: the oldest batch, or exactly the update's own. */
static bool sim_collect(Sim *s) {
    uint32_t n = 0, chosen[SIM_BATCH];
    for (uint32_t i = s->n_buffered; s->o.mode == RUN_ASYNC && i-- > 0;) { /* too old by now */
        SimBuffered *b = &s->buffered[i];
        if (b->ready_ms >= 0 || !b->needs_weights || s->version - b->version <= s->o.max_lag ||
            b->version > s->version)
            continue;
        uint64_t id = b->id;
        sim_remove(s, i);
        if (sim_learner(s, (LearnerEvent){.type = LEARNER_TRAINED, .ids = &id, .n = 1, .too_old = true}) !=
            BS_OK)
            sim_fail(s, "stale: %s", error_text());
    }
    if (s->o.fault == SIM_LOSE_TICKET && s->version == 1 && s->n_buffered && !s->fault_done) {
        s->n_buffered--;
        s->fault_done = true;
    }
    for (uint32_t i = 0; i < s->n_buffered && n < SIM_BATCH; i++) {
        const SimBuffered *b = &s->buffered[i];
        if (b->ready_ms >= 0 || (s->o.mode == RUN_LOCKSTEP && b->id / SIM_BATCH != s->version)) continue;
        chosen[n++] = i;
    }
    if (n < SIM_BATCH) return false;
    for (uint32_t k = n; k-- > 0;) {
        SimBuffered b = s->buffered[chosen[k]];
        sim_train(s, b.id, b.version, b.needs_weights);
        s->batch_ids[k] = b.id;
        bool again =
            s->o.fault == SIM_TRAIN_TWICE && s->version == 1 && k == 3; /* stays for the next update */
        if (!again) sim_remove(s, chosen[k]);
    }
    return true;
}

static void sim_evaluate(Sim *s) {
    Ticket t[SIM_GROUP];
    for (uint64_t i = 0; i < SIM_GROUP; i++) {
        t[i] = (Ticket){.id = TICKET_EVAL | (s->epoch << 32) | (s->version * 16 + i),
                        .exact_version = NO_VERSION};
        t[i].seed = t[i].id;
    }
    if (sim_learner(s, (LearnerEvent){.type = LEARNER_EVALUATE, .tickets = t, .n = SIM_GROUP}) != BS_OK)
        sim_fail(s, "evaluate: %s", error_text());
}

static void sim_learner_turn(Sim *s) {
    if (!s->learner_alive) {
        if (s->now_ms >= s->learner_revive_ms) sim_learner_start(s);
        return;
    }
    if (sim_chance(s, s->o.learner_crash * SIM_STEP_MS / 1000)) {
        sim_learner_crash(s);
        return;
    }
    if (s->now_ms - s->tick_ms >= 100) {
        s->tick_ms = s->now_ms;
        sim_learner(s, (LearnerEvent){.type = LEARNER_TICK});
    }
    sim_verdicts(s);
    if (s->update_ms == 0 && s->version < s->o.updates && sim_collect(s))
        s->update_ms = s->now_ms + sim_ms(s, 25, 300);
    if (s->update_ms == 0 || s->now_ms < s->update_ms) return;
    s->update_ms = 0;
    if (s->o.fault == SIM_TELL_TWICE && s->version == 2)
        s->batch_ids[0] = SIM_BATCH; /* of the update before */
    if (sim_learner(s, (LearnerEvent){.type = LEARNER_TRAINED, .ids = s->batch_ids, .n = SIM_BATCH}) != BS_OK)
        sim_fail(s, "trained: %s", error_text());
    s->version++;
    if (sim_chance(s, 0.6) || s->version == s->o.updates) sim_checkpoint(s);
    sim_publish(s, s->version);
    if (s->o.evaluate && s->version % 2 == 0) sim_evaluate(s);
}

/* ---- the actors ---- */

static void sim_actor_sink(void *context, const ActorAction *a);

typedef struct SimTurn {
    Sim *s;
    int i;
} SimTurn;

static void sim_actor(Sim *s, int i, ActorEvent e) {
    e.now_ms = s->now_ms;
    actor_protocol_step(&s->actors[i].p, &e, sim_actor_sink, &(SimTurn){s, i});
}

static void sim_actor_sink(void *context, const ActorAction *a) {
    SimTurn *t = context;
    Sim *s = t->s;
    SimActor *me = &s->actors[t->i];
    switch (a->type) {
    case ACTOR_SEND:
        if (me->connected) sim_post(s, t->i, true, me->peer, a->message);
        break;
    case ACTOR_OFFER:
        if (me->busy) sim_fail(s, "actor %d is offered a second group", t->i);
        me->busy = true;
        me->work = *a->work;
        me->at = 0;
        me->next_ms = s->now_ms + sim_ms(s, 25, 250);
        for (uint32_t k = 0; k < me->work.n; k++) {
            const Ticket *ticket = &me->work.tickets[k];
            if (sim_needs_weights(ticket->kind) && ticket->exact_version != NO_VERSION &&
                ticket->exact_version != me->work.weights.version)
                sim_fail(s, "actor %d runs version %" PRIu64 " for %" PRIu64, t->i, me->work.weights.version,
                         ticket->exact_version);
        }
        break;
    case ACTOR_FETCH:
        me->fetching = *a->weights;
        me->fetch_ms = s->now_ms + sim_ms(s, 10, 300);
        break;
    case ACTOR_ABANDON:
        me->busy = false;
        break;
    case ACTOR_RECONNECT:
        me->connected = false;
        me->reconnect_ms = s->now_ms + sim_ms(s, 100, 2000);
        break;
    case ACTOR_CLOSED: /* turned away: the supervisor starts another */
        me->alive = me->connected = false;
        me->revive_ms = s->now_ms + 2000;
        break;
    case ACTOR_WELCOMED:
        if (a->message->welcome.epoch < me->epoch) sim_fail(s, "actor %d follows an older epoch", t->i);
        break;
    }
}

static void sim_actor_start(Sim *s, int i) {
    SimActor *me = &s->actors[i];
    ActorRules rules = {
        .slots = 2, .give_up_ms = -1, .incarnation = rng_u64(&s->rng) | 1, .place = (uint64_t)i + 1};
    if (me->p.groups) actor_protocol_drop(&me->p);
    memset(me, 0, sizeof *me);
    snprintf(rules.name, sizeof rules.name, "actor-%d", i);
    actor_protocol_init(&me->p, &rules, s->now_ms);
    me->alive = true;
    me->reconnect_ms = s->now_ms + sim_ms(s, 0, 500);
    sim_actor(s, i, (ActorEvent){.type = ACTOR_WANT});
}

static void sim_run_tickets(Sim *s, int i) {
    SimActor *me = &s->actors[i];
    if (!me->busy) {
        if (!me->p.wants) sim_actor(s, i, (ActorEvent){.type = ACTOR_WANT});
        return;
    }
    if (s->now_ms < me->next_ms) return;
    const Ticket *t = &me->work.tickets[me->at++];
    Result r = {.epoch = t->epoch,
                .id = t->id,
                .weights = me->work.weights,
                .n_steps = 1,
                .actions = malloc(1),
                .log_probs = malloc(sizeof(float))};
    r.actions[0] = sim_byte(t, sim_needs_weights(t->kind) ? &me->work.weights.hash : NULL);
    r.log_probs[0] = 0;
    if (i == 0 && sim_chance(s, s->o.invalid)) r.actions[0] ^= 1;
    me->next_ms = s->now_ms + sim_ms(s, 0, 120);
    bool last = me->at == me->work.n;
    sim_actor(s, i, (ActorEvent){.type = ACTOR_FINISHED, .result = &r});
    if (last) {
        me->busy = false;
        sim_actor(s, i, (ActorEvent){.type = ACTOR_WANT});
    }
}

static void sim_actor_turn(Sim *s, int i) {
    SimActor *me = &s->actors[i];
    if (!me->alive) {
        if (s->now_ms >= me->revive_ms) sim_actor_start(s, i);
        return;
    }
    if (sim_chance(s, s->o.actor_crash * SIM_STEP_MS / 1000)) {
        s->crashes_actor++;
        me->alive = me->connected = false;
        me->revive_ms = s->now_ms + sim_ms(s, 100, 8000);
        return;
    }
    if (sim_chance(s, s->o.part * SIM_STEP_MS / 1000)) me->apart_until_ms = s->now_ms + sim_ms(s, 500, 9000);
    bool fresh = me->connected && me->epoch != s->epoch && sim_chance(s, 0.05); /* sees the new rendezvous */
    if (fresh) {
        me->connected = false;
        me->reconnect_ms = s->now_ms;
    }
    if (!me->connected && s->now_ms >= me->reconnect_ms && me->p.phase != ACTOR_OVER) {
        me->connected = true;
        me->peer = ++s->next_peer;
        me->epoch = s->epoch;
        sim_actor(s, i, (ActorEvent){.type = ACTOR_CONNECTED});
    }
    if (me->fetch_ms && s->now_ms >= me->fetch_ms) {
        me->fetch_ms = 0;
        sim_actor(s, i,
                  (ActorEvent){.type = ACTOR_FETCHED, .weights = me->fetching, .ok = !sim_chance(s, 0.05)});
    }
    if (me->alive) sim_actor(s, i, (ActorEvent){.type = ACTOR_TICK});
    if (me->alive) sim_run_tickets(s, i);
}

/* ---- the world ---- */

static void sim_arrive(Sim *s, Flight *f) {
    SimActor *a = &s->actors[f->actor];
    bool there = a->connected && a->peer == f->peer && a->apart_until_ms <= s->now_ms && s->learner_alive &&
                 a->epoch == s->epoch;
    if (there && f->to_learner)
        sim_learner(s, (LearnerEvent){.type = LEARNER_RECEIVE, .peer = f->peer, .message = f->message});
    else if (there && a->alive)
        sim_actor(s, f->actor, (ActorEvent){.type = ACTOR_RECEIVE, .message = f->message});
    sim_drop_message(f->message);
}

static void sim_network_turn(Sim *s) {
    for (;;) { /* in order of time, then of posting */
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < s->n_flights; i++) {
            const Flight *f = &s->flights[i];
            if (f->at_ms > s->now_ms) continue;
            if (best == UINT32_MAX || f->at_ms < s->flights[best].at_ms ||
                (f->at_ms == s->flights[best].at_ms && f->order < s->flights[best].order))
                best = i;
        }
        if (best == UINT32_MAX) return;
        Flight f = s->flights[best];
        s->flights[best] = s->flights[--s->n_flights];
        sim_arrive(s, &f);
    }
}

/* One history; "" when nothing is wrong with it. The Sim is the caller's, for its counters. */
static const char *sim_run(Sim *s, const SimOptions *o, uint64_t seed) {
    memset(s, 0, sizeof *s);
    s->o = *o;
    s->rng = rng_at(seed, 0x51);
    for (int i = 0; i < SIM_TICKETS; i++) s->trained_in[i] = -1;
    sim_learner_start(s);
    for (int i = 0; i < o->n_actors; i++) sim_actor_start(s, i);
    while (!s->error[0]) {
        sim_network_turn(s);
        sim_learner_turn(s);
        if (s->learner_alive && s->version >= o->updates) break;
        for (int i = 0; i < o->n_actors && !s->error[0]; i++) sim_actor_turn(s, i);
        s->now_ms += SIM_STEP_MS;
        if (s->now_ms > SIM_LIMIT_MS) sim_fail(s, "update %" PRIu64 " never came to its end", s->version);
    }
    if (!s->error[0]) { /* every update trained its batch */
        uint32_t n[64] = {0};
        for (int id = 0; id < SIM_TICKETS; id++)
            if (s->trained_in[id] >= 0) n[s->trained_in[id]]++;
        for (uint32_t u = 0; u < o->updates; u++)
            if (n[u] != SIM_BATCH) sim_fail(s, "update %u trained %u tickets of %d", u, n[u], SIM_BATCH);
        learner_protocol_counters(&s->learner, &s->last);
        if (s->last.trained != (uint64_t)o->updates * SIM_BATCH)
            sim_fail(s, "the ledger says %" PRIu64 " trained", s->last.trained);
        uint32_t n_held = 0;
        for (uint32_t i = 0; i < s->n_buffered; i++) n_held += s->buffered[i].ready_ms < 0;
        if (n_held != s->last.buffered || s->n_buffered - n_held != s->last.in_check)
            sim_fail(
                s, "the ledger says %" PRIu64 " buffered and %" PRIu64 " in check, the trainer has %u and %u",
                s->last.buffered, s->last.in_check, n_held, s->n_buffered - n_held);
        sim_learner(s, (LearnerEvent){.type = LEARNER_END});
        learner_protocol_counters(&s->learner, &s->last);
    }
    if (s->learner_alive) learner_protocol_drop(&s->learner);
    for (int i = 0; i < o->n_actors; i++) actor_protocol_drop(&s->actors[i].p);
    while (s->n_flights) sim_drop_message(s->flights[--s->n_flights].message);
    free(s->checkpoint);
    s->checkpoint = NULL;
    return s->error;
}
