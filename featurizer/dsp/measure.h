#pragma once
/* Measure: what is heard in a stretch of time, as one row of numbers. */
#include "featurizer/dsp/frames.h"

enum { MEASURE_MEL = 24, MEASURE_TIMBRE = 12 };

typedef struct Measure {
    float level_db;               /* mean over the stretch, floor -80 */
    float mel[MEASURE_MEL];       /* dB, 128 bands pooled */
    float timbre[MEASURE_TIMBRE]; /* cosine transform of the log-mel spectrum, coefficients 1..12 */
    float chroma[CHROMA];         /* largest = 1, all 0 where there is nothing */
    float onset[ONSET_BANDS];     /* mean onset strength */
    float hit[ONSET_BANDS];       /* largest onset strength within 40 ms of the start */
    float attack;                 /* onset strength within 60 ms of the start over its mean in the stretch */
    float flatness;
    float vocal; /* likelihood that somebody sings; 0 where stems were not heard, */
    float stem_db[STEMS], stem_onset[STEMS]; /*   like these */
} Measure;

void measure_span(const Frames *f, double start_s, double end_s, Measure *out);
