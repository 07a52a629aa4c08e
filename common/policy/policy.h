#pragma once
/* Policy: whatever cuts a song. The network and every baseline behind one interface.
 *
 * The unit of work is a group: n episodes on one Song, each with its own Job and seed. A result is a
 * function of (song, job, seed, weights) alone: the same bytes alone or among others. One thread uses a
 * Policy; make one for each thread. */
#include "common/env/env.h"

/* The numbers go over the wire: new kinds come last. */
typedef enum PolicyKind {
    POLICY_NET,        /* samples from the network */
    POLICY_NET_GREEDY, /* its most likely action */
    POLICY_RANDOM,     /* uniform over kinds, then over legal actions of the kind */
    POLICY_CROP,       /* the best contiguous block of the asked length */
    POLICY_LAST_TAKE,  /* per slot the last complete take */
    POLICY_RETARGET,   /* dynamic programming over slots, takes and seams under the dense reward */
    POLICY_NET_BEST,   /* of POLICY_TRIES episodes (one greedy, the rest sampled) that of most dense reward */
    POLICY_KINDS
} PolicyKind;
extern const char *const policy_names[POLICY_KINDS]; /* "net", "net-greedy", "random", "crop", ... */
Status policy_kind_named(PolicyKind *out, const char *name);
bool policy_needs_weights(PolicyKind kind);

/* What was done: everything a replay needs. */
typedef struct Trajectory {
    int32_t n_steps, max_steps;
    uint8_t *actions; /* max_steps */
    float *log_probs; /* max_steps; of the action under the masked behaviour policy; 0 for planners */
} Trajectory;
Status trajectory_init(Trajectory *t, int32_t max_steps);
void trajectory_drop(Trajectory *t);

typedef struct Policy Policy;

/* weights: safetensors bytes for the network kinds (borrowed during the call), else NULL. */
Status policy_open(Policy **out, PolicyKind kind, const void *weights, size_t n_bytes);
void policy_close(Policy *policy);
PolicyKind policy_kind(const Policy *policy);

enum { POLICY_MAX_GROUP = 64, POLICY_TRIES = 16 };

/* Runs n <= POLICY_MAX_GROUP whole episodes. progress (may be NULL) is called between steps with the steps
 * made so far; returning false gives up with BS_CLOSED. */
typedef bool (*PolicyProgress)(void *context, int64_t n_steps);
Status policy_run(Policy *policy, const EnvSong *es, int32_t n, const Job *jobs, const uint64_t *seeds,
                  Trajectory *out, PolicyProgress progress, void *context);

/* The retarget plan itself: units and fades of the best edit found under the dense reward. */
Status retarget_plan(const EnvSong *es, const Job *job, int32_t *units, uint8_t *fades, int32_t max,
                     int32_t *n);
