// needs: common/net common/host common/song
/* Rendezvous, keys, and the blob service over ipc and over tcp with CURVE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/rng.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/net/blob_service.h"

static char folder[64];
static Net *net;
static Cache *server_cache, *client_cache;

static void path_in(char out[PATH_BYTES], const char *name) {
    snprintf(out, PATH_BYTES, "%s/%s", folder, name);
}

static int set_up(void **state) {
    (void)state;
    char path[PATH_BYTES];
    snprintf(folder, sizeof folder, "/tmp/bandsaw-blob-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(net_open(&net), BS_OK);
    path_in(path, "server");
    assert_int_equal(cache_open(&server_cache, path), BS_OK);
    path_in(path, "client");
    assert_int_equal(cache_open(&client_cache, path), BS_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cache_close(server_cache);
    cache_close(client_cache);
    net_close(net);
    return dir_remove(folder) != BS_OK;
}

static Hash put_blob(size_t n_bytes, uint64_t seed) {
    uint8_t *bytes = malloc(n_bytes);
    Rng r = rng_at(seed, 0);
    for (size_t i = 0; i < n_bytes; i++) bytes[i] = (uint8_t)rng_u64(&r);
    Hash h;
    assert_int_equal(cache_put(server_cache, bytes, n_bytes, &h), BS_OK);
    free(bytes);
    return h;
}

/* ---- what the server does ---- */

static Status featurize(void *context, const char *path, void (*progress)(void *, double), void *token,
                        Hash *song) {
    (void)context;
    if (strcmp(path, "empty.wav") == 0)
        return fail(BS_CORRUPT, "empty.wav: 0 audio frames; is the file empty?");
    for (int i = 1; i <= 4; i++) {
        clock_sleep_ms(20);
        progress(token, i / 4.0);
    }
    *song = hash_bytes(path, strlen(path));
    return BS_OK;
}

static Status list(void *context, SongListing **rows, size_t *n_rows) {
    *n_rows = *(size_t *)context;
    *rows = calloc(*n_rows ? *n_rows : 1, sizeof **rows);
    for (size_t i = 0; i < *n_rows; i++) {
        snprintf((*rows)[i].name, sizeof(*rows)[i].name, "song-%zu", i);
        (*rows)[i].duration_s = (double)i;
    }
    return BS_OK;
}

static size_t n_songs = 2500;
static const BlobHandlers handlers = {.context = &n_songs, .featurize = featurize, .list = list};

static BlobServer *serve(const ListenOptions *o) {
    BlobServer *server = NULL;
    assert_int_equal(blob_serve(&server, net, o, "featurizer", server_cache, &handlers), BS_OK);
    return server;
}

static BlobClient *client_of(const char *rendezvous, const char *keys) {
    BlobClient *client = NULL;
    ReachOptions reach = {0};
    snprintf(reach.rendezvous, sizeof reach.rendezvous, "%s", rendezvous);
    snprintf(reach.keys, sizeof reach.keys, "%s", keys);
    assert_int_equal(blob_client_open(&client, net, &reach), BS_OK);
    return client;
}

/* ---- tests ---- */

static void a_rendezvous_is_read_as_written(void **state) {
    (void)state;
    char path[PATH_BYTES];
    Rendezvous a = {.role = "learner",
                    .local = "ipc:///a/b c",
                    .remote = "tcp://h:17003",
                    .server_key = "k",
                    .host = "h",
                    .epoch = 7},
               b;
    path_in(path, "r");
    assert_int_equal(rendezvous_write(path, &a), BS_OK);
    assert_int_equal(rendezvous_read(path, &b), BS_OK);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(file_replace(path, "nonsense\n", 9), BS_OK);
    assert_int_equal(rendezvous_read(path, &b), BS_CORRUPT);
    assert_int_equal(file_replace(path, "bandsaw-rendezvous 9\nrole x\n", 28), BS_OK);
    assert_int_equal(rendezvous_read(path, &b), BS_VERSION);
}

static void blobs_arrive_whole_and_missing_ones_are_said_to_be(void **state) {
    (void)state;
    ListenOptions o = {0};
    path_in(o.rendezvous, "featurizer");
    BlobServer *server = serve(&o);
    BlobClient *client = client_of(o.rendezvous, "");
    const size_t sizes[] = {0, 1, BLOB_CHUNK_BYTES, 7 * BLOB_CHUNK_BYTES + 3};
    for (size_t i = 0; i < 4; i++) {
        FileMap map;
        Hash h = put_blob(sizes[i], i + 1);
        assert_int_equal(blob_fetch(client, &h, client_cache, 5000), BS_OK);
        if (!sizes[i]) continue;
        assert_int_equal(cache_map(client_cache, &h, &map), BS_OK);
        assert_int_equal(map.n_bytes, sizes[i]);
        file_unmap(&map);
    }
    Hash none = hash_bytes("none", 4);
    assert_int_equal(blob_fetch(client, &none, client_cache, 5000), BS_NOT_FOUND);
    blob_client_close(client);
    blob_serve_stop(server);
}

static void shares_seen(void *context, double share) {
    double *last = context;
    assert_true(share >= *last);
    *last = share;
}

static void featurize_tells_progress_and_errors_in_words(void **state) {
    (void)state;
    ListenOptions o = {0};
    path_in(o.rendezvous, "featurizer");
    BlobServer *server = serve(&o);
    BlobClient *client = client_of(o.rendezvous, "");
    double share = 0;
    Hash song, want = hash_bytes("a.wav", 5);
    assert_int_equal(blob_featurize(client, "a.wav", shares_seen, &share, &song, 5000), BS_OK);
    assert_true(hash_equal(&song, &want));
    assert_true(share == 1);
    assert_int_equal(blob_featurize(client, "empty.wav", NULL, NULL, &song, 5000), BS_CORRUPT);
    assert_string_equal(error_text(), "empty.wav: 0 audio frames; is the file empty?");
    SongListing *rows = NULL;
    size_t n = 0;
    assert_int_equal(blob_list(client, &rows, &n, 5000), BS_OK);
    assert_int_equal(n, n_songs);
    assert_string_equal(rows[2499].name, "song-2499");
    free(rows);
    blob_client_close(client);
    blob_serve_stop(server);
}

static void a_client_finds_the_server_that_took_over(void **state) {
    (void)state;
    ListenOptions o = {0};
    path_in(o.rendezvous, "featurizer");
    Hash a = put_blob(1000, 21), b = put_blob(1000, 22);
    BlobServer *server = serve(&o);
    BlobClient *client = client_of(o.rendezvous, "");
    assert_int_equal(blob_fetch(client, &a, client_cache, 5000), BS_OK);
    blob_serve_stop(server);
    Hash c = hash_bytes("c", 1);
    assert_int_equal(blob_fetch(client, &c, client_cache, 300), BS_TIMEOUT); /* nobody there */
    server = serve(&o);
    assert_int_equal(blob_fetch(client, &b, client_cache, 8000), BS_OK);
    blob_client_close(client);
    blob_serve_stop(server);
}

static void keys_decide_who_comes_in_over_tcp(void **state) {
    (void)state;
    ListenOptions o = {.bind = "127.0.0.1"};
    char path[PATH_BYTES], others[PATH_BYTES];
    struct stat info;
    path_in(o.rendezvous, "featurizer");
    path_in(o.keys, "keys");
    path_in(others, "others");
    assert_int_equal(net_keygen(o.keys), BS_OK);
    assert_int_equal(net_keygen(o.keys), BS_OK); /* again is fine, and changes nothing */
    assert_int_equal(net_keygen(others), BS_OK);
    snprintf(path, sizeof path, "%.4000s/server.key", o.keys);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    BlobServer *server = serve(&o);
    Rendezvous r;
    assert_int_equal(rendezvous_read(o.rendezvous, &r), BS_OK);
    assert_int_equal(strlen(r.server_key), 40);
    r.local[0] = 0; /* as seen from another host */
    path_in(path, "remote");
    assert_int_equal(rendezvous_write(path, &r), BS_OK);

    Hash h = put_blob(3 * BLOB_CHUNK_BYTES, 31);
    BlobClient *stranger = client_of(path, others), *keyless = client_of(path, ""),
               *friend = client_of(path, o.keys);
    assert_int_not_equal(blob_fetch(stranger, &h, client_cache, 700), BS_OK);
    assert_int_not_equal(blob_fetch(keyless, &h, client_cache, 300), BS_OK);
    assert_int_equal(blob_fetch(friend, &h, client_cache, 5000), BS_OK);
    blob_client_close(stranger);
    blob_client_close(keyless);
    blob_client_close(friend);
    blob_serve_stop(server);
}

static void listening_to_the_world_needs_keys(void **state) {
    (void)state;
    ListenOptions o = {.bind = "0.0.0.0"};
    BlobServer *server = NULL;
    path_in(o.rendezvous, "featurizer");
    assert_int_equal(blob_serve(&server, net, &o, "featurizer", server_cache, &handlers), BS_INVALID);
    assert_non_null(strstr(error_text(), "bandsaw keygen"));
}

static void a_long_path_falls_back_to_a_short_folder(void **state) {
    (void)state;
    ListenOptions o = {0};
    char path[PATH_BYTES] = "";
    path_in(path, "long");
    for (int i = 0; i < 8; i++) strcat(path, "/a-folder-with-a-long-name");
    assert_int_equal(dir_make(path, 0700), BS_OK);
    snprintf(o.rendezvous, sizeof o.rendezvous, "%.4000s/featurizer", path);
    BlobServer *server = serve(&o);
    BlobClient *client = client_of(o.rendezvous, "");
    Hash h = put_blob(100, 41);
    assert_int_equal(blob_fetch(client, &h, client_cache, 5000), BS_OK);
    blob_client_close(client);
    blob_serve_stop(server);
}

int main(void) {
    log_open("test", LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rendezvous_is_read_as_written),
        cmocka_unit_test(blobs_arrive_whole_and_missing_ones_are_said_to_be),
        cmocka_unit_test(featurize_tells_progress_and_errors_in_words),
        cmocka_unit_test(a_client_finds_the_server_that_took_over),
        cmocka_unit_test(keys_decide_who_comes_in_over_tcp),
        cmocka_unit_test(listening_to_the_world_needs_keys),
        cmocka_unit_test(a_long_path_falls_back_to_a_short_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
