/* Cache: folder/ab/abcdef....
 *
 * A name appears by rename only, after its bytes are on the disk, so whoever sees it sees all of it. Each
 * Cache checks a blob's hash the first time it maps it and remembers that, because disks and people damage
 * files too. A claim is a lock on folder/ab/abcdef....lock; the kernel drops it when its process dies. */
#include "common/host/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Cache {
    char folder[PATH_BYTES];
    pthread_mutex_t lock; /* of what follows: an open-addressed set of the hashes found good */
    Hash *verified;
    size_t n_verified, capacity; /* capacity: a power of two, at least twice n_verified */
};

Status cache_default_folder(char out[PATH_BYTES]) {
    const char *own = getenv("BANDSAW_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own) return path_join(out, own, "");
    if (xdg && *xdg == '/') return path_join(out, xdg, "bandsaw");
    if (home && *home == '/') return path_join(out, home, ".cache/bandsaw");
    snprintf(out, PATH_BYTES, "/tmp/bandsaw-%ld", (long)getuid());
    return BS_OK;
}

Status cache_open(Cache **out, const char *folder) {
    *out = NULL;
    Cache *cache = calloc(1, sizeof *cache);
    if (!cache) return fail(BS_NOMEM, "%s: no memory for the cache", folder);
    Status st = BS_OK;
    pthread_mutex_init(&cache->lock, NULL);
    TRY(path_join(cache->folder, folder, ""));
    for (size_t n = strlen(cache->folder); n > 1 && cache->folder[n - 1] == '/';) cache->folder[--n] = 0;
    if (strlen(cache->folder) + 2 * HASH_HEX + 32 >= PATH_BYTES)
        TRY(fail(BS_TOO_BIG, "%.80s...: path is too long", folder));
    TRY(dir_make(cache->folder, 0700));
    *out = cache;
    cache = NULL;
out:
    cache_close(cache);
    return st;
}

void cache_close(Cache *cache) {
    if (!cache) return;
    pthread_mutex_destroy(&cache->lock);
    free(cache->verified);
    free(cache);
}

const char *cache_folder(const Cache *cache) { return cache->folder; }

/* What follows the folder: "/ab/abcdef...." + suffix. Fits: cache_open left room. */
static void blob_path(const Cache *cache, const Hash *hash, const char *suffix, char out[PATH_BYTES]) {
    char hex[HASH_HEX];
    hash_hex(hash, hex);
    size_t n = strlen(cache->folder);
    memcpy(out, cache->folder, n);
    snprintf(out + n, PATH_BYTES - n, "/%.2s/%s%s", hex, hex, suffix);
}

Status cache_path(Cache *cache, const Hash *hash, char out[PATH_BYTES]) {
    blob_path(cache, hash, "", out);
    return BS_OK;
}

bool cache_has(Cache *cache, const Hash *hash) {
    char path[PATH_BYTES];
    blob_path(cache, hash, "", path);
    return file_exists(path);
}

/* ---- the set of verified hashes; a Hash is its own hash value */

static size_t place_of(const Hash *set, size_t capacity, const Hash *hash) {
    size_t at;
    memcpy(&at, hash->bytes, sizeof at);
    for (at &= capacity - 1; !hash_is_zero(&set[at]) && !hash_equal(&set[at], hash);)
        at = (at + 1) & (capacity - 1);
    return at;
}

static bool is_verified(Cache *cache, const Hash *hash) {
    pthread_mutex_lock(&cache->lock);
    bool known =
        cache->capacity && !hash_is_zero(&cache->verified[place_of(cache->verified, cache->capacity, hash)]);
    pthread_mutex_unlock(&cache->lock);
    return known;
}

/* Out of memory only means that the blob is checked again next time. */
static void set_verified(Cache *cache, const Hash *hash) {
    pthread_mutex_lock(&cache->lock);
    if (2 * (cache->n_verified + 1) > cache->capacity) {
        size_t capacity = cache->capacity ? 2 * cache->capacity : 64;
        Hash *more = calloc(capacity, sizeof *more);
        if (!more) goto out;
        for (size_t i = 0; i < cache->capacity; i++)
            if (!hash_is_zero(&cache->verified[i]))
                more[place_of(more, capacity, &cache->verified[i])] = cache->verified[i];
        free(cache->verified);
        cache->verified = more;
        cache->capacity = capacity;
    }
    size_t at = place_of(cache->verified, cache->capacity, hash);
    if (hash_is_zero(&cache->verified[at])) {
        cache->verified[at] = *hash;
        cache->n_verified++;
    }
out:
    pthread_mutex_unlock(&cache->lock);
}

/* ---- blobs */

Status cache_map(Cache *cache, const Hash *hash, FileMap *map) {
    char path[PATH_BYTES], aside[PATH_BYTES], hex[HASH_HEX];
    blob_path(cache, hash, "", path);
    Status st = file_map(path, map);
    if (st == BS_NOT_FOUND) {
        hash_hex(hash, hex);
        return fail(BS_NOT_FOUND, "blob %.12s is not in %s", hex, cache->folder);
    }
    if (st != BS_OK || is_verified(cache, hash)) return st;
    Hash found = hash_bytes(map->bytes, map->n_bytes);
    if (hash_equal(&found, hash)) {
        set_verified(cache, hash);
        return BS_OK;
    }
    file_unmap(map);
    blob_path(cache, hash, ".corrupt", aside);
    if (rename(path, aside) != 0) unlink(path);
    return fail(BS_CORRUPT, "%s: the bytes do not match the name; moved away to %s", path, path_base(aside));
}

static Status make_folder_of(const Cache *cache, const Hash *hash) {
    char path[PATH_BYTES];
    blob_path(cache, hash, "", path);
    *strrchr(path, '/') = 0;
    return dir_make(path, 0700);
}

Status cache_put(Cache *cache, const void *bytes, size_t n_bytes, Hash *hash) {
    char path[PATH_BYTES];
    struct stat there;
    *hash = hash_bytes(bytes, n_bytes);
    blob_path(cache, hash, "", path);
    if (is_verified(cache, hash) && stat(path, &there) == 0 && (size_t)there.st_size == n_bytes) return BS_OK;
    Status st = make_folder_of(cache, hash);
    if (st == BS_OK) st = file_replace(path, bytes, n_bytes);
    if (st == BS_OK) set_verified(cache, hash);
    return st;
}

Status cache_claim(Cache *cache, const Hash *hash, int *claim) {
    char path[PATH_BYTES];
    *claim = -1;
    Status st = make_folder_of(cache, hash);
    if (st != BS_OK) return st;
    blob_path(cache, hash, ".lock", path);
    return file_lock(path, false, claim);
}

/* The lock file stays: removing it would race with a process that has just opened it. */
void cache_release(int claim) { file_unlock(claim); }
