#pragma once
/* Edits between the right one and chance, from truth alone: what raters are given to compare, and what the
 * judge must rank. A function of the stream. */
#include "common/core/rng.h"
#include "simulator/truth.h"

typedef enum SpoilKind {
    SPOIL_NOTHING,  /* the right edit */
    SPOIL_A_LITTLE, /* it with one fault */
    SPOIL_MORE,     /* with two to four */
    SPOIL_BLOCK,    /* one stretch of the recording, from some beat of the tune on */
    SPOIL_CHANCE,   /* stretches of one to four seconds from anywhere */
    SPOIL_KINDS
} SpoilKind;

/* *out is initialised here; edit_drop it. Faults: bars of another take, a beat lost, a section lost or played
 * twice, a pause kept, a late start. */
Status spoil(const Truth *truth, int32_t tune, const Edit *right, SpoilKind kind, Rng *r, Edit *out);
