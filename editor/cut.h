#pragma once
/* Cut: one policy, one Song, one Job: the edit, the units it is made of, and its dense reward. */
#include "common/policy/policy.h"

typedef struct Cut {
    Edit edit;
    int32_t n_units;
    int32_t *units;            /* owned */
    uint8_t *fades;            /* owned */
    float terms[REWARD_TERMS]; /* sums, unweighted */
    float reward;              /* weighted */
} Cut;

void cut_drop(Cut *cut);

/* Runs the policy and replays what it did. `env` is of the same EnvSong; reset here. */
Status cut_make(Cut *out, Policy *policy, const EnvSong *es, Env *env, const Job *job, uint64_t seed);
/* The same for units and fades that are an edit already. */
Status cut_of_units(Cut *out, const EnvSong *es, const Job *job, const int32_t *units, const uint8_t *fades,
                    int32_t n);
/* Scores the units again, by another EnvSong of the same recording or under another Job. */
void cut_score(Cut *cut, const EnvSong *es, const Job *job);
/* The same for an edit that is there already: moved to units, then scored. */
Status cut_of_edit(Cut *out, const Edit *edit, const EnvSong *es, const Job *job);
