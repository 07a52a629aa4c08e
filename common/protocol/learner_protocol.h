#pragma once
/* LearnerProtocol: the learner's side of the wire as a pure state machine.
 *
 * learner_protocol_step takes one event (a message, the clock, a call of the learner) and gives actions to
 * a sink, in order. No clock, no sockets, no threads; memory is allocated at the start only (and for
 * evaluations, up to a maximum). After every event both identities of ticket.h close.
 *
 * Who gets what: a group goes to the actor with the fewest groups; first what came back, then evaluations,
 * then second runs for comparison, then new groups as far as the mode's bound allows:
 *   async:    issued and not dropped < min(version + 1 + max_lag, last_update) * batch
 *   lockstep: update u = id / batch < last_update, and version max(0, u - max_lag) is published */
#include "common/protocol/ledger.h"

enum {
    ACTORS_MAX = 1024,
    HISTORY_MAX = 64, /* published versions a result may name */
    CHECKS_MAX = 64,
    BANNED_MAX = 256,
    STRIKES_MAX = 3,
    PING_MS = 1000,
    SILENT_MS = 5 * PING_MS,
    STUCK_MS = 60000, /* no progress for so long */
    UNHELD_MS = 2500, /* a group that a PING so late does not name never arrived */
    GONE_MS = 1500, /* silence of an actor whose connection is gone, or its place taken by another process */
    CHECK_MS = 120000, /* a second run that nobody did for so long is given up */
};

typedef struct LearnerRules {
    uint64_t epoch;
    RunMode mode;
    uint32_t batch, group, max_lag;
    uint64_t last_update;
    uint32_t check_one_in, max_attempts; /* max_attempts: TICKET_MAX_ATTEMPTS */
    uint32_t env_version;
    TicketMaker make;
    void *make_context;
    bool (*needs_weights)(uint8_t kind);
} LearnerRules;

typedef struct ActorGroup {
    uint64_t first_id, mask, version;
    int64_t issued_ms;
    uint32_t n_steps;
    uint8_t started, check;
} ActorGroup;

typedef struct ActorState {
    bool used;
    uint64_t peer, incarnation, place;
    char name[ACTOR_NAME_BYTES];
    uint32_t slots, n_groups, strikes;
    ActorGroup groups[SLOTS_MAX];
    int64_t heard_ms, progress_ms, pinged_ms;
    bool gone; /* its connection is, or another process took its place */
    uint64_t steps, episodes;
    WeightsId weights; /* newest it can act with */
} ActorState;

/* A ticket to be run a second time, by another actor, with the same weights. */
typedef struct SecondRun {
    bool used, out;
    uint64_t id, version, digest, maker;
    int64_t since_ms;
} SecondRun;

typedef struct LearnerProtocol {
    LearnerRules rules;
    Ledger ledger;
    uint64_t next_group;
    bool ended;
    WeightsId history[HISTORY_MAX];
    uint32_t n_history; /* newest last */
    ActorState *actors; /* [ACTORS_MAX] */
    uint32_t n_actors;  /* highest used + 1 */
    SecondRun checks[CHECKS_MAX];
    uint32_t n_checks;
    uint64_t banned[BANNED_MAX];
    uint32_t n_banned;
    Message out; /* the message being emitted */
} LearnerProtocol;

typedef enum LearnerEventType {
    LEARNER_RECEIVE, /* peer, message */
    LEARNER_LOST,    /* peer's connection is gone */
    LEARNER_TICK,
    LEARNER_PUBLISH,  /* weights */
    LEARNER_VERDICT,  /* id, verdict */
    LEARNER_TRAINED,  /* ids, n, too_old */
    LEARNER_EVALUATE, /* tickets, n */
    LEARNER_END       /* the run is over */
} LearnerEventType;

typedef struct LearnerEvent {
    LearnerEventType type;
    int64_t now_ms;
    uint64_t peer;
    Message *message; /* the arrays of a RESULT may be taken by the sink */
    const WeightsId *weights;
    uint64_t id;
    Verdict verdict;
    const uint64_t *ids;
    const Ticket *tickets;
    uint32_t n;
    bool too_old;
} LearnerEvent;

typedef enum LearnerActionType {
    LEARNER_SEND,    /* message to peer */
    LEARNER_DELIVER, /* ticket and result to the learner; result->failed: it will never come, no verdict owed
                      */
    LEARNER_REPORT   /* text: one line worth a log entry */
} LearnerActionType;

typedef struct LearnerAction {
    LearnerActionType type;
    uint64_t peer;
    const Message *message;
    const Ticket *ticket;
    Result *result; /* DELIVER: the sink takes the arrays by setting them NULL */
    const char *text;
} LearnerAction;
typedef void (*LearnerSink)(void *context, const LearnerAction *action);

/* ledger: a snapshot, or NULL. */
Status learner_protocol_init(LearnerProtocol *p, const LearnerRules *rules, const void *ledger,
                             size_t ledger_bytes);
void learner_protocol_drop(LearnerProtocol *p);
/* BS_INVALID for a caller's mistake (an older version published, an id trained that is not buffered, too
 * many evaluations); the state is sound afterwards. */
Status learner_protocol_step(LearnerProtocol *p, const LearnerEvent *event, LearnerSink sink, void *context);
void learner_protocol_counters(const LearnerProtocol *p, TicketCounters *out);
void learner_protocol_snapshot(const LearnerProtocol *p, ByteWriter *out);
/* The published version, from the newest HISTORY_MAX; NULL when it is not among them. */
const WeightsId *learner_protocol_weights(const LearnerProtocol *p, uint64_t version);
