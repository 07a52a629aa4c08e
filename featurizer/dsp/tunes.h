#pragma once
/* Tunes: which takes play the same piece, whatever their tempo and key. */
#include "featurizer/dsp/bars.h"

enum { TUNES_MAX = 32 };

/* tune_of[t] for each take, counted from 0 by first appearance; returns how many there are, 1..TUNES_MAX.
 * Takes without beats and takes too short to tell go with a neighbour. */
Status tunes_group(const Frames *f, const Region *regions, const TakeBeats *takes, int32_t n_takes,
                   Arena *mem, int32_t *tune_of, int32_t *n_tunes);

typedef struct TuneLikeness {
    float chords;   /* score of the best local alignment of the harmonies, per step of the shorter take */
    float tempo;    /* distance of the tempos, octaves apart from whole ones */
    float sound;    /* likeness of the mean spectra, -1..1 */
    int32_t turned; /* semitones that b lies above a */
} TuneLikeness;
/* For tests and for fitting the threshold. */
TuneLikeness tunes_compare(const Frames *f, Region a, Region b, double bpm_a, double bpm_b, Arena *mem,
                           Status *st);
