/* The learner's events: messages, the clock and the learner's own calls. Issuing is in
 * learner_issue.c, what actors hold in learner_actors.c. */
#include "common/protocol/learner_protocol.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/protocol/learner_turn.h"

Status learner_protocol_init(LearnerProtocol *p, const LearnerRules *rules, const void *ledger,
                             size_t ledger_bytes) {
    memset(p, 0, sizeof *p);
    if (rules->group < 1 || rules->group > TICKET_GROUP || rules->batch < 1 ||
        rules->batch % rules->group != 0)
        return fail(BS_INVALID, "batch %u is not a multiple of group %u (1..%d)", rules->batch, rules->group,
                    TICKET_GROUP);
    if (rules->mode == RUN_LOCKSTEP && rules->max_lag > 1)
        return fail(BS_INVALID, "lockstep: max_lag is %u, may be 0 or 1", rules->max_lag);
    Status st = BS_OK;
    p->rules = *rules;
    if (p->rules.max_attempts == 0) p->rules.max_attempts = TICKET_MAX_ATTEMPTS;
    TRY(ledger_init(&p->ledger, 4 * ((uint64_t)rules->max_lag + 2) * rules->batch));
    p->actors = calloc(ACTORS_MAX, sizeof *p->actors);
    if (!p->actors) TRY(fail(BS_NOMEM, "learner protocol: no memory for %d actors", ACTORS_MAX));
    if (ledger) TRY(ledger_read(&p->ledger, ledger, ledger_bytes));
    p->next_group = p->ledger.next_id / rules->group;
out:
    if (st != BS_OK) learner_protocol_drop(p);
    return st;
}

void learner_protocol_drop(LearnerProtocol *p) {
    ledger_drop(&p->ledger);
    free(p->actors);
    p->actors = NULL;
}

void learner_protocol_counters(const LearnerProtocol *p, TicketCounters *out) {
    *out = p->ledger.counters;
    out->actors = 0;
    for (uint32_t i = 0; i < p->n_actors; i++) out->actors += p->actors[i].used;
}

void learner_protocol_snapshot(const LearnerProtocol *p, ByteWriter *out) { ledger_write(&p->ledger, out); }

const WeightsId *learner_protocol_weights(const LearnerProtocol *p, uint64_t version) {
    for (uint32_t i = p->n_history; i-- > 0;)
        if (p->history[i].version == version) return &p->history[i];
    return NULL;
}

/* ---- messages ---- */

static void refuse(LearnerTurn *t, uint64_t peer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(LearnerTurn *t, uint64_t peer, const char *format, ...) {
    t->p->out.welcome = (Welcome){.epoch = t->p->rules.epoch};
    va_list args;
    va_start(args, format);
    vsnprintf(t->p->out.welcome.refused, REFUSAL_BYTES, format, args);
    va_end(args);
    learner_report(t, "actor refused: %s", t->p->out.welcome.refused);
    learner_send(t, peer, MESSAGE_WELCOME);
}

static ActorState *actor_new(LearnerProtocol *p) {
    for (uint32_t i = 0; i < ACTORS_MAX; i++) {
        if (p->actors[i].used) continue;
        if (i >= p->n_actors) p->n_actors = i + 1;
        return &p->actors[i];
    }
    return NULL;
}

/* Which of the tickets that the actor holds it may go on with. */
static uint64_t go_on_mask(LearnerTurn *t, ActorState *a, const Held *h) {
    LearnerProtocol *p = t->p;
    uint64_t go_on = 0, adopt = 0;
    if (h->group.epoch != p->rules.epoch) return 0;
    for (int i = 0; i < 64; i++) {
        uint64_t bit = 1ull << i, id = h->group.first_id + (uint64_t)i;
        if (!(h->group.mask & bit)) continue;
        LedgerEntry *e = ledger_find(&p->ledger, id);
        if (actor_group(a, id))
            go_on |= bit;
        else if (!e || (e->state != TICKET_BACK && e->state != TICKET_OUT))
            continue;
        else if (h->done & bit)
            go_on |= bit; /* its result comes at once, whoever else has it */
        else if (e->state == TICKET_BACK && a->n_groups < SLOTS_MAX)
            adopt |= bit;
    }
    if (adopt) {
        a->groups[a->n_groups++] = (ActorGroup){.first_id = h->group.first_id,
                                                .mask = adopt,
                                                .version = h->version,
                                                .issued_ms = t->now_ms,
                                                .n_steps = h->n_steps,
                                                .started = h->started};
        for (int i = 0; i < 64; i++) {
            if (!(adopt >> i & 1)) continue;
            uint64_t id = h->group.first_id + (uint64_t)i;
            LedgerEntry *e = ledger_find(&p->ledger, id);
            ledger_move(&p->ledger, id, e, TICKET_OUT);
            e->holder = actor_index(p, a);
        }
    }
    return go_on | adopt;
}

/* Tickets that we believe with this actor and that it does not name are lost. */
static void reconcile(LearnerTurn *t, ActorState *a, const Held *held, uint32_t n_held,
                      int64_t older_than_ms) {
    for (uint32_t g = a->n_groups; g-- > 0;) {
        ActorGroup *group = &a->groups[g];
        if (group->issued_ms > older_than_ms) continue;
        uint64_t named = 0;
        for (uint32_t i = 0; i < n_held; i++) {
            if (held[i].group.epoch != t->p->rules.epoch) continue;
            named |= mask_from(held[i].group.mask, held[i].group.first_id, group->first_id);
        }
        if (group->mask & ~named) learner_take_away(t, a, g, ~named, false, "");
    }
}

static void on_hello(LearnerTurn *t, uint64_t peer, const Hello *h) {
    LearnerProtocol *p = t->p;
    if (h->protocol != PROTOCOL_VERSION) {
        refuse(t, peer, "%s speaks protocol %u, this learner %d", h->name, h->protocol, PROTOCOL_VERSION);
        return;
    }
    if (h->env_version && p->rules.env_version && h->env_version != p->rules.env_version) {
        refuse(t, peer, "%s has environment %u, this learner %u", h->name, h->env_version,
               p->rules.env_version);
        return;
    }
    if (actor_is_banned(p, h->incarnation)) {
        refuse(t, peer, "%s was turned away after %d invalid results", h->name, STRIKES_MAX);
        return;
    }
    ActorState *other = actor_of_peer(p, peer);
    if (other && other->incarnation != h->incarnation) learner_drop_actor(t, other, false, "");
    ActorState *a = actor_of_incarnation(p, h->incarnation);
    if (a) {
        reconcile(t, a, h->held, h->n_held, INT64_MAX);
    } else {
        a = actor_new(p);
        if (!a) {
            refuse(t, peer, "%d actors are connected already", ACTORS_MAX);
            return;
        }
        *a = (ActorState){.used = true, .incarnation = h->incarnation, .progress_ms = t->now_ms};
        for (uint32_t i = 0; i < p->n_actors; i++)
            if (p->actors[i].used && &p->actors[i] != a && p->actors[i].place == h->place)
                p->actors[i].gone = true;
        learner_report(t, "actor %s joined", h->name);
    }
    a->peer = peer;
    a->place = h->place;
    memcpy(a->name, h->name, sizeof a->name);
    a->slots = h->slots < 1 ? 1 : h->slots > SLOTS_MAX ? SLOTS_MAX : h->slots;
    a->heard_ms = a->pinged_ms = t->now_ms;
    a->gone = false;
    a->weights = h->weights;

    Welcome *w = &p->out.welcome;
    *w = (Welcome){.epoch = p->rules.epoch};
    for (uint32_t i = 0; i < h->n_held; i++) {
        uint64_t mask = go_on_mask(t, a, &h->held[i]);
        if (mask) w->go_on[w->n_go_on++] = (GroupRef){p->rules.epoch, h->held[i].group.first_id, mask};
    }
    for (uint32_t i = 0; i < p->n_history; i++)
        if (i + WEIGHTS_TOLD >= p->n_history) w->weights[w->n_weights++] = p->history[i];
    learner_send(t, peer, MESSAGE_WELCOME);
}

static void on_ping(LearnerTurn *t, ActorState *a, const Ping *ping) {
    LearnerProtocol *p = t->p;
    TicketCounters *c = &p->ledger.counters;
    if (ping->steps > a->steps) c->actor_steps += ping->steps - a->steps;
    if (ping->episodes > a->episodes) c->actor_episodes += ping->episodes - a->episodes;
    a->steps = ping->steps;
    a->episodes = ping->episodes;
    a->weights = ping->weights;
    if (ping->epoch != p->rules.epoch) return;
    for (uint32_t i = 0; i < ping->n_held; i++) {
        const Held *h = &ping->held[i];
        if (h->group.epoch != p->rules.epoch) continue;
        for (uint32_t g = 0; g < a->n_groups; g++) {
            ActorGroup *group = &a->groups[g];
            if (!(mask_from(h->group.mask, h->group.first_id, group->first_id) & group->mask)) continue;
            if (h->n_steps != group->n_steps || h->started != group->started) a->progress_ms = t->now_ms;
            group->n_steps = h->n_steps;
            group->started = h->started;
            group->version = h->version;
        }
    }
    reconcile(t, a, ping->held, ping->n_held, t->now_ms - UNHELD_MS);
}

static uint64_t digest_of(const Result *r) {
    return rng_mix(hash_quick(r->actions, (size_t)r->n_steps),
                   hash_quick(r->log_probs, (size_t)r->n_steps * sizeof(float)));
}

/* A second run came: it must be the first one, byte for byte. */
static void compare(LearnerTurn *t, const ActorState *a, const Result *r) {
    LearnerProtocol *p = t->p;
    SecondRun *c = second_run_of(p, r->id);
    p->ledger.counters.duplicate++;
    if (!c) return;
    if (!r->failed && (c->version == NO_VERSION || r->weights.version == c->version)) {
        p->ledger.counters.checked++;
        if (digest_of(r) != c->digest) {
            p->ledger.counters.mismatched++;
            learner_report(t, "ticket %" PRIu64 " run by two actors gives different bytes, the second by %s",
                           r->id, a->name);
        }
    }
    second_run_forget(p, c);
}

static void want_second_run(LearnerTurn *t, const Result *r, const LedgerEntry *e) {
    LearnerProtocol *p = t->p;
    if (!p->rules.check_one_in || (r->id & TICKET_EVAL) || p->n_checks == CHECKS_MAX) return;
    if (rng_mix(r->id, 0x5ec07d) % p->rules.check_one_in != 0 || second_run_of(p, r->id)) return;
    for (uint32_t i = 0; i < CHECKS_MAX; i++) {
        if (p->checks[i].used) continue;
        p->checks[i] = (SecondRun){.used = true,
                                   .id = r->id,
                                   .version = e->needs_weights ? r->weights.version : NO_VERSION,
                                   .digest = digest_of(r),
                                   .maker = r->incarnation,
                                   .since_ms = t->now_ms};
        p->n_checks++;
        return;
    }
}

static bool too_old(const LearnerProtocol *p, uint64_t version) {
    uint64_t newest = p->history[p->n_history - 1].version;
    return newest > version && newest - version > p->rules.max_lag;
}

/* Results of tickets that are still open. True: it was delivered. */
static void on_open_result(LearnerTurn *t, ActorState *a, Result *r, LedgerEntry *e) {
    LearnerProtocol *p = t->p;
    TicketCounters *c = &p->ledger.counters;
    Ticket ticket;
    learner_ticket(p, r->id, &ticket);
    uint16_t who = actor_index(p, a);
    if (e->holder != NOBODY && e->holder != who) { /* another actor has it now: not needed there any more */
        ActorState *holder = &p->actors[e->holder];
        ActorGroup *g = actor_group(holder, r->id);
        if (g) actor_group_clear(holder, g, r->id);
        learner_cancel(t, holder, r->id, 1);
    }
    if (r->failed) {
        c->invalid++;
        learner_put_back(t, r->id, e, who, true, r->reason[0] ? r->reason : "the actor could not run it");
        return;
    }
    if (e->needs_weights) {
        const WeightsId *known = learner_protocol_weights(p, r->weights.version);
        bool exact = ticket.exact_version != NO_VERSION;
        bool wrong = exact && r->weights.version != ticket.exact_version;
        if (r->weights.epoch != p->rules.epoch) {
            c->rollback++;
            learner_put_back(t, r->id, e, who, false, "");
            return;
        }
        if (!exact && !(r->id & TICKET_EVAL) && too_old(p, r->weights.version)) {
            c->refused_stale++;
            ledger_move(&p->ledger, r->id, e, TICKET_STALE);
            return;
        }
        if (!known || wrong) {
            c->invalid++;
            learner_put_back(t, r->id, e, who, true, "made with weights that it must not use");
            learner_strike(t, r->incarnation);
            return;
        }
        r->weights = *known;
    }
    want_second_run(t, r, e);
    c->in_check++;
    ledger_move(&p->ledger, r->id, e, TICKET_CHECKING);
    e->maker = r->incarnation;
    t->sink(t->context, &(LearnerAction){.type = LEARNER_DELIVER, .ticket = &ticket, .result = r});
}

static void on_result(LearnerTurn *t, ActorState *a, Result *r) {
    LearnerProtocol *p = t->p;
    TicketCounters *c = &p->ledger.counters;
    c->received++;
    r->incarnation = a->incarnation;
    a->progress_ms = t->now_ms;
    p->out.ack = (GroupRef){.epoch = r->epoch, .first_id = r->id, .mask = 1};
    learner_send(t, a->peer, MESSAGE_ACK);
    if (r->epoch != p->rules.epoch) {
        c->rollback++;
        return;
    }
    ActorGroup *g = actor_group(a, r->id);
    bool check = g && g->check;
    if (g) actor_group_clear(a, g, r->id);
    if (check) {
        compare(t, a, r);
        return;
    }
    LedgerEntry *e = ledger_find(&p->ledger, r->id);
    if (!e) {
        bool known = (r->id & TICKET_EVAL) || r->id < p->ledger.watermark;
        if (known) {
            c->duplicate++;
        } else {
            c->invalid++;
            learner_strike(t, r->incarnation);
        }
    } else if (e->state == TICKET_BACK || e->state == TICKET_OUT) {
        on_open_result(t, a, r, e);
    } else if (e->state == TICKET_NEW) {
        c->invalid++;
        learner_strike(t, r->incarnation);
    } else if (e->state == TICKET_STALE) {
        c->refused_stale++;
    } else {
        c->duplicate++;
    }
}

static void on_message(LearnerTurn *t, uint64_t peer, Message *m) {
    if (m->type == MESSAGE_HELLO) {
        on_hello(t, peer, &m->hello);
        return;
    }
    ActorState *a = actor_of_peer(t->p, peer);
    if (!a) {
        if (m->type == MESSAGE_PING || m->type == MESSAGE_RESULT) {
            t->p->out.epoch = t->p->rules.epoch;
            learner_send(t, peer, MESSAGE_WHO);
        }
        return;
    }
    a->heard_ms = t->now_ms;
    if (m->type == MESSAGE_PING) on_ping(t, a, &m->ping);
    if (m->type == MESSAGE_RESULT) on_result(t, a, &m->result);
    if (m->type == MESSAGE_BYE) {
        learner_report(t, "actor %s left", a->name);
        learner_drop_actor(t, a, false, "");
    }
}

/* ---- the clock and the learner ---- */

static void on_tick(LearnerTurn *t) {
    LearnerProtocol *p = t->p;
    for (uint32_t i = 0; i < p->n_actors; i++) {
        ActorState *a = &p->actors[i];
        if (!a->used) continue;
        int64_t silent_ms = t->now_ms - a->heard_ms;
        if (silent_ms > SILENT_MS || (a->gone && silent_ms > GONE_MS)) {
            learner_report(t, "actor %s is silent for %.1f s; %u groups go elsewhere", a->name,
                           (double)silent_ms / 1000, a->n_groups);
            learner_drop_actor(t, a, true, "its actors died");
            continue;
        }
        if (!a->n_groups) a->progress_ms = t->now_ms;
        if (t->now_ms - a->progress_ms > STUCK_MS) {
            learner_report(t, "actor %s makes no progress; %u groups go elsewhere", a->name, a->n_groups);
            while (a->n_groups) {
                ActorGroup *g = &a->groups[a->n_groups - 1];
                learner_cancel(t, a, g->first_id, g->mask);
                learner_take_away(t, a, a->n_groups - 1, UINT64_MAX, g->started, "no progress");
            }
            a->progress_ms = t->now_ms;
        }
        if (t->now_ms - a->pinged_ms >= PING_MS) {
            a->pinged_ms = t->now_ms;
            p->out.ping = (Ping){.epoch = p->rules.epoch};
            if (p->n_history) p->out.ping.weights = p->history[p->n_history - 1];
            learner_send(t, a->peer, MESSAGE_PING);
        }
    }
    for (uint32_t i = 0; i < CHECKS_MAX && p->n_checks; i++)
        if (p->checks[i].used && t->now_ms - p->checks[i].since_ms > CHECK_MS)
            second_run_forget(p, &p->checks[i]);
}

/* Its connection is gone. It may be connecting again, so give it a moment. */
static void on_lost(LearnerTurn *t, uint64_t peer) {
    ActorState *a = actor_of_peer(t->p, peer);
    if (a) a->gone = true;
}

/* Running groups whose weights are now too old to train with. */
static void cancel_stale(LearnerTurn *t, ActorState *a) {
    LearnerProtocol *p = t->p;
    for (uint32_t g = a->n_groups; g-- > 0;) {
        ActorGroup group = a->groups[g];
        if (!group.started || group.check || group.version == NO_VERSION || (group.first_id & TICKET_EVAL))
            continue;
        if (!too_old(p, group.version)) continue;
        a->groups[g] = a->groups[--a->n_groups];
        learner_cancel(t, a, group.first_id, group.mask);
        for (int i = 0; i < 64; i++) {
            uint64_t id = group.first_id + (uint64_t)i;
            LedgerEntry *e = group.mask >> i & 1 ? ledger_find(&p->ledger, id) : NULL;
            if (e && e->state == TICKET_OUT) ledger_move(&p->ledger, id, e, TICKET_STALE);
        }
    }
}

static Status on_publish(LearnerTurn *t, const WeightsId *w) {
    LearnerProtocol *p = t->p;
    if (w->epoch != p->rules.epoch)
        return fail(BS_INVALID, "weights of epoch %" PRIu64 " published in epoch %" PRIu64, w->epoch,
                    p->rules.epoch);
    if (p->n_history && w->version < p->history[p->n_history - 1].version)
        return fail(BS_INVALID, "version %" PRIu64 " published after %" PRIu64, w->version,
                    p->history[p->n_history - 1].version);
    if (p->n_history && w->version == p->history[p->n_history - 1].version) p->n_history--;
    if (p->n_history == HISTORY_MAX) {
        memmove(p->history, p->history + 1, (HISTORY_MAX - 1) * sizeof *p->history);
        p->n_history--;
    }
    p->history[p->n_history++] = *w;
    for (uint32_t i = 0; i < p->n_actors; i++) {
        if (!p->actors[i].used) continue;
        p->out.weights = *w;
        learner_send(t, p->actors[i].peer, MESSAGE_WEIGHTS);
        if (p->rules.mode == RUN_ASYNC) cancel_stale(t, &p->actors[i]);
    }
    return BS_OK;
}

static Status on_verdict(LearnerTurn *t, uint64_t id, Verdict verdict) {
    LearnerProtocol *p = t->p;
    LedgerEntry *e = ledger_find(&p->ledger, id);
    if (!e || e->state != TICKET_CHECKING)
        return fail(BS_INVALID, "verdict on ticket %" PRIu64 ", which is not being checked", id);
    p->ledger.counters.in_check--;
    if (verdict == VERDICT_ACCEPT) {
        p->ledger.counters.accepted++;
        ledger_move(&p->ledger, id, e, TICKET_BUFFERED);
        return BS_OK;
    }
    p->ledger.counters.invalid++;
    SecondRun *c = second_run_of(p, id);
    if (c && !c->out) second_run_forget(p, c);
    ActorState *a = actor_of_incarnation(p, e->maker);
    uint64_t maker = e->maker;
    learner_put_back(t, id, e, a ? actor_index(p, a) : NOBODY, true, "its results failed the replay");
    learner_strike(t, maker);
    return BS_OK;
}

static Status on_trained(LearnerTurn *t, const uint64_t *ids, uint32_t n, bool old) {
    Status st = BS_OK;
    for (uint32_t i = 0; i < n; i++) {
        LedgerEntry *e = ledger_find(&t->p->ledger, ids[i]);
        if (!e || e->state != TICKET_BUFFERED)
            st = fail(BS_INVALID, "ticket %" PRIu64 " was trained and is not buffered: trained twice?",
                      ids[i]);
        else
            ledger_move(&t->p->ledger, ids[i], e, old ? TICKET_STALE : TICKET_TRAINED);
    }
    return st;
}

static Status on_evaluate(LearnerTurn *t, const Ticket *tickets, uint32_t n) {
    Status st = BS_OK;
    for (uint32_t i = 0; i < n && st == BS_OK; i++) {
        Ticket ticket = tickets[i];
        ticket.id |= TICKET_EVAL;
        ticket.epoch = t->p->rules.epoch;
        st = ledger_evaluate(&t->p->ledger, &ticket);
    }
    return st;
}

static void on_end(LearnerTurn *t) {
    LearnerProtocol *p = t->p;
    Ledger *l = &p->ledger;
    p->ended = true;
    for (uint32_t i = 0; i < p->n_actors; i++) {
        if (!p->actors[i].used) continue;
        p->out.epoch = p->rules.epoch;
        learner_send(t, p->actors[i].peer, MESSAGE_BYE);
        p->actors[i].used = false;
    }
    p->n_actors = 0;
    for (uint64_t id = l->watermark; id < l->next_id; id++) {
        LedgerEntry *e = ledger_find(l, id);
        if (e && (e->state == TICKET_BACK || e->state == TICKET_OUT)) ledger_move(l, id, e, TICKET_CANCELLED);
    }
    for (uint32_t i = l->n_evals; i-- > 0;) {
        if (i >= l->n_evals || !l->evals[i].used) continue;
        uint8_t state = l->evals[i].entry.state;
        if (state == TICKET_BACK || state == TICKET_OUT)
            ledger_move(l, l->evals[i].ticket.id, &l->evals[i].entry, TICKET_CANCELLED);
    }
}

Status learner_protocol_step(LearnerProtocol *p, const LearnerEvent *event, LearnerSink sink, void *context) {
    LearnerTurn t = {.p = p, .now_ms = event->now_ms, .sink = sink, .context = context};
    Status st = BS_OK;
    if (p->ended) return fail(BS_CLOSED, "the run is over");
    switch (event->type) {
    case LEARNER_RECEIVE:
        on_message(&t, event->peer, event->message);
        break;
    case LEARNER_LOST:
        on_lost(&t, event->peer);
        break;
    case LEARNER_TICK:
        on_tick(&t);
        break;
    case LEARNER_PUBLISH:
        st = on_publish(&t, event->weights);
        break;
    case LEARNER_VERDICT:
        st = on_verdict(&t, event->id, event->verdict);
        break;
    case LEARNER_TRAINED:
        st = on_trained(&t, event->ids, event->n, event->too_old);
        break;
    case LEARNER_EVALUATE:
        st = on_evaluate(&t, event->tickets, event->n);
        break;
    case LEARNER_END:
        on_end(&t);
        return BS_OK;
    }
    learner_issue(&t);
    return st;
}
