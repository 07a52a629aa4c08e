/* Store: an SQLite index beside the blobs.
 *
 * SQLite 3.40 keeps its word under these rules: one process writes, over one connection, which alone
 * checkpoints; memory mapping is off; never on a network file system. The index holds nothing that the
 * blobs do not: when it is damaged it is moved aside and made again from them. */
#include "common/store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x42534157 /* "BSAW" */, SCHEMA_VERSION = 1 };

typedef enum Statement { FIND, ADD, FILE_FIND, FILE_PUT, LIST, N_STATEMENTS } Statement;

static const char *const sql[N_STATEMENTS] = {
    [FIND] = "SELECT key, song, name, duration_s, n_units, n_takes FROM songs WHERE key = ?1",
    [ADD] = "INSERT OR REPLACE INTO songs VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [FILE_FIND] = "SELECT key FROM files WHERE path = ?1 AND n_bytes = ?2 AND mtime_ns = ?3",
    [FILE_PUT] = "INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4)",
    [LIST] = "SELECT key, song, name, duration_s, n_units, n_takes FROM songs ORDER BY name, key",
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE songs (key BLOB PRIMARY KEY, song BLOB NOT NULL, name TEXT NOT NULL, duration_s REAL NOT "
    "NULL,"
    " n_units INTEGER NOT NULL, n_takes INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE files (path TEXT PRIMARY KEY, n_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " key BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1112752471;" /* APPLICATION_ID */
    "PRAGMA user_version = 1;"
    "COMMIT;";

struct Store {
    char db_path[PATH_BYTES];
    Cache *blobs;
    int lock; /* of the writer, else -1 */
    bool writer, rebuilt;
    pthread_mutex_t mutex; /* of what follows */
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
};

Hash store_key(uint32_t featurizer_version, const Hash *pcm, size_t n_pcm) {
    ByteWriter w;
    HashState state;
    bytes_init(&w, 16);
    bytes_u32(&w, featurizer_version);
    bytes_u32(&w, (uint32_t)n_pcm);
    hash_begin(&state);
    hash_add(&state, "bandsaw song key", 16);
    hash_add(&state, w.bytes, w.n_bytes);
    for (size_t i = 0; i < n_pcm; i++) hash_add(&state, pcm[i].bytes, HASH_BYTES);
    bytes_drop(&w);
    return hash_end(&state);
}

void store_session_name(const char *path, char out[SONG_NAME_BYTES]) {
    snprintf(out, SONG_NAME_BYTES, "%s", path_base(path));
    char *dot = strrchr(out, '.');
    if (dot && dot != out) *dot = 0;
    size_t n = strlen(out);
    if (n > 4 && !strcmp(out + n - 4, "_raw")) out[n - 4] = 0;
}

/* ---- opening */

static const char *network_file_system(const char *folder) {
    static const struct {
        unsigned long magic;
        const char *name;
    } rows[] = {{0x6969, "NFS"},        {0x517b, "SMB"},        {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},
                {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},   {0x5346414f, "AFS"},  {0x6b414653, "AFS"},
                {0x00c36400, "Ceph"},   {0x19830326, "BeeGFS"}, {0x65735546, "FUSE"}, {0x01161970, "GFS2"},
                {0x7461636f, "OCFS2"}};
    struct statfs s;
    if (statfs(folder, &s) != 0) return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (((unsigned long)s.f_type & 0xffffffff) == rows[i].magic) return rows[i].name;
    return NULL;
}

static Status fail_sql(const Store *store, const char *doing) {
    int code = store->db ? sqlite3_errcode(store->db) : SQLITE_NOMEM;
    Status st = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? BS_CORRUPT
                : code == SQLITE_BUSY || code == SQLITE_LOCKED  ? BS_AGAIN
                : code == SQLITE_CANTOPEN                       ? BS_NOT_FOUND
                : code == SQLITE_NOMEM                          ? BS_NOMEM
                                                                : BS_IO;
    return fail(st, "%s: %s: %s", store->db_path, doing,
                store->db ? sqlite3_errmsg(store->db) : "out of memory");
}

static Status run(const Store *store, const char *text) {
    return sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK ? BS_OK : fail_sql(store, "open");
}

static Status read_pragma(const Store *store, const char *text, int64_t *out) {
    sqlite3_stmt *s = NULL;
    Status st = BS_OK;
    if (sqlite3_prepare_v2(store->db, text, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        st = fail_sql(store, "open");
    else
        *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return st;
}

/* "ok" in its first row, or the index is damaged. */
static Status check_whole(const Store *store) {
    sqlite3_stmt *s = NULL;
    Status st = BS_OK;
    if (sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        st = fail_sql(store, "check");
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok"))
        st = fail(BS_CORRUPT, "%s: check: %s", store->db_path, sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return st;
}

static void close_db(Store *store) {
    for (int i = 0; i < N_STATEMENTS; i++) sqlite3_finalize(store->statements[i]);
    memset(store->statements, 0, sizeof store->statements);
    sqlite3_close(store->db);
    store->db = NULL;
}

static Status open_db(Store *store) {
    Status st = BS_OK;
    int64_t version = 0, id = 0, n_tables = 0;
    int flags = store->writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (sqlite3_open_v2(store->db_path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        TRY(fail_sql(store, "open"));
    sqlite3_busy_timeout(store->db, 5000);
    TRY(run(store, "PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384;"));
    if (store->writer)
        TRY(run(store, "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                       "PRAGMA journal_size_limit = 16777216;"));
    else
        TRY(run(store, "PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = ON;"));
    TRY(read_pragma(store, "PRAGMA user_version", &version));
    TRY(read_pragma(store, "PRAGMA application_id", &id));
    TRY(read_pragma(store, "SELECT count(*) FROM sqlite_schema", &n_tables));
    if (version > SCHEMA_VERSION)
        TRY(fail(BS_VERSION, "%s: has version %lld, this program reads up to %d", store->db_path,
                 (long long)version, SCHEMA_VERSION));
    if (n_tables == 0 && store->writer) {
        TRY(run(store, schema));
    } else if (version != SCHEMA_VERSION || id != APPLICATION_ID) {
        TRY(fail(BS_CORRUPT, "%s: is no index of this program", store->db_path));
    }
    if (store->writer) TRY(check_whole(store));
    for (int i = 0; i < N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i],
                               NULL) != SQLITE_OK)
            TRY(fail_sql(store, "prepare"));
out:
    if (st != BS_OK) close_db(store);
    return st;
}

/* The damaged index, with its log, gets out of the way. */
static Status move_aside(Store *store) {
    static const char *const suffixes[] = {"-wal", "-shm", ""};
    char from[PATH_BYTES + 16], to[PATH_BYTES + 32];
    for (int i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s%s", store->db_path, suffixes[i]);
        snprintf(to, sizeof to, "%s.corrupt%s", store->db_path, suffixes[i]);
        if (file_exists(from) && rename(from, to) != 0) return fail(BS_IO, "%s: cannot be moved aside", from);
    }
    return BS_OK;
}

Status store_open(Store **out, const char *folder, bool writer) {
    *out = NULL;
    char path[PATH_BYTES];
    Status st = BS_OK;
    Store *store = calloc(1, sizeof *store);
    if (!store) return fail(BS_NOMEM, "%s: no memory for the index", folder);
    store->lock = -1;
    store->writer = writer;
    pthread_mutex_init(&store->mutex, NULL);
    TRY(path_join(store->db_path, folder, "store.db"));
    if (!writer && !file_exists(store->db_path))
        TRY(fail(BS_NOT_FOUND, "%s: there is no index yet", store->db_path));
    TRY(dir_make(folder, 0777));
    const char *network = network_file_system(folder);
    if (network)
        TRY(fail(
            BS_UNSUPPORTED,
            "%s: is on a network file system (%s), which would damage the index; copy it to a local disk",
            folder, network));
    TRY(path_join(path, folder, "blobs"));
    TRY(cache_open(&store->blobs, path));
    if (writer) {
        TRY(path_join(path, folder, "store.lock"));
        st = file_lock(path, false, &store->lock);
        if (st == BS_AGAIN) TRY(fail(BS_AGAIN, "%s: another featurizer works on it", folder));
        TRY(st);
    }
    bool is_new = !file_exists(store->db_path);
    st = open_db(store);
    if (st == BS_CORRUPT && writer) {
        TRY(move_aside(store));
        TRY(open_db(store));
        is_new = store->rebuilt = true;
    }
    TRY(st);
    if (is_new) TRY(store_rebuild(store));
    *out = store;
    store = NULL;
out:
    store_close(store);
    return st;
}

void store_close(Store *store) {
    if (!store) return;
    close_db(store);
    file_unlock(store->lock);
    cache_close(store->blobs);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

Cache *store_blobs(Store *store) { return store->blobs; }
bool store_was_rebuilt(const Store *store) { return store->rebuilt; }

/* ---- rows */

static void bind_hash(sqlite3_stmt *s, int at, const Hash *hash) {
    sqlite3_bind_blob(s, at, hash->bytes, HASH_BYTES, SQLITE_TRANSIENT);
}

static bool column_hash(sqlite3_stmt *s, int at, Hash *out) {
    const void *bytes = sqlite3_column_blob(s, at);
    if (!bytes || sqlite3_column_bytes(s, at) != HASH_BYTES) return false;
    memcpy(out->bytes, bytes, HASH_BYTES);
    return true;
}

static Status read_row(const Store *store, sqlite3_stmt *s, StoreRow *row) {
    memset(row, 0, sizeof *row);
    const unsigned char *name = sqlite3_column_text(s, 2);
    if (!column_hash(s, 0, &row->key) || !column_hash(s, 1, &row->song) || !name)
        return fail(BS_CORRUPT, "%s: a row is damaged", store->db_path);
    snprintf(row->name, sizeof row->name, "%s", (const char *)name);
    row->duration_s = sqlite3_column_double(s, 3);
    row->n_units = sqlite3_column_int(s, 4);
    row->n_takes = sqlite3_column_int(s, 5);
    return BS_OK;
}

/* The statement for one use, under the lock; done_with gives both back. */
static sqlite3_stmt *use(Store *store, Statement which) {
    pthread_mutex_lock(&store->mutex);
    return store->statements[which];
}
static void done_with(Store *store, sqlite3_stmt *s) {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    pthread_mutex_unlock(&store->mutex);
}

/* A statement that returns no row. */
static Status finish(Store *store, sqlite3_stmt *s, const char *doing) {
    Status st = sqlite3_step(s) == SQLITE_DONE ? BS_OK : fail_sql(store, doing);
    done_with(store, s);
    return st;
}

Status store_find(Store *store, const Hash *key, StoreRow *row) {
    sqlite3_stmt *s = use(store, FIND);
    bind_hash(s, 1, key);
    int rc = sqlite3_step(s);
    Status st = rc == SQLITE_ROW    ? read_row(store, s, row)
                : rc == SQLITE_DONE ? fail(BS_NOT_FOUND, "%s: no such recording", store->db_path)
                                    : fail_sql(store, "find");
    done_with(store, s);
    return st;
}

Status store_add(Store *store, const StoreRow *row) {
    if (!cache_has(store->blobs, &row->song))
        return fail(BS_NOT_FOUND, "%s: its blob is not in %s", row->name, cache_folder(store->blobs));
    sqlite3_stmt *s = use(store, ADD);
    bind_hash(s, 1, &row->key);
    bind_hash(s, 2, &row->song);
    sqlite3_bind_text(s, 3, row->name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_double(s, 4, row->duration_s);
    sqlite3_bind_int(s, 5, row->n_units);
    sqlite3_bind_int(s, 6, row->n_takes);
    return finish(store, s, "add");
}

Status store_file_key(Store *store, const char *path, int64_t n_bytes, int64_t mtime_ns, Hash *key) {
    sqlite3_stmt *s = use(store, FILE_FIND);
    sqlite3_bind_text(s, 1, path, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 2, n_bytes);
    sqlite3_bind_int64(s, 3, mtime_ns);
    int rc = sqlite3_step(s);
    Status st = rc == SQLITE_DONE         ? fail(BS_NOT_FOUND, "%s: is not known yet", path)
                : rc != SQLITE_ROW        ? fail_sql(store, "find")
                : !column_hash(s, 0, key) ? fail(BS_CORRUPT, "%s: a row is damaged", store->db_path)
                                          : BS_OK;
    done_with(store, s);
    return st;
}

Status store_file_put(Store *store, const char *path, int64_t n_bytes, int64_t mtime_ns, const Hash *key) {
    sqlite3_stmt *s = use(store, FILE_PUT);
    sqlite3_bind_text(s, 1, path, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 2, n_bytes);
    sqlite3_bind_int64(s, 3, mtime_ns);
    bind_hash(s, 4, key);
    return finish(store, s, "add");
}

Status store_list(Store *store, StoreRow **rows, size_t *n_rows) {
    *rows = NULL;
    *n_rows = 0;
    Status st = BS_OK;
    StoreRow *list = NULL;
    size_t n = 0, capacity = 0;
    int rc;
    sqlite3_stmt *s = use(store, LIST);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (n == capacity) {
            StoreRow *more = realloc(list, (capacity = 2 * capacity + 64) * sizeof *list);
            if (!more) TRY(fail(BS_NOMEM, "%s: no memory to list it", store->db_path));
            list = more;
        }
        TRY(read_row(store, s, &list[n++]));
    }
    if (rc != SQLITE_DONE) TRY(fail_sql(store, "list"));
    *rows = list;
    *n_rows = n;
    list = NULL;
out:
    done_with(store, s);
    free(list);
    return st;
}

/* ---- rebuilding */

/* Other blobs than Songs lie in the folder too: what does not unpack is left alone. */
static Status add_blob(Store *store, const Hash *hash) {
    FileMap map;
    Song *song = NULL;
    StoreRow row = {.song = *hash};
    Hash pcm[SONG_MAX_SOURCES];
    if (cache_map(store->blobs, hash, &map) != BS_OK) return BS_OK;
    Status st = song_unpack(&song, map.bytes, map.n_bytes);
    file_unmap(&map);
    if (st != BS_OK) return st == BS_NOMEM ? st : BS_OK;
    for (int32_t i = 0; i < song->n_sources; i++) pcm[i] = song->sources[i].pcm;
    row.key = store_key(song->featurizer_version, pcm, (size_t)song->n_sources);
    store_session_name(song->n_sources ? song->sources[0].name : "", row.name);
    row.duration_s = (double)song->n_samples / song->sample_rate_hz;
    row.n_units = song->n_units;
    row.n_takes = song->n_takes;
    song_free(song);
    return store_add(store, &row);
}

Status store_rebuild(Store *store) {
    char **folders = NULL, **names = NULL, path[PATH_BYTES];
    size_t n_folders, n_names;
    Status st = BS_OK;
    TRY(run(store, "DELETE FROM songs; DELETE FROM files;"));
    TRY(dir_list(cache_folder(store->blobs), &folders, &n_folders));
    for (size_t i = 0; i < n_folders; i++) {
        if (strlen(folders[i]) != 2) continue;
        TRY(path_join(path, cache_folder(store->blobs), folders[i]));
        if (dir_list(path, &names, &n_names) != BS_OK) continue;
        for (size_t j = 0; j < n_names; j++) {
            Hash hash;
            if (hash_parse(&hash, names[j])) TRY(add_blob(store, &hash));
        }
        free(names);
        names = NULL;
    }
out:
    free(names);
    free(folders);
    return st;
}
