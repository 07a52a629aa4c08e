#pragma once
/* Slips: a player does not change the side of the beat within a take, a tracker does. Where what is struck
 * hardest moves between the beat and the half beat (a verse on the beat, a chorus with its snare between),
 * beats slide over by half of one within a few, at a tempo that is the same before and after. */
#include "featurizer/dsp/beats.h"

/* Puts all parts of a track on the side of the longest, with as many beats between them as fit evenly.
 * Strengths are read again from `activation` ([n_frames]); where the moved beats are struck much less, all
 * stays as it was. */
Status slips_mend(const float *activation, int32_t n_frames, BeatTrack *track, Arena *mem);
