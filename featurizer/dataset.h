#pragma once
/* Dataset: a folder of audio files, only read. NAME_raw.EXT is a recording and NAME_edit.EXT what a person
 * made of it; so are input/NAME.EXT and desired_output/NAME.EXT; any other audio file is a recording too. An
 * edit may also be NAME_edit.json or NAME_edit.rpp, which then counts. Work is kept in the subfolder
 * .bandsaw. */
#include "common/host/file.h"
#include "common/song/song.h"

enum { DATASET_NAME_BYTES = 256 };

typedef struct Recording {
    char name[SONG_NAME_BYTES];
    char file[DATASET_NAME_BYTES]; /* below the folder */
    char edit[DATASET_NAME_BYTES]; /* its edit likewise, "" without */
} Recording;

/* Sorted by file name, those of input/ last; malloc'ed. BS_NOT_FOUND with one line when there is none. */
Status dataset_scan(const char *folder, Recording **recordings, size_t *n_recordings);
