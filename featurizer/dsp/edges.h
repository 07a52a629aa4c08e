#pragma once
/* Edges: with which beat of its grid a take begins, and before which it ends. Presence is good to a tenth of
 * a second where everybody starts and stops at once, but a last chord that is held counts to the end of its
 * bar, a drum that rings on does not, and an intro of one player is thin. */
#include "featurizer/dsp/edge_cues.h"

/* A take that can be counted. */
static inline bool edges_can_move(const TakeBeats *take) {
    return take->track.n > 1 && take->track.tempo_bpm > 0;
}
/* Moves the first beat and the end of v.take, which is `take`, to the places that a network trained on what
 * is heard around them (tests/train/train_edges.c) prefers. Track, measures and phases change together;
 * evidence and readings are to be made anew. */
Status edges_choose(EdgeView v, TakeBeats *take, Arena *mem);
