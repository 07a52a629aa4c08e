#pragma once
/* Staged files: several that appear under their names together, or not at all.
 *
 * Each is written whole first: without a name where the file system can do that (then even kill -9 leaves
 * nothing), else under a temporary name beside its own. staged_commit gives all of them their names; where
 * one cannot have it, what was there before is put back under every name. One thread uses them. */
#include "common/host/file.h"

/* One file that is being written. */
typedef struct StagedFile {
    int fd; /* open for reading and writing; -1: closed */
    char *path, *temporary, *old;
    bool named;  /* `temporary` is there */
    bool placed; /* it stands under `path`; what was there before is called `old`, if that is there */
} StagedFile;

/* Opens an empty file that is to become `path`. BS_INVALID for a folder, BS_IO. */
Status staged_file_open(StagedFile *f, const char *path);
void staged_file_drop(StagedFile *f); /* removes it */

typedef struct Staged {
    StagedFile *files;
    int32_t n, room;
    char **folders; /* made for them */
    int32_t n_folders, folders_room;
} Staged;

/* Takes the file, which has all its bytes, in any case; syncs it. BS_IO, BS_NOMEM. */
Status staged_add(Staged *s, StagedFile *f);
Status staged_bytes(Staged *s, const char *path, const void *bytes, size_t n_bytes);
/* Makes a folder for files to come; staged_drop removes it again where they did not. */
Status staged_folder(Staged *s, const char *path);
Status staged_commit(Staged *s); /* empties it in any case */
void staged_drop(Staged *s);     /* an empty one is fine */
