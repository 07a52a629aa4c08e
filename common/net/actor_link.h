#pragma once
/* ActorLink: the actor's end of the wire. A link thread keeps HELLO, PING, reconnects (with a fresh look at
 * the rendezvous) and resends results until they are acknowledged; the compute thread only runs groups. */
#include "common/net/net.h"
#include "common/protocol/actor_protocol.h"

typedef struct ActorLink ActorLink;

typedef struct ActorLinkOptions {
    ReachOptions reach;
    const char *name;         /* for logs; identity on the wire is random */
    const char *cache_folder; /* the host's blob cache */
    uint32_t slots;           /* groups wanted at a time (one runs, the rest wait): 2 */
    int64_t give_up_ms;       /* no learner for so long: BS_CLOSED; < 0: never */
    uint32_t env_version;     /* compared with the learner's; 0: not compared */
} ActorLinkOptions;

Status actor_link_open(ActorLink **out, Net *net, const ActorLinkOptions *o);
void actor_link_close(ActorLink *link); /* BYE */

/* The next group to run (ActorWork: common/protocol/actor_protocol.h). Calling it says that the last one is
 * finished or given up. BS_TIMEOUT; BS_CLOSED when the learner ended the run or give_up_ms passed. */
Status actor_link_next(ActorLink *link, ActorWork *out, int timeout_ms);
/* The welcome text of the learner now connected; valid until the next actor_link_next. */
const char *actor_link_welcome(ActorLink *link);
/* Steps made in the group so far. False: every ticket of it was cancelled, give it up. */
bool actor_link_progress(ActorLink *link, uint64_t first_ticket_id, int64_t n_steps);
/* Takes the Result's arrays. Kept and resent until acknowledged, cancelled or rolled back. */
Status actor_link_result(ActorLink *link, Result *result);
/* Puts the blob into the host cache if it is not there (Songs from the featurizer, weights from the
 * learner; one process of the host pulls, the others wait) and maps it. Called on the compute thread. */
Status actor_link_blob(ActorLink *link, const Hash *hash, FileMap *map, int timeout_ms);
