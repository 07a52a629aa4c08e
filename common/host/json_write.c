/* Json: building trees and writing them. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/json_private.h"

Json *json_new_object(void) { return json_root_of(json_object()); }
Json *json_new_array(void) { return json_root_of(json_array()); }
Json *json_new_integer(int64_t value) { return json_root_of(json_integer(value)); }
Json *json_new_real(double value) { return json_root_of(isfinite(value) ? json_real(value) : json_null()); }
Json *json_new_bool(bool value) { return json_root_of(json_boolean(value)); }
Json *json_new_null(void) { return json_root_of(json_null()); }

/* Length of the UTF-8 character at p, 0 when there is none. Overlong forms and surrogates are none. */
static size_t utf8_length(const unsigned char *p) {
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xf0 && p[0] < 0xf5   ? 4
               : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

Json *json_new_text(const char *text) {
    json_t *value = json_string(text);
    if (value) return json_root_of(value);
    char *clean = strdup(text);
    if (!clean) return NULL;
    for (unsigned char *p = (unsigned char *)clean; *p;) {
        size_t n = utf8_length(p);
        if (n == 0) *p = '?';
        p += n ? n : 1;
    }
    value = json_string(clean);
    free(clean);
    return json_root_of(value);
}

Json *json_new_hash(const Hash *hash) {
    char hex[HASH_HEX];
    hash_hex(hash, hex);
    return json_new_text(hex);
}

Status json_set(Json *object, const char *key, Json *value) {
    if (!value) return fail(BS_NOMEM, "no memory for the JSON value \"%s\"", key);
    json_drop_children(object);
    int rc = json_object_set(object->value, key, value->value);
    json_free(value);
    return rc == 0 ? BS_OK : fail(BS_INVALID, "the JSON value \"%.80s\" cannot be set", key);
}

Status json_append(Json *array, Json *value) {
    if (!value) return fail(BS_NOMEM, "no memory for a JSON element");
    json_drop_children(array);
    int rc = json_array_append(array->value, value->value);
    json_free(value);
    return rc == 0 ? BS_OK : fail(BS_INVALID, "a JSON element cannot be appended");
}

Status json_set_i64(Json *object, const char *key, int64_t value) {
    return json_set(object, key, json_new_integer(value));
}
Status json_set_f64(Json *object, const char *key, double value) {
    return json_set(object, key, json_new_real(value));
}
Status json_set_bool(Json *object, const char *key, bool value) {
    return json_set(object, key, json_new_bool(value));
}
Status json_set_text(Json *object, const char *key, const char *text) {
    return json_set(object, key, json_new_text(text));
}
Status json_set_hash(Json *object, const char *key, const Hash *hash) {
    return json_set(object, key, json_new_hash(hash));
}

/* ---- text. Reals in the shortest form that reads back exactly; in the indented style a container
 * without containers in it stays on one line. */

static void put_text(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p == '\n')
            fputs("\\n", out);
        else if (*p == '\t')
            fputs("\\t", out);
        else if (*p < 32)
            fprintf(out, "\\u%04x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

static void put_real(FILE *out, double v) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static bool is_container(const json_t *v) { return json_is_array(v) || json_is_object(v); }

static void put_value(FILE *out, const json_t *v, JsonStyle style, int indent) {
    const char *key;
    json_t *member;
    size_t n = 0;
    bool flat = true;
    if (json_is_string(v))
        put_text(out, json_string_value(v));
    else if (json_is_integer(v))
        fprintf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        put_real(out, json_real_value(v));
    else if (!is_container(v))
        fputs(json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null", out);
    if (!is_container(v)) return;

    bool array = json_is_array(v);
    size_t n_members = array ? json_array_size(v) : json_object_size(v);
    if (array) {
        for (size_t i = 0; i < n_members; i++) flat = flat && !is_container(json_array_get(v, i));
    } else {
        json_object_foreach((json_t *)(uintptr_t)v, key, member) flat = flat && !is_container(member);
    }
    bool lines = style == JSON_INDENTED && (!flat || (indent == 0 && n_members > 0));
    fputc(array ? '[' : '{', out);
#define SEPARATE()                                                         \
    do {                                                                   \
        if (n++) fputs(lines || style == JSON_ONE_LINE ? "," : ", ", out); \
        if (lines) fprintf(out, "\n%*s", 2 * (indent + 1), "");            \
    } while (0)
    if (array) {
        for (size_t i = 0; i < n_members; i++) {
            SEPARATE();
            put_value(out, json_array_get(v, i), style, indent + 1);
        }
    } else {
        json_object_foreach((json_t *)(uintptr_t)v, key, member) {
            SEPARATE();
            put_text(out, key);
            fputs(style == JSON_ONE_LINE ? ":" : ": ", out);
            put_value(out, member, style, indent + 1);
        }
    }
#undef SEPARATE
    if (lines) fprintf(out, "\n%*s", 2 * indent, "");
    fputc(array ? ']' : '}', out);
}

Status json_dump(const Json *value, JsonStyle style, char **text, size_t *n_bytes) {
    *text = NULL;
    *n_bytes = 0;
    FILE *out = open_memstream(text, n_bytes);
    if (!out) return fail(BS_NOMEM, "no memory to write JSON");
    put_value(out, value->value, style, 0);
    if (style == JSON_INDENTED) fputc('\n', out);
    bool bad = ferror(out);
    if (fclose(out) != 0 || bad) {
        free(*text);
        *text = NULL;
        return fail(BS_NOMEM, "no memory to write JSON");
    }
    return BS_OK;
}

Status json_write(const Json *value, const char *path, JsonStyle style) {
    char *text;
    size_t n_bytes;
    Status st = json_dump(value, style, &text, &n_bytes);
    if (st == BS_OK) st = file_replace(path, text, n_bytes);
    free(text);
    return st;
}

Status json_append_line(const Json *value, const char *path, bool durable) {
    char *text;
    size_t n_bytes;
    Status st = json_dump(value, JSON_ONE_LINE, &text, &n_bytes);
    if (st != BS_OK) return st;
    text[n_bytes] = '\n'; /* in place of the NUL: one write, so lines of several writers do not mix */
    st = file_append(path, text, n_bytes + 1, durable);
    free(text);
    return st;
}
