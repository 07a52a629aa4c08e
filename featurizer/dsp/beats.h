#pragma once
/* Beats of one take near a tempo that is given, each refined to the attack it stands for. Which tempo that is
 * is tempo.h's business. All times are seconds of the recording. */
#include "featurizer/dsp/takes.h"

#define BEATS_MIN_BPM 55.0
#define BEATS_MAX_BPM 215.0

typedef struct BeatTrack {
    int32_t n;
    double *time_s;   /* [n + 1]: beat k lasts until time_s[k + 1] */
    float *strength;  /* [n] onset strength at the beat, 1 = typical, 0 = nothing heard */
    double tempo_bpm; /* median, counted in frames; 0: an even grid over music without pulse */
    float confidence; /* 0..1: share of beats with an attack, and how evenly they lie */
} BeatTrack;

/* Onset strength of all bands as beats see it: [f->n], in the arena. */
Status beats_activation(const Frames *f, Arena *mem, float **activation);
/* Beats of a region, with the tempo allowed to move within a fifth of `bpm`. track->n may be 0. */
Status beats_track(const float *activation, Region region, double bpm, Arena *mem, BeatTrack *track);
/* An even grid of about a second over a region without pulse, each line on the strongest onset near it. */
Status beats_grid(const float *activation, Region region, Arena *mem, BeatTrack *track);
/* Moves every beat to the attack within +-25 ms of it, where there is one. */
void beats_refine(const Frames *f, BeatTrack *track);
/* Median tempo of refined beats, over eight at a time, for frames are too coarse to count a fast piece in. 0
 * without beats. */
double beats_median_bpm(const BeatTrack *track);
