/* The ledger's ring, its one transition function, and its snapshot.
 *
 * Snapshot, little-endian: "BSLG", u32 version, u64 watermark, 12 counters u64, u32 n, n x (u32 offset above
 * the watermark, u8 state). Evaluations and everything not done are left out: they are issued again. */
#include "common/protocol/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LEDGER_VERSION = 1 };

Status ledger_init(Ledger *l, uint64_t capacity) {
    *l = (Ledger){.capacity = 64};
    while (l->capacity < capacity) l->capacity *= 2;
    l->ring = calloc(l->capacity, sizeof *l->ring);
    if (!l->ring) return fail(BS_NOMEM, "ledger: no memory for %" PRIu64 " tickets", l->capacity);
    return BS_OK;
}

void ledger_drop(Ledger *l) {
    free(l->ring);
    free(l->evals);
    *l = (Ledger){0};
}

static LedgerEval *eval_find(const Ledger *l, uint64_t id) {
    for (uint32_t i = 0; i < l->n_evals; i++)
        if (l->evals[i].used && l->evals[i].ticket.id == id) return &l->evals[i];
    return NULL;
}

LedgerEntry *ledger_find(Ledger *l, uint64_t id) {
    if (id & TICKET_EVAL) {
        LedgerEval *v = eval_find(l, id);
        return v ? &v->entry : NULL;
    }
    if (id < l->watermark || id - l->watermark >= l->capacity) return NULL;
    return &l->ring[id & (l->capacity - 1)];
}

const Ticket *ledger_eval_ticket(const Ledger *l, uint64_t id) {
    const LedgerEval *v = eval_find(l, id);
    return v ? &v->ticket : NULL;
}

static bool is_done(uint8_t state) { return state >= TICKET_TRAINED; }

/* The counter that a state stands in; NULL for NEW. */
static uint64_t *counter_of(TicketCounters *c, TicketState s, bool eval) {
    switch (s) {
    case TICKET_BACK:
    case TICKET_OUT:
    case TICKET_CHECKING:
        return &c->outstanding;
    case TICKET_BUFFERED:
        return &c->buffered;
    case TICKET_TRAINED:
        return eval ? &c->evaluated : &c->trained;
    case TICKET_STALE:
        return &c->stale;
    case TICKET_FAILED:
        return &c->failed;
    case TICKET_CANCELLED:
        return &c->cancelled;
    default:
        return NULL;
    }
}

void ledger_move(Ledger *l, uint64_t id, LedgerEntry *e, TicketState to) {
    bool eval = id & TICKET_EVAL;
    TicketState from = e->state;
    BS_ASSERT(!is_done(from) && to != TICKET_NEW);
    uint64_t *old = counter_of(&l->counters, from, eval), *now = counter_of(&l->counters, to, eval);
    if (old) {
        --*old;
    } else {
        l->counters.issued++;
        if (!eval) l->live++;
    }
    ++*now;
    if (eval) {
        l->evals_waiting -= from == TICKET_NEW || from == TICKET_BACK;
        l->evals_waiting += to == TICKET_BACK;
    } else {
        l->back -= from == TICKET_BACK;
        l->back += to == TICKET_BACK;
        l->live -= to == TICKET_STALE || to == TICKET_FAILED || to == TICKET_CANCELLED;
    }
    e->state = (uint8_t)to;
    if (to != TICKET_OUT) e->holder = NOBODY;
    if (!is_done(to)) return;
    if (eval) {
        eval_find(l, id)->used = false;
        while (l->n_evals && !l->evals[l->n_evals - 1].used) l->n_evals--;
        return;
    }
    while (l->watermark < l->next_id && is_done(l->ring[l->watermark & (l->capacity - 1)].state)) {
        l->ring[l->watermark & (l->capacity - 1)] = (LedgerEntry){0};
        l->watermark++;
    }
}

Status ledger_evaluate(Ledger *l, const Ticket *ticket) {
    if (eval_find(l, ticket->id)) return fail(BS_EXISTS, "evaluation %" PRIx64 " is out already", ticket->id);
    uint32_t at = l->n_evals;
    if (at == EVALS_MAX) return fail(BS_TOO_BIG, "more than %d evaluations at a time", EVALS_MAX);
    if ((at & (at - 1)) == 0 && (at == 0 || at >= 16)) { /* full at 0, 16, 32, 64, ... */
        uint32_t room = at == 0 ? 16 : at * 2;
        LedgerEval *grown = realloc(l->evals, room * sizeof *grown);
        if (!grown) return fail(BS_NOMEM, "ledger: no memory for %u evaluations", room);
        l->evals = grown;
    }
    l->evals[at] =
        (LedgerEval){.ticket = *ticket, .used = true, .entry = {.holder = NOBODY, .blamed = NOBODY}};
    l->n_evals = at + 1;
    l->evals_waiting++;
    return BS_OK;
}

void ledger_write(const Ledger *l, ByteWriter *w) {
    const TicketCounters *c = &l->counters;
    uint32_t n_done = 0;
    for (uint64_t id = l->watermark; id - l->watermark < l->capacity; id++)
        n_done += is_done(l->ring[id & (l->capacity - 1)].state);
    bytes_put(w, "BSLG", 4);
    bytes_u32(w, LEDGER_VERSION);
    bytes_u64(w, l->watermark);
    const uint64_t kept[12] = {c->trained,       c->evaluated, c->stale,       c->failed,
                               c->cancelled,     c->accepted,  c->duplicate,   c->invalid,
                               c->refused_stale, c->rollback,  c->actor_steps, c->actor_episodes};
    for (int i = 0; i < 12; i++) bytes_u64(w, kept[i]);
    bytes_u32(w, n_done);
    for (uint64_t id = l->watermark; id - l->watermark < l->capacity; id++) {
        uint8_t state = l->ring[id & (l->capacity - 1)].state;
        if (!is_done(state)) continue;
        bytes_u32(w, (uint32_t)(id - l->watermark));
        bytes_u8(w, state);
    }
}

Status ledger_read(Ledger *l, const void *bytes, size_t n_bytes) {
    ByteReader r = reader_of(bytes, n_bytes);
    const void *magic = read_raw(&r, 4);
    uint32_t version = read_u32(&r);
    if (r.bad || memcmp(magic, "BSLG", 4) != 0)
        return fail(BS_CORRUPT, "ledger: no ledger in %zu bytes", n_bytes);
    if (version != LEDGER_VERSION)
        return fail(BS_VERSION, "ledger: version %u, this build reads %d", version, LEDGER_VERSION);
    TicketCounters *c = &l->counters;
    l->watermark = read_u64(&r);
    uint64_t *kept[12] = {&c->trained,       &c->evaluated, &c->stale,       &c->failed,
                          &c->cancelled,     &c->accepted,  &c->duplicate,   &c->invalid,
                          &c->refused_stale, &c->rollback,  &c->actor_steps, &c->actor_episodes};
    for (int i = 0; i < 12; i++) *kept[i] = read_u64(&r);
    uint32_t n_done = read_count(&r, 1u << 24);
    for (uint32_t i = 0, last = 0; i < n_done && !r.bad; i++) {
        uint32_t offset = read_u32(&r);
        uint8_t state = read_u8(&r);
        if (r.bad || !is_done(state) || state >= TICKET_STATES || (i && offset <= last) ||
            offset >= l->capacity)
            return fail(BS_CORRUPT, "ledger: entry %u of %u is out of order or too far ahead", i, n_done);
        l->ring[(l->watermark + offset) & (l->capacity - 1)].state = state;
        last = offset;
    }
    if (r.bad || r.at != n_bytes)
        return fail(BS_CORRUPT, "ledger: %zu bytes do not hold %u entries", n_bytes, n_done);
    l->next_id = l->watermark;
    l->live = c->trained;
    c->issued = c->trained + c->evaluated + c->stale + c->failed + c->cancelled;
    c->received = c->accepted + c->duplicate + c->invalid + c->refused_stale + c->rollback;
    return BS_OK;
}
