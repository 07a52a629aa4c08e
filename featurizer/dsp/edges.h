#pragma once
/* Edges: takes begin and end with whole bars unless they break off. */
#include "featurizer/dsp/bar_sound.h"

/* A beat alone in the first or last bar that is not struck is taken away; a last bar that rings on where its
 * last beat would be gets that beat, and a first bar of which all but the first beat was heard gets it where
 * something sounds there. Nothing is added before from_s or after to_s. Beats, measures, phases and bars
 * change together. */
Status edges_round(const Frames *f, TakeBeats *take, TakeBars *bars, int32_t meter, double from_s,
                   double to_s, Arena *mem);
