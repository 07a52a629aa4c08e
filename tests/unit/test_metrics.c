// needs: common/metrics
/* Metrics: the three views say what the registry holds; the event file is read back from its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/bytes.h"
#include "common/core/rng.h"
#include "common/host/file.h"
#include "common/host/json.h"
#include "common/http/http.h"
#include "common/metrics/crc32c.h"
#include "common/metrics/events.h"
#include "common/metrics/metrics.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-metrics-XXXXXX");
    metrics_reset();
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

/* Vectors of RFC 3720, B.4. */
static void checksums_as_the_standard_says(void **state) {
    (void)state;
    uint8_t block[32];
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    memset(block, 0, sizeof block);
    assert_int_equal(crc32c(block, 32), 0x8a9136aa);
    memset(block, 0xff, sizeof block);
    assert_int_equal(crc32c(block, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++) block[i] = (uint8_t)i;
    assert_int_equal(crc32c(block, 32), 0x46dd794e);
    assert_int_equal(crc32c("", 0), 0);
}

static void checksums_alike_by_table_and_by_instruction(void **state) {
    (void)state;
    uint8_t bytes[300];
    Rng rng = rng_at(1, 1);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rng_below(&rng, 256);
    for (size_t start = 0; start < 9; start++)
        for (size_t n = 0; n + start <= sizeof bytes; n++)
            assert_int_equal(crc32c(bytes + start, n), crc32c_by_table(bytes + start, n));
}

static void *add_many(void *m) {
    for (int i = 0; i < 10000; i++) {
        metric_add(M_STEPS, 1);
        metric_observe(M_LAG, 2);
    }
    return m;
}

static void loses_no_update_of_any_thread(void **state) {
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_true(metric_value(M_STEPS) == 40000);
    assert_true(metric_value(M_LAG) == 80000);
    char *text = metrics_prometheus("test");
    assert_non_null(strstr(text, "bandsaw_policy_lag_versions_bucket{le=\"1\"} 0\n"));
    assert_non_null(strstr(text, "bandsaw_policy_lag_versions_bucket{le=\"2\"} 40000\n"));
    assert_non_null(strstr(text, "bandsaw_policy_lag_versions_bucket{le=\"+Inf\"} 40000\n"));
    assert_non_null(strstr(text, "bandsaw_policy_lag_versions_sum 80000\n"));
    assert_non_null(strstr(text, "bandsaw_policy_lag_versions_count 40000\n"));
    free(text);
}

static int count(const char *text, const char *what) {
    int n = 0;
    for (; (text = strstr(text, what)); text++) n++;
    return n;
}

static void says_help_and_type_once_for_every_name(void **state) {
    (void)state;
    metric_set(M_RETURN, -0.25);
    metric_add(M_TICKETS_STALE, 3);
    char *text = metrics_prometheus("test");
    assert_int_equal(count(text, "# TYPE bandsaw_tickets_total counter\n"), 1);
    assert_int_equal(count(text, "# HELP bandsaw_tickets_total "), 1);
    assert_int_equal(count(text, "# TYPE bandsaw_reward gauge\n"), 1);
    assert_int_equal(count(text, "\nbandsaw_reward{term="), 6);
    assert_non_null(strstr(text, "\nbandsaw_episodic_return -0.25\n"));
    assert_non_null(strstr(text, "\nbandsaw_tickets_total{state=\"stale\"} 3\n"));
    assert_non_null(strstr(text, "bandsaw_build_info{program=\"test\",version=\""));
    free(text);
}

static void gives_every_row_its_own_names(void **state) {
    (void)state;
    static const char *const tags[] = {
#define METRIC(name, kind, prometheus, tag, help) prometheus, tag,
#include "common/metrics/metrics.def"
#undef METRIC
    };
    for (size_t i = 0; i < 2 * METRIC_COUNT; i++)
        for (size_t j = i + 1; j < 2 * METRIC_COUNT; j++) assert_string_not_equal(tags[i], tags[j]);
}

static void writes_one_line_a_flush_with_every_tag(void **state) {
    (void)state;
    MetricsLog *log;
    char path[PATH_BYTES];
    path_join(path, folder, "run/metrics.jsonl");
    char run[PATH_BYTES];
    path_join(run, folder, "run");
    assert_int_equal(metrics_log_open(&log, run, "learner"), BS_OK);
    metric_set(M_RETURN, 0.5);
    metric_set(M_ENTROPY, NAN);
    metric_add(M_STEPS, 1000);
    assert_int_equal(metrics_log_flush(log, 1000, 3), BS_OK);
    metrics_log_close(log);
    assert_int_equal(file_append(path, "{\"torn\":", 8, false), BS_OK); /* a crash */
    assert_int_equal(metrics_log_open(&log, run, "learner"), BS_OK);
    assert_int_equal(metrics_log_flush(log, 2000, 4), BS_OK);
    metrics_log_close(log);

    void *bytes;
    size_t n;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &n), BS_OK);
    char *lines[3], *rest = bytes;
    for (int i = 0; i < 3; i++) assert_non_null(lines[i] = strtok_r(NULL, "\n", &rest));
    assert_string_equal(lines[1], "{\"torn\":");
    for (int i = 0; i < 3; i += 2) {
        Json *line;
        int64_t v;
        double d;
        assert_int_equal(json_parse(&line, "line", lines[i], strlen(lines[i])), BS_OK);
        assert_int_equal(json_get_i64(line, "step", 0, 9999, &v), BS_OK);
        assert_int_equal(v, i == 0 ? 1000 : 2000);
        assert_int_equal(json_get_i64(line, "weights_version", 0, 99, &v), BS_OK);
        assert_int_equal(v, i == 0 ? 3 : 4);
        assert_int_equal(json_get_f64(line, "charts/episodic_return", &d), BS_OK);
        assert_true(d == 0.5);
        assert_false(json_has(line, "losses/entropy"));
        assert_int_equal(json_size(line), 5 + METRIC_COUNT + 1); /* a histogram is two */
        json_free(line);
    }
    free(bytes);
    char **names;
    assert_int_equal(dir_list(run, &names, &n), BS_OK);
    assert_int_equal(n, 3); /* two event files: a new one at each open */
    free(names);
}

/* ---- a reader of event files, written from the format's description */

typedef struct Field {
    int number;
    uint64_t varint;
    ByteReader bytes; /* of wire types 1, 2, 5 */
} Field;

static uint64_t read_varint(ByteReader *r) {
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t b = read_u8(r);
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
    return v;
}

static bool next_field(ByteReader *r, Field *f) {
    if (r->at >= r->n_bytes) return false;
    uint64_t key = read_varint(r);
    f->number = (int)(key >> 3);
    size_t n = 0;
    if ((key & 7) == 0)
        f->varint = read_varint(r);
    else
        n = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : read_varint(r);
    f->bytes = reader_of(read_raw(r, n), n);
    assert_false(r->bad);
    return true;
}

static ByteReader next_record(ByteReader *file) {
    const uint8_t *head = file->bytes + file->at;
    uint64_t n = read_u64(file);
    assert_int_equal(read_u32(file), crc32c_masked(head, 8));
    const void *data = read_raw(file, n);
    assert_non_null(data);
    assert_int_equal(read_u32(file), crc32c_masked(data, n));
    return reader_of(data, n);
}

static void writes_event_files_that_read_back(void **state) {
    (void)state;
    EventFile *f;
    const double limits[] = {1, 2, 4}, counts[] = {0, 5, 7};
    assert_int_equal(event_file_open(&f, folder), BS_OK);
    event_begin(f, 1.5e9, 300);
    event_scalar(f, "charts/episodic_return", 0.75);
    event_histogram(f, "train/version_diff", limits, counts, 3, 30);
    assert_int_equal(event_end(f), BS_OK);
    void *bytes;
    size_t n;
    assert_int_equal(file_read(event_file_path(f), 1 << 20, &bytes, &n), BS_OK);
    assert_non_null(strstr(event_file_path(f), "/events.out.tfevents."));
    event_file_close(f);

    ByteReader file = reader_of(bytes, n), event = next_record(&file), value;
    Field field;
    bool found_version = false;
    while (next_field(&event, &field))
        if (field.number == 3) found_version = !memcmp(field.bytes.bytes, "brain.Event:2", 13);
    assert_true(found_version);

    event = next_record(&file);
    assert_int_equal(file.at, n);
    assert_true(next_field(&event, &field) && field.number == 1 && read_f64(&field.bytes) == 1.5e9);
    assert_true(next_field(&event, &field) && field.number == 2 && field.varint == 300);
    assert_true(next_field(&event, &field) && field.number == 5);
    ByteReader summary = field.bytes;
    assert_true(next_field(&summary, &field) && field.number == 1);
    value = field.bytes;
    assert_true(next_field(&value, &field) && field.number == 1);
    assert_int_equal(field.bytes.n_bytes, 22);
    assert_memory_equal(field.bytes.bytes, "charts/episodic_return", 22);
    assert_true(next_field(&value, &field) && field.number == 2 && read_f32(&field.bytes) == 0.75f);

    assert_true(next_field(&summary, &field) && field.number == 1);
    value = field.bytes;
    assert_true(next_field(&value, &field) && next_field(&value, &field) && field.number == 5);
    ByteReader histogram = field.bytes;
    const double expected[] = {1, 4, 12, 30};
    for (int i = 0; i < 4; i++) {
        assert_true(next_field(&histogram, &field) && field.number == i + 1);
        assert_true(read_f64(&field.bytes) == expected[i]);
    }
    assert_true(next_field(&histogram, &field) && field.number == 5);
    assert_true(read_f64(&field.bytes) == 5 * 4 + 7 * 16);
    assert_true(next_field(&histogram, &field) && field.number == 6 && field.bytes.n_bytes == 24);
    for (int i = 0; i < 3; i++) assert_true(read_f64(&field.bytes) == limits[i]);
    assert_true(next_field(&histogram, &field) && field.number == 7 && field.bytes.n_bytes == 24);
    for (int i = 0; i < 3; i++) assert_true(read_f64(&field.bytes) == counts[i]);
    assert_false(next_field(&summary, &field));
    free(bytes);
}

static bool is_well(void *context, char *reason, size_t n) {
    if (*(bool *)context) return true;
    snprintf(reason, n, "no update for 300 s");
    return false;
}

static void serves_metrics_and_health(void **state) {
    (void)state;
    MetricsServer *server, *second;
    bool well = true;
    int port = 0, other = 0, code;
    char *body;
    metric_set(M_UPDATES, 7);
    assert_int_equal(metrics_serve(&server, "127.0.0.1", &port, "learner", is_well, &well), BS_OK);
    assert_in_range(port, 17000, 17999);
    assert_int_equal(metrics_serve(&second, "", &other, "learner", NULL, NULL), BS_OK);
    assert_int_not_equal(port, other);
    metrics_serve_stop(second);

    assert_int_equal(http_get("127.0.0.1", port, "/metrics", 2000, &code, &body), BS_OK);
    assert_int_equal(code, 200);
    assert_non_null(strstr(body, "\nbandsaw_updates_total 7\n"));
    free(body);
    assert_int_equal(http_get("localhost", port, "/healthz", 2000, &code, &body), BS_OK);
    assert_int_equal(code, 200);
    assert_string_equal(body, "ok\n");
    free(body);
    assert_int_equal(metrics_address_write(folder, "0.0.0.0", port), BS_OK);
    char path[PATH_BYTES], expected[32];
    void *bytes;
    size_t n;
    path_join(path, folder, "metrics.address");
    snprintf(expected, sizeof expected, "127.0.0.1:%d\n", port);
    assert_int_equal(file_read(path, 100, &bytes, &n), BS_OK);
    assert_string_equal(bytes, expected);
    free(bytes);
    well = false;
    assert_int_equal(http_get("127.0.0.1", port, "/healthz", 2000, &code, &body), BS_OK);
    assert_int_equal(code, 503);
    assert_string_equal(body, "no update for 300 s\n");
    free(body);
    assert_int_equal(http_get("127.0.0.1", port, "/secrets", 2000, &code, &body), BS_OK);
    assert_int_equal(code, 404);
    free(body);
    other = port;
    assert_int_equal(metrics_serve(&second, "127.0.0.1", &other, "learner", NULL, NULL), BS_IO); /* taken */
    metrics_serve_stop(server);
    assert_int_equal(http_get("127.0.0.1", port, "/metrics", 2000, &code, &body), BS_IO);
    assert_null(body);
    assert_int_equal(metrics_serve(&server, "not an address", &port, "learner", NULL, NULL), BS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_as_the_standard_says),
        cmocka_unit_test(checksums_alike_by_table_and_by_instruction),
        cmocka_unit_test_setup_teardown(loses_no_update_of_any_thread, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(says_help_and_type_once_for_every_name, make_folder, remove_folder),
        cmocka_unit_test(gives_every_row_its_own_names),
        cmocka_unit_test_setup_teardown(writes_one_line_a_flush_with_every_tag, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(writes_event_files_that_read_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(serves_metrics_and_health, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
