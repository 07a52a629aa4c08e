#pragma once
/* Checkpoint: a folder that is either whole or not there.
 *
 * Files are written under a temporary name and fsynced, then a manifest with the size and hash of each, then
 * the folder is renamed to EPOCH-VERSION (zero-padded, so names sort as `newest` compares) and its parent
 * fsynced. Loading takes the newest one whose every file matches its manifest and skips what a crash or a bad
 * disk tore. */
#include "common/host/file.h"

enum {
    CHECKPOINT_FILES = 16,
    CHECKPOINT_NAME = 48,
    CHECKPOINT_FORMAT = 1,
    CHECKPOINT_MAX_BYTES = 2000000000
};

typedef struct CheckpointFile {
    char name[CHECKPOINT_NAME];
    const void *bytes; /* writing: borrowed; loaded: owned by the Checkpoint */
    size_t n_bytes;
} CheckpointFile;

typedef struct Checkpoint {
    uint64_t version, epoch;
    char path[PATH_BYTES];
    CheckpointFile files[CHECKPOINT_FILES];
    int n_files;
} Checkpoint;

/* Under `folder` (made when missing); afterwards the newest `keep` are left. Fine when this version of this
 * epoch was written already. */
Status checkpoint_write(const char *folder, uint64_t version, uint64_t epoch, const CheckpointFile *files,
                        int n_files, int keep);

/* The newest valid one; BS_NOT_FOUND when there is none. `skipped` (may be NULL) is called with each folder
 * left aside and why. */
typedef void (*CheckpointSkipped)(void *context, const char *path, const char *why);
Status checkpoint_load(const char *folder, Checkpoint *out, CheckpointSkipped skipped, void *context);
void checkpoint_drop(Checkpoint *c);
const CheckpointFile *checkpoint_find(const Checkpoint *c, const char *name); /* NULL: not in it */
