#pragma once
/* Json: reading files that people and programs wrote, with errors that name the place; and writing them.
 *
 * A Json is one document, or a view into one. Reading: json_parse and json_read return an owned document
 * (json_free it); every other getter returns views that live as long as the document. Errors carry the
 * path: "truth.json: units[3].start_sample: expected an integer". Building: json_new_object,
 * json_new_array ... return owned values; json_set and json_append take the value they are given, also when
 * they fail, so a tree is freed by freeing its root. One thread uses a document. */
#include <stdint.h>
#include <stdio.h>

#include "common/core/hash.h"
#include "common/core/status.h"

typedef struct Json Json;

enum { JSON_MAX_BYTES = 64 << 20, JSON_MAX_DEPTH = 64 };

/* ---- reading. `name` is what errors call the document, e.g. its file name. BS_CORRUPT with line and
 * column for what is no JSON, is deeper than JSON_MAX_DEPTH or has a key twice; BS_TOO_BIG. */
Status json_parse(Json **out, const char *name, const void *bytes, size_t n_bytes);
Status json_read(Json **out, const char *path, size_t max_bytes); /* max_bytes 0: JSON_MAX_BYTES */
void json_free(Json *document);                                   /* NULL is fine */

/* Members by key, elements by index. Missing or of another type: BS_CORRUPT naming the path. */
Status json_get(const Json *object, const char *key, const Json **out);
Status json_get_object(const Json *object, const char *key, const Json **out);
Status json_get_array(const Json *object, const char *key, const Json **out, size_t *n);
Status json_get_i64(const Json *object, const char *key, int64_t min, int64_t max, int64_t *out);
Status json_get_i32(const Json *object, const char *key, int32_t min, int32_t max, int32_t *out);
Status json_get_f64(const Json *object, const char *key, double *out); /* integers are fine */
Status json_get_bool(const Json *object, const char *key, bool *out);
Status json_get_text(const Json *object, const char *key, const char **out); /* a view */
Status json_get_hash(const Json *object, const char *key, Hash *out);        /* 64 hex digits */
bool json_has(const Json *object, const char *key);                          /* there and not null */
/* "version": from 1 to newest; BS_VERSION when it is newer than this program reads. */
Status json_version(const Json *object, int newest, int *version);

size_t json_size(const Json *value); /* elements or members; 0 for others */
Status json_at(const Json *array, size_t index, const Json **out);
Status json_at_i64(const Json *array, size_t index, int64_t min, int64_t max, int64_t *out);
Status json_at_f64(const Json *array, size_t index, double *out);
Status json_at_text(const Json *array, size_t index, const char **out);
/* Members in the order they were written: *key NULL after the last. */
Status json_member(const Json *object, size_t index, const char **key, const Json **out);

/* What a view itself is. */
typedef enum JsonKind {
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER,
    JSON_KIND_TEXT,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
} JsonKind;
JsonKind json_kind(const Json *value);
Status json_i64(const Json *value, int64_t min, int64_t max, int64_t *out);
Status json_f64(const Json *value, double *out);
Status json_text_of(const Json *value, const char **out);

/* ---- building. NULL means out of memory; json_set and json_append pass a NULL on as BS_NOMEM, so a
 * builder may chain and check only where it sets. Numbers that are not finite become null. */
Json *json_new_object(void);
Json *json_new_array(void);
Json *json_new_integer(int64_t value);
Json *json_new_real(double value);
Json *json_new_bool(bool value);
Json *json_new_text(const char *text); /* bytes that are no UTF-8 are replaced by '?' */
Json *json_new_null(void);
Json *json_new_hash(const Hash *hash);
Status json_set(Json *object, const char *key, Json *value);
Status json_append(Json *array, Json *value);
Status json_set_i64(Json *object, const char *key, int64_t value);
Status json_set_f64(Json *object, const char *key, double value);
Status json_set_bool(Json *object, const char *key, bool value);
Status json_set_text(Json *object, const char *key, const char *text);
Status json_set_hash(Json *object, const char *key, const Hash *hash);

typedef enum JsonStyle { JSON_ONE_LINE, JSON_INDENTED } JsonStyle; /* one line; indented, members in order */
Status json_dump(const Json *value, JsonStyle style, char **text,
                 size_t *n_bytes);                                          /* malloc'ed, NUL-terminated */
Status json_write(const Json *value, const char *path, JsonStyle style);    /* whole or untouched */
Status json_append_line(const Json *value, const char *path, bool durable); /* one line of a .jsonl */
