#pragma once
/* Retelling: a person's edit, projected onto units, as actions of the environment: exactly where some make
 * it, else the nearest edit that some do. The Job is a window around its own length in the tune that most of
 * it is of.
 *
 * Plain data; retelling_drop frees the contents. */
#include "common/env/env.h"
#include "common/song/projection.h"

typedef struct Retelling {
    Job job;        /* its length, five per cent to each side */
    int32_t *units; /* [n] that the actions make, and how they are joined */
    uint8_t *fades;
    int32_t n;
    uint8_t *actions; /* canonical under the job */
    int32_t n_actions;
    bool whole; /* nothing was changed */
    Edit edit;  /* the same */
} Retelling;

/* BS_NOT_FOUND when no actions make anything like it, BS_CONFLICT when it is shorter or longer than any Job.
 */
Status env_retell(Retelling *out, Env *env, const Projection *projection);
void retelling_drop(Retelling *retelling);
