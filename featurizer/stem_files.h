#pragma once
/* Stem files: stems of a recording that are there: what a separation program has left in a folder
 * (MODEL/NAME/{drums,bass,vocals,other}.wav, any format and rate), or the tracks of a session, told apart by
 * their names (track_stem). */
#include "common/audio/tracks.h"
#include "common/core/arena.h"
#include "common/host/file.h"
#include "featurizer/dsp/stem_levels.h"
#include "featurizer/mono.h"

/* The folder that holds the stems of a recording; "" where none is. asked: what a person named: the folder
 * itself, or one that holds NAME, MODEL/NAME or NAME_stems; BS_NOT_FOUND with one line where there are none.
 * asked "": beside the recording, as NAME_stems or separated/MODEL/NAME. */
Status stem_files_find(char folder[PATH_BYTES], const char *asked, const char *recording);
/* Names, sizes and times of the files in it: changes when they do. */
Status stem_files_mark(const char *folder, Hash *mark);
Hash stem_files_hash(Tracks *tracks, Status *st); /* of their samples, and which stem each is */

/* A separation program may have scaled each stem so that it does not clip. */
typedef struct StemFit {
    int32_t n;
    double gain[8];     /* of each track, by least squares; 1 where they were not refitted */
    double residual_db; /* what the stems leave of the mix */
    int64_t lag;        /* samples at ANALYSIS_HZ that they come late */
} StemFit;
enum { STEM_FILES_MOST = 8 };

/* Levels of the tracks of a mix (mono at ANALYSIS_HZ). refit: they are a separation of it: gains are fitted,
 * and a folder that does not sum to the mix is refused, as is one of another length. fit may be NULL. */
Status stem_files_measure(const Tracks *tracks, const char *folder, bool refit, const Mono *mix,
                          StemLevels *levels, StemFit *fit, Arena *mem);
