#pragma once
/* Line: the straight line from time in the edit to time in the recording that a piece follows, to a fraction
 * of a sample; exact where the two have one sample rate and one speed. */
#include "featurizer/align/pcm.h"
#include "featurizer/align/track.h"

typedef struct Run {
    double first, last; /* samples of the edit that surely belong to it */
    double at, raw;     /* a point of the line: edit and recording, in their own samples */
    double rate;        /* samples of the recording in one of the edit */
    float score;        /* mean of its windows */
    int32_t first_window, last_window;
    bool steady; /* long enough to tell its own speed */
    bool exact;  /* whole samples, rate 1 */
} Run;

static inline double run_at(const Run *r, double edit) { return r->raw + r->rate * (edit - r->at); }

/* Lines that are nearer, in samples of the recording, are one. */
static inline double run_apart(const Run *a, const Run *b) { return a->exact && b->exact ? 0.5 : 4; }

/* The path's unbroken stretches, still coarse; malloc'ed. */
Status runs_of(const Track *t, int32_t raw_hz, int32_t edit_hz, Run **out, int32_t *n);

/* Measures each by correlation at full rate. */
Status runs_refine(Run *runs, int32_t n, Pcm *raw, Pcm *edit, int sign);
