#pragma once
/* ActorProtocol: the actor's side of the wire as a pure state machine.
 *
 * One event in, actions out through a sink, in order. It keeps the tickets that wait, the one group that
 * runs, results until they are acknowledged, and the newest weights; it never follows an older epoch.
 * Not connected -> (CONNECTED) says HELLO -> (WELCOME) serves. A group starts with the newest weights that
 * were fetched, and keeps them. */
#include "common/protocol/message.h"

enum {
    RESULTS_MAX = HELD_MAX * TICKET_GROUP,
    WEIGHTS_KNOWN = 8,
    ACTOR_PING_MS = 1000,
    ACTOR_SILENT_MS = 5000, /* of the learner */
    HELLO_MS = 1000,
    HELLO_TRIES = 3,
    RESEND_MS = 1500,
    REFETCH_MS = 300,
};

/* A group to run: n tickets of one Song and kind, and the weights to act with: the newest the actor holds
 * that the tickets allow (fetched and verified already, in the cache under weights.hash), or zero. */
typedef struct ActorWork {
    uint32_t n;
    Ticket tickets[TICKET_GROUP];
    WeightsId weights;
} ActorWork;

typedef struct ActorRules {
    char name[ACTOR_NAME_BYTES];
    uint64_t place, incarnation;
    uint32_t slots, env_version;
    int64_t give_up_ms; /* < 0: never */
} ActorRules;

typedef struct HeldGroup {
    bool used, started, needs_weights;
    uint64_t first_id;
    uint64_t mask; /* tickets not yet acknowledged or cancelled */
    uint64_t done; /* of those: the result is made */
    uint32_t n, n_steps;
    uint64_t order; /* of arrival */
    Ticket tickets[TICKET_GROUP];
    WeightsId weights; /* acting with */
} HeldGroup;

typedef struct KeptResult {
    bool used;
    uint32_t tries;
    int64_t sent_ms;
    Result result;
} KeptResult;

typedef struct KnownWeights {
    WeightsId id;
    bool fetched;
} KnownWeights;

typedef enum ActorPhase { ACTOR_APART, ACTOR_GREETING, ACTOR_SERVING, ACTOR_OVER } ActorPhase;

typedef struct ActorProtocol {
    ActorRules rules;
    ActorPhase phase;
    uint64_t epoch; /* of the newest learner met; 0: none */
    int64_t heard_ms, hello_ms, pinged_ms, served_ms, refetch_ms;
    uint32_t hellos;
    bool wants, fetching;
    HeldGroup *running; /* into groups, or NULL */
    HeldGroup *groups;  /* [HELD_MAX], of this epoch */
    uint64_t arrivals;
    KeptResult *results;               /* [RESULTS_MAX] */
    KnownWeights known[WEIGHTS_KNOWN]; /* of this epoch, ascending */
    uint32_t n_known;
    uint64_t steps, episodes, old_epoch_dropped;
    Message out;
} ActorProtocol;

typedef enum ActorEventType {
    ACTOR_CONNECTED, /* a fresh socket */
    ACTOR_RECEIVE,   /* message */
    ACTOR_TICK,
    ACTOR_WANT,     /* the compute thread is idle: what it ran before is finished or given up */
    ACTOR_STEPS,    /* n_steps of the running group so far */
    ACTOR_FINISHED, /* result; its arrays are taken */
    ACTOR_FETCHED,  /* weights, ok */
    ACTOR_END
} ActorEventType;

typedef struct ActorEvent {
    ActorEventType type;
    int64_t now_ms;
    const Message *message;
    Result *result;
    WeightsId weights;
    bool ok;
    uint32_t n_steps;
} ActorEvent;

typedef enum ActorActionType {
    ACTOR_SEND,      /* message; the arrays of a RESULT stay here */
    ACTOR_OFFER,     /* work for the compute thread */
    ACTOR_FETCH,     /* weights into the cache; owes a FETCHED */
    ACTOR_ABANDON,   /* give up the running group */
    ACTOR_WELCOMED,  /* message is the WELCOME */
    ACTOR_RECONNECT, /* a new socket to where the rendezvous says now, then CONNECTED */
    ACTOR_CLOSED     /* text says why; nothing more will come */
} ActorActionType;

typedef struct ActorAction {
    ActorActionType type;
    const Message *message;
    const ActorWork *work;
    const WeightsId *weights;
    const char *text;
} ActorAction;
typedef void (*ActorSink)(void *context, const ActorAction *action);

Status actor_protocol_init(ActorProtocol *p, const ActorRules *rules, int64_t now_ms);
void actor_protocol_drop(ActorProtocol *p);
void actor_protocol_step(ActorProtocol *p, const ActorEvent *event, ActorSink sink, void *context);
