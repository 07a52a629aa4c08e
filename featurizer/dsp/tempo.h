#pragma once
/* Tempo: which of the periods that a piece has is its beat, and on which side of it the beat falls.
 *
 * Every candidate period is tracked through the regions, as it is and one, two and three quarters of a beat
 * later, and described by what is heard on and between its beats (cues). A small network, trained on music
 * whose beats are known (tests/train/train_tempo.c), says how right each candidate is; there is no fixed
 * prior. */
#include "featurizer/dsp/beats.h"

enum {
    TEMPO_CUES = 52,
    TEMPO_CANDIDATES = 64,
    TEMPO_SHIFTS = 4,
    TEMPO_PERIODS = TEMPO_CANDIDATES / TEMPO_SHIFTS
};
enum { TEMPO_HEARD = TEMPO_CUES - 3 }; /* the share of the beats on which something is struck */
enum { TEMPO_GROOVE = 24 }; /* the first cues: how hard each band is struck on and between the beats */

typedef struct TempoCandidate {
    double bpm;
    int32_t shift; /* quarters of a beat after the strongest phase */
    float cues[TEMPO_CUES];
    double score; /* log-likelihood up to a constant */
} TempoCandidate;

/* The candidates of a piece, from at most six minutes of its longest regions. *n may be 0: no pulse. */
Status tempo_candidates(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                        Arena *mem, TempoCandidate *list, int32_t *n);
/* How likely each period is the beat: the candidates' likelihoods, scaled to 1, whichever their phase. */
typedef struct TempoBelief {
    int32_t n; /* 0: no pulse */
    double bpm[TEMPO_PERIODS], share[TEMPO_PERIODS];
    float groove[TEMPO_PERIODS][TEMPO_GROOVE]; /* of the likeliest phase */
} TempoBelief;
Status tempo_believe(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                     Arena *mem, TempoBelief *belief);
/* Likelihood that the tempos of two beliefs are within a tenth of an octave; 0.15 when one has none, as
 * between any two pieces. */
double tempo_agreement(const TempoBelief *a, const TempoBelief *b);
/* At the tempos within a tenth of an octave that two beliefs share most: how many octaves they are apart, and
 * the mean difference of what is struck. false, and what any two pieces are apart, where they share none. */
bool tempo_compare(const TempoBelief *a, const TempoBelief *b, float *octaves, float *groove);
/* The likeliest tempo, 0 when there is no pulse. */
Status beats_tempo(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                   Arena *mem, double *bpm);
/* Beats of a region near `bpm`, all on one side of the beat (slips.h), on the one that the cues prefer. */
Status tempo_track(const Frames *f, const float *activation, Region region, double bpm, Arena *mem,
                   BeatTrack *track);
/* The cues of one track. */
Status tempo_cues(const Frames *f, const float *activation, const BeatTrack *track, float cues[TEMPO_CUES]);
/* The beats some quarters of a beat later, 0..3; the last goes where that is not 0. */
void tempo_shift(const Frames *f, const float *activation, BeatTrack *track, int32_t quarters);
