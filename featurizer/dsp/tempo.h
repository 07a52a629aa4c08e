#pragma once
/* Tempo: which of the periods that a piece has is its beat, and on which side of it the beat falls.
 *
 * Every candidate period is tracked through the regions, as it is and half a beat later, and described by
 * what is heard on and between its beats (cues). A small network, trained on music whose beats are known
 * (tests/train/train_tempo.c), says how right each candidate is; there is no fixed prior. */
#include "featurizer/dsp/beats.h"

enum { TEMPO_CUES = 52, TEMPO_CANDIDATES = 32 };

typedef struct TempoCandidate {
    double bpm;
    bool late; /* half a beat after the strongest phase */
    float cues[TEMPO_CUES];
    double score; /* log-likelihood up to a constant */
} TempoCandidate;

/* The candidates of a piece, from at most six minutes of its longest regions. *n may be 0: no pulse. */
Status tempo_candidates(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                        Arena *mem, TempoCandidate *list, int32_t *n);
/* The likeliest tempo, 0 when there is no pulse. */
Status beats_tempo(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                   Arena *mem, double *bpm);
/* Beats of a region near `bpm`, on the side of the beat that the cues prefer. */
Status tempo_track(const Frames *f, const float *activation, Region region, double bpm, Arena *mem,
                   BeatTrack *track);
/* The cues of one track. */
Status tempo_cues(const Frames *f, const float *activation, const BeatTrack *track, float cues[TEMPO_CUES]);
/* The beats half a beat later; the last goes. */
void tempo_shift_half(const Frames *f, const float *activation, BeatTrack *track);
