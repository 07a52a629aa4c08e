#pragma once
/* Places: where else in the recording a run could lie. Windows of the track know of more places than the one
 * that was chosen; at full rate they are told apart, or they are ties: the recording sounds the same there.
 */
#include "featurizer/align/seam.h"

typedef struct Places {
    Seamer *seamer; /* all borrowed */
    const Track *track;
    double hz, raw_hz; /* of the edit; of the recording */
} Places;

/* Moves the run to where it is explained clearly better. */
Status places_settle(const Places *places, Run *run);

/* Fills tie and alternatives of the run's piece, whose raw_start is set. */
Status places_ties(const Places *places, const Run *run, AlignPiece *piece);
