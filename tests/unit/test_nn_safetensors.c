// needs: common/nn
/* Safetensors: what is written is read back; every way a header can lie is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/nn/safetensors.h"

static void write_two(ByteWriter *w) {
    static const float a[6] = {1, 2, 3, 4, 5, 6};
    static const uint16_t b[2] = {0x3f80, 0xbf80};
    const TensorEntry entries[] = {
        {.name = "layer.weight",
         .type = TENSOR_F32,
         .n_dims = 2,
         .dims = {2, 3},
         .data = a,
         .n_bytes = sizeof a},
        {.name = "odd \"name\"\\\n",
         .type = TENSOR_BF16,
         .n_dims = 1,
         .dims = {2},
         .data = b,
         .n_bytes = sizeof b},
        {.name = "scalar", .type = TENSOR_U8, .n_dims = 0, .data = b, .n_bytes = 1},
    };
    const TensorMeta meta[] = {{"spec", "small"}, {"note", "tab\there, \"quotes\" and \xc3\xa9"}};
    bytes_init(w, 1 << 20);
    assert_int_equal(safetensors_write(w, entries, 3, meta, 2), BS_OK);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    ByteWriter w;
    Safetensors s;
    write_two(&w);
    assert_int_equal(safetensors_read(&s, w.bytes, w.n_bytes), BS_OK);
    assert_int_equal(s.n_entries, 3);
    const TensorEntry *e = safetensors_find(&s, "layer.weight");
    assert_non_null(e);
    assert_int_equal(e->type, TENSOR_F32);
    assert_int_equal(e->n_dims, 2);
    assert_int_equal(e->dims[1], 3);
    float last;
    memcpy(&last, (const char *)e->data + 20, 4);
    assert_true(last == 6);
    assert_non_null(safetensors_find(&s, "odd \"name\"\\\n"));
    assert_int_equal(safetensors_find(&s, "scalar")->n_dims, 0);
    assert_null(safetensors_find(&s, "layer"));
    assert_string_equal(safetensors_meta(&s, "note"), "tab\there, \"quotes\" and \xc3\xa9");
    assert_null(safetensors_meta(&s, "small"));
    safetensors_drop(&s);
    bytes_drop(&w);
}

static Status read_header(const char *json, size_t n_data) {
    uint8_t bytes[2048] = {0};
    const uint64_t n = strlen(json);
    Safetensors s;
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, json, n);
    /* exactly as long as it says, so that a read past the end is seen by asan */
    uint8_t *exact = malloc(8 + n + n_data);
    assert_non_null(exact);
    memcpy(exact, bytes, 8 + n + n_data);
    Status st = safetensors_read(&s, exact, 8 + n + n_data);
    if (st == BS_OK) safetensors_drop(&s);
    free(exact);
    return st;
}

static void headers_that_lie_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t n_data;
        Status expected;
    } cases[] = {
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, BS_OK},
        {" { \"a\" : { \"shape\" : [ 2 , 2 ] , \"data_offsets\" : [ 0 , 4 ] , \"dtype\" : \"U8\" } } ", 4,
         BS_OK},
        {"{}", 0, BS_OK},
        {"{\"__metadata__\":{}}", 0, BS_OK},
        {"{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         2, BS_OK},                                                                         /* in any order */
        {"{}", 1, BS_CORRUPT},                                                              /* spare data */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 3, BS_CORRUPT}, /* cut short */
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT},  /* wrong size */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,0]}}", 4, BS_CORRUPT},   /* backwards */
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT},  /* type */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-4],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT},  /* sign */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4.0],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT}, /* fraction */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,4],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT}, /* dims */
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
         BS_CORRUPT},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, BS_CORRUPT}, /* missing */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
         BS_CORRUPT}, /* twice */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"x\":1}}", 4,
         BS_CORRUPT},                                                                        /* unknown */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},}", 4, BS_CORRUPT}, /* comma */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}}", 4, BS_CORRUPT}, /* more */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}", 4, BS_CORRUPT},   /* less */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
         4, BS_CORRUPT}, /* one name twice */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
         4, BS_CORRUPT}, /* overlap */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
         4, BS_CORRUPT}, /* gap */
        {"{\"__metadata__\":{\"a\":1}}", 0, BS_CORRUPT},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, BS_CORRUPT},
        {"{\"\\u00e9\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT},
        {"{\"\\u0000\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, BS_CORRUPT},
        {"{\"a", 0, BS_CORRUPT},
        {"{\"a\\", 0, BS_CORRUPT},
        {"{\"a\\u00", 0, BS_CORRUPT},
        {"[]", 0, BS_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Status st = read_header(cases[i].json, cases[i].n_data);
        if (st != cases[i].expected) print_error("case %zu: %s\n", i, cases[i].json);
        assert_int_equal(st, cases[i].expected);
    }
    uint8_t huge[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    Safetensors s;
    assert_int_equal(safetensors_read(&s, huge, 8), BS_CORRUPT);
    assert_int_equal(safetensors_read(&s, huge, 0), BS_CORRUPT);
    assert_int_equal(safetensors_read(&s, huge, 7), BS_CORRUPT);
}

static void every_cut_is_refused_and_no_flipped_byte_breaks_the_reader(void **state) {
    (void)state;
    ByteWriter w;
    Safetensors s;
    write_two(&w);
    for (size_t n = 0; n < w.n_bytes; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, w.bytes, n);
        assert_int_not_equal(safetensors_read(&s, cut, n), BS_OK);
        free(cut);
    }
    const char *times = getenv("N");
    const int n_times = times ? (int)strtol(times, NULL, 10) : 10000;
    Rng rng = rng_at(3, 0);
    uint8_t *copy = malloc(w.n_bytes);
    assert_non_null(copy);
    for (int i = 0; i < n_times; i++) {
        memcpy(copy, w.bytes, w.n_bytes);
        for (int k = 0; k < 1 + i % 3; k++)
            copy[rng_below(&rng, (uint32_t)w.n_bytes)] = (uint8_t)rng_u64(&rng);
        if (safetensors_read(&s, copy, w.n_bytes) == BS_OK) safetensors_drop(&s);
    }
    free(copy);
    bytes_drop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(every_cut_is_refused_and_no_flipped_byte_breaks_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
