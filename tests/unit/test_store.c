// needs: common/store
/* Store: rows, files, one writer, and an index that comes back from its blobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/store_private.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-store-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

/* A song of two gap units whose only source is `name`, as featurizer `version` heard it. */
static void put_song_of(Store *store, const char *name, uint32_t version, StoreRow *row) {
    Song *song;
    ByteWriter w;
    Hash hash;
    assert_int_equal(song_new(&song, 1, 2, 0, 0, 0), BS_OK);
    song->sample_rate_hz = 44100;
    song->n_channels = 2;
    song->n_samples = 441000;
    song->featurizer_version = version;
    snprintf(song->sources[0].name, SONG_NAME_BYTES, "%s", name);
    song->sources[0].n_samples = song->n_samples;
    song->sources[0].pcm = hash_bytes(name, strlen(name));
    for (int i = 0; i < 2; i++) {
        SongUnit *u = &song->units[i];
        u->start_sample = i * 88200;
        u->kind = UNIT_GAP;
        u->take = -1;
        u->bar = u->phrase = u->section = u->slot = -1;
    }
    bytes_init(&w, SONG_MAX_BYTES);
    assert_int_equal(song_pack(song, &w), BS_OK);
    assert_int_equal(cache_put(store_blobs(store), w.bytes, w.n_bytes, &hash), BS_OK);
    store_row_of(song, (int64_t)w.n_bytes, row);
    assert_true(hash_equal(&row->song, &hash));
    assert_int_equal(store_add(store, row), BS_OK);
    bytes_drop(&w);
    song_free(song);
}

static void put_song(Store *store, const char *name, StoreRow *row) { put_song_of(store, name, 1, row); }

static void assert_same_row(const StoreRow *a, const StoreRow *b) {
    assert_string_equal(a->name, b->name);
    assert_true(hash_equal(&a->key, &b->key));
    assert_true(hash_equal(&a->song, &b->song));
    assert_true(a->duration_s == b->duration_s);
    assert_int_equal(a->n_units, b->n_units);
    assert_int_equal(a->n_takes, b->n_takes);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->n_bytes, b->n_bytes);
    assert_int_equal(a->evicted, b->evicted);
}

static void finds_what_was_added(void **state) {
    (void)state;
    Store *store;
    StoreRow a, b, got, *rows;
    size_t n;
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    put_song(store, "zebra_raw.wav", &a);
    put_song(store, "apple.flac", &b);
    assert_int_equal(store_find(store, &a.key, &got), BS_OK);
    assert_same_row(&a, &got);
    assert_int_equal(store_find(store, &a.song, &got), BS_NOT_FOUND);
    store_close(store);

    assert_int_equal(store_open(&store, folder, true), BS_OK);
    assert_false(store_was_rebuilt(store));
    assert_int_equal(store_list(store, &rows, &n), BS_OK);
    assert_int_equal(n, 2);
    assert_same_row(&rows[0], &b);
    assert_same_row(&rows[1], &a);
    free(rows);
    assert_int_equal(store_add(store, &(StoreRow){.name = "no blob"}), BS_NOT_FOUND);
    store_close(store);
}

static void knows_files_by_path_size_and_time(void **state) {
    (void)state;
    Store *store;
    Hash key = hash_bytes("k", 1), got;
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    assert_int_equal(store_file_put(store, "a.wav", 100, 5000000001, &key), BS_OK);
    assert_int_equal(store_file_key(store, "a.wav", 100, 5000000001, &got), BS_OK);
    assert_true(hash_equal(&key, &got));
    assert_int_equal(store_file_key(store, "a.wav", 101, 5000000001, &got), BS_NOT_FOUND);
    assert_int_equal(store_file_key(store, "a.wav", 100, 5000000002, &got), BS_NOT_FOUND);
    assert_int_equal(store_file_key(store, "b.wav", 100, 5000000001, &got), BS_NOT_FOUND);
    key = hash_bytes("l", 1);
    assert_int_equal(store_file_put(store, "a.wav", 101, 6, &key), BS_OK);
    assert_int_equal(store_file_key(store, "a.wav", 100, 5000000001, &got), BS_NOT_FOUND);
    assert_int_equal(store_file_key(store, "a.wav", 101, 6, &got), BS_OK);
    assert_true(hash_equal(&key, &got));
    store_close(store);
}

static void lets_one_writer_in_and_any_reader(void **state) {
    (void)state;
    Store *writer, *reader, *second;
    StoreRow row, got;
    int rc;
    assert_int_equal(store_open(&reader, folder, false), BS_NOT_FOUND);
    assert_int_equal(store_open(&writer, folder, true), BS_OK);
    assert_int_equal(store_open(&second, folder, true), BS_AGAIN);
    assert_non_null(strstr(error_text(), "another featurizer"));
    put_song(writer, "a.wav", &row);
    pid_t child = fork();
    if (child == 0) {
        if (store_open(&reader, folder, false) != BS_OK || store_find(reader, &row.key, &got) != BS_OK)
            _exit(1);
        if (store_add(reader, &row) == BS_OK) _exit(2);
        store_close(reader);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &rc, 0), child);
    assert_int_equal(rc, 0);
    store_close(writer);
    assert_int_equal(store_open(&reader, folder, false), BS_OK);
    assert_int_equal(store_find(reader, &row.key, &got), BS_OK);
    store_close(reader);
}

static void comes_back_from_its_blobs_when_the_index_is_damaged(void **state) {
    (void)state;
    static char junk[40000];
    Store *store;
    StoreRow a, b, *rows;
    Hash other;
    char db[PATH_BYTES], aside[PATH_BYTES], path[PATH_BYTES];
    size_t n;
    path_join(db, folder, "store.db");
    path_join(aside, folder, "store.db.corrupt");
    for (int kind = 0; kind < 4; kind++) {
        assert_int_equal(store_open(&store, folder, true), BS_OK);
        put_song(store, "song0001_raw.wav", &a);
        put_song(store, "song0002_raw.wav", &b);
        assert_int_equal(cache_put(store_blobs(store), "no song", 7, &other), BS_OK);
        store_close(store);
        void *bytes;
        assert_int_equal(file_read(db, 1 << 24, &bytes, &n), BS_OK);
        if (kind == 0) memset(junk, 0x5a, sizeof junk);
        if (kind == 0) assert_int_equal(file_replace(db, junk, sizeof junk), BS_OK);
        if (kind == 1) assert_int_equal(file_replace(db, bytes, n / 2), BS_OK);
        if (kind == 2) { /* a page in the middle */
            memset((char *)bytes + 16384 + 8, 0xff, 4000);
            assert_int_equal(file_replace(db, bytes, n), BS_OK);
        }
        if (kind == 3) unlink(db);
        free(bytes);
        unlink(aside);
        assert_int_equal(store_open(&store, folder, true), BS_OK);
        assert_int_equal(store_was_rebuilt(store), kind < 3);
        assert_int_equal(file_exists(aside), kind < 3);
        assert_int_equal(store_list(store, &rows, &n), BS_OK);
        assert_int_equal(n, 2);
        assert_same_row(&rows[0], &a);
        assert_same_row(&rows[1], &b);
        free(rows);
        if (kind == 0) { /* a damaged blob is left out */
            assert_int_equal(cache_path(store_blobs(store), &a.song, path), BS_OK);
            store_close(store);
            assert_int_equal(file_append(path, "x", 1, false), BS_OK);
            assert_int_equal(store_open(&store, folder, true), BS_OK);
            assert_int_equal(store_rebuild(store), BS_OK);
            assert_int_equal(store_list(store, &rows, &n), BS_OK);
            assert_int_equal(n, 1);
            free(rows);
        }
        store_close(store);
    }
}

static bool always(void *context, const StoreRow *row) {
    (void)context;
    (void)row;
    return true;
}
static bool unless_named(void *context, const StoreRow *row) { return strcmp(row->name, context) != 0; }

static bool is_here(Store *store, const StoreRow *row) { return cache_has(store_blobs(store), &row->song); }

static void makes_room_by_what_was_not_used_longest(void **state) {
    (void)state;
    Store *store;
    StoreRow row[4], got, *rows;
    StoreRoom room;
    size_t n;
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    for (int i = 0; i < 4; i++) put_song(store, (char[]){(char)('a' + i), 0}, &row[i]);
    int64_t all = 4 * row[0].n_bytes;
    assert_int_equal(store_make_room(store, all, always, NULL, &room), BS_OK);
    assert_int_equal(room.n_evicted, 0);
    assert_int_equal(store_find(store, &row[0].key, &got), BS_OK); /* a use */
    assert_int_equal(store_make_room(store, all / 2, always, NULL, &room), BS_OK);
    assert_int_equal(room.n_evicted, 2);
    assert_int_equal(room.n_bytes, all / 2);
    for (int i = 0; i < 4; i++) assert_int_equal(is_here(store, &row[i]), i == 0 || i == 3);
    assert_int_equal(store_find(store, &row[1].key, &got), BS_OK);
    assert_true(got.evicted);
    assert_int_equal(store_list(store, &rows, &n), BS_OK); /* it can be asked for all the same */
    assert_int_equal(n, 4);
    free(rows);
    put_song(store, "b", &row[1]);
    assert_int_equal(store_find_song(store, &row[1].song, &got), BS_OK);
    assert_false(got.evicted);
    store_close(store);
}

static void keeps_what_runs_name_and_what_cannot_be_made_again(void **state) {
    (void)state;
    Store *store;
    StoreRow row[4];
    StoreRoom room;
    char path[PATH_BYTES], hex[HASH_HEX], text[200];
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    for (int i = 0; i < 4; i++) put_song(store, (char[]){(char)('a' + i), 0}, &row[i]);
    hash_hex(&row[2].song, hex);
    snprintf(text, sizeof text, "# a comment\n%s\r\nnot a hash\n", hex);
    path_join(path, folder, "runs/main");
    assert_int_equal(dir_make(path, 0777), BS_OK);
    path_join(path, path, "songs");
    assert_int_equal(file_replace(path, text, strlen(text)), BS_OK);
    assert_int_equal(store_make_room(store, 1, unless_named, "b", &room), BS_OK);
    assert_int_equal(room.n_evicted, 2);
    assert_int_equal(room.n_bytes, 2 * row[0].n_bytes); /* above the limit, and says so */
    for (int i = 0; i < 4; i++) assert_int_equal(is_here(store, &row[i]), i == 1 || i == 2);

    for (int i = 0; i < 4; i++) put_song(store, (char[]){(char)('a' + i), 0}, &row[i]);
    assert_int_equal(unlink(path), 0); /* a run whose songs cannot be read: nothing goes */
    assert_int_equal(dir_make(path, 0777), BS_OK);
    assert_int_not_equal(store_make_room(store, 1, always, NULL, &room), BS_OK);
    for (int i = 0; i < 4; i++) assert_true(is_here(store, &row[i]));
    store_close(store);
}

static void lists_each_recording_as_the_newest_featurizer_heard_it(void **state) {
    (void)state;
    Store *store;
    StoreRow old, young, only_old, *rows;
    size_t n;
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    put_song_of(store, "a.wav", 2, &young);
    put_song_of(store, "a.wav", 1, &old);
    put_song_of(store, "b.wav", 1, &only_old);
    assert_int_equal(store_list(store, &rows, &n), BS_OK);
    assert_int_equal(n, 2);
    assert_same_row(&rows[0], &young);
    assert_same_row(&rows[1], &only_old);
    free(rows);
    store_close(store);
}

static void knows_which_files_held_a_recording(void **state) {
    (void)state;
    Store *store;
    Hash key = hash_bytes("k", 1), other = hash_bytes("l", 1);
    char path[PATH_BYTES];
    int64_t n_bytes, mtime_ns;
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    assert_int_equal(store_file_put(store, "b.wav", 2, 20, &key), BS_OK);
    assert_int_equal(store_file_put(store, "a.wav", 1, 10, &key), BS_OK);
    assert_int_equal(store_file_put(store, "c.wav", 3, 30, &other), BS_OK);
    assert_int_equal(store_file_of(store, &key, 0, path, &n_bytes, &mtime_ns), BS_OK);
    assert_string_equal(path, "a.wav");
    assert_int_equal(store_file_of(store, &key, 1, path, &n_bytes, &mtime_ns), BS_OK);
    assert_string_equal(path, "b.wav");
    assert_int_equal(n_bytes, 2);
    assert_int_equal(mtime_ns, 20);
    assert_int_equal(store_file_of(store, &key, 2, path, &n_bytes, &mtime_ns), BS_NOT_FOUND);
    store_close(store);
}

static void run_sql(const char *text) {
    char db[PATH_BYTES];
    sqlite3 *handle;
    path_join(db, folder, "store.db");
    assert_int_equal(sqlite3_open(db, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void makes_an_older_index_anew_and_refuses_a_newer_one(void **state) {
    (void)state;
    Store *store;
    StoreRow row, *rows;
    size_t n;
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    put_song(store, "a.wav", &row);
    store_close(store);
    run_sql(
        "DROP TABLE songs; CREATE TABLE songs (key BLOB PRIMARY KEY, song BLOB); PRAGMA user_version = 1");
    assert_int_equal(store_open(&store, folder, false), BS_VERSION);
    assert_non_null(strstr(error_text(), "run bandsaw featurize once"));
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    assert_false(store_was_rebuilt(store)); /* nothing was damaged */
    assert_int_equal(store_list(store, &rows, &n), BS_OK);
    assert_int_equal(n, 1);
    assert_same_row(&rows[0], &row);
    free(rows);
    store_close(store);
    run_sql("PRAGMA user_version = 3");
    assert_int_equal(store_open(&store, folder, true), BS_VERSION);
    assert_non_null(strstr(error_text(), "reads up to 2"));
}

static void sweeps_what_a_killed_process_left_an_hour_ago(void **state) {
    (void)state;
    Store *store;
    StoreRow row;
    char path[PATH_BYTES], old[PATH_BYTES], fresh[PATH_BYTES];
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    put_song(store, "a.wav", &row);
    assert_int_equal(cache_path(store_blobs(store), &row.song, path), BS_OK);
    store_close(store);
    snprintf(old, sizeof old, "%.4000s.tmp-77-1", path);
    snprintf(fresh, sizeof fresh, "%.4000s.tmp-77-2", path);
    assert_int_equal(file_replace(old, "half", 4), BS_OK);
    assert_int_equal(file_replace(fresh, "half", 4), BS_OK);
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    assert_int_equal(store_open(&store, folder, true), BS_OK);
    assert_false(file_exists(old));
    assert_true(file_exists(fresh));
    assert_true(is_here(store, &row));
    store_close(store);
}

static void knows_network_file_systems_from_local_ones(void **state) {
    (void)state;
    assert_string_equal(store_network_name(NFS_SUPER_MAGIC), "NFS");
    assert_string_equal(store_network_name(0x0bd00bd0), "Lustre");
    assert_string_equal(store_network_name((unsigned long)(long)(int)0xff534d42), "CIFS"); /* sign-extended */
    assert_null(store_network_name(EXT4_SUPER_MAGIC));
    assert_null(store_network_name(TMPFS_MAGIC));
    assert_null(store_network_name(OVERLAYFS_SUPER_MAGIC));
}

static void names_sessions_after_their_first_file(void **state) {
    (void)state;
    char name[SONG_NAME_BYTES];
    const char *const rows[][2] = {{"d/song0001_raw.wav", "song0001"},
                                   {"jam.flac", "jam"},
                                   {"a.b.wav", "a.b"},
                                   {"_raw.wav", "_raw"},
                                   {"x_raw", "x"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        store_session_name(rows[i][0], name);
        assert_string_equal(name, rows[i][1]);
    }
}

static void keys_differ_by_samples_order_and_version(void **state) {
    (void)state;
    Hash pcm[2] = {hash_bytes("a", 1), hash_bytes("b", 1)}, swapped[2] = {pcm[1], pcm[0]};
    Hash keys[4] = {store_key(1, pcm, 2), store_key(2, pcm, 2), store_key(1, swapped, 2),
                    store_key(1, pcm, 1)};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++) assert_false(hash_equal(&keys[i], &keys[j]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_what_was_added, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(knows_files_by_path_size_and_time, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(lets_one_writer_in_and_any_reader, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(comes_back_from_its_blobs_when_the_index_is_damaged, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(makes_room_by_what_was_not_used_longest, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(keeps_what_runs_name_and_what_cannot_be_made_again, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(lists_each_recording_as_the_newest_featurizer_heard_it, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(knows_which_files_held_a_recording, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(makes_an_older_index_anew_and_refuses_a_newer_one, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(sweeps_what_a_killed_process_left_an_hour_ago, make_folder,
                                        remove_folder),
        cmocka_unit_test(knows_network_file_systems_from_local_ones),
        cmocka_unit_test(names_sessions_after_their_first_file),
        cmocka_unit_test(keys_differ_by_samples_order_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
