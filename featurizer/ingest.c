/* Ingest: look up, else hear, pack, put the blob, then its row. The blob comes first, so that a row always
 * has its bytes, whenever the process ends. */
#include "featurizer/ingest.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/audio/audio.h"

/* A row whose blob is there. */
static Status find(const Ingest *g, const Hash *key, StoreRow *row) {
    Status st = store_find(g->store, key, row);
    if (st == BS_OK && !cache_has(store_blobs(g->store), &row->song))
        st = fail(BS_NOT_FOUND, "%s: its blob is gone", row->name);
    return st;
}

static Status find_by_samples(const Ingest *g, const char *path, StoreRow *row) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    Hash pcm;
    TRY(audio_open(&reader, &path, 1));
    TRY(audio_pcm_hash(reader, 0, &pcm));
    Hash key = store_key(FEATURIZER_VERSION, &pcm, 1);
    st = find(g, &key, row);
out:
    audio_close(reader);
    return st;
}

static Status hear_file(const Ingest *g, const char *path, const char *file, FeaturizeProgress progress,
                        void *context, StoreRow *row) {
    Status st = BS_OK;
    Song *song = NULL;
    ByteWriter w;
    Hash pcm[SONG_MAX_SOURCES];
    bytes_init(&w, SONG_MAX_BYTES);
    TRY(featurize_files(&path, &file, 1, NULL, progress, context, &song));
    TRY(song_pack(song, &w));
    *row = (StoreRow){.duration_s = (double)song->n_samples / song->sample_rate_hz,
                      .n_units = song->n_units,
                      .n_takes = song->n_takes};
    TRY(cache_put(store_blobs(g->store), w.bytes, w.n_bytes, &row->song));
    for (int32_t i = 0; i < song->n_sources; i++) pcm[i] = song->sources[i].pcm;
    row->key = store_key(song->featurizer_version, pcm, (size_t)song->n_sources);
    store_session_name(file, row->name);
    TRY(store_add(g->store, row));
out:
    bytes_drop(&w);
    song_free(song);
    return st;
}

Status ingest_file(const Ingest *g, const char *file, FeaturizeProgress progress, void *context,
                   StoreRow *row, bool *known) {
    char path[PATH_BYTES], known_as[PATH_BYTES + 32];
    struct stat s;
    Hash key;
    Status st = BS_OK;
    bool was_known = true;
    TRY(path_join(path, g->root, file));
    if (stat(path, &s) != 0) TRY(fail(BS_NOT_FOUND, "%s: no such file", path));
    int64_t mtime_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
    /* Another featurizer hears it differently: its files are not known to this one. */
    snprintf(known_as, sizeof known_as, "v%d %s", FEATURIZER_VERSION, file);
    if (!g->force && store_file_key(g->store, known_as, s.st_size, mtime_ns, &key) == BS_OK &&
        find(g, &key, row) == BS_OK)
        goto out;
    st = g->force || !g->ask_samples ? BS_NOT_FOUND : find_by_samples(g, path, row);
    if (st == BS_NOT_FOUND) {
        was_known = false;
        TRY(hear_file(g, path, file, progress, context, row));
    }
    TRY(st);
    TRY(store_file_put(g->store, known_as, s.st_size, mtime_ns, &row->key));
out:
    if (known) *known = was_known;
    return st;
}
