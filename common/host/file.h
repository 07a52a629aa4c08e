#pragma once
/* Files: read whole, replace whole or not at all, lock, make folders. Paths in, Status out. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/core/status.h"

enum { PATH_BYTES = 4096 };

/* "a/b" joined into out; "a" when b is "". BS_TOO_BIG when it does not fit. */
Status path_join(char out[PATH_BYTES], const char *a, const char *b);
const char *path_base(const char *path);                  /* view after the last '/' */
const char *path_extension(const char *path);             /* view after the last '.', "" without */
void path_folder(char out[PATH_BYTES], const char *path); /* the folder that holds it, "." without one */
/* `path` as seen from `folder`, both as they are on the disk: "../raw/a.wav". Where they share nothing but
 * the root, or one is not there: the full path. Returns out. */
const char *path_relative(char out[PATH_BYTES], const char *folder, const char *path);

bool file_exists(const char *path);
bool file_same(const char *a, const char *b); /* two names of one file that is there */
/* The one rule about files that are there: BS_EXISTS without `force`; BS_INVALID for a folder. */
Status file_may_write(const char *path, bool force);
Status file_size(const char *path, int64_t *n_bytes);
/* malloc'ed, NUL after the last byte (not counted). BS_NOT_FOUND, BS_IO, BS_TOO_BIG past max_bytes. */
Status file_read(const char *path, size_t max_bytes, void **bytes, size_t *n_bytes);
/* Temporary name beside it, write, fsync, rename, fsync of the folder: whole or untouched. */
Status file_replace(const char *path, const void *bytes, size_t n_bytes);
/* Appends in one write, then fsync when durable. */
Status file_append(const char *path, const void *bytes, size_t n_bytes, bool durable);
Status dir_make(const char *path, mode_t mode); /* with parents; fine when it is there */
Status dir_sync(const char *path);
Status dir_remove(const char *path); /* with what it holds; fine when it is not there */
/* Names in a folder, sorted bytewise, without "." and ".."; *names is one malloc'ed block. */
Status dir_list(const char *path, char ***names, size_t *n_names);

/* Advisory lock on `path` (made when missing), held until file_unlock or the process ends.
 * BS_AGAIN when another process holds it and wait is false. */
Status file_lock(const char *path, bool wait, int *fd);
void file_unlock(int fd);

/* Read-only map of a whole file. */
typedef struct FileMap {
    const void *bytes;
    size_t n_bytes;
} FileMap;
Status file_map(const char *path, FileMap *map);
void file_unmap(FileMap *map);
