#pragma once
/* Columns: the feature table of a Song (common/song/features.def) from what was heard. */
#include "common/song/song.h"
#include "featurizer/dsp/flaw.h"

typedef struct UnitExtras {
    float clipped; /* share of samples at full scale */
    float beat_confidence, downbeat_confidence;
    float kind[UNIT_KINDS]; /* likelihoods */
} UnitExtras;

/* Fills song->features from its units, takes and tunes, and from heard[n_units] and extras[n_units]; then
 * standardises every row that features.def does not mark "as is". */
Status columns_fill(Song *song, const Heard *heard, const UnitExtras *extras);
