#pragma once
/* Stem write: a recording taken apart into four audio files. */
#include "featurizer/featurize.h"

typedef struct StemWrite {
    const char *folder; /* made when missing; drums.wav, bass.wav, vocals.wav and other.wav go there */
    int32_t bits;       /* 16, 24 or 32 (float) */
    bool force;         /* write over files that are there */
} StemWrite;

/* `paths`: the files of one recording in order. All four files or none; with 32 bits they sum to the
 * recording to rounding. progress may be NULL. */
Status stems_write(const char *const *paths, int32_t n_paths, const StemWrite *how,
                   FeaturizeProgress progress, void *context);
