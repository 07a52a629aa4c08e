#pragma once
/* Flaws: how likely and how bad something is wrong in each beat, from what should sound like it.
 *
 * The likelihood is the expected severity, learnt from simulated sessions (tests/train/train_flaw.c) and
 * calibrated: beats that say 0.3 have a mean severity of 0.3, whether their song has one take or six. */
#include "featurizer/dsp/deviation.h"

enum {
    FLAW_GROUPS = 3,
    FLAW_EXTRAS = 14,
    FLAW_INPUTS = 3 * FLAW_GROUPS * RESPECTS + FLAW_EXTRAS,
    FLAW_VIEWS = 4
};

/* What the model reads, for training it: the same session seen with all takes, with at most two others, with
 * one other and with none. */
typedef struct FlawRows {
    int32_t n_units;
    float
        *rows; /* [FLAW_VIEWS x n_units x FLAW_INPUTS], NaN first where a unit is not judged; owned, free() */
} FlawRows;

/* Deviations, flaw, rank and alternatives of all units. `n_places` is past the largest place. rows may be
 * NULL. */
Status flaws_find(Heard *units, int32_t n, int32_t n_places, Arena *mem, FlawRows *rows);
