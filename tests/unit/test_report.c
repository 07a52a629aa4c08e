// needs: common/report
/* Edits as JSON and labels, and line plots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "common/report/labels.h"
#include "common/report/plot.h"

static char folder[64], path[PATH_BYTES];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-report-XXXXXX");
    return mkdtemp(folder) && path_join(path, folder, "x") == BS_OK ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static char *read_back(void) {
    void *bytes;
    size_t n;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &n), BS_OK);
    return bytes;
}

static Status write_edit(const Edit *edit, const EditNotes *notes) {
    Status st = BS_OK;
    ByteWriter w;
    bytes_init(&w, 1 << 20);
    TRY(edit_json_put(&w, edit, notes));
    TRY(file_replace(path, w.bytes, w.n_bytes));
out:
    bytes_drop(&w);
    return st;
}

static Edit an_edit(void) {
    Edit e;
    edit_init(&e);
    e.sample_rate_hz = 44100;
    e.song = hash_bytes("song", 4);
    assert_int_equal(edit_append(&e, 44100, 88200, FADE_SHORT), BS_OK);
    assert_int_equal(edit_append(&e, 441000, 485100, FADE_2_BEATS), BS_OK);
    assert_int_equal(edit_append(&e, 0, 4410, FADE_HALF_BEAT), BS_OK);
    return e;
}

static void an_edit_comes_back_as_it_was_written(void **state) {
    (void)state;
    Edit a = an_edit(), b;
    const float terms[REWARD_TERMS] = {1, 2, 3, 4, 5, 6};
    const char *sources[] = {"a \"quoted\" name.wav", "b.wav"};
    const int64_t starts[] = {0, 1000}, lengths[] = {1000, 2000};
    Job job = {.lo_samples = 10, .hi_samples = 20};
    EditNotes notes = {.sources = sources,
                       .source_start = starts,
                       .source_samples = lengths,
                       .n_sources = 2,
                       .policy = "retarget",
                       .seed = 7,
                       .job = &job,
                       .terms = terms,
                       .lead_in_samples = 220};
    assert_int_equal(write_edit(&a, &notes), BS_OK);
    assert_int_equal(edit_json_read(&b, path), BS_OK);
    assert_true(edit_equal(&a, &b));
    assert_true(hash_equal(&a.song, &b.song));
    char *text = read_back();
    assert_non_null(strstr(text, "\"retarget\""));
    assert_non_null(strstr(text, "\"content\""));
    free(text);
    edit_drop(&b);
    a.song = (Hash){{0}};
    assert_int_equal(write_edit(&a, NULL), BS_OK);
    assert_int_equal(edit_json_read(&b, path), BS_OK);
    assert_true(edit_equal(&a, &b));
    edit_drop(&a);
    edit_drop(&b);
}

static void assert_refused(const char *json, Status want, const char *words) {
    Edit e;
    assert_int_equal(file_replace(path, json, strlen(json)), BS_OK);
    Status st = edit_json_read(&e, path);
    if (st != want || !strstr(error_text(), words)) print_error("%s: %s\n", status_name(st), error_text());
    assert_int_equal(st, want);
    assert_non_null(strstr(error_text(), words));
}

static void edits_that_are_wrong_are_refused_by_name(void **state) {
    (void)state;
    assert_refused("{", BS_CORRUPT, "line");
    assert_refused("[]", BS_CORRUPT, "expected an object");
    assert_refused("{\"version\":2,\"sample_rate\":44100,\"segments\":[]}", BS_VERSION, "version");
    assert_refused("{\"version\":1,\"sample_rate\":44100,\"segments\":[]}", BS_CORRUPT, "empty");
    assert_refused("{\"version\":1,\"sample_rate\":44100,\"segments\":[[1,2,\"long\"]]}", BS_CORRUPT,
                   "segments[0]");
    assert_refused("{\"version\":1,\"sample_rate\":44100,\"segments\":[[5,2,\"1\"]]}", BS_CORRUPT,
                   "5..2 is empty");
    assert_refused("{\"version\":1,\"sample_rate\":44100,\"segments\":[[-1,2,\"1\"]]}", BS_CORRUPT,
                   "segments[0]");
    assert_refused("{\"version\":1,\"sample_rate\":44100,\"segments\":[[1]]}", BS_CORRUPT, "segments[0]");
    assert_refused("{\"version\":1,\"sample_rate\":0,\"segments\":[[1,2,\"1\"]]}", BS_CORRUPT, "sample_rate");
}

static void labels_stand_on_the_songs_timeline(void **state) {
    (void)state;
    Edit e = an_edit();
    ByteWriter w;
    bytes_init(&w, 1000);
    assert_int_equal(labels_put(&w, &e, NULL, 441), BS_OK);
    bytes_u8(&w, 0);
    assert_string_equal((char *)w.bytes, "0.010000\t1.010000\t0:01.0 - 0:02.0\n"
                                         "1.010000\t2.010000\t0:10.0 - 0:11.0\n"
                                         "2.010000\t2.110000\t0:00.0 - 0:00.1\n");
    bytes_drop(&w);
    edit_drop(&e);
    char buf[TIME_TEXT];
    assert_string_equal(time_text(59.96, buf), "1:00.0");
    assert_string_equal(time_text(3723.42, buf), "1:02:03.4");
}

static void ticks_are_round_and_few(void **state) {
    (void)state;
    static const double ranges[][2] = {{0, 1}, {-3, 17}, {0.001, 0.0012}, {1e6, 5e6}, {2, 2}, {-1e-9, 1e-9}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        double first, step;
        int32_t n;
        const double low = ranges[i][0], high = ranges[i][1] > low ? ranges[i][1] : low + 1;
        plot_ticks(low, ranges[i][1], 6, &first, &step, &n);
        assert_in_range(n, 2, 6);
        assert_true(first >= low - step * 1e-6 && first + (n - 1) * step <= high + step * 1e-6);
        double lead = step / pow(10, floor(log10(step) + 1e-9));
        assert_true(fabs(lead - 1) < 1e-6 || fabs(lead - 2) < 1e-6 || fabs(lead - 5) < 1e-6);
    }
}

static void a_plot_shows_every_series_and_survives_odd_values(void **state) {
    (void)state;
    const double x[] = {0, 1, 2, 3}, y[] = {1, NAN, 3, INFINITY}, lo[] = {0, NAN, 2, 2},
                 hi[] = {2, NAN, 4, 4};
    PlotPanel panels[3] = {
        {.title = "return <&>",
         .x_label = "step",
         .y_label = "return",
         .n_series = 2,
         .series = {{"first", 4, x, y, lo, hi}, {"second & third", 4, x, lo, NULL, NULL}}},
        {.title = "nothing",
         .x_label = "step",
         .y_label = "y",
         .n_series = 1,
         .series = {{"none", 0, x, y, NULL, NULL}}},
        {.title = "one point",
         .x_label = "step",
         .y_label = "y",
         .n_series = 1,
         .series = {{"one", 1, x, y, NULL, NULL}}},
    };
    assert_int_equal(plot_write(path, "a run", panels, 3), BS_OK);
    char *svg = read_back();
    assert_int_equal(strncmp(svg, "<svg ", 5), 0);
    assert_non_null(strstr(svg, "return &lt;&amp;&gt;"));
    assert_non_null(strstr(svg, "second &amp; third"));
    assert_non_null(strstr(svg, "no data"));
    assert_non_null(strstr(svg, "prefers-color-scheme"));
    assert_non_null(strstr(svg, "band c0"));
    assert_non_null(strstr(svg, "</svg>"));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    free(svg);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_comes_back_as_it_was_written),
        cmocka_unit_test(edits_that_are_wrong_are_refused_by_name),
        cmocka_unit_test(labels_stand_on_the_songs_timeline),
        cmocka_unit_test(ticks_are_round_and_few),
        cmocka_unit_test(a_plot_shows_every_series_and_survives_odd_values),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
