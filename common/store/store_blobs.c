/* The store's way through its blobs: the index from them, and what a killed process left between them. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/store/store_private.h"

enum { LEFT_OVER_S = 3600 };

/* Calls `each` with every file of the blobs' folders. */
static Status walk(Store *store, Status (*each)(Store *store, const char *path, const char *name)) {
    char **folders = NULL, **names = NULL, folder[PATH_BYTES], path[PATH_BYTES];
    size_t n_folders = 0, n_names = 0;
    Status st = BS_OK;
    TRY(dir_list(cache_folder(store->blobs), &folders, &n_folders));
    for (size_t i = 0; i < n_folders; i++) {
        if (strlen(folders[i]) != 2) continue;
        TRY(path_join(folder, cache_folder(store->blobs), folders[i]));
        if (dir_list(folder, &names, &n_names) != BS_OK) continue;
        for (size_t j = 0; j < n_names; j++) {
            TRY(path_join(path, folder, names[j]));
            TRY(each(store, path, names[j]));
        }
        free(names);
        names = NULL;
    }
out:
    free(names);
    free(folders);
    return st;
}

/* A temporary file that nobody writes to any more: its process was killed, or the disk was full. */
static Status drop_left_over(Store *store, const char *path, const char *name) {
    (void)store;
    struct stat s;
    if (strstr(name, ".tmp-") && stat(path, &s) == 0 && time(NULL) - s.st_mtime > LEFT_OVER_S) unlink(path);
    return BS_OK;
}

Status store_sweep(Store *store) { return walk(store, drop_left_over); }

/* Other blobs than Songs lie in the folder too: what does not unpack is left alone. */
static Status add_blob(Store *store, const char *path, const char *name) {
    (void)path;
    Hash hash;
    if (!hash_parse(&hash, name)) return BS_OK;
    FileMap map;
    Song *song = NULL;
    StoreRow row;
    if (cache_map(store->blobs, &hash, &map) != BS_OK) return BS_OK;
    Status st = song_unpack(&song, map.bytes, map.n_bytes);
    int64_t n_bytes = (int64_t)map.n_bytes;
    file_unmap(&map);
    if (st != BS_OK) return st == BS_NOMEM ? st : BS_OK;
    store_row_of(song, n_bytes, &row);
    song_free(song);
    return store_add(store, &row);
}

Status store_rebuild(Store *store) {
    if (sqlite3_exec(store->db, "DELETE FROM songs; DELETE FROM files;", NULL, NULL, NULL) != SQLITE_OK)
        return store_fail_sql(store, "rebuild");
    return walk(store, add_blob);
}
