/* Ingest: look up, else hear, pack, put the blob, then its row. The blob comes first, so that a row always
 * has its bytes, whenever the process ends. */
#include "featurizer/ingest.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/audio/audio.h"
#include "common/host/log.h"

enum { MARK_DIGITS = 16, KNOWN_BYTES = PATH_BYTES + 32 };

/* The folder of a recording's stems, "" without. */
static Status find_stems(const Ingest *g, const char *path, char folder[PATH_BYTES]) {
    const char *asked = g->stems ? g->stems : "";
    folder[0] = 0;
    if (!strcmp(asked, "none")) return BS_OK;
    Status st = stem_files_find(folder, asked, path);
    if (st == BS_NOT_FOUND) folder[0] = 0; /* of a whole dataset, some may have none */
    return st == BS_NOT_FOUND ? BS_OK : st;
}

/* "v2 jam.wav", "v2+0123456789abcdef jam.wav" with stems of that mark: another featurizer hears it
 * differently, and so it does with other stems; then the file is not known. */
static Status known_name(const Ingest *g, const char *file, char out[KNOWN_BYTES]) {
    Status st = BS_OK;
    char path[PATH_BYTES], folder[PATH_BYTES], hex[HASH_HEX] = "";
    Hash mark;
    TRY(path_join(path, g->root, file));
    TRY(find_stems(g, path, folder));
    if (folder[0]) {
        TRY(stem_files_mark(folder, &mark));
        hash_hex(&mark, hex);
    }
    snprintf(out, KNOWN_BYTES, "v%d%s%.*s %s", FEATURIZER_VERSION, folder[0] ? "+" : "", MARK_DIGITS, hex,
             file);
out:
    return st;
}

static Status stat_file(const Ingest *g, const char *file, char path[PATH_BYTES], int64_t *n_bytes,
                        int64_t *mtime_ns) {
    struct stat s;
    *n_bytes = *mtime_ns = 0;
    Status st = path_join(path, g->root, file);
    if (st != BS_OK) return st;
    if (stat(path, &s) != 0) return fail(BS_NOT_FOUND, "%s: no such file", path);
    *n_bytes = s.st_size;
    *mtime_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
    return BS_OK;
}

/* A row whose blob is there and whole, or was evicted. A damaged one is moved away here, and heard again. */
static Status find(const Ingest *g, const Hash *key, StoreRow *row) {
    FileMap map;
    Status st = store_find(g->store, key, row);
    if (st != BS_OK || row->evicted) return st;
    st = cache_map(store_blobs(g->store), &row->song, &map);
    if (st == BS_OK) file_unmap(&map);
    return st == BS_CORRUPT ? fail(BS_NOT_FOUND, "%s: its blob is damaged", row->name) : st;
}

/* A file of this dataset that holds the recording, and its stems, unchanged. */
static bool find_file(const Ingest *g, const Hash *key, char file[PATH_BYTES]) {
    char known_as[PATH_BYTES], now[KNOWN_BYTES], path[PATH_BYTES], prefix[16];
    int64_t n_bytes, mtime_ns, n_bytes_now, mtime_ns_now;
    size_t n_prefix = (size_t)snprintf(prefix, sizeof prefix, "v%d", FEATURIZER_VERSION);
    for (int i = 0; store_file_of(g->store, key, i, known_as, &n_bytes, &mtime_ns) == BS_OK; i++) {
        const char *name = strchr(known_as, ' ');
        if (strncmp(known_as, prefix, n_prefix) != 0 || !name) continue;
        snprintf(file, PATH_BYTES, "%s", name + 1);
        if (stat_file(g, file, path, &n_bytes_now, &mtime_ns_now) == BS_OK && n_bytes == n_bytes_now &&
            mtime_ns == mtime_ns_now && known_name(g, file, now) == BS_OK && !strcmp(now, known_as))
            return true;
    }
    return false;
}

typedef struct Keep {
    const Ingest *ingest;
    const Hash *song; /* just made, and about to be asked for: it stays, however small the limit */
} Keep;

static bool can_be_made_again(void *context, const StoreRow *row) {
    const Keep *k = context;
    char file[PATH_BYTES];
    return row->version == FEATURIZER_VERSION && !hash_equal(&row->song, k->song) &&
           find_file(k->ingest, &row->key, file);
}

static Status make_room(const Ingest *g, const Hash *song) {
    StoreRoom room;
    Keep keep = {g, song};
    if (!g->max_bytes) return BS_OK;
    Status st = store_make_room(g->store, g->max_bytes, can_be_made_again, &keep, &room);
    if (st == BS_OK && room.n_evicted)
        log_info("evicted", "songs=%d bytes_left=%lld", room.n_evicted, (long long)room.n_bytes);
    if (st == BS_OK && room.n_bytes > g->max_bytes)
        log_warn("over-the-limit",
                 "bytes=%lld limit=%lld reason=\"the rest is new, named by runs or has no file\"",
                 (long long)room.n_bytes, (long long)g->max_bytes);
    return st;
}

static Status find_by_samples(const Ingest *g, const char *path, StoreRow *row) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    Tracks stems = {0};
    char folder[PATH_BYTES];
    Hash of[2]; /* the recording, its stems */
    TRY(audio_open(&reader, &path, 1));
    TRY(audio_pcm_hash(reader, 0, &of[0]));
    TRY(find_stems(g, path, folder));
    if (folder[0]) {
        TRY(tracks_open(&stems, folder));
        of[1] = stem_files_hash(&stems, &st);
        TRY(st);
    }
    Hash key = store_key(FEATURIZER_VERSION, of, folder[0] ? 2 : 1);
    st = find(g, &key, row);
out:
    tracks_drop(&stems);
    audio_close(reader);
    return st;
}

static Status hear_file(const Ingest *g, const char *path, const char *file, FeaturizeProgress progress,
                        void *context, StoreRow *row) {
    Status st = BS_OK;
    Song *song = NULL;
    ByteWriter w;
    Hash hash;
    char folder[PATH_BYTES];
    bytes_init(&w, SONG_MAX_BYTES);
    TRY(find_stems(g, path, folder));
    const FeaturizeOptions how = {.stems = folder[0] ? folder : "none"};
    TRY(featurize_files(&path, &file, 1, &how, progress, context, &song));
    TRY(song_pack(song, &w));
    TRY(cache_put(store_blobs(g->store), w.bytes, w.n_bytes, &hash));
    store_row_of(song, (int64_t)w.n_bytes, row);
    TRY(store_add(g->store, row));
out:
    bytes_drop(&w);
    song_free(song);
    return st;
}

Status ingest_file(const Ingest *g, const char *file, FeaturizeProgress progress, void *context,
                   StoreRow *row, bool *known) {
    char path[PATH_BYTES], known_as[KNOWN_BYTES];
    int64_t n_bytes, mtime_ns;
    Hash key;
    Status st = BS_OK;
    bool was_known = true;
    TRY(stat_file(g, file, path, &n_bytes, &mtime_ns));
    TRY(known_name(g, file, known_as));
    if (!g->force && store_file_key(g->store, known_as, n_bytes, mtime_ns, &key) == BS_OK &&
        find(g, &key, row) == BS_OK)
        goto out;
    st = g->force || !g->ask_samples ? BS_NOT_FOUND : find_by_samples(g, path, row);
    if (st == BS_NOT_FOUND) {
        was_known = false;
        TRY(hear_file(g, path, file, progress, context, row));
    }
    TRY(st);
    TRY(store_file_put(g->store, known_as, n_bytes, mtime_ns, &row->key));
    TRY(make_room(g, &row->song));
out:
    if (known) *known = was_known;
    return st;
}

Status ingest_restore(const Ingest *g, const Hash *song) {
    Status st = BS_OK;
    StoreRow row, heard;
    FileMap map;
    char file[PATH_BYTES], path[PATH_BYTES];
    if (cache_map(store_blobs(g->store), song, &map) == BS_OK) { /* somebody was faster */
        file_unmap(&map);
        return BS_OK;
    }
    TRY(store_find_song(g->store, song, &row));
    if (!find_file(g, &row.key, file))
        TRY(fail(BS_NOT_FOUND, "%s: its Song is gone, and so is its recording", row.name));
    TRY(path_join(path, g->root, file));
    TRY(hear_file(g, path, file, NULL, NULL, &heard));
    TRY(make_room(g, &heard.song));
    if (!hash_equal(&heard.song, song))
        st = fail(BS_NOT_FOUND, "%s: what is heard now is another Song", row.name);
out:
    return st;
}
