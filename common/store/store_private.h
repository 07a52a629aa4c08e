#pragma once
/* What the files of the store share: its statements, and how one is used under the lock. */
#include <pthread.h>

#include "common/store/store.h"

typedef struct sqlite3 sqlite3; /* as sqlite3.h has them */
typedef struct sqlite3_stmt sqlite3_stmt;

typedef enum StoreStatement {
    FIND,
    FIND_SONG,
    USE,
    ADD,
    FILE_FIND,
    FILE_OF,
    FILE_PUT,
    LIST,
    IN_USE,
    BY_USE,
    EVICT,
    N_STATEMENTS
} StoreStatement;

struct Store {
    char folder[PATH_BYTES], db_path[PATH_BYTES];
    Cache *blobs;
    int lock; /* of the writer, else -1 */
    bool writer, empty, rebuilt;
    pthread_mutex_t mutex; /* of what follows */
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
};

/* The statement for one use, under the lock; store_done_with gives both back. */
sqlite3_stmt *store_use(Store *store, StoreStatement which);
void store_done_with(Store *store, sqlite3_stmt *s);
Status store_fail_sql(const Store *store, const char *doing);
Status store_read_row(const Store *store, sqlite3_stmt *s, StoreRow *row);
/* USE or EVICT. */
Status store_change_row(Store *store, StoreStatement which, const Hash *key);
/* Every row a statement gives; malloc'ed. */
Status store_read_rows(Store *store, StoreStatement which, StoreRow **rows, size_t *n_rows);
/* Removes temporary files between the blobs that are older than an hour. */
Status store_sweep(Store *store);
/* The network file system that statfs calls `magic`, NULL for all others. */
const char *store_network_name(unsigned long magic);
