/* Loading songs: hashes from a file or the featurizer's list, bytes through the host cache. */
#include "learner/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/clock.h"
#include "common/host/log.h"

enum { SONGS_FILE_MAX = 64 << 20, LIST_MS = 3000, FETCH_MS = 60000, WAIT_FOR_FEATURIZER_S = 120 };

static Status below_data(const Settings *s, const char *name, char out[PATH_BYTES]) {
    Status st = BS_OK;
    char folder[PATH_BYTES];
    out[0] = 0;
    if (!s->data[0]) return BS_OK;
    if (strcmp(path_base(s->data), ".bandsaw") == 0)
        snprintf(folder, sizeof folder, "%s", s->data);
    else
        TRY(path_join(folder, s->data, ".bandsaw"));
    TRY(path_join(out, folder, name));
out:
    return st;
}

Status load_featurizer_path(const Settings *s, char out[PATH_BYTES]) {
    if (!s->featurizer[0]) return below_data(s, "rendezvous", out);
    snprintf(out, PATH_BYTES, "%s", s->featurizer);
    return BS_OK;
}

Status load_demos_path(const Settings *s, char out[PATH_BYTES]) {
    if (!s->demos[0]) return below_data(s, "demos.jsonl", out);
    snprintf(out, PATH_BYTES, "%s", s->demos);
    return BS_OK;
}

/* ---- which songs -------------------------------------------------------------------------------- */

static Status hashes_of_file(const char *path, Hash **hashes, size_t *n) {
    Status st = BS_OK;
    char *text = NULL, *save = NULL;
    size_t n_bytes, line_number = 0;
    TRY(file_read(path, SONGS_FILE_MAX, (void **)&text, &n_bytes));
    *hashes = malloc(sizeof **hashes * (n_bytes / (HASH_HEX - 1) + 1));
    if (!*hashes) {
        st = fail(BS_NOMEM, "%s: out of memory", path);
        goto out;
    }
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char hex[HASH_HEX] = "";
        line_number++;
        if (sscanf(line, "%64s", hex) != 1) continue;
        if (!hash_parse(&(*hashes)[*n], hex)) {
            st = fail(BS_CORRUPT, "%s: line %zu: '%.80s' is no song hash", path, line_number, line);
            goto out;
        }
        ++*n;
    }
out:
    free(text);
    return st;
}

static Status hashes_of_featurizer(BlobClient *client, const volatile int *stop, Hash **hashes, size_t *n) {
    Status st;
    SongListing *rows = NULL;
    double give_up_s = clock_s() + WAIT_FOR_FEATURIZER_S;
    do {
        st = blob_list(client, &rows, n, LIST_MS);
        if (st != BS_OK && st != BS_NOT_FOUND && status_class(st) != STATUS_LATER) return st;
        if (st != BS_OK) clock_sleep_ms(200);
    } while (st != BS_OK && !*stop && clock_s() < give_up_s);
    if (st != BS_OK) return fail_in(st, "songs of the featurizer");
    *hashes = malloc(sizeof **hashes * (*n + 1));
    if (!*hashes) st = fail(BS_NOMEM, "songs: out of memory");
    for (size_t i = 0; i < *n && st == BS_OK; i++) (*hashes)[i] = rows[i].song;
    free(rows);
    return st;
}

/* ---- their bytes -------------------------------------------------------------------------------- */

static Status load_one(SongBook *songs, const Hash *hash, BlobClient *client, Cache *cache) {
    Status st = BS_OK;
    FileMap map = {0};
    Song *song;
    char hex[HASH_HEX];
    hash_hex(hash, hex);
    if (!cache_has(cache, hash)) {
        if (!client)
            return fail(BS_NOT_FOUND, "song %s is not in the cache, and no featurizer is known", hex);
        TRY(blob_fetch(client, hash, cache, FETCH_MS));
    }
    TRY(cache_map(cache, hash, &map));
    TRY(song_unpack(&song, map.bytes, map.n_bytes));
    st = songs_add(songs, song);
    if (st == BS_UNSUPPORTED || st == BS_EXISTS) {
        log_warn("song-left-out", "song=%s reason=\"%s\"", hex, error_text());
        st = BS_OK;
    }
out:
    if (map.bytes) file_unmap(&map);
    return st == BS_OK ? st : fail_in(st, "song %.16s", hex);
}

Status load_songs(SongBook *songs, const Settings *s, const char *featurizer, Net *net, Cache *cache,
                  const volatile int *stop) {
    Status st = BS_OK;
    BlobClient *client = NULL;
    Hash *hashes = NULL;
    size_t n = 0;
    if (featurizer[0]) {
        ReachOptions reach = {0};
        snprintf(reach.rendezvous, sizeof reach.rendezvous, "%s", featurizer);
        snprintf(reach.keys, sizeof reach.keys, "%s", s->keys);
        TRY(blob_client_open(&client, net, &reach));
    }
    if (s->songs[0]) {
        TRY(hashes_of_file(s->songs, &hashes, &n));
    } else if (client) {
        TRY(hashes_of_featurizer(client, stop, &hashes, &n));
    } else {
        st = fail(BS_INVALID,
                  "no songs to train on: --data DATA, --featurizer FILE or --songs FILE is needed");
        goto out;
    }
    for (size_t i = 0; i < n && !*stop; i++) TRY(load_one(songs, &hashes[i], client, cache));
    songs_sort(songs);
    if (songs->n == 0)
        st = *stop ? fail(BS_CLOSED, "stopped")
                   : fail(BS_NOT_FOUND, "no song to train on: none of the %zu listed can be used", n);
out:
    free(hashes);
    if (client) blob_client_close(client);
    return st;
}

Status load_keep_songs(const SongBook *songs, const char *run) {
    char path[PATH_BYTES], hex[HASH_HEX];
    ByteWriter w;
    bytes_init(&w, SONGS_FILE_MAX);
    for (int32_t i = 0; i < songs->n; i++) {
        hash_hex(&songs->entries[i].song->hash, hex);
        bytes_printf(&w, "%s\n", hex);
    }
    Status st = path_join(path, run, "songs");
    if (st == BS_OK && w.bad) st = fail(BS_TOO_BIG, "%s: more songs than fit", path);
    if (st == BS_OK) st = file_replace(path, w.bytes, w.n_bytes);
    bytes_drop(&w);
    return st;
}
