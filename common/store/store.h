#pragma once
/* Store: DATA/.bandsaw: immutable blobs named by hash, and an SQLite index over them.
 *
 * The index (store.db) is written by one process, the featurizer, over one connection; it can be rebuilt
 * from the blobs at will. Readers that only need bytes by hash use host/cache.h on blobs/ instead. */
#include "common/host/cache.h"
#include "common/song/song.h"

typedef struct Store Store;

/* folder: DATA/.bandsaw; made when missing. writer: takes the lock (BS_AGAIN when another holds it). */
Status store_open(Store **out, const char *folder, bool writer);
void store_close(Store *store);
Cache *store_blobs(Store *store); /* borrowed */
/* The index was damaged: it lies beside as store.db.corrupt, and this one was made from the blobs. */
bool store_was_rebuilt(const Store *store);

/* The key of a recording: its files' decoded samples in order, those of its stems where they were there, and
 * what heard them. */
Hash store_key(uint32_t featurizer_version, const Hash *pcm, size_t n_pcm);
/* "DATA/song0001_raw.wav" -> "song0001", "jam.flac" -> "jam". */
void store_session_name(const char *path, char out[SONG_NAME_BYTES]);

/* A recording is known by the hash of its files' decoded samples and the featurizer's version. */
typedef struct StoreRow {
    char name[SONG_NAME_BYTES]; /* session name */
    Hash key, song;
    Hash recording;   /* store_key of version 0: the same whoever heard it */
    uint32_t version; /* of the featurizer */
    bool evicted;     /* its blob was taken away to make room, and is made again when it is asked for */
    int64_t n_bytes;  /* of the blob */
    double duration_s;
    int32_t n_units, n_takes;
} StoreRow;

/* What a Song says of itself, with song->hash; n_bytes: of its blob. The name is that of its first file. */
void store_row_of(const Song *song, int64_t n_bytes, StoreRow *row);

Status store_find(Store *store, const Hash *key, StoreRow *row);       /* BS_NOT_FOUND; counts as a use */
Status store_find_song(Store *store, const Hash *song, StoreRow *row); /* BS_NOT_FOUND */
Status store_add(Store *store, const StoreRow *row);                   /* the blob is in the cache already */
/* Quick look-up that spares decoding: path, size, mtime -> key. */
Status store_file_key(Store *store, const char *path, int64_t n_bytes, int64_t mtime_ns, Hash *key);
Status store_file_put(Store *store, const char *path, int64_t n_bytes, int64_t mtime_ns, const Hash *key);
/* The n-th file (from 0, by path) that a key was seen in, as it was put; BS_NOT_FOUND past the last. */
Status store_file_of(Store *store, const Hash *key, int n, char path[PATH_BYTES], int64_t *n_bytes,
                     int64_t *mtime_ns);
/* All rows sorted by name, of each recording those of the newest featurizer only; malloc'ed. */
Status store_list(Store *store, StoreRow **rows, size_t *n_rows);
Status store_rebuild(Store *store); /* index from blobs */

/* Takes blobs away, the longest unused first, until those left hold at most max_bytes. Only what `again` says
 * can be made again, and what no run names in DATA/.bandsaw/runs/NAME/songs. Rows stay. */
typedef struct StoreRoom {
    int64_t n_bytes; /* of the blobs left: above max_bytes when the rest must stay */
    int n_evicted;
} StoreRoom;
Status store_make_room(Store *store, int64_t max_bytes, bool (*again)(void *context, const StoreRow *row),
                       void *context, StoreRoom *room);
