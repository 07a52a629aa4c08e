#pragma once
/* Endings: takes end with whole bars unless they break off. */
#include "featurizer/dsp/bar_sound.h"

/* A beat alone in the last bar that only rings is taken away; a last bar that rings on where its last beat
 * would be gets that beat, before limit_s. Beats, measures, phases and bars change together. */
Status endings_round(const Frames *f, TakeBeats *take, TakeBars *bars, int32_t meter, double limit_s,
                     Arena *mem);
