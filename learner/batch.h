#pragma once
/* Batch: what actors did, replayed. An Episode keeps actions and one number or two a step; observations are
 * rebuilt by the environment whenever a micro-batch needs them and never stored.
 *
 * One thread. An EpisodeSet owns its episodes; everything else borrows. */
#include "common/model/policy_net.h"
#include "common/protocol/ticket.h"
#include "learner/songs.h"

typedef struct Episode {
    uint64_t id;             /* of the ticket */
    uint64_t epoch, version; /* of the weights that acted (0 for planners) */
    int32_t song;            /* in the SongBook */
    uint8_t kind;            /* PolicyKind that acted */
    Job job;
    int32_t n_steps;
    uint8_t *actions;          /* n_steps; owned, like all below */
    float *log_probs;          /* n_steps: of the behaviour policy */
    float *rewards;            /* n_steps, weighted by the job */
    int32_t *bars;             /* n_steps + 1: bars kept before each step, and at the end */
    float total;               /* the return */
    float terms[REWARD_TERMS]; /* its parts, weighted */
} Episode;

/* Plays it in `env` and fills rewards, bars and sums. BS_CORRUPT with the step unless every action is legal,
 * the last one ends the episode, the length is inside the window and every log-probability is one. */
Status episode_new(Episode **out, Env *env, int32_t song, const Job *job, const uint8_t *actions,
                   const float *log_probs, int32_t n_steps);
void episode_free(Episode *e);

/* Replays it once more and writes the observation before each step: obs[0..n_steps). */
Status episode_observe(const Episode *e, Env *env, EnvObs *obs);

/* ---- micro-batches ------------------------------------------------------------------------------ */

/* Whole episodes of one Song, in the order given by plan_micro. */
typedef struct MicroBatch {
    int32_t song, n_episodes, n_steps;
    int32_t first; /* into the plan's order: episodes order[first .. first + n_episodes) */
} MicroBatch;

typedef struct MicroPlan {
    int32_t *order; /* n_episodes indices into the caller's array, by (song, id) */
    MicroBatch *micro;
    int32_t n_episodes, n_micro, n_steps, capacity;
} MicroPlan;

Status micro_plan_init(MicroPlan *plan, int32_t max_episodes);
void micro_plan_drop(MicroPlan *plan);

/* Packs the n episodes chosen (indices into episodes) into micro-batches of one Song with at most
 * limits.max_steps steps and limits.max_episodes episodes each. A function of ids, songs and lengths only.
 * An episode longer than limits.max_steps is a bug of the caller. */
void micro_plan_make(MicroPlan *plan, Episode *const *episodes, const int32_t *chosen, int32_t n,
                     PolicyLimits limits);

/* Memory for one micro-batch, allocated once. */
typedef struct MicroBuffer {
    PolicyLimits limits;
    EnvObs *obs;              /* max_steps */
    int32_t *episode_start;   /* max_episodes + 1 */
    float *logits, *d_logits; /* max_steps x ENV_ACTIONS */
    float *values, *d_values; /* max_steps */
} MicroBuffer;
Status micro_buffer_init(MicroBuffer *b, PolicyLimits limits);
void micro_buffer_drop(MicroBuffer *b);

/* Rebuilds the observations of micro-batch m and describes it for the network. */
Status micro_load(MicroBuffer *b, const MicroPlan *plan, const MicroBatch *m, Episode *const *episodes,
                  SongBook *songs, PolicyBatch *out);
