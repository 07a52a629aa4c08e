#pragma once
/* Edge cues: what is heard around the beats on which a take may begin or end. */
#include "featurizer/dsp/bars.h"

enum {
    EDGE_REACH = 5, /* beats to either side of the edge that was found */
    EDGE_PLACES = 2 * EDGE_REACH + 1,
    EDGE_SIDE_CUES = 81,
    EDGE_CUES = 2 * EDGE_SIDE_CUES, /* a start's, then an end's; the other side's are 0 */
};

typedef enum EdgeSide { EDGE_START, EDGE_END } EdgeSide;

/* A take and what is around it; borrows all of it. */
typedef struct EdgeView {
    const Frames *f;
    const float *music, *odds; /* of TakeMap */
    const TakeBeats *take;     /* two beats or more, with a tempo, measures and phases */
    int32_t meter;
    Region region;
    float silent_db;     /* a beat softer than this is not added */
    double from_s, to_s; /* where the take before ends and the next begins */
} EdgeView;

/* Places on the take's grid, which goes on evenly beyond its beats: place k is where beat k begins. */
typedef struct EdgePlaces {
    int32_t n, beat[EDGE_PLACES]; /* ascending; a take begins with beat k or ends before it */
    double time_s[EDGE_PLACES];
    float cues[EDGE_PLACES][EDGE_CUES];
} EdgePlaces;

double edge_time(const BeatTrack *track, int32_t beat);
int32_t edge_phase(const TakeBeats *take, int32_t meter, int32_t beat);
/* n is at least 1: the edge as it was found is always among the places. */
void edge_places(const EdgeView *v, EdgeSide side, EdgePlaces *out);
