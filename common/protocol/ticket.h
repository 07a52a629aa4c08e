#pragma once
/* Ticket: the unit of work, and its Result. Plain structs; what the wire carries is common/net's affair.
 *
 * A result is a function of (ticket, weights), not of the actor. Tickets come in groups with one Song
 * and one weights version; a group goes to one actor. */
#include "common/song/job.h"

enum {
    PROTOCOL_VERSION = 1,
    TICKET_GROUP = 8,
    TICKET_MAX_ATTEMPTS = 3,
    RESULT_MAX_STEPS = 8192,
};
#define TICKET_EVAL (1ull << 63) /* ids with this bit are evaluations; they never train */

typedef struct WeightsId {
    uint64_t epoch, version; /* newest compares (epoch, version) */
    Hash hash;               /* of the safetensors blob; zero: no weights yet */
} WeightsId;
int weights_compare(const WeightsId *a, const WeightsId *b); /* by epoch, then version */

typedef struct Ticket {
    uint64_t epoch, id;
    uint64_t seed;
    Hash song;
    Job job;
    uint8_t kind;           /* PolicyKind of common/policy */
    uint64_t min_version;   /* oldest version allowed; ignored when the kind needs no weights */
    uint64_t exact_version; /* lockstep: this version and no other; UINT64_MAX: the newest there is */
} Ticket;

typedef struct Result {
    uint64_t epoch, id;
    WeightsId weights;    /* acted with; zero for planners */
    uint64_t incarnation; /* of the actor */
    int32_t n_steps;
    uint8_t failed; /* 1: the actor could not run it; no steps, `reason` says why */
    char reason[128];
    uint8_t *actions; /* n_steps; owned by the Result */
    float *log_probs; /* n_steps; owned by the Result */
} Result;
void result_drop(Result *r);

/* What a ticket is, as a pure function of its id: the learner program supplies it, so that the ledger
 * holds ids only and any ticket can be made again. Called on the link thread. */
typedef void (*TicketMaker)(void *context, uint64_t id, Ticket *out);

typedef enum RunMode { RUN_ASYNC, RUN_LOCKSTEP } RunMode;

typedef enum Verdict {
    VERDICT_ACCEPT,  /* replay agrees: buffered until trained */
    VERDICT_INVALID, /* replay failed: the ticket goes back, the actor gets a strike */
} Verdict;

/* Both identities always close:
 * issued = trained + evaluated + buffered + outstanding + stale + failed + cancelled
 * received = accepted + duplicate + invalid + refused_stale + rollback (+ in_check: taken, no verdict yet) */
typedef struct TicketCounters {
    uint64_t issued, trained, evaluated, buffered, outstanding, stale, failed, cancelled;
    uint64_t received, accepted, duplicate, invalid, refused_stale, rollback, in_check;
    uint64_t reissued, actors, actor_steps, actor_episodes;
    uint64_t checked, mismatched; /* tickets run by two actors and compared; of those, bytes that differ */
    uint64_t turned_away;         /* actors refused after three invalid results */
} TicketCounters;
bool counters_close(const TicketCounters *c, char *why, size_t why_bytes);
