#pragma once
/* Pieces: from runs, which say where the edit surely lies in the recording, to pieces with edges, how they
 * are joined, and what belongs to none. */
#include "featurizer/align/align.h"
#include "featurizer/align/tone.h"

/* Fills everything of `out` but rates and lengths, which are set. The track says where else a piece could
 * lie.
 */
Status pieces_make(const Run *runs, int32_t n_runs, const Track *track, Pcm *raw, Pcm *edit, Alignment *out);
