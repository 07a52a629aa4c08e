#pragma once
/* Tunes: which takes play the same piece, whatever their tempo and key. */
#include "featurizer/dsp/tempo.h"

enum { TUNES_MAX = 32 };

/* tune_of[t] for each take, counted from 0, the tune that is played longest; *n_tunes 1..TUNES_MAX. */
Status tunes_group(const Frames *f, const Region *regions, const TempoBelief *beliefs, int32_t n_takes,
                   Arena *mem, int32_t *tune_of, int32_t *n_tunes);

/* What tells whether two takes are of one piece: how far their harmonies go together, in one key and turned,
 * tempo, what is struck, sound, lengths, and how far apart they were played. A small network reads it; it is
 * trained by tests/train/train_tunes.c. Fills the cues of the pairs (0, 1), (0, 2), .., (1, 2), .. */
enum { TUNE_CUES = 15 };
Status tunes_cues(const Frames *f, const Region *regions, const TempoBelief *beliefs, int32_t n_takes,
                  Arena *mem, float (*cues)[TUNE_CUES]);
