#pragma once
/* Message: what actors and the learner tell each other, as plain structs.
 *
 * The state machines take and emit these; common/net turns them into frames and back. A group of tickets
 * is named by its first id and a mask: bit i stands for ticket first_id + i. */
#include "common/protocol/ticket.h"

enum {
    SLOTS_MAX = 16,   /* groups an actor may ask for at a time */
    HELD_MAX = 32,    /* groups it may hold: queued, running, or with results not yet acknowledged */
    WEIGHTS_TOLD = 2, /* versions told in a WELCOME, newest last */
    ACTOR_NAME_BYTES = 64,
    REFUSAL_BYTES = 128,
    WELCOME_MAX_BYTES = 32768,
};
#define NO_VERSION UINT64_MAX

typedef enum MessageType {
    MESSAGE_HELLO = 1, /* actor: who I am, what I hold */
    MESSAGE_WELCOME,   /* learner: go on with these, forget the rest; or a refusal */
    MESSAGE_TICKETS,   /* learner: one group to run */
    MESSAGE_RESULT,    /* actor: one ticket done */
    MESSAGE_ACK,       /* learner: got it, forget it */
    MESSAGE_CANCEL,    /* learner: do not run these */
    MESSAGE_PING,      /* both, each second */
    MESSAGE_BYE,       /* both: I leave (learner: the run is over) */
    MESSAGE_WEIGHTS,   /* learner: a new version exists */
    MESSAGE_WHO,       /* learner: I do not know you, say HELLO */
    MESSAGE_TYPES
} MessageType;

typedef struct GroupRef {
    uint64_t epoch, first_id, mask;
} GroupRef;

typedef struct Held {
    GroupRef group;
    uint64_t done;    /* of the mask: finished, the result is on its way */
    uint64_t version; /* weights the group acts with; NO_VERSION: not started, or it needs none */
    uint32_t n_steps; /* made so far */
    uint8_t started;
} Held;

typedef struct Hello {
    uint32_t protocol, env_version; /* env_version 0: not compared */
    char name[ACTOR_NAME_BYTES];
    uint64_t place;       /* of (host, name): a process with the same place replaces the one before */
    uint64_t incarnation; /* random, one for each process */
    uint64_t epoch;       /* of the learner served last; 0: none */
    uint32_t slots;
    WeightsId weights; /* newest held */
    uint32_t n_held;
    Held held[HELD_MAX];
} Hello;

typedef struct Welcome {
    uint64_t epoch;
    char refused[REFUSAL_BYTES]; /* not "": go away, this is why */
    uint32_t n_go_on, n_weights;
    GroupRef go_on[HELD_MAX];
    WeightsId weights[WEIGHTS_TOLD];
    const char *text, *featurizer; /* borrowed; NULL reads as "" */
} Welcome;

typedef struct Tickets {
    uint64_t epoch;
    uint32_t n;
    uint8_t needs_weights;
    WeightsId weights; /* the exact version where one is asked, else the newest there is */
    Ticket
        tickets[TICKET_GROUP]; /* ascending ids, all within 64 of the first; one Song, kind, version rule */
} Tickets;

typedef struct Ping {
    uint64_t epoch;
    WeightsId weights;        /* learner: newest published; actor: newest it can act with */
    uint64_t steps, episodes; /* actor: made since it started */
    uint32_t n_held;
    Held held[HELD_MAX];
} Ping;

typedef struct Message {
    MessageType type;
    union {
        Hello hello;
        Welcome welcome;
        Tickets tickets;
        Result result; /* owns its arrays */
        GroupRef ack, cancel;
        Ping ping;
        WeightsId weights;
        uint64_t epoch; /* BYE, WHO */
    };
} Message;
