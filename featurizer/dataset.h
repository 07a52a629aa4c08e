#pragma once
/* Dataset: a folder of audio files, only read. NAME_raw.EXT is a recording and NAME_edit.EXT what a person
 * made of it; any other audio file is a recording too. Work on it is kept in its subfolder .bandsaw. */
#include "common/host/file.h"
#include "common/song/song.h"

enum { DATASET_NAME_BYTES = 256 };

typedef struct Recording {
    char name[SONG_NAME_BYTES];
    char file[DATASET_NAME_BYTES];
    char edit[DATASET_NAME_BYTES]; /* its edit, "" without */
} Recording;

/* Sorted by file name; malloc'ed. BS_NOT_FOUND with one line when there is none. */
Status dataset_scan(const char *folder, Recording **recordings, size_t *n_recordings);
