#pragma once
/* LearnerLink: the learner's end of the wire. One link thread owns the sockets and the protocol's state
 * machine and answers within 100 ms whatever the learner computes; these calls talk to it through queues.
 * All calls come from one compute thread, except learner_link_counters. */
#include "common/net/net.h"
#include "common/protocol/ticket.h"

typedef struct LearnerLink LearnerLink;

typedef struct LearnerLinkOptions {
    ListenOptions listen;
    const char *cache_folder; /* where published weights lie as blobs; chunks are served from it */
    uint64_t epoch;
    RunMode mode;
    uint32_t batch;        /* tickets in one update; a multiple of group */
    uint32_t group;        /* TICKET_GROUP */
    uint32_t max_lag;      /* async: issued while issued < (version + 1 + max_lag) * batch; lockstep: L */
    uint64_t last_update;  /* no ticket of this update or later is issued; UINT64_MAX: no end */
    uint32_t check_one_in; /* one ticket in so many is run by two actors and compared; 0: never */
    TicketMaker make;
    void *make_context;
    bool (*needs_weights)(uint8_t kind);
    const char *welcome;               /* text every actor gets: model spec name and whatever else it needs */
    uint32_t env_version;              /* actors with another one are refused; 0: not compared */
    const char *featurizer_rendezvous; /* told to actors, which fetch Songs there */
} LearnerLinkOptions;

/* ledger: bytes of learner_link_snapshot from a checkpoint, or NULL for a new run. */
Status learner_link_open(LearnerLink **out, Net *net, const LearnerLinkOptions *o, const void *ledger,
                         size_t ledger_bytes);
void learner_link_close(LearnerLink *link); /* BYE to every actor */

/* New weights: told to every actor at once. version = updates made. The blob is in the cache. */
Status learner_link_publish(LearnerLink *link, const WeightsId *weights);

/* The next result that the protocol lets through, for checking by replay. BS_TIMEOUT, BS_CLOSED.
 * In lockstep they come in any order; the learner sorts by id. Caller drops the Result. */
typedef struct Delivery {
    Ticket ticket;
    Result result;
} Delivery;
Status learner_link_take(LearnerLink *link, Delivery *out, int timeout_ms);
/* Owed once for every Delivery whose result did not fail. A Delivery with result.failed says that the ticket
 * will never have a result (counted as failed already): set its Song aside, expect one result less. */
Status learner_link_verdict(LearnerLink *link, uint64_t id, Verdict verdict);
/* The update that used these buffered tickets is done. `too_old`: dropped as stale instead. */
Status learner_link_trained(LearnerLink *link, const uint64_t *ids, uint32_t n, bool too_old);

/* Evaluations: tickets with TICKET_EVAL set, run beside the training ones. Delivered like the others;
 * learner_link_trained with their ids counts them as evaluated. */
Status learner_link_evaluate(LearnerLink *link, const Ticket *tickets, uint32_t n);

/* The ledger as of now, for a checkpoint: which tickets are trained; everything else is issued again. */
Status learner_link_snapshot(LearnerLink *link, ByteWriter *out);
void learner_link_counters(LearnerLink *link, TicketCounters *out);
