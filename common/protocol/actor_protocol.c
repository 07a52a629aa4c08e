/* The actor's events. Everything held is of one epoch: a WELCOME of a newer one empties the tables. */
#include "common/protocol/actor_protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Turn {
    ActorProtocol *p;
    int64_t now_ms;
    ActorSink sink;
    void *context;
} Turn;

Status actor_protocol_init(ActorProtocol *p, const ActorRules *rules, int64_t now_ms) {
    memset(p, 0, sizeof *p);
    p->rules = *rules;
    if (p->rules.slots < 1) p->rules.slots = 1;
    if (p->rules.slots > SLOTS_MAX) p->rules.slots = SLOTS_MAX;
    p->groups = calloc(HELD_MAX, sizeof *p->groups);
    p->results = calloc(RESULTS_MAX, sizeof *p->results);
    p->served_ms = now_ms;
    if (p->groups && p->results) return BS_OK;
    actor_protocol_drop(p);
    return fail(BS_NOMEM, "actor protocol: no memory");
}

void actor_protocol_drop(ActorProtocol *p) {
    for (int i = 0; p->results && i < RESULTS_MAX; i++)
        if (p->results[i].used) result_drop(&p->results[i].result);
    free(p->groups);
    free(p->results);
    p->groups = NULL;
    p->results = NULL;
}

static void act(Turn *t, const ActorAction *action) { t->sink(t->context, action); }

static void send(Turn *t, MessageType type) {
    t->p->out.type = type;
    act(t, &(ActorAction){.type = ACTOR_SEND, .message = &t->p->out});
}

/* ---- weights ---- */

static KnownWeights *known_version(ActorProtocol *p, uint64_t version) {
    for (uint32_t i = 0; i < p->n_known; i++)
        if (p->known[i].id.version == version) return &p->known[i];
    return NULL;
}

static void learn(ActorProtocol *p, const WeightsId *w) {
    if (w->epoch != p->epoch) return;
    KnownWeights *k = known_version(p, w->version);
    if (k) {
        if (!hash_equal(&k->id.hash, &w->hash))
            *k = (KnownWeights){.id = *w, .fetched = hash_is_zero(&w->hash)};
        return;
    }
    if (p->n_known == WEIGHTS_KNOWN) {
        if (w->version < p->known[0].id.version) return;
        memmove(p->known, p->known + 1, (WEIGHTS_KNOWN - 1) * sizeof *p->known);
        p->n_known--;
    }
    uint32_t at = p->n_known++;
    for (; at > 0 && p->known[at - 1].id.version > w->version; at--) p->known[at] = p->known[at - 1];
    p->known[at] = (KnownWeights){.id = *w, .fetched = hash_is_zero(&w->hash)};
}

static const WeightsId *newest_fetched(const ActorProtocol *p) {
    for (uint32_t i = p->n_known; i-- > 0;)
        if (p->known[i].fetched) return &p->known[i].id;
    return NULL;
}

/* First what a waiting group names exactly, then the newest; nothing between. */
static void fetch(Turn *t) {
    ActorProtocol *p = t->p;
    if (p->fetching || !p->n_known || p->phase != ACTOR_SERVING || t->now_ms < p->refetch_ms) return;
    KnownWeights *want = NULL;
    uint64_t order = UINT64_MAX;
    for (int i = 0; i < HELD_MAX; i++) {
        HeldGroup *g = &p->groups[i];
        if (!g->used || g->started || !g->needs_weights || g->order > order) continue;
        KnownWeights *k = known_version(p, g->tickets[0].exact_version);
        if (!k || k->fetched) continue;
        want = k;
        order = g->order;
    }
    if (!want && !p->known[p->n_known - 1].fetched) want = &p->known[p->n_known - 1];
    if (!want) return;
    p->fetching = true;
    WeightsId id = want->id;
    act(t, &(ActorAction){.type = ACTOR_FETCH, .weights = &id});
}

/* ---- work ---- */

static bool weights_for(ActorProtocol *p, const HeldGroup *g, WeightsId *out) {
    *out = (WeightsId){0};
    if (!g->needs_weights) return true;
    uint64_t exact = g->tickets[0].exact_version;
    if (exact != UINT64_MAX) {
        const KnownWeights *k = known_version(p, exact);
        if (!k || !k->fetched) return false;
        *out = k->id;
        return true;
    }
    const WeightsId *w = newest_fetched(p);
    uint64_t oldest = 0;
    for (uint32_t i = 0; i < g->n; i++)
        if (g->tickets[i].min_version > oldest) oldest = g->tickets[i].min_version;
    if (!w || w->version < oldest) return false;
    *out = *w;
    return true;
}

static void offer(Turn *t) {
    ActorProtocol *p = t->p;
    if (!p->wants || p->running) return;
    HeldGroup *best = NULL;
    WeightsId weights;
    for (int i = 0; i < HELD_MAX; i++) {
        HeldGroup *g = &p->groups[i];
        if (!g->used || g->started || (best && g->order > best->order) || !weights_for(p, g, &weights))
            continue;
        best = g;
    }
    if (!best) return;
    weights_for(p, best, &best->weights);
    best->started = true;
    p->running = best;
    p->wants = false;
    ActorWork work = {.weights = best->weights};
    for (uint32_t i = 0; i < best->n; i++)
        if (best->mask >> (best->tickets[i].id - best->first_id) & 1)
            work.tickets[work.n++] = best->tickets[i];
    act(t, &(ActorAction){.type = ACTOR_OFFER, .work = &work});
}

static void group_free(ActorProtocol *p, HeldGroup *g) {
    if (p->running == g) p->running = NULL;
    g->used = false;
}

static KeptResult *kept(ActorProtocol *p, uint64_t epoch, uint64_t id) {
    for (int i = 0; i < RESULTS_MAX; i++)
        if (p->results[i].used && p->results[i].result.id == id && p->results[i].result.epoch == epoch)
            return &p->results[i];
    return NULL;
}

static void forget_result(KeptResult *k) {
    result_drop(&k->result);
    k->used = false;
}

/* Tickets that nobody wants from us any more, done or not. */
static void let_go(Turn *t, HeldGroup *g, uint64_t mask) {
    ActorProtocol *p = t->p;
    mask &= g->mask;
    for (int i = 0; i < 64; i++) {
        if (!((mask & g->done) >> i & 1)) continue;
        KeptResult *k = kept(p, p->epoch, g->first_id + (uint64_t)i);
        if (k) forget_result(k);
    }
    g->mask &= ~mask;
    g->done &= ~mask;
    if (p->running == g && !(g->mask & ~g->done)) {
        p->running = NULL;
        act(t, &(ActorAction){.type = ACTOR_ABANDON});
    }
    if (!g->mask) group_free(p, g);
}

static HeldGroup *group_with(ActorProtocol *p, uint64_t id) {
    for (int i = 0; i < HELD_MAX; i++) {
        HeldGroup *g = &p->groups[i];
        if (g->used && id >= g->first_id && id - g->first_id < 64 && (g->mask >> (id - g->first_id) & 1))
            return g;
    }
    return NULL;
}

static void send_result(Turn *t, KeptResult *k) {
    k->sent_ms = t->now_ms;
    k->tries++;
    t->p->out.result = k->result; /* the arrays stay with `k` */
    send(t, MESSAGE_RESULT);
}

/* ---- messages ---- */

static uint32_t list_held(const ActorProtocol *p, Held *out) {
    uint32_t n = 0;
    for (int i = 0; i < HELD_MAX; i++) {
        const HeldGroup *g = &p->groups[i];
        if (!g->used) continue;
        out[n++] = (Held){.group = {p->epoch, g->first_id, g->mask},
                          .done = g->done,
                          .version = g->started && g->needs_weights ? g->weights.version : UINT64_MAX,
                          .n_steps = g->n_steps,
                          .started = g->started};
    }
    return n;
}

static void say_hello(Turn *t) {
    ActorProtocol *p = t->p;
    Hello *h = &p->out.hello;
    memset(h, 0, sizeof *h);
    h->protocol = PROTOCOL_VERSION;
    h->env_version = p->rules.env_version;
    memcpy(h->name, p->rules.name, sizeof h->name);
    h->place = p->rules.place;
    h->incarnation = p->rules.incarnation;
    h->epoch = p->epoch;
    h->slots = p->rules.slots;
    const WeightsId *w = newest_fetched(p);
    if (w) h->weights = *w;
    h->n_held = list_held(p, h->held);
    p->hello_ms = t->now_ms;
    p->hellos++;
    send(t, MESSAGE_HELLO);
}

static void reconnect(Turn *t) {
    t->p->phase = ACTOR_APART;
    act(t, &(ActorAction){.type = ACTOR_RECONNECT});
}

static void close_with(Turn *t, const char *text) {
    t->p->phase = ACTOR_OVER;
    act(t, &(ActorAction){.type = ACTOR_CLOSED, .text = text});
}

static void on_welcome(Turn *t, const Message *m) {
    ActorProtocol *p = t->p;
    const Welcome *w = &m->welcome;
    if (p->phase != ACTOR_GREETING) return;
    if (w->epoch < p->epoch) { /* a learner that should be gone */
        p->old_epoch_dropped++;
        reconnect(t);
        return;
    }
    if (w->refused[0]) {
        char text[REFUSAL_BYTES + 32];
        snprintf(text, sizeof text, "refused by the learner: %s", w->refused);
        close_with(t, text);
        return;
    }
    bool newer = w->epoch > p->epoch;
    for (int i = 0; i < HELD_MAX; i++) {
        HeldGroup *g = &p->groups[i];
        if (!g->used) continue;
        uint64_t go_on = 0;
        for (uint32_t j = 0; j < w->n_go_on && !newer; j++)
            if (w->go_on[j].first_id == g->first_id) go_on |= w->go_on[j].mask;
        let_go(t, g, ~go_on);
    }
    if (newer) {
        p->epoch = w->epoch;
        p->n_known = 0;
    }
    for (uint32_t i = 0; i < w->n_weights; i++) learn(p, &w->weights[i]);
    p->phase = ACTOR_SERVING;
    p->pinged_ms = t->now_ms;
    act(t, &(ActorAction){.type = ACTOR_WELCOMED, .message = m});
    for (int i = 0; i < RESULTS_MAX; i++)
        if (p->results[i].used) send_result(t, &p->results[i]);
}

static void on_tickets(Turn *t, const Tickets *m) {
    ActorProtocol *p = t->p;
    if (m->epoch != p->epoch) return;
    learn(p, &m->weights);
    HeldGroup *g = NULL;
    for (int i = 0; i < HELD_MAX && !g; i++)
        if (!p->groups[i].used) g = &p->groups[i];
    if (!g) return; /* the learner sees in our PING that we do not hold it */
    memset(g, 0, sizeof *g);
    for (uint32_t i = 0; i < m->n; i++)
        if (!group_with(p, m->tickets[i].id)) g->tickets[g->n++] = m->tickets[i];
    if (!g->n) return;
    g->used = true;
    g->needs_weights = m->needs_weights;
    g->first_id = g->tickets[0].id;
    g->order = p->arrivals++;
    for (uint32_t i = 0; i < g->n; i++) g->mask |= 1ull << (g->tickets[i].id - g->first_id);
}

static void on_ack(Turn *t, const GroupRef *ack) {
    ActorProtocol *p = t->p;
    for (int i = 0; i < 64; i++) {
        if (!(ack->mask >> i & 1)) continue;
        uint64_t id = ack->first_id + (uint64_t)i;
        KeptResult *k = kept(p, ack->epoch, id);
        if (!k) continue;
        forget_result(k);
        HeldGroup *g = ack->epoch == p->epoch ? group_with(p, id) : NULL;
        if (!g) continue;
        uint64_t bit = 1ull << (id - g->first_id);
        g->mask &= ~bit;
        g->done &= ~bit;
        if (!g->mask) group_free(p, g);
    }
}

static void on_cancel(Turn *t, const GroupRef *c) {
    ActorProtocol *p = t->p;
    if (c->epoch != p->epoch) return;
    for (int i = 0; i < 64; i++) {
        HeldGroup *g = c->mask >> i & 1 ? group_with(p, c->first_id + (uint64_t)i) : NULL;
        if (g) let_go(t, g, 1ull << (c->first_id + (uint64_t)i - g->first_id));
    }
}

static uint64_t epoch_of(const Message *m) {
    switch (m->type) {
    case MESSAGE_WELCOME:
        return m->welcome.epoch;
    case MESSAGE_TICKETS:
        return m->tickets.epoch;
    case MESSAGE_PING:
        return m->ping.epoch;
    case MESSAGE_WEIGHTS:
        return m->weights.epoch;
    case MESSAGE_BYE:
    case MESSAGE_WHO:
        return m->epoch;
    case MESSAGE_CANCEL:
        return m->cancel.epoch;
    default:
        return UINT64_MAX; /* an ACK names the epoch of the result */
    }
}

static void on_message(Turn *t, const Message *m) {
    ActorProtocol *p = t->p;
    if (epoch_of(m) < p->epoch && m->type != MESSAGE_WELCOME) {
        p->old_epoch_dropped++;
        return;
    }
    p->heard_ms = t->now_ms;
    if (m->type == MESSAGE_WELCOME) on_welcome(t, m);
    if (m->type == MESSAGE_BYE) close_with(t, "the learner ended the run");
    if (m->type == MESSAGE_WHO && p->phase == ACTOR_SERVING) {
        p->phase = ACTOR_GREETING;
        p->hellos = 0;
        say_hello(t);
    }
    if (p->phase != ACTOR_SERVING) return;
    p->served_ms = t->now_ms;
    if (m->type == MESSAGE_TICKETS) on_tickets(t, &m->tickets);
    if (m->type == MESSAGE_ACK) on_ack(t, &m->ack);
    if (m->type == MESSAGE_CANCEL) on_cancel(t, &m->cancel);
    if (m->type == MESSAGE_WEIGHTS) learn(p, &m->weights);
    if (m->type == MESSAGE_PING) learn(p, &m->ping.weights);
}

/* ---- the rest ---- */

static void on_tick(Turn *t) {
    ActorProtocol *p = t->p;
    if (p->rules.give_up_ms >= 0 && t->now_ms - p->served_ms > p->rules.give_up_ms) {
        close_with(t, "no learner for too long");
        return;
    }
    if (p->phase == ACTOR_GREETING && t->now_ms - p->hello_ms >= HELLO_MS) {
        if (p->hellos >= HELLO_TRIES)
            reconnect(t);
        else
            say_hello(t);
        return;
    }
    if (p->phase != ACTOR_SERVING) return;
    if (t->now_ms - p->heard_ms > ACTOR_SILENT_MS) {
        reconnect(t);
        return;
    }
    for (int i = 0; i < RESULTS_MAX; i++) {
        KeptResult *k = &p->results[i];
        uint32_t tries = k->tries < 4 ? k->tries : 4;
        if (k->used && t->now_ms - k->sent_ms >= (int64_t)RESEND_MS * tries) send_result(t, k);
    }
    if (t->now_ms - p->pinged_ms >= ACTOR_PING_MS) {
        p->pinged_ms = t->now_ms;
        Ping *ping = &p->out.ping;
        memset(ping, 0, sizeof *ping);
        ping->epoch = p->epoch;
        ping->steps = p->steps;
        ping->episodes = p->episodes;
        const WeightsId *w = newest_fetched(p);
        if (w) ping->weights = *w;
        ping->n_held = list_held(p, ping->held);
        send(t, MESSAGE_PING);
    }
}

static void on_finished(Turn *t, Result *r) {
    ActorProtocol *p = t->p;
    HeldGroup *g = r->epoch == p->epoch ? group_with(p, r->id) : NULL;
    uint64_t bit = g ? 1ull << (r->id - g->first_id) : 0;
    KeptResult *k = NULL;
    for (int i = 0; i < RESULTS_MAX && !k; i++)
        if (!p->results[i].used) k = &p->results[i];
    if (!g || (g->done & bit) || !k) { /* cancelled meanwhile, or of an epoch that is gone */
        result_drop(r);
        return;
    }
    r->incarnation = p->rules.incarnation;
    p->steps += (uint64_t)r->n_steps;
    p->episodes++;
    *k = (KeptResult){.used = true, .result = *r};
    r->actions = NULL;
    r->log_probs = NULL;
    g->done |= bit;
    if (p->running == g && g->done == g->mask) p->running = NULL;
    if (p->phase == ACTOR_SERVING) send_result(t, k);
}

/* The compute thread has left its group behind: what has no result yet was given up. */
static void on_want(Turn *t) {
    ActorProtocol *p = t->p;
    HeldGroup *g = p->running;
    p->wants = true;
    if (!g) return;
    p->running = NULL;
    let_go(t, g, ~g->done);
}

static void on_fetched(Turn *t, const WeightsId *w, bool ok) {
    ActorProtocol *p = t->p;
    p->fetching = false;
    if (!ok) {
        p->refetch_ms = t->now_ms + REFETCH_MS;
        return;
    }
    KnownWeights *k = w->epoch == p->epoch ? known_version(p, w->version) : NULL;
    if (k && hash_equal(&k->id.hash, &w->hash)) k->fetched = true;
}

void actor_protocol_step(ActorProtocol *p, const ActorEvent *event, ActorSink sink, void *context) {
    Turn t = {.p = p, .now_ms = event->now_ms, .sink = sink, .context = context};
    if (p->phase == ACTOR_OVER) {
        if (event->type == ACTOR_FINISHED) result_drop(event->result);
        return;
    }
    switch (event->type) {
    case ACTOR_CONNECTED:
        p->phase = ACTOR_GREETING;
        p->heard_ms = t.now_ms;
        p->hellos = 0;
        say_hello(&t);
        break;
    case ACTOR_RECEIVE:
        on_message(&t, event->message);
        break;
    case ACTOR_TICK:
        on_tick(&t);
        break;
    case ACTOR_WANT:
        on_want(&t);
        break;
    case ACTOR_STEPS:
        if (p->running) p->running->n_steps = event->n_steps;
        break;
    case ACTOR_FINISHED:
        on_finished(&t, event->result);
        break;
    case ACTOR_FETCHED:
        on_fetched(&t, &event->weights, event->ok);
        break;
    case ACTOR_END:
        if (p->phase == ACTOR_SERVING) {
            p->out.epoch = p->epoch;
            send(&t, MESSAGE_BYE);
        }
        p->phase = ACTOR_OVER;
        return;
    }
    if (p->phase == ACTOR_OVER) return;
    fetch(&t);
    offer(&t);
}
