/* Room: blobs that can be made again go when the store is over its limit, the longest unused first.
 *
 * The row is marked before the file goes, so that no row ever promises bytes that were taken away: a process
 * that ends in between leaves a blob that nobody counts, and that is served all the same. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store/store_private.h"

enum { MAX_SONGS_FILE_BYTES = 64 << 20 };

typedef struct Pins {
    Hash *hashes; /* sorted after pins_read */
    size_t n, capacity;
} Pins;

static int by_hash(const void *a, const void *b) { return memcmp(a, b, HASH_BYTES); }

static Status pin(Pins *pins, const Hash *hash) {
    if (pins->n == pins->capacity) {
        size_t capacity = 2 * pins->capacity + 256;
        Hash *more = realloc(pins->hashes, capacity * sizeof *more);
        if (!more) return fail(BS_NOMEM, "no memory for the songs of runs");
        pins->hashes = more;
        pins->capacity = capacity;
    }
    pins->hashes[pins->n++] = *hash;
    return BS_OK;
}

static Status pin_file(Pins *pins, const char *path) {
    void *bytes;
    size_t n_bytes;
    char *rest = NULL, hex[HASH_HEX];
    Hash hash;
    Status st = file_read(path, MAX_SONGS_FILE_BYTES, &bytes, &n_bytes);
    if (st != BS_OK) return st;
    for (char *line = strtok_r(bytes, "\n", &rest); line && st == BS_OK; line = strtok_r(NULL, "\n", &rest)) {
        size_t n = strcspn(line, " \t\r");
        if (n != HASH_HEX - 1) continue;
        memcpy(hex, line, n);
        hex[n] = 0;
        if (hash_parse(&hash, hex)) st = pin(pins, &hash);
    }
    free(bytes);
    return st;
}

/* A songs file that cannot be read stops the eviction: what it pins is not known. */
static Status pins_read(Pins *pins, const char *folder) {
    char runs[PATH_BYTES], path[PATH_BYTES], **names = NULL;
    size_t n = 0;
    Status st = BS_OK;
    TRY(path_join(runs, folder, "runs"));
    if (!file_exists(runs)) return BS_OK;
    TRY(dir_list(runs, &names, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(path_join(path, runs, names[i]));
        TRY(path_join(path, path, "songs"));
        if (file_exists(path)) TRY(pin_file(pins, path));
    }
    if (pins->n) qsort(pins->hashes, pins->n, sizeof *pins->hashes, by_hash);
out:
    free(names);
    return st;
}

static Status bytes_in_use(Store *store, int64_t *n_bytes) {
    sqlite3_stmt *s = store_use(store, IN_USE);
    Status st = sqlite3_step(s) == SQLITE_ROW ? BS_OK : store_fail_sql(store, "sum");
    if (st == BS_OK) *n_bytes = sqlite3_column_int64(s, 0);
    store_done_with(store, s);
    return st;
}

static Status evict(Store *store, const StoreRow *row) {
    char path[PATH_BYTES];
    Status st = store_change_row(store, EVICT, &row->key);
    if (st == BS_OK) st = cache_path(store->blobs, &row->song, path);
    if (st == BS_OK) unlink(path);
    return st;
}

Status store_make_room(Store *store, int64_t max_bytes, bool (*again)(void *context, const StoreRow *row),
                       void *context, StoreRoom *room) {
    Status st = BS_OK;
    Pins pins = {0};
    StoreRow *rows = NULL;
    size_t n_rows = 0;
    *room = (StoreRoom){0};
    TRY(bytes_in_use(store, &room->n_bytes));
    if (room->n_bytes <= max_bytes) return BS_OK;
    TRY(pins_read(&pins, store->folder));
    TRY(store_read_rows(store, BY_USE, &rows, &n_rows));
    for (size_t i = 0; i < n_rows && room->n_bytes > max_bytes; i++) {
        if (pins.n && bsearch(&rows[i].song, pins.hashes, pins.n, sizeof *pins.hashes, by_hash)) continue;
        if (!again(context, &rows[i])) continue;
        TRY(evict(store, &rows[i]));
        room->n_bytes -= rows[i].n_bytes;
        room->n_evicted++;
    }
out:
    free(pins.hashes);
    free(rows);
    return st;
}
