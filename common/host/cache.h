#pragma once
/* Cache: immutable blobs named by their hash in one folder a host shares: cache/ab/abcdef....
 *
 * A blob is either whole and verified, or not there: writers make a temporary file, fsync and rename.
 * The same layout serves DATA/.bandsaw/blobs (kept) and the host cache (may be emptied at any time).
 * Safe for any number of processes; functions are thread safe. */
#include "common/core/hash.h"
#include "common/host/file.h"

typedef struct Cache Cache;

Status cache_open(Cache **out, const char *folder); /* made when missing */
void cache_close(Cache *cache);
const char *cache_folder(const Cache *cache);
/* $BANDSAW_CACHE, else $XDG_CACHE_HOME/bandsaw, else ~/.cache/bandsaw, else /tmp/bandsaw-UID. */
Status cache_default_folder(char out[PATH_BYTES]);

bool cache_has(Cache *cache, const Hash *hash);
/* Maps the blob after checking its hash the first time this Cache opens it. BS_NOT_FOUND when missing;
 * BS_CORRUPT when the bytes do not match: the blob is renamed away to "....corrupt" first. */
Status cache_map(Cache *cache, const Hash *hash, FileMap *map);
Status cache_put(Cache *cache, const void *bytes, size_t n_bytes, Hash *hash);
Status cache_path(Cache *cache, const Hash *hash, char out[PATH_BYTES]);

/* For the one process that pulls a blob: cache_claim locks; BS_AGAIN when another process is pulling
 * it now (wait and look again). Then cache_put or give up, then cache_release. */
Status cache_claim(Cache *cache, const Hash *hash, int *claim);
void cache_release(int claim);
