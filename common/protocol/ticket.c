/* Tickets: order of weights, ownership of results, and the two identities. */
#include "common/protocol/ticket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int weights_compare(const WeightsId *a, const WeightsId *b) {
    if (a->epoch != b->epoch) return a->epoch < b->epoch ? -1 : 1;
    if (a->version != b->version) return a->version < b->version ? -1 : 1;
    return 0;
}

void result_drop(Result *r) {
    free(r->actions);
    free(r->log_probs);
    r->actions = NULL;
    r->log_probs = NULL;
}

bool counters_close(const TicketCounters *c, char *why, size_t why_bytes) {
    uint64_t tickets =
        c->trained + c->evaluated + c->buffered + c->outstanding + c->stale + c->failed + c->cancelled;
    uint64_t results = c->accepted + c->duplicate + c->invalid + c->refused_stale + c->rollback + c->in_check;
    if (why_bytes) why[0] = 0;
    if (c->issued != tickets) {
        snprintf(why, why_bytes,
                 "issued %" PRIu64 " != trained %" PRIu64 " + evaluated %" PRIu64 " + buffered %" PRIu64
                 " + outstanding %" PRIu64 " + stale %" PRIu64 " + failed %" PRIu64 " + cancelled %" PRIu64,
                 c->issued, c->trained, c->evaluated, c->buffered, c->outstanding, c->stale, c->failed,
                 c->cancelled);
        return false;
    }
    if (c->received != results) {
        snprintf(why, why_bytes,
                 "received %" PRIu64 " != accepted %" PRIu64 " + duplicate %" PRIu64 " + invalid %" PRIu64
                 " + refused_stale %" PRIu64 " + rollback %" PRIu64 " + in_check %" PRIu64,
                 c->received, c->accepted, c->duplicate, c->invalid, c->refused_stale, c->rollback,
                 c->in_check);
        return false;
    }
    return true;
}
