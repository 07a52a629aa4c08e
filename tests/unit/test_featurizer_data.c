// needs: featurizer
/* Featurizer on folders: what is a recording, what is known already, what demonstrations are written, and
 * that workers change nothing. The recordings are short and made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/host/json.h"
#include "featurizer/align/align.h"
#include "featurizer/batch.h"
#include "featurizer/dataset.h"
#include "featurizer/demos.h"
#include "featurizer/describe.h"
#include "featurizer/featurize.h"
#include "featurizer/ingest.h"
#include "featurizer/service.h"
#include "tests/unit/hear_synth.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-data-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static const char *at(const char *name) {
    static char paths[4][PATH_BYTES];
    static int next;
    char *path = paths[next++ % 4];
    assert_int_equal(path_join(path, folder, name), BS_OK);
    return path;
}

/* Twelve bars of four at 120 beats a minute, in 26 seconds. */
static Synth play(uint64_t seed) {
    static const int roots[4] = {0, 9, 5, 7};
    Synth s = synth_new(26, seed);
    for (int bar = 0; bar < 12; bar++) {
        double t[5];
        for (int b = 0; b < 5; b++) t[b] = 1 + (bar * 4 + b) * 0.5;
        synth_bar(&s, t, 4, roots[bar % 4], bar % 4 == 1, 2, 1);
    }
    return s;
}

static void save(const char *name, const Synth *s, int64_t start, int64_t end) {
    assert_int_equal(audio_save(at(name), s->samples + start, end - start, 1, SYNTH_HZ, 16), BS_OK);
}

static void makes_recordings_of_names(void **state) {
    (void)state;
    Recording *list;
    size_t n;
    const char *files[] = {"b_raw.wav", "b_edit.FLAC", "a.mp3", "c_edit.wav",
                           "notes.txt", ".hidden.wav", "D.Ogg", "_raw.wav"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(file_replace(at(files[i]), "", 0), BS_OK);
    assert_int_equal(dir_make(at("folder.wav"), 0777), BS_OK);
    assert_int_equal(dataset_scan(folder, &list, &n), BS_OK);
    assert_int_equal(n, 4);
    assert_string_equal(list[0].file, "D.Ogg");
    assert_string_equal(list[1].file, "_raw.wav");
    assert_string_equal(list[2].file, "a.mp3");
    assert_string_equal(list[2].edit, "");
    assert_string_equal(list[3].name, "b");
    assert_string_equal(list[3].edit, "b_edit.FLAC");
    free(list);
    assert_int_equal(file_replace(at("b_edit.rpp"), "", 0), BS_OK); /* says where its cuts are */
    assert_int_equal(file_replace(at("c.json"), "", 0), BS_OK);
    assert_int_equal(dir_make(at("input"), 0777) | dir_make(at("desired_output"), 0777), BS_OK);
    const char *more[] = {"input/x.wav",          "input/y.y.flac",          "input/notes",
                          "desired_output/x.mp3", "desired_output/y.y.json", "desired_output/z.wav"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        assert_int_equal(file_replace(at(more[i]), "", 0), BS_OK);
    assert_int_equal(dataset_scan(folder, &list, &n), BS_OK);
    assert_int_equal(n, 6);
    assert_string_equal(list[3].edit, "b_edit.rpp");
    assert_string_equal(list[4].name, "x");
    assert_string_equal(list[4].file, "input/x.wav");
    assert_string_equal(list[4].edit, "desired_output/x.mp3");
    assert_string_equal(list[5].edit, "desired_output/y.y.json");
    free(list);
    assert_int_equal(dataset_scan(at("folder.wav"), &list, &n), BS_NOT_FOUND);
    assert_non_null(strstr(error_text(), "no recording in it"));
    assert_int_equal(dataset_scan(at("a.mp3"), &list, &n), BS_INVALID);
    assert_int_equal(dataset_scan(at("missing"), &list, &n), BS_NOT_FOUND);
}

static void writes_one_line_a_pair(void **state) {
    (void)state;
    DemoFile *f;
    Demo demo, again;
    Hash a = hash_bytes("a", 1), b = hash_bytes("b", 1);
    void *bytes;
    size_t n;
    demo_init(&demo);
    snprintf(demo.name, sizeof demo.name, "song \"one\"");
    demo.song = demo.made.song = demo.projected.song = b;
    demo.pair = a;
    demo.loss = 0.03;
    demo.weight = 0.9;
    demo.foreign_samples = 12;
    demo.made.sample_rate_hz = demo.projected.sample_rate_hz = 44100;
    edit_append(&demo.made, 5, 900, FADE_SHORT);
    edit_append(&demo.made, 10, 20, FADE_HALF_BEAT);
    edit_append(&demo.projected, 0, 1000, FADE_SHORT);
    assert_int_equal(file_replace(at("demos.jsonl"), "{\"torn", 6), BS_OK);
    assert_int_equal(demo_file_open(&f, at("demos.jsonl")), BS_OK);
    assert_false(demo_file_has(f, &a));
    assert_int_equal(demo_file_append(f, &demo), BS_OK);
    assert_true(demo_file_has(f, &a));
    demo_file_close(f);
    assert_int_equal(demo_file_open(&f, at("demos.jsonl")), BS_OK);
    assert_true(demo_file_has(f, &a));
    assert_false(demo_file_has(f, &b));
    demo_file_close(f);
    assert_int_equal(file_read(at("demos.jsonl"), 1 << 20, &bytes, &n), BS_OK);
    const char *line = strchr(bytes, '\n') + 1;
    assert_non_null(
        strstr(line, "\"edit\":{\"sample_rate\":44100,\"segments\":[[5,900,\"short\"],[10,20,\"half\"]]}"));
    assert_int_equal(demo_parse(&again, "line", line, strlen(line)), BS_OK);
    assert_true(edit_equal(&again.made, &demo.made) && edit_equal(&again.projected, &demo.projected));
    assert_string_equal(again.name, demo.name);
    assert_true(again.loss == 0.03 && again.weight == 0.9 && again.foreign_samples == 12);
    assert_true(hash_equal(&again.song, &b));
    free(bytes);
    demo_drop(&again);
    demo_drop(&demo);
}

/* What is in a dataset's store and demonstrations. */
typedef struct Held {
    StoreRow *rows;
    size_t n_rows, n_demo_bytes;
    void *demos;
} Held;

static Held held(void) {
    Held h;
    Store *store;
    assert_int_equal(store_open(&store, at(".bandsaw"), true), BS_OK);
    assert_int_equal(store_list(store, &h.rows, &h.n_rows), BS_OK);
    store_close(store);
    assert_int_equal(file_read(at(".bandsaw/demos.jsonl"), 1 << 20, &h.demos, &h.n_demo_bytes), BS_OK);
    return h;
}
static void held_drop(Held *h) {
    free(h->rows);
    free(h->demos);
}

static void hears_a_folder_the_same_with_one_worker_and_with_three(void **state) {
    (void)state;
    Held h[2];
    BatchCounts counts;
    for (uint64_t i = 0; i < 3; i++) {
        char name[32];
        Synth s = play(i);
        snprintf(name, sizeof name, "s%d_raw.wav", (int)i);
        save(name, &s, 0, s.n);
        snprintf(name, sizeof name, "s%d_edit.wav", (int)i);
        save(name, &s, 100000 + 1000 * (int64_t)i, 300000);
        free(s.samples);
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(dir_remove(at(".bandsaw")), BS_OK);
        assert_int_equal(batch_run(&(BatchOptions){.data = folder, .n_workers = k ? 3 : 1}, &counts), BS_OK);
        assert_int_equal(counts.n_heard, 3);
        assert_int_equal(counts.n_demos, 3);
        assert_int_equal(counts.n_failed + counts.n_known + counts.n_refused_pairs, 0);
        h[k] = held();
    }
    assert_int_equal(h[0].n_rows, 3);
    assert_int_equal(h[1].n_rows, 3);
    for (int i = 0; i < 3; i++) assert_memory_equal(&h[0].rows[i], &h[1].rows[i], sizeof(StoreRow));
    assert_int_equal(h[0].n_demo_bytes, h[1].n_demo_bytes);
    assert_memory_equal(h[0].demos, h[1].demos, h[0].n_demo_bytes);
    assert_non_null(strstr(h[0].demos, "\"segments\":[[101000,300000,\"short\"]]"));
    held_drop(&h[0]);
    held_drop(&h[1]);
}

static void hears_nothing_twice_and_keeps_going_past_bad_files(void **state) {
    (void)state;
    BatchCounts counts;
    const BatchOptions options = {.data = folder, .n_workers = 2};
    Synth s = play(9), short_one = synth_new(2, 1);
    save("good_raw.wav", &s, 0, s.n);
    save("short.wav", &short_one, 0, short_one.n);
    save("good_edit.wav", &short_one, 0, short_one.n); /* foreign: refused, and that is no failure */
    assert_int_equal(file_replace(at("text.flac"), "no audio", 8), BS_OK);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_heard, 1);
    assert_int_equal(counts.n_failed, 2);
    assert_int_equal(counts.n_refused_pairs, 1);
    assert_int_equal(counts.n_demos, 0);
    assert_int_equal(unlink(at("short.wav")) | unlink(at("text.flac")) | unlink(at("good_edit.wav")), 0);

    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_known, 1);
    assert_int_equal(rename(at("good_raw.wav"), at("renamed.wav")), 0); /* known by its samples */
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_known, 1);
    assert_int_equal(batch_run(&(BatchOptions){.data = folder, .force = true}, &counts), BS_OK);
    assert_int_equal(counts.n_heard, 1);
    s.samples[5000] += 0.25F; /* one sample: another recording */
    save("renamed.wav", &s, 0, s.n);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_heard, 1);
    free(s.samples);
    free(short_one.samples);
}

/* The demonstrations in the file, malloc'ed. */
static Demo *demos_of_file(int *n) {
    Held h = held();
    Demo *list = calloc(16, sizeof *list);
    *n = 0;
    for (char *line = strtok(h.demos, "\n"); line; line = strtok(NULL, "\n"))
        assert_int_equal(demo_parse(&list[(*n)++], "line", line, strlen(line)), BS_OK);
    held_drop(&h);
    return list;
}

static void an_edit_that_says_its_cuts_is_read_and_a_new_one_is_a_new_line(void **state) {
    (void)state;
    BatchCounts counts;
    const BatchOptions options = {.data = folder, .n_workers = 2};
    const char *json =
        "{\"version\":1,\"sample_rate\":22050,\"segments\":[[101234,300000]],\"foreign_samples\":1000}";
    Synth s = play(31);
    int n;
    assert_int_equal(dir_make(at("input"), 0777) | dir_make(at("desired_output"), 0777), BS_OK);
    save("input/a.wav", &s, 0, s.n);
    save("desired_output/a.wav", &s, 101000, 300000);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_demos, 1);
    assert_int_equal(batch_run(&options, &counts), BS_OK); /* the same pair */
    assert_int_equal(counts.n_demos, 0);
    save("desired_output/a.wav", &s, 201000, 500000); /* cut anew */
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_demos, 1);
    assert_int_equal(file_replace(at("desired_output/a.json"), json, strlen(json)), BS_OK);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_demos, 1);
    Demo *list = demos_of_file(&n);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].made.segments[0].start_sample, 101000);
    assert_int_equal(list[1].made.segments[0].start_sample, 201000);
    assert_int_equal(list[2].made.segments[0].start_sample, 101234);
    assert_int_equal(list[2].foreign_samples, 1000);
    for (int i = 0; i < n; i++) {
        assert_string_equal(list[i].name, "a");
        assert_true(list[i].loss > 0 && list[i].loss < 0.1 && list[i].weight > 0.6 && list[i].weight < 1);
        demo_drop(&list[i]);
    }
    json = "{\"version\":1,\"sample_rate\":22050,\"segments\":[[101234,9000000]]}"; /* past the end */
    assert_int_equal(file_replace(at("desired_output/a.json"), json, strlen(json)), BS_OK);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_refused_pairs, 1);
    json = "{\"version\":1,\"sample_rate\":22050,\"segments\":[[101234,300000]],\"foreign_samples\":-5}";
    assert_int_equal(file_replace(at("desired_output/a.json"), json, strlen(json)), BS_OK);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_refused_pairs, 1);
    assert_int_equal(counts.n_demos, 0);
    free(list);
    free(s.samples);
}

static void describes_beats_and_takes_as_text(void **state) {
    (void)state;
    Song *song;
    Synth s = play(4);
    char *text;
    size_t n;
    save("x.wav", &s, 0, s.n);
    free(s.samples);
    const char *path = at("x.wav");
    assert_int_equal(featurize_files(&path, NULL, 1, NULL, NULL, NULL, &song), BS_OK);
    FILE *out = open_memstream(&text, &n);
    describe_beats(song, out);
    fclose(out);
    double last = -1, seconds;
    int n_beats = 0, position, used;
    for (const char *p = text; *p; p += used, n_beats++) {
        assert_int_equal(sscanf(p, "%lf\t%d\n%n", &seconds, &position, &used), 2);
        assert_true(seconds > last && position >= 1 && position <= 4);
        last = seconds;
    }
    assert_in_range(n_beats, 40, 56);
    free(text);
    out = open_memstream(&text, &n);
    describe_takes(song, out);
    fclose(out);
    assert_non_null(strstr(text, "0:26.0, 1 take; tune 1: "));
    assert_non_null(strstr(text, "\n   1     1 "));
    free(text);
    song_free(song);
}

static void serves_listings_songs_and_new_recordings(void **state) {
    (void)state;
    ServiceOptions o = {.data = folder, .metrics_bind = "127.0.0.1", .metrics_port = -1};
    ReachOptions reach = {0};
    Service *service;
    Net *net;
    BlobClient *client;
    Cache *cache;
    SongListing *rows;
    size_t n;
    Hash song;
    FileMap map;
    Synth s = play(6);
    save("new.wav", &s, 0, s.n);
    free(s.samples);
    path_join(o.listen.rendezvous, folder, "rendezvous");
    path_join(reach.rendezvous, folder, "rendezvous");
    assert_int_equal(service_open(&service, &o), BS_OK);
    assert_int_equal(net_open(&net), BS_OK);
    assert_int_equal(blob_client_open(&client, net, &reach), BS_OK);
    assert_int_equal(blob_list(client, &rows, &n, 5000), BS_OK);
    assert_int_equal(n, 0);
    free(rows);
    assert_int_equal(blob_featurize(client, "new.wav", NULL, NULL, &song, 60000), BS_OK);
    assert_int_equal(blob_list(client, &rows, &n, 5000), BS_OK);
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].name, "new");
    assert_true(hash_equal(&rows[0].song, &song));
    free(rows);
    assert_int_equal(cache_open(&cache, at("elsewhere")), BS_OK);
    assert_int_equal(blob_fetch(client, &song, cache, 5000), BS_OK);
    assert_int_equal(cache_map(cache, &song, &map), BS_OK);
    file_unmap(&map);
    cache_close(cache);
    assert_int_not_equal(blob_featurize(client, "missing.wav", NULL, NULL, &song, 5000), BS_OK);
    assert_int_not_equal(blob_featurize(client, "../new.wav", NULL, NULL, &song, 5000), BS_OK);
    assert_int_not_equal(blob_featurize(client, "/etc/passwd", NULL, NULL, &song, 5000), BS_OK);
    blob_client_close(client);
    service_close(service);
    net_close(net);
}

/* Every blob of the store is flipped in its middle. */
static void damage(const Hash *song) {
    Cache *blobs;
    char path[PATH_BYTES];
    void *bytes;
    size_t n;
    assert_int_equal(cache_open(&blobs, at(".bandsaw/blobs")), BS_OK);
    assert_int_equal(cache_path(blobs, song, path), BS_OK);
    assert_int_equal(file_read(path, 1 << 24, &bytes, &n), BS_OK);
    ((char *)bytes)[n / 2] ^= 1;
    assert_int_equal(file_replace(path, bytes, n), BS_OK);
    free(bytes);
    cache_close(blobs);
}

static void hears_a_damaged_blob_again_and_keeps_it_aside(void **state) {
    (void)state;
    Held h;
    BatchCounts counts;
    char aside[PATH_BYTES];
    const BatchOptions options = {.data = folder, .n_workers = 1};
    Synth s = play(12);
    save("a_raw.wav", &s, 0, s.n);
    save("a_edit.wav", &s, 100000, 300000);
    free(s.samples);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    h = held();
    damage(&h.rows[0].song);
    assert_int_equal(batch_run(&options, &counts), BS_OK);
    assert_int_equal(counts.n_heard, 1);
    Store *store;
    FileMap map;
    assert_int_equal(store_open(&store, at(".bandsaw"), true), BS_OK);
    assert_int_equal(cache_map(store_blobs(store), &h.rows[0].song, &map), BS_OK); /* the same Song */
    file_unmap(&map);
    assert_int_equal(cache_path(store_blobs(store), &h.rows[0].song, aside), BS_OK);
    strcat(aside, ".corrupt");
    assert_true(file_exists(aside));
    store_close(store);
    held_drop(&h);
}

static void wait_until_gone(const Hash *song) {
    Cache *blobs;
    assert_int_equal(cache_open(&blobs, at(".bandsaw/blobs")), BS_OK);
    for (int i = 0; cache_has(blobs, song) && i < 3000; i++) usleep(10000);
    assert_false(cache_has(blobs, song));
    cache_close(blobs);
}

static void a_song_past_the_limit_is_heard_again_when_asked_for(void **state) {
    (void)state;
    Held h;
    BatchCounts counts;
    ServiceOptions o = {.data = folder, .metrics_bind = "127.0.0.1", .metrics_port = -1, .max_bytes = 1};
    ReachOptions reach = {0};
    Service *service;
    Net *net;
    BlobClient *client;
    Cache *cache;
    FileMap map;
    for (uint64_t i = 0; i < 2; i++) {
        Synth s = play(20 + i);
        save(i ? "b_raw.wav" : "a_raw.wav", &s, 0, s.n);
        if (!i) save("a_edit.wav", &s, 100000, 300000);
        free(s.samples);
    }
    assert_int_equal(batch_run(&(BatchOptions){.data = folder, .n_workers = 1, .max_bytes = 1}, &counts),
                     BS_OK);
    assert_int_equal(counts.n_heard, 2);
    assert_int_equal(batch_run(&(BatchOptions){.data = folder, .n_workers = 1, .max_bytes = 1}, &counts),
                     BS_OK);
    assert_int_equal(counts.n_known, 2); /* what was evicted is known */
    h = held();
    assert_true(h.rows[0].evicted && !h.rows[1].evicted); /* the newest stays */

    path_join(o.listen.rendezvous, folder, "rendezvous");
    path_join(reach.rendezvous, folder, "rendezvous");
    assert_int_equal(service_open(&service, &o), BS_OK);
    assert_int_equal(net_open(&net), BS_OK);
    assert_int_equal(blob_client_open(&client, net, &reach), BS_OK);
    assert_int_equal(cache_open(&cache, at("elsewhere")), BS_OK);
    for (int i = 0; i < 2; i++) { /* each makes room for itself by the other's leaving */
        assert_int_equal(blob_fetch(client, &h.rows[i].song, cache, 60000), BS_OK);
        assert_int_equal(cache_map(cache, &h.rows[i].song, &map), BS_OK);
        file_unmap(&map);
        wait_until_gone(&h.rows[1 - i].song); /* the answer may come before the other leaves */
    }
    assert_int_equal(dir_remove(at("elsewhere")), BS_OK);
    assert_int_equal(unlink(at("a_raw.wav")), 0);
    assert_int_equal(blob_fetch(client, &h.rows[0].song, cache, 20000), BS_NOT_FOUND);
    assert_int_equal(blob_fetch(client, &h.rows[1].song, cache, 20000), BS_OK);
    blob_client_close(client);
    service_close(service);
    cache_close(cache);
    net_close(net);
    held_drop(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_recordings_of_names, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(writes_one_line_a_pair, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(hears_a_folder_the_same_with_one_worker_and_with_three, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(hears_nothing_twice_and_keeps_going_past_bad_files, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(hears_a_damaged_blob_again_and_keeps_it_aside, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_song_past_the_limit_is_heard_again_when_asked_for, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_edit_that_says_its_cuts_is_read_and_a_new_one_is_a_new_line,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(describes_beats_and_takes_as_text, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(serves_listings_songs_and_new_recordings, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
