// needs: editor simulator
/* The verbs from the outside: formats in and songs out, the contest's table, curves of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "common/host/json.h"
#include "common/store/store.h"
#include "editor/contest.h"
#include "editor/curves.h"
#include "editor/eval_table.h"
#include "editor/verbs.h"
#include "featurizer/featurize.h"
#include "simulator/session.h"
#include "simulator/simulate.h"
#include "tests/unit/model_fixture.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char paths[8][PATH_BYTES];
    static int at;
    char *path = paths[at++ % 8];
    assert_int_equal(path_join(path, folder, name), BS_OK);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-editor-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static Status run(Status (*verb)(int, char **), ...) {
    char *argv[32];
    int argc = 0;
    va_list args;
    va_start(args, verb);
    while ((argv[argc] = va_arg(args, char *))) argc++;
    va_end(args);
    Status st = verb(argc, argv);
    if (st != BS_OK) print_message("%s\n", error_text());
    return st;
}

/* Tables and summaries go nowhere meanwhile. */
static int stdout_away(void) {
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    assert_true(saved >= 0 && null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
    close(null);
    return saved;
}
static void stdout_back(int saved) {
    fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    close(saved);
}

/* The same session in the formats people bring, each cut to the length asked for. */
static void any_format_rate_and_channel_count_gives_a_song_of_the_asked_length(void **state) {
    (void)state;
    static const struct {
        const char *name, *song;
        int32_t rate_hz, n_channels;
    } cases[] = {{"a.flac", "a_song.wav", 48000, 2},
                 {"b.ogg", "b_song.mp3", 22050, 1},
                 {"c.mp3", "c_song.ogg", 32000, 2},
                 {"d.wav", "d_song.flac", 96000, 4}};
    Session session;
    assert_int_equal(session_make(&session, "x", 21, 40), BS_OK);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        float *wide = malloc(sizeof *wide * (size_t)(session.n_samples * cases[k].n_channels)), *x = NULL;
        int64_t n;
        for (int64_t i = 0; i < session.n_samples; i++)
            for (int32_t c = 0; c < cases[k].n_channels; c++)
                wide[i * cases[k].n_channels + c] = session.samples[2 * i + c % 2];
        assert_int_equal(
            resample(wide, session.n_samples, SESSION_RATE, cases[k].rate_hz, cases[k].n_channels, &x, &n),
            BS_OK);
        const char *raw = in_folder(cases[k].name), *song = in_folder(cases[k].song);
        assert_int_equal(audio_save(raw, x, n, cases[k].n_channels, cases[k].rate_hz, 16), BS_OK);
        assert_int_equal(run(verb_edit, "edit", raw, "-o", song, "--target", "0:14", "--baseline", "retarget",
                             "--quiet", (char *)NULL),
                         BS_OK);
        AudioReader *r;
        assert_int_equal(audio_open(&r, &song, 1), BS_OK);
        AudioInfo info = audio_info(r);
        assert_int_equal(info.sample_rate_hz, cases[k].rate_hz);
        assert_int_equal(info.n_channels, cases[k].n_channels);
        audio_close(r);
        Edit edit;
        char json[PATH_BYTES];
        snprintf(json, sizeof json, "%.4000s.json", song);
        assert_int_equal(edit_json_read(&edit, json), BS_OK);
        const double edit_s = (double)edit_samples(&edit) / cases[k].rate_hz;
        const double song_s = (double)info.n_samples / cases[k].rate_hz;
        assert_true(edit_s > 12.8 && edit_s < 15.2); /* 14 s, give or take the longest unit */
        assert_true(song_s >= edit_s - 0.001 && song_s < 15.2);
        edit_drop(&edit);
        free(wide);
        free(x);
    }
    session_drop(&session);
}

static void lossless_songs_hold_the_bits_of_the_recording(void **state) {
    (void)state;
    Session session;
    assert_int_equal(session_make(&session, "x", 22, 40), BS_OK);
    const char *raw = in_folder("bits.wav"), *song = in_folder("bits_song.flac");
    assert_int_equal(audio_save(raw, session.samples, session.n_samples, 2, SESSION_RATE, 16), BS_OK);
    assert_int_equal(run(verb_edit, "edit", raw, "-o", song, "--target", "14", "--baseline", "crop",
                         "--quiet", (char *)NULL),
                     BS_OK);
    Edit edit;
    AudioReader *r;
    assert_int_equal(edit_json_read(&edit, in_folder("bits_song.flac.json")), BS_OK);
    assert_int_equal(edit.n_segments, 1); /* crop */
    assert_int_equal(audio_open(&r, &song, 1), BS_OK);
    assert_int_equal(audio_info(r).bits, 16);
    const int64_t n = edit_samples(&edit) / 2, most = 40 * 44; /* the lead-in is whole milliseconds of 44 */
    float *y = malloc(sizeof *y * 2 * (size_t)(n + most));
    const float *x = session.samples + 2 * edit.segments[0].start_sample;
    int64_t got, lead = 0;
    assert_int_equal(audio_read_at(r, 0, n + most, y, &got), BS_OK);
    assert_true(got >= n);
    while (lead < most && memcmp(y + 2 * lead, x, sizeof *y * 2 * (size_t)n) != 0) lead += 44;
    assert_true(lead < most);
    audio_close(r);
    edit_drop(&edit);
    free(y);
    session_drop(&session);
}

/* ---- eval */

static void featurize_folder(const char *data, const char *const *names, int32_t n) {
    char hidden[PATH_BYTES];
    Store *store;
    assert_int_equal(path_join(hidden, data, ".bandsaw"), BS_OK);
    assert_int_equal(store_open(&store, hidden, true), BS_OK);
    for (int32_t i = 0; i < n; i++) {
        char path[PATH_BYTES];
        const char *paths[1] = {path};
        snprintf(path, sizeof path, "%s/%s.wav", data, names[i]);
        Song *song;
        ByteWriter w;
        Hash hash;
        assert_int_equal(featurize_files(paths, NULL, 1, NULL, NULL, NULL, &song), BS_OK);
        bytes_init(&w, SONG_MAX_BYTES);
        assert_int_equal(song_pack(song, &w), BS_OK);
        assert_int_equal(cache_put(store_blobs(store), w.bytes, w.n_bytes, &hash), BS_OK);
        StoreRow row = {
            .key = hash_bytes(names[i], strlen(names[i])), .song = hash, .n_units = song->n_units};
        snprintf(row.name, sizeof row.name, "%s", names[i]);
        assert_int_equal(store_add(store, &row), BS_OK);
        bytes_drop(&w);
        song_free(song);
    }
    store_close(store);
}

static double number_at(const Json *rows, size_t row, const char *key) {
    const Json *object, *list;
    size_t n;
    double value;
    assert_int_equal(json_at(rows, row, &object), BS_OK);
    if (json_get_f64(object, key, &value) == BS_OK) return value;
    assert_int_equal(json_get_array(object, key, &list, &n), BS_OK);
    assert_int_equal(json_at_f64(list, 0, &value), BS_OK);
    return value;
}

static void a_contest_ranks_the_right_edit_over_chance_and_repeats_itself(void **state) {
    (void)state;
    const char *data = in_folder("data"), *first = in_folder("first.json"),
               *second = in_folder("second.json");
    const char *const names[] = {"song0001_raw", "song0002_raw"};
    const SimulateOptions how = {
        .folder = data, .n_songs = 2, .first_song = 1, .seed = 3, .length_s = 45, .n_jobs = 1};
    assert_int_equal(simulate(&how, NULL, NULL), BS_OK);
    assert_int_equal(run(verb_eval, "eval", data, "--quiet", (char *)NULL),
                     BS_NOT_FOUND); /* not featurized */
    featurize_folder(data, names, 2);
    const int out = stdout_away();
    Status st = run(verb_eval, "eval", data, "--policies", "random,chance=random,crop,right", "--json", first,
                    "--seeds", "2", "--quiet", "--render", in_folder("renders"), (char *)NULL);
    Status again = run(verb_eval, "eval", data, "--policies", "random,crop,right", "--json", second,
                       "--threads", "1", "--seeds", "2", "--quiet", (char *)NULL);
    Status there =
        run(verb_eval, "eval", data, "--policies", "crop", "--json", first, "--quiet", (char *)NULL);
    Status twice = run(verb_eval, "eval", data, "--policies", "crop", "--render", in_folder("renders"),
                       "--quiet", (char *)NULL);
    stdout_back(out);
    assert_int_equal(st, BS_OK);
    assert_int_equal(again, BS_OK);
    assert_int_equal(there, BS_EXISTS);
    assert_int_equal(twice, BS_EXISTS);
    Json *a, *b;
    const Json *rows_a, *rows_b;
    size_t n;
    assert_int_equal(json_read(&a, first, 0), BS_OK);
    assert_int_equal(json_read(&b, second, 0), BS_OK);
    assert_int_equal(json_get_array(a, "rows", &rows_a, &n), BS_OK);
    assert_int_equal(n, 4);
    assert_int_equal(json_get_array(b, "rows", &rows_b, &n), BS_OK);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < 4; i++) assert_true(number_at(rows_a, i, "in_window") == 1);
    assert_true(number_at(rows_a, 3, "judge") > number_at(rows_a, 0, "judge"));
    assert_true(number_at(rows_a, 0, "judge") ==
                number_at(rows_a, 1, "judge")); /* another row changes nothing */
    assert_true(number_at(rows_a, 0, "judge") == number_at(rows_b, 0, "judge"));
    assert_true(number_at(rows_a, 2, "reward") == number_at(rows_b, 1, "reward"));
    json_free(a);
    json_free(b);
    assert_true(file_exists(in_folder("renders/song0001_raw.song.flac")));
}

/* Weights that know nothing still draw songs that differ and hold what must be in them. */
static void a_network_makes_candidates_that_differ(void **state) {
    (void)state;
    enum { SONGS = 3 };
    Session session;
    ByteWriter weights;
    Edit edits[SONGS];
    const char *raw = in_folder("net.wav"), *policy = in_folder("net.safetensors"),
               *song = in_folder("net_song.wav");
    fixture_weights(&weights, 7);
    assert_int_equal(file_replace(policy, weights.bytes, weights.n_bytes), BS_OK);
    bytes_drop(&weights);
    assert_int_equal(session_make(&session, "x", 23, 60), BS_OK);
    assert_int_equal(audio_save(raw, session.samples, session.n_samples, 2, SESSION_RATE, 16), BS_OK);
    const EditSegment *kept = &session.truth->edit.segments[0]; /* music, so that it can be asked for */
    char must[64];
    const double from_s = (double)kept->start_sample / SESSION_RATE;
    snprintf(must, sizeof must, "%.3f-%.3f", from_s + 0.5, from_s + 2);
    session_drop(&session);
    assert_int_equal(run(verb_edit, "edit", raw, "-o", song, "--target", "16", "--policy", policy,
                         "--candidates", "3", "--must", must, "--quiet", (char *)NULL),
                     BS_OK);
    for (int k = 0; k < SONGS; k++) {
        char name[64];
        int heard = 0; /* of ten moments of the middle, a bit each; a seam may part them */
        snprintf(name, sizeof name, "net_song-%d.wav.json", k + 1);
        assert_int_equal(edit_json_read(&edits[k], in_folder(name)), BS_OK);
        for (int32_t i = 0; i < edits[k].n_segments; i++) {
            const EditSegment *s = &edits[k].segments[i];
            for (int m = 0; m < 10; m++) {
                const double at = (from_s + 1 + 0.05 * m) * SESSION_RATE;
                heard |= ((double)s->start_sample <= at && at < (double)s->end_sample) << m;
            }
        }
        assert_int_equal(heard, (1 << 10) - 1);
        for (int j = 0; j < k; j++) assert_false(edit_equal(&edits[j], &edits[k]));
    }
    for (int k = 0; k < SONGS; k++) edit_drop(&edits[k]);
}

static void rows_are_named_or_refused_in_words(void **state) {
    (void)state;
    static ContestRow rows[CONTEST_MAX_ROWS];
    int32_t n;
    const char *weights = in_folder("w.safetensors");
    char text[2 * PATH_BYTES + 64];
    assert_int_equal(file_replace(weights, "abc", 3), BS_OK);
    snprintf(text, sizeof text, " random , best=right,mine=net:%.4095s,greedy:%.4095s", weights, weights);
    assert_int_equal(rows_parse(text, rows, &n), BS_OK);
    assert_int_equal(n, 4);
    assert_string_equal(rows[0].name, "random");
    assert_string_equal(rows[1].name, "best");
    assert_int_equal(rows[1].kind, ROW_RIGHT);
    assert_string_equal(rows[2].name, "mine");
    assert_int_equal(rows[2].policy, POLICY_NET);
    assert_int_equal(rows[2].n_weight_bytes, 3);
    assert_string_equal(rows[3].name, "w.safetensors");
    assert_int_equal(rows[3].policy, POLICY_NET_GREEDY);
    assert_true(row_draws(&rows[0]) && row_draws(&rows[2]) && !row_draws(&rows[1]) && !row_draws(&rows[3]));
    rows_drop(rows, n);
    snprintf(text, sizeof text, "best:%.4095s", weights);
    assert_int_equal(rows_parse(text, rows, &n), BS_OK);
    assert_int_equal(rows[0].policy, POLICY_NET_BEST);
    assert_true(row_draws(&rows[0]));
    rows_drop(rows, n);
    assert_int_equal(rows_parse("crop,crop", rows, &n), BS_INVALID);
    assert_int_equal(rows_parse("best", rows, &n), BS_INVALID);
    assert_int_equal(rows_parse("net", rows, &n), BS_INVALID);
    assert_int_equal(rows_parse("crop:file", rows, &n), BS_INVALID);
    assert_int_equal(rows_parse("net:/no/such/file", rows, &n), BS_NOT_FOUND);
    assert_int_equal(rows_parse("cropp", rows, &n), BS_NOT_FOUND);
    assert_int_equal(rows_parse(" , ", rows, &n), BS_INVALID);
}

static void intervals_cover_the_mean_as_often_as_they_say(void **state) {
    (void)state;
    int covered = 0;
    const int tries = 200, n = 40;
    Rng rng = rng_at(77, 1);
    for (int k = 0; k < tries; k++) {
        double values[40];
        for (int i = 0; i < n; i++) values[i] = rng_f64(&rng) + rng_f64(&rng) + rng_f64(&rng);
        Interval v = interval_of(values, n, (uint64_t)k);
        assert_true(v.low < v.mean && v.mean < v.high);
        covered += v.low <= 1.5 && 1.5 <= v.high;
    }
    assert_in_range(covered, tries * 90 / 100, tries * 98 / 100);
    const double same[3] = {2, 2, 2};
    Interval v = interval_of(same, 3, 1);
    assert_true(v.mean == 2 && v.low == 2 && v.high == 2);
    assert_true(isnan(interval_of(same, 0, 1).mean));
}

/* ---- plot */

static void put_text(const char *path, const char *text) {
    assert_int_equal(file_replace(path, text, strlen(text)), BS_OK);
}

static void curves_follow_the_last_epoch_and_pass_over_torn_lines(void **state) {
    (void)state;
    const char *dir = in_folder("run-1");
    assert_int_equal(dir_make(dir, 0777), BS_OK);
    char path[PATH_BYTES];
    assert_int_equal(path_join(path, dir, "metrics.jsonl"), BS_OK);
    put_text(path, "{\"weights_version\":0,\"step\":0,\"wall_time\":100,\"a\":0,\"b\":null}\n"
                   "{\"weights_version\":1,\"step\":10,\"wall_time\":200,\"a\":2}\n"
                   "{\"weights_version\":2,\"step\":20,\"wall_time\":300,\"a\":50}\n"
                   "{\"weights_version\":2,\"step\":20,\"wall_time\":900,\"a\":4}\n"
                   "garbage\n"
                   "{\"weights_version\":3,\"step\":30,\"wall_time\":3700,\"a\":6}\n"
                   "{\"weights_version\":4,\"st");
    const StageRange all = {0, RUN_STAGES};
    RunLog *log;
    Curve curve;
    assert_int_equal(run_log_open(&log, dir), BS_OK);
    assert_string_equal(run_log_name(log), "run-1");
    assert_int_equal(run_log_curve(log, "weights_version", "a", all, 100, &curve), BS_OK);
    assert_int_equal(curve.n, 3); /* not the 0 before the first value */
    for (int i = 0; i < 3; i++) assert_true(curve.x[i] == i + 1 && curve.mean[i] == 2 * (i + 1));
    curve_drop(&curve);
    assert_int_equal(run_log_curve(log, "time", "a", all, 1, &curve), BS_OK);
    assert_int_equal(curve.n, 1);
    assert_true(curve.mean[0] == 4 && curve.low[0] == 2 && curve.high[0] == 6);
    curve_drop(&curve);
    assert_int_equal(run_log_curve(log, "step", "b", all, 100, &curve), BS_OK);
    assert_int_equal(curve.n, 0);
    curve_drop(&curve);
    run_log_close(log);
    put_text(path, "nothing\n");
    assert_int_equal(run_log_open(&log, dir), BS_CORRUPT);
    assert_int_equal(run_log_open(&log, in_folder("no-run")), BS_NOT_FOUND);
}

static void curves_leave_out_what_a_gauge_kept_from_an_earlier_stage(void **state) {
    (void)state;
    const char *dir = in_folder("run-3");
    assert_int_equal(dir_make(dir, 0777), BS_OK);
    char path[PATH_BYTES];
    assert_int_equal(path_join(path, dir, "metrics.jsonl"), BS_OK);
    put_text(path, "{\"weights_version\":1,\"step\":1,\"wall_time\":1,\"train/stage\":0,\"loss\":5}\n"
                   "{\"weights_version\":2,\"step\":2,\"wall_time\":2,\"train/stage\":1,\"loss\":4}\n"
                   "{\"weights_version\":3,\"step\":3,\"wall_time\":3,\"train/stage\":3,\"loss\":4}\n");
    RunLog *log;
    Curve curve;
    double starts[RUN_STAGES];
    assert_int_equal(run_log_open(&log, dir), BS_OK);
    assert_int_equal(run_log_curve(log, "step", "loss", (StageRange){0, 1}, 100, &curve), BS_OK);
    assert_int_equal(curve.n, 2);
    curve_drop(&curve);
    run_log_stages(log, "step", starts);
    assert_true(starts[0] == 1 && starts[1] == 2 && isnan(starts[2]) && starts[3] == 3);
    run_log_close(log);
}

static void a_run_becomes_a_picture(void **state) {
    (void)state;
    char path[PATH_BYTES], line[256];
    const char *dir = in_folder("run-2"), *svg = in_folder("curves.svg");
    assert_int_equal(dir_make(dir, 0777), BS_OK);
    assert_int_equal(path_join(path, dir, "metrics.jsonl"), BS_OK);
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(line, sizeof line,
                         "{\"weights_version\":%d,\"step\":%d,\"wall_time\":%d,\"charts/episodic_return\":%g,"
                         "\"losses/approx_kl\":%g}\n",
                         i, i * 64, 1000 + i, sin(i * 0.01), 0.01 * i);
        assert_int_equal(file_append(path, line, (size_t)n, false), BS_OK);
    }
    const int out = stdout_away();
    Status one = run(verb_plot, "plot", dir, "-o", svg, (char *)NULL);
    Status there = run(verb_plot, "plot", dir, dir, "-o", svg, "--x", "time", (char *)NULL);
    Status two = run(verb_plot, "plot", dir, dir, "-o", svg, "--x", "time", "--force", (char *)NULL);
    Status none = run(verb_plot, "plot", (char *)NULL);
    stdout_back(out);
    assert_int_equal(one, BS_OK);
    assert_int_equal(there, BS_EXISTS);
    assert_int_equal(two, BS_OK);
    assert_int_equal(none, BS_INVALID);
    void *bytes;
    size_t n_bytes;
    assert_int_equal(file_read(svg, 1 << 22, &bytes, &n_bytes), BS_OK);
    assert_non_null(strstr(bytes, "Return (in imitation"));
    assert_non_null(strstr(bytes, "KL divergence"));
    assert_null(strstr(bytes, "Imitation loss")); /* the run has none */
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_format_rate_and_channel_count_gives_a_song_of_the_asked_length),
        cmocka_unit_test(lossless_songs_hold_the_bits_of_the_recording),
        cmocka_unit_test(a_contest_ranks_the_right_edit_over_chance_and_repeats_itself),
        cmocka_unit_test(a_network_makes_candidates_that_differ),
        cmocka_unit_test(rows_are_named_or_refused_in_words),
        cmocka_unit_test(intervals_cover_the_mean_as_often_as_they_say),
        cmocka_unit_test(curves_follow_the_last_epoch_and_pass_over_torn_lines),
        cmocka_unit_test(curves_leave_out_what_a_gauge_kept_from_an_earlier_stage),
        cmocka_unit_test(a_run_becomes_a_picture),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
