/* Store: an SQLite index beside the blobs.
 *
 * SQLite 3.40 keeps its word under these rules: one process writes, over one connection, which alone
 * checkpoints; memory mapping is off; never on a network file system. The index holds nothing that the
 * blobs do not: when it is damaged it is moved aside and made again from them. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/store/store_private.h"

enum { APPLICATION_ID = 0x42534157 /* "BSAW" */, SCHEMA_VERSION = 2 };

#define COLUMNS  "key, song, recording, name, version, evicted, n_bytes, duration_s, n_units, n_takes"
#define NEXT_USE "(SELECT coalesce(max(used), 0) + 1 FROM songs)"

static const char *const sql[N_STATEMENTS] = {
    [FIND] = "SELECT " COLUMNS " FROM songs WHERE key = ?1",
    [FIND_SONG] = "SELECT " COLUMNS " FROM songs WHERE song = ?1 LIMIT 1",
    [USE] = "UPDATE songs SET used = " NEXT_USE " WHERE key = ?1",
    [ADD] = "INSERT OR REPLACE INTO songs (" COLUMNS ", used)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, " NEXT_USE ")",
    [FILE_FIND] = "SELECT key FROM files WHERE path = ?1 AND n_bytes = ?2 AND mtime_ns = ?3",
    [FILE_OF] = "SELECT path, n_bytes, mtime_ns FROM files WHERE key = ?1 ORDER BY path LIMIT 1 OFFSET ?2",
    [FILE_PUT] = "INSERT OR REPLACE INTO files (path, n_bytes, mtime_ns, key) VALUES (?1, ?2, ?3, ?4)",
    [LIST] = "SELECT " COLUMNS " FROM songs AS a WHERE version ="
             " (SELECT max(version) FROM songs AS b WHERE b.recording = a.recording) ORDER BY name, key",
    [IN_USE] = "SELECT coalesce(sum(n_bytes), 0) FROM songs WHERE NOT evicted",
    [BY_USE] = "SELECT " COLUMNS " FROM songs WHERE NOT evicted ORDER BY used",
    [EVICT] = "UPDATE songs SET evicted = 1 WHERE key = ?1",
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "DROP TABLE IF EXISTS songs;" /* of an older version: all that is in it is in the blobs */
    "DROP TABLE IF EXISTS files;"
    "CREATE TABLE songs (key BLOB PRIMARY KEY, song BLOB NOT NULL, recording BLOB NOT NULL,"
    " name TEXT NOT NULL, version INTEGER NOT NULL, evicted INTEGER NOT NULL, n_bytes INTEGER NOT NULL,"
    " duration_s REAL NOT NULL, n_units INTEGER NOT NULL, n_takes INTEGER NOT NULL,"
    " used INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX songs_by_song ON songs (song);"
    "CREATE INDEX songs_by_recording ON songs (recording, version);"
    "CREATE INDEX songs_by_use ON songs (used);"
    "CREATE TABLE files (path TEXT PRIMARY KEY, n_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " key BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX files_by_key ON files (key);"
    "PRAGMA application_id = 1112752471;" /* APPLICATION_ID */
    "PRAGMA user_version = 2;"
    "COMMIT;";

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

void store_row_of(const Song *song, int64_t n_bytes, StoreRow *row) {
    Hash pcm[SONG_MAX_SOURCES + 1];
    size_t n = (size_t)song->n_sources;
    for (size_t i = 0; i < n; i++) pcm[i] = song->sources[i].pcm;
    pcm[n] = song->stems;
    *row = (StoreRow){.key = store_key(song->featurizer_version, pcm, n + !hash_is_zero(&song->stems)),
                      .song = song->hash,
                      .recording = store_key(0, pcm, n),
                      .version = song->featurizer_version,
                      .n_bytes = n_bytes,
                      .duration_s = (double)song->n_samples / song->sample_rate_hz,
                      .n_units = song->n_units,
                      .n_takes = song->n_takes};
    store_session_name(n ? song->sources[0].name : "", row->name);
}

/* ---- opening */

const char *store_network_name(unsigned long magic) {
    static const struct {
        unsigned long magic;
        const char *name;
    } rows[] = {{0x6969, "NFS"},        {0x517b, "SMB"},        {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},
                {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},   {0x5346414f, "AFS"},  {0x6b414653, "AFS"},
                {0x00c36400, "Ceph"},   {0x19830326, "BeeGFS"}, {0x65735546, "FUSE"}, {0x01161970, "GFS2"},
                {0x7461636f, "OCFS2"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((magic & 0xffffffff) == rows[i].magic) return rows[i].name;
    return NULL;
}

static const char *network_file_system(const char *folder) {
    struct statfs s;
    return statfs(folder, &s) == 0 ? store_network_name((unsigned long)s.f_type) : NULL;
}

Status store_fail_sql(const Store *store, const char *doing) {
    int code = store->db ? sqlite3_errcode(store->db) : SQLITE_NOMEM;
    Status st = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? BS_CORRUPT
                : code == SQLITE_BUSY || code == SQLITE_LOCKED  ? BS_AGAIN
                : code == SQLITE_CANTOPEN                       ? BS_NOT_FOUND
                : code == SQLITE_NOMEM                          ? BS_NOMEM
                                                                : BS_IO;
    const char *hint = code == SQLITE_IOERR || code == SQLITE_FULL ? "; is the disk full?" : "";
    return fail(st, "%s: %s: %s%s", store->db_path, doing,
                store->db ? sqlite3_errmsg(store->db) : "out of memory", hint);
}

static Status run(const Store *store, const char *text) {
    return sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK ? BS_OK
                                                                        : store_fail_sql(store, "open");
}

static Status read_pragma(const Store *store, const char *text, int64_t *out) {
    sqlite3_stmt *s = NULL;
    Status st = BS_OK;
    if (sqlite3_prepare_v2(store->db, text, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        st = store_fail_sql(store, "open");
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
        st = store_fail_sql(store, "check");
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
        TRY(store_fail_sql(store, "open"));
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
    if (n_tables > 0 && (version < 1 || id != APPLICATION_ID))
        TRY(fail(BS_CORRUPT, "%s: is no index of this program", store->db_path));
    if (version < SCHEMA_VERSION && !store->writer)
        TRY(fail(BS_VERSION, "%s: has version %lld, made by an older program; run bandsaw featurize once",
                 store->db_path, (long long)version));
    if (store->writer) TRY(check_whole(store));
    store->empty = version < SCHEMA_VERSION;
    if (store->empty) TRY(run(store, schema));
    for (int i = 0; i < N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i],
                               NULL) != SQLITE_OK)
            TRY(store_fail_sql(store, "prepare"));
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
    TRY(path_join(store->folder, folder, ""));
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
    if (writer) TRY(store_sweep(store));
    st = open_db(store);
    if (st == BS_CORRUPT && writer) {
        TRY(move_aside(store));
        TRY(open_db(store));
        store->rebuilt = true;
    }
    TRY(st);
    if (store->empty) TRY(store_rebuild(store));
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

Status store_read_row(const Store *store, sqlite3_stmt *s, StoreRow *row) {
    memset(row, 0, sizeof *row);
    const unsigned char *name = sqlite3_column_text(s, 3);
    if (!column_hash(s, 0, &row->key) || !column_hash(s, 1, &row->song) ||
        !column_hash(s, 2, &row->recording) || !name)
        return fail(BS_CORRUPT, "%s: a row is damaged", store->db_path);
    snprintf(row->name, sizeof row->name, "%s", (const char *)name);
    row->version = (uint32_t)sqlite3_column_int64(s, 4);
    row->evicted = sqlite3_column_int(s, 5) != 0;
    row->n_bytes = sqlite3_column_int64(s, 6);
    row->duration_s = sqlite3_column_double(s, 7);
    row->n_units = sqlite3_column_int(s, 8);
    row->n_takes = sqlite3_column_int(s, 9);
    return BS_OK;
}

sqlite3_stmt *store_use(Store *store, StoreStatement which) {
    pthread_mutex_lock(&store->mutex);
    return store->statements[which];
}
void store_done_with(Store *store, sqlite3_stmt *s) {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    pthread_mutex_unlock(&store->mutex);
}

/* A statement that returns no row. */
static Status finish(Store *store, sqlite3_stmt *s, const char *doing) {
    Status st = sqlite3_step(s) == SQLITE_DONE ? BS_OK : store_fail_sql(store, doing);
    store_done_with(store, s);
    return st;
}

static Status find_row(Store *store, StoreStatement which, const Hash *hash, StoreRow *row) {
    sqlite3_stmt *s = store_use(store, which);
    bind_hash(s, 1, hash);
    int rc = sqlite3_step(s);
    Status st = rc == SQLITE_ROW    ? store_read_row(store, s, row)
                : rc == SQLITE_DONE ? fail(BS_NOT_FOUND, "%s: no such recording", store->db_path)
                                    : store_fail_sql(store, "find");
    store_done_with(store, s);
    return st;
}

Status store_change_row(Store *store, StoreStatement which, const Hash *key) {
    sqlite3_stmt *s = store_use(store, which);
    bind_hash(s, 1, key);
    return finish(store, s, "update");
}

Status store_find(Store *store, const Hash *key, StoreRow *row) {
    Status st = find_row(store, FIND, key, row);
    if (st == BS_OK && store->writer) st = store_change_row(store, USE, key);
    return st;
}

Status store_find_song(Store *store, const Hash *song, StoreRow *row) {
    return find_row(store, FIND_SONG, song, row);
}

Status store_add(Store *store, const StoreRow *row) {
    if (!cache_has(store->blobs, &row->song))
        return fail(BS_NOT_FOUND, "%s: its blob is not in %s", row->name, cache_folder(store->blobs));
    sqlite3_stmt *s = store_use(store, ADD);
    bind_hash(s, 1, &row->key);
    bind_hash(s, 2, &row->song);
    bind_hash(s, 3, &row->recording);
    sqlite3_bind_text(s, 4, row->name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 5, row->version);
    sqlite3_bind_int(s, 6, 0);
    sqlite3_bind_int64(s, 7, row->n_bytes);
    sqlite3_bind_double(s, 8, row->duration_s);
    sqlite3_bind_int(s, 9, row->n_units);
    sqlite3_bind_int(s, 10, row->n_takes);
    return finish(store, s, "add");
}

Status store_file_of(Store *store, const Hash *key, int n, char path[PATH_BYTES], int64_t *n_bytes,
                     int64_t *mtime_ns) {
    sqlite3_stmt *s = store_use(store, FILE_OF);
    bind_hash(s, 1, key);
    sqlite3_bind_int(s, 2, n);
    int rc = sqlite3_step(s);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    Status st = rc == SQLITE_DONE  ? fail(BS_NOT_FOUND, "%s: no file is known for it", store->db_path)
                : rc != SQLITE_ROW ? store_fail_sql(store, "find")
                : !text            ? fail(BS_CORRUPT, "%s: a row is damaged", store->db_path)
                                   : path_join(path, text, "");
    *n_bytes = st == BS_OK ? sqlite3_column_int64(s, 1) : 0;
    *mtime_ns = st == BS_OK ? sqlite3_column_int64(s, 2) : 0;
    store_done_with(store, s);
    return st;
}

Status store_file_key(Store *store, const char *path, int64_t n_bytes, int64_t mtime_ns, Hash *key) {
    sqlite3_stmt *s = store_use(store, FILE_FIND);
    sqlite3_bind_text(s, 1, path, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 2, n_bytes);
    sqlite3_bind_int64(s, 3, mtime_ns);
    int rc = sqlite3_step(s);
    Status st = rc == SQLITE_DONE         ? fail(BS_NOT_FOUND, "%s: is not known yet", path)
                : rc != SQLITE_ROW        ? store_fail_sql(store, "find")
                : !column_hash(s, 0, key) ? fail(BS_CORRUPT, "%s: a row is damaged", store->db_path)
                                          : BS_OK;
    store_done_with(store, s);
    return st;
}

Status store_file_put(Store *store, const char *path, int64_t n_bytes, int64_t mtime_ns, const Hash *key) {
    sqlite3_stmt *s = store_use(store, FILE_PUT);
    sqlite3_bind_text(s, 1, path, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 2, n_bytes);
    sqlite3_bind_int64(s, 3, mtime_ns);
    bind_hash(s, 4, key);
    return finish(store, s, "add");
}

Status store_read_rows(Store *store, StoreStatement which, StoreRow **rows, size_t *n_rows) {
    *rows = NULL;
    *n_rows = 0;
    Status st = BS_OK;
    StoreRow *list = NULL;
    size_t n = 0, capacity = 0;
    int rc;
    sqlite3_stmt *s = store_use(store, which);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (n == capacity) {
            StoreRow *more = realloc(list, (capacity = 2 * capacity + 64) * sizeof *list);
            if (!more) TRY(fail(BS_NOMEM, "%s: no memory to list it", store->db_path));
            list = more;
        }
        TRY(store_read_row(store, s, &list[n++]));
    }
    if (rc != SQLITE_DONE) TRY(store_fail_sql(store, "list"));
    *rows = list;
    *n_rows = n;
    list = NULL;
out:
    store_done_with(store, s);
    free(list);
    return st;
}

Status store_list(Store *store, StoreRow **rows, size_t *n_rows) {
    return store_read_rows(store, LIST, rows, n_rows);
}
