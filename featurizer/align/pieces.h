#pragma once
/* Pieces: from runs, which say where the edit surely lies in the recording, to pieces with edges, how they
 * are joined, and what belongs to none. */
#include "featurizer/align/align.h"
#include "featurizer/align/tone.h"

/* Fills pieces, others and matched of `out`, whose rates and lengths are set. The track says where else a
 * piece could lie. Runs are put in order: some are merged, split or dropped. */
Status pieces_make(Run *runs, int32_t n_runs, const Track *track, Tone *tone, Pcm *raw, Pcm *edit,
                   Alignment *out);
