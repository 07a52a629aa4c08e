#pragma once
/* Ledger: where every ticket is. It is the first identity of ticket.h made flesh: a ticket changes state in
 * one function, ledger_move, which keeps the counters.
 *
 *     NEW -> OUT <-> BACK          OUT, BACK -> CHECKING -> BUFFERED -> TRAINED
 *     CHECKING -> BACK (invalid)   OUT, BACK, CHECKING, BUFFERED -> STALE, FAILED, CANCELLED
 *
 * Training tickets live in a ring over ids [watermark, watermark + capacity): all ids below the watermark
 * are done. So memory is bounded whatever happens, and a snapshot is the watermark and the few done ids
 * above it. Evaluations have arbitrary ids and lie in a small table with their tickets. */
#include "common/protocol/message.h"

typedef enum TicketState {
    TICKET_NEW,      /* not issued in this life of the learner */
    TICKET_BACK,     /* issued, and now waits for another actor */
    TICKET_OUT,      /* an actor has it */
    TICKET_CHECKING, /* its result is being replayed */
    TICKET_BUFFERED, /* accepted, not yet used */
    TICKET_TRAINED,  /* used; of an evaluation: reported */
    TICKET_STALE,
    TICKET_FAILED,
    TICKET_CANCELLED,
    TICKET_STATES
} TicketState;

enum { NOBODY = 0xffff, EVALS_MAX = 16384 };

typedef struct LedgerEntry {
    uint8_t state;    /* TicketState */
    uint8_t attempts; /* that went wrong */
    uint8_t needs_weights;
    uint16_t holder; /* index of the actor that has it, or NOBODY */
    uint16_t blamed; /* actor whose attempt went wrong last, or NOBODY */
    uint64_t maker;  /* CHECKING: incarnation the result came from */
} LedgerEntry;

typedef struct LedgerEval {
    Ticket ticket;
    LedgerEntry entry;
    bool used;
} LedgerEval;

typedef struct Ledger {
    LedgerEntry *ring;                     /* [capacity], power of two */
    uint64_t capacity, watermark, next_id; /* every id below next_id has been issued or is done */
    LedgerEval *evals;                     /* [n_evals], grown up to EVALS_MAX */
    uint32_t n_evals, evals_waiting;       /* evals_waiting: NEW or BACK */
    uint64_t back;                         /* training tickets in BACK */
    uint64_t live; /* training tickets issued and not dropped: what the issue bound counts */
    TicketCounters counters;
} Ledger;

Status ledger_init(Ledger *l, uint64_t capacity);
void ledger_drop(Ledger *l);

/* NULL: done and forgotten (below the watermark, or an evaluation that is over), or out of range. */
LedgerEntry *ledger_find(Ledger *l, uint64_t id);
void ledger_move(Ledger *l, uint64_t id, LedgerEntry *e, TicketState to);

/* Room for an evaluation; BS_TOO_BIG, BS_EXISTS. */
Status ledger_evaluate(Ledger *l, const Ticket *ticket);
/* The evaluation's own ticket; NULL when it is unknown. */
const Ticket *ledger_eval_ticket(const Ledger *l, uint64_t id);

void ledger_write(const Ledger *l, ByteWriter *w);
Status ledger_read(Ledger *l, const void *bytes, size_t n_bytes); /* into a fresh ledger */
