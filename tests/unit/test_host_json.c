// needs: common/host
/* Json: what is read is right, what is wrong is named, what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/file.h"
#include "common/host/json.h"

static Json *parsed(const char *text) {
    Json *json;
    if (json_parse(&json, "truth.json", text, strlen(text)) != BS_OK) print_error("%s\n", error_text());
    assert_non_null(json);
    return json;
}

static void assert_error(const char *text) { assert_string_equal(error_text(), text); }

static void reads_values_of_every_type(void **state) {
    (void)state;
    Json *json = parsed("{\"version\":1,\"n\":-5,\"x\":0.5,\"yes\":true,\"name\":\"a\\u00e9\",\"none\":null,"
                        "\"list\":[1,2.5,\"c\"],\"in\":{\"k\":7}}");
    int64_t i;
    double d;
    bool b;
    const char *s;
    const Json *v;
    size_t n;
    int version;
    assert_int_equal(json_version(json, 1, &version), BS_OK);
    assert_int_equal(json_get_i64(json, "n", -10, 10, &i), BS_OK);
    assert_int_equal(i, -5);
    assert_int_equal(json_get_f64(json, "x", &d), BS_OK);
    assert_true(d == 0.5);
    assert_int_equal(json_get_f64(json, "n", &d), BS_OK);
    assert_true(d == -5);
    assert_int_equal(json_get_bool(json, "yes", &b), BS_OK);
    assert_true(b);
    assert_int_equal(json_get_text(json, "name", &s), BS_OK);
    assert_string_equal(s, "a\xc3\xa9");
    assert_true(json_has(json, "n"));
    assert_false(json_has(json, "none"));
    assert_false(json_has(json, "absent"));
    assert_int_equal(json_get_array(json, "list", &v, &n), BS_OK);
    assert_int_equal(n, 3);
    assert_int_equal(json_at_i64(v, 0, 0, 9, &i), BS_OK);
    assert_int_equal(json_at_f64(v, 1, &d), BS_OK);
    assert_true(d == 2.5);
    assert_int_equal(json_at_text(v, 2, &s), BS_OK);
    assert_string_equal(s, "c");
    assert_int_equal(json_get_object(json, "in", &v), BS_OK);
    assert_int_equal(json_get_i64(v, "k", 0, 9, &i), BS_OK);
    assert_int_equal(i, 7);
    assert_int_equal(json_member(json, 1, &s, &v), BS_OK);
    assert_string_equal(s, "n");
    assert_int_equal(json_kind(v), JSON_KIND_NUMBER);
    assert_int_equal(json_member(json, 8, &s, &v), BS_OK);
    assert_null(s);
    json_free(json);
}

static void names_the_place_of_what_is_wrong(void **state) {
    (void)state;
    Json *json = parsed("{\"version\":9,\"units\":[{},{\"start_sample\":\"x\",\"hash\":\"12\"}]}");
    const Json *units, *unit;
    size_t n;
    int64_t i;
    Hash hash;
    int version;
    assert_int_equal(json_version(json, 2, &version), BS_VERSION);
    assert_error("truth.json: has version 9, this program reads up to 2");
    assert_int_equal(json_get_array(json, "units", &units, &n), BS_OK);
    assert_int_equal(json_at(units, 1, &unit), BS_OK);
    assert_int_equal(json_get_i64(unit, "start_sample", 0, 9, &i), BS_CORRUPT);
    assert_error("truth.json: units[1].start_sample: expected an integer, found a text");
    assert_int_equal(json_get_hash(unit, "hash", &hash), BS_CORRUPT);
    assert_error("truth.json: units[1].hash: expected 64 hex digits");
    assert_int_equal(json_get_i64(unit, "end", 0, 9, &i), BS_CORRUPT);
    assert_error("truth.json: units[1]: \"end\" is missing");
    assert_int_equal(json_get_i64(json, "version", 0, 5, &i), BS_CORRUPT);
    assert_error("truth.json: version: expected an integer from 0 to 5, found 9");
    assert_int_equal(json_get_object(json, "units", &unit), BS_CORRUPT);
    assert_error("truth.json: units: expected an object, found an array");
    assert_int_equal(json_at(units, 2, &unit), BS_CORRUPT);
    assert_int_equal(json_at(json, 0, &unit), BS_CORRUPT);
    assert_error("truth.json: expected an array, found an object");
    json_free(json);
}

static void refuses_what_is_no_json(void **state) {
    (void)state;
    char deep[400];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    const char *bad[] = {"", "{", "{\"a\":1,\"a\":2}", "[1,]", "nul", "[1] x", "\"\\u0000\"", "[1e999]"};
    Json *json;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(json_parse(&json, "f", bad[i], strlen(bad[i])), BS_CORRUPT);
    assert_int_equal(json_parse(&json, "f", "{\n  \"a\": x}", 11), BS_CORRUPT);
    assert_non_null(strstr(error_text(), "f: line 2, column "));
    assert_int_equal(json_parse(&json, "f", deep, sizeof deep), BS_CORRUPT);
    assert_non_null(strstr(error_text(), "nested deeper than 64"));
    assert_null(json);
    assert_int_equal(json_read(&json, "/nowhere/x.json", 0), BS_NOT_FOUND);
}

static void reads_back_what_it_wrote(void **state) {
    (void)state;
    for (int style = JSON_ONE_LINE; style <= JSON_INDENTED; style++) {
        Hash hash = hash_bytes("x", 1), got;
        Json *root = json_new_object(), *list = json_new_array();
        const double reals[] = {0.1, 1e300, -3, 1 / 3.0, 5e-324};
        for (size_t i = 0; i < 5; i++) assert_int_equal(json_append(list, json_new_real(reals[i])), BS_OK);
        assert_int_equal(json_set_text(root, "text", "quote \" back \\ line \n tab \t bell \a \xc3\xa9"),
                         BS_OK);
        assert_int_equal(json_set_text(root, "broken",
                                       "a\xff\xfe"
                                       "b\xc3"),
                         BS_OK);
        assert_int_equal(json_set(root, "list", list), BS_OK);
        assert_int_equal(json_set_i64(root, "big", INT64_MIN), BS_OK);
        assert_int_equal(json_set_f64(root, "nan", NAN), BS_OK);
        assert_int_equal(json_set_bool(root, "no", false), BS_OK);
        assert_int_equal(json_set_hash(root, "hash", &hash), BS_OK);
        assert_int_equal(json_set(root, "empty", json_new_object()), BS_OK);
        char *text;
        size_t n;
        assert_int_equal(json_dump(root, (JsonStyle)style, &text, &n), BS_OK);
        if (style == JSON_ONE_LINE) assert_null(strchr(text, '\n'));
        json_free(root);
        Json *back = parsed(text);
        free(text);
        const Json *view;
        const char *s;
        int64_t i64;
        assert_int_equal(json_get_text(back, "text", &s), BS_OK);
        assert_string_equal(s, "quote \" back \\ line \n tab \t bell \a \xc3\xa9");
        assert_int_equal(json_get_text(back, "broken", &s), BS_OK);
        assert_string_equal(s, "a??b?");
        assert_int_equal(json_get_array(back, "list", &view, &n), BS_OK);
        assert_int_equal(n, 5);
        for (size_t i = 0; i < 5; i++) {
            double d;
            assert_int_equal(json_at_f64(view, i, &d), BS_OK);
            assert_true(d == reals[i]);
        }
        assert_int_equal(json_get_i64(back, "big", INT64_MIN, INT64_MAX, &i64), BS_OK);
        assert_true(i64 == INT64_MIN);
        assert_false(json_has(back, "nan"));
        assert_int_equal(json_get_hash(back, "hash", &got), BS_OK);
        assert_true(hash_equal(&hash, &got));
        json_free(back);
    }
}

static void shows_what_was_set_after_it_was_read(void **state) {
    (void)state;
    int64_t i;
    Json *root = json_new_object();
    json_set_i64(root, "a", 1);
    assert_int_equal(json_get_i64(root, "a", 0, 9, &i), BS_OK);
    json_set_i64(root, "a", 2);
    json_set_i64(root, "b", 3);
    assert_int_equal(json_get_i64(root, "a", 0, 9, &i), BS_OK);
    assert_int_equal(i, 2);
    assert_int_equal(json_get_i64(root, "b", 0, 9, &i), BS_OK);
    assert_int_equal(json_size(root), 2);
    assert_int_equal(json_set(root, "c", NULL), BS_NOMEM);
    json_free(root);
}

static void appends_lines_that_stand_alone(void **state) {
    (void)state;
    char path[] = "/tmp/bandsaw-test-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    Json *root = json_new_object();
    json_set_text(root, "name", "a\nb");
    assert_int_equal(json_append_line(root, path, true), BS_OK);
    assert_int_equal(json_append_line(root, path, false), BS_OK);
    void *bytes;
    size_t n;
    assert_int_equal(file_read(path, 1000, &bytes, &n), BS_OK);
    assert_string_equal(bytes, "{\"name\":\"a\\nb\"}\n{\"name\":\"a\\nb\"}\n");
    free(bytes);
    assert_int_equal(json_write(root, path, JSON_INDENTED), BS_OK);
    json_free(root);
    assert_int_equal(json_read(&root, path, 0), BS_OK);
    json_free(root);
    assert_int_equal(json_read(&root, path, 3), BS_TOO_BIG);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values_of_every_type),
        cmocka_unit_test(names_the_place_of_what_is_wrong),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(shows_what_was_set_after_it_was_read),
        cmocka_unit_test(appends_lines_that_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
