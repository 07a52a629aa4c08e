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

/* Moves each run to where it is explained best; among equal places, to those that go on most simply. *moved:
 * how many were. */
Status places_choose(const Places *places, Run *runs, int32_t n, int32_t *moved);

/* Fills tie and alternatives of the run's piece, whose edges are set. */
Status places_ties(const Places *places, const Run *run, AlignPiece *piece);
