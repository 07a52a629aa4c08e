#pragma once
/* Bars: the metre of the piece, and which beats of each take are downbeats. */
#include "featurizer/dsp/beats.h"
#include "featurizer/dsp/measure.h"

typedef struct TakeBeats {
    BeatTrack track;
    Measure *measures; /* [track.n] */
    float *evidence;   /* [track.n] how much like a downbeat each beat is, deviations from the mean */
    uint8_t *phase;    /* [track.n] 0 = downbeat */
    int32_t n_windows; /* that readings are of: about 48 beats each; 0 where there are too few beats */
    float (
        *readings)[13]; /* [n_windows] log-likelihoods of 3/4, 4/4 and 6/8 from each phase: BARS_READINGS */
} TakeBeats;

/* A reading of beats is a metre and the index of the first downbeat; what is heard at the places of its bars
 * goes through a small network, trained by tests/train/train_meter.c. In 6/8 a beat is an eighth. */
enum { BARS_METERS = 3, BARS_READINGS = 13, BAR_CUES = 43 };
extern const int32_t bars_meters[BARS_METERS];
/* Of beats [first, first + n). */
void bars_cues(const TakeBeats *take, int32_t first, int32_t n, float cues[BARS_READINGS][BAR_CUES]);

/* Fills evidence and readings from track and measures. */
Status bars_evidence(TakeBeats *takes, int32_t n_takes, Arena *mem);
/* 3, 4 or 6, whichever the takes together support. */
int32_t bars_meter(const TakeBeats *takes, int32_t n_takes);
/* The likeliest phases of one take: they advance by one a beat, a slip costs. */
Status bars_phases(TakeBeats *take, int32_t meter, Arena *mem);
/* Sum of the evidence on beats of phase `phase`. */
double bars_support(const TakeBeats *take, int32_t meter, int32_t phase);
void bars_shift(TakeBeats *take, int32_t meter, int32_t by); /* phase = (phase + by) % meter */
