#pragma once
/* What the files of common/policy share: the scratch that every policy plans in. Not for other folders. */
#include "common/policy/policy.h"

/* Room for one edit in units; sized for the longest that the environment allows. */
typedef struct Plan {
    int32_t n;
    int32_t units[ENV_MAX_STEPS];
    uint8_t fades[ENV_MAX_STEPS];
} Plan;

/* Planners: fill `plan` with the best edit they know for the job. BS_NOT_FOUND when they know none;
 * `attempt` counts up from 0 and asks for the next best. */
typedef struct Planner Planner;
Status planner_new(Planner **out);
void planner_free(Planner *planner);
Status planner_prepare(Planner *planner, const EnvSong *es, const Job *job, PolicyKind kind);
Status planner_next(Planner *planner, Plan *plan);

/* Candidate plans, best first; the planners below push, planner_next pops. */
void planner_offer(Planner *planner, float value, const int32_t *units, const uint8_t *fades, int32_t n);
void plan_crop(Planner *planner, const EnvSong *es, const Job *job, Plan *scratch);
void plan_last_take(Planner *planner, const EnvSong *es, const Job *job, Plan *scratch);
Status plan_retarget(Planner *planner, const EnvSong *es, const Job *job, Plan *scratch);
