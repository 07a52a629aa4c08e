// needs: common/host
/* Fuzz: any bytes as JSON; what parses is walked, and reads back the same when it is written. */
#include <stdlib.h>
#include <string.h>

#include "common/host/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const Json *value) {
    const Json *child;
    const char *key, *text;
    int64_t i;
    double d;
    for (size_t k = 0; k < json_size(value); k++) {
        if (json_kind(value) == JSON_KIND_ARRAY)
            BS_ASSERT(json_at(value, k, &child) == BS_OK);
        else
            BS_ASSERT(json_member(value, k, &key, &child) == BS_OK && key);
        walk(child);
    }
    (void)json_i64(value, -5, 5, &i);
    (void)json_f64(value, &d);
    (void)json_text_of(value, &text);
    (void)json_get_i32(value, "version", 0, 1, &(int32_t){0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Json *json, *again;
    char *text, *second;
    size_t n, n_second;
    if (json_parse(&json, "fuzz", data, size) != BS_OK) return 0;
    walk(json);
    for (int style = JSON_ONE_LINE; style <= JSON_INDENTED; style++) {
        BS_ASSERT(json_dump(json, (JsonStyle)style, &text, &n) == BS_OK);
        BS_ASSERT(json_parse(&again, "fuzz", text, n) == BS_OK);
        BS_ASSERT(json_dump(again, (JsonStyle)style, &second, &n_second) == BS_OK);
        BS_ASSERT(n == n_second && !memcmp(text, second, n));
        json_free(again);
        free(text);
        free(second);
    }
    json_free(json);
    return 0;
}
