#pragma once
/* Bars: the metre of the piece, and which beats of each take are downbeats. */
#include "featurizer/dsp/beats.h"
#include "featurizer/dsp/measure.h"

typedef struct TakeBeats {
    BeatTrack track;
    Measure *measures; /* [track.n] */
    float *evidence;   /* [track.n] how much like a downbeat each beat is, deviations from the mean */
    uint8_t *phase;    /* [track.n] 0 = downbeat */
} TakeBeats;

/* Fills evidence from track and measures. */
Status bars_evidence(TakeBeats *takes, int32_t n_takes, Arena *mem);
/* 3 or 4, whichever the takes together support. */
int32_t bars_meter(const TakeBeats *takes, int32_t n_takes);
/* The likeliest phases of one take: they advance by one a beat, a slip costs. */
Status bars_phases(TakeBeats *take, int32_t meter, Arena *mem);
/* Sum of the evidence on beats of phase `phase`, less its mean elsewhere. */
double bars_support(const TakeBeats *take, int32_t meter, int32_t phase);
void bars_shift(TakeBeats *take, int32_t meter, int32_t by); /* phase = (phase + by) % meter */
