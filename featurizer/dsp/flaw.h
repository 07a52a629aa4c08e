#pragma once
/* Flaws: how far each unit is from what the other takes play in its place. */
#include "featurizer/dsp/measure.h"

typedef struct Heard {
    Measure m;
    int32_t take;        /* -1 outside takes */
    int32_t place;       /* slot * meter + phase, -1 where there is no slot */
    int32_t music_place; /* the same music's place: equal for repeats of a section, -1 = none */
    float level_db;      /* against the take's median */
    float timing;        /* deviation of the beat from the smoothed grid, share of a beat, signed */
    float rush;          /* |ln| of this beat's length against its neighbours' median */

    float deviation[4];   /* out: chroma, onsets, level, timing, in robust deviations */
    float flaw;           /* out: likelihood 0..1 */
    float rank;           /* out: of the slot's takes, 0 best .. 1 worst; 0.5 alone */
    int32_t alternatives; /* out: other takes that play the slot */
} Heard;

/* Deviations, flaw, rank and alternatives of all units. `n_places` is past the largest place. */
Status flaws_find(Heard *units, int32_t n, int32_t n_places, Arena *mem);
