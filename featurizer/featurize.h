#pragma once
/* Featurize: audio files in, one Song out. The whole of hearing behind one call.
 *
 * Deterministic: the same samples give the same bytes, on any number of threads. One call uses one
 * thread; make several calls from several threads for several recordings. */
#include "common/song/song.h"
#include "featurizer/stem_files.h"

enum { FEATURIZER_VERSION = 12 };

typedef struct FeaturizeOptions {
    int meter;         /* 0: decide; 3, 4 or 6 (eighths of 6/8): given */
    const char *stems; /* folder that holds the recording's stems (stem_files_find); NULL or "": those beside
                          it, else they are heard in the mix; "none": they are heard in the mix */
    const Tracks *tracks; /* synchronous tracks that sum to the recording, instead; borrowed, may be NULL.
                             They count where their names tell two players apart */
    AudioReader *reader;  /* the recording, if it is open already; borrowed, may be NULL */
    struct FlawRows *flaw_rows; /* out, may be NULL: what the flaw model reads, for training it */
    StemFit *fit;               /* out, may be NULL: n is 0 but for stems of a folder */
} FeaturizeOptions;

typedef void (*FeaturizeProgress)(void *context, double share);

/* `paths`: the files of one recording in order, one timeline. names[i]: how sources are called in the Song
 * (NULL: the base names). options and progress may be NULL. Returns an owned Song, packed once (hash set).
 * One clear line for: no such file, no audio, too short (under 4 s), silence, not a number, stems that are
 * not the recording's. */
Status featurize_files(const char *const *paths, const char *const *names, int32_t n_paths,
                       const FeaturizeOptions *options, FeaturizeProgress progress, void *context,
                       Song **out);
