#pragma once
/* Deviation: how far one beat is from beats that should sound like it, in several respects. */
#include "featurizer/dsp/detail.h"
#include "featurizer/dsp/measure.h"

typedef struct Heard {
    Measure m;
    Detail d;
    int32_t take;                /* -1 outside takes */
    int32_t phase, bar;          /* bar: counted through the session; -1 where there is no beat */
    int32_t place;               /* slot * meter + phase, unique over tunes, -1 where there is no slot */
    int32_t music_place;         /* the same music's place: equal for repeats of a section, -1 = none */
    float take_mel[MEASURE_MEL]; /* m.mel less the take's mean */
    float level_db;              /* against the take's median */
    float timing;                /* deviation of the beat from the smoothed grid, share of a beat, signed */
    float rush;                  /* |ln| of this beat's length against its neighbours' median */
    float clipped;               /* share of samples at full scale or in flat tops */
    float to_end;                /* beats until its take ends */
    float from_start;            /* beats since its take began */
    uint8_t broken;              /* its take ends before the form does */

    float deviation[4];   /* out: chroma, onsets, level, timing, in robust deviations */
    float flaw;           /* out: expected severity 0..1 */
    float rank;           /* out: of the slot's takes, 0 best .. 1 worst; 0.5 alone */
    int32_t alternatives; /* out: other takes that play the slot */
} Heard;

typedef enum Respect {
    PITCH_ADDED,   /* sounds here and in no reference */
    PITCH_MISSING, /* sounds in every reference and not here */
    PITCH_APART,   /* 1 - cosine of the semitone spectra */
    CHROMA_APART,
    ONSET_ADDED,
    ONSET_MISSING,
    ONSET_APART,
    ONSET_LATE, /* cells by which the hits are shifted, either way */
    LEVEL_LOW,  /* the emptiest band, dB */
    LEVEL_HIGH,
    LEVEL_APART,
    LEVEL_JUMP, /* against the beat before, beyond what the references do there */
    MEL_APART,
    MEL_HIGH, /* more at the top, as distortion makes it */
    TIMING_APART,
    RUSH_APART,
    NOISE_APART, /* flatness */
    CLIPPED_MORE,
    RESPECTS
} Respect;

enum { DEVIATION_REFERENCES = 8 };

/* refs: n >= 1 indices into units, at most DEVIATION_REFERENCES. */
/* Makes beats of one take comparable with those of another: detail pitches become log(1 + 8 magnitude / mean
 * of the beats' strongest pitches), band levels are taken against their medians. own lists the take's n
 * beats. */
Status deviation_scale(Heard *units, const int32_t *own, int32_t n, Arena *mem);

void deviation_of(const Heard *units, int32_t u, const int32_t *refs, int32_t n, float out[RESPECTS]);
