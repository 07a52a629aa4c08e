/* Json: a thin tree over jansson's.
 *
 * A node knows its parent and its place in it, which is all that an error needs to name the path. The nodes
 * of a container's members are made together the first time one of them is asked for. */
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/json_private.h"

/* ---- trees of nodes */

void json_drop_children(Json *node) {
    for (size_t i = 0; i < node->n_children; i++) json_drop_children(&node->children[i]);
    free(node->children);
    node->children = NULL;
    node->n_children = 0;
}

void json_free(Json *document) {
    if (!document) return;
    BS_ASSERT(document->parent == NULL);
    json_drop_children(document);
    json_decref(document->value);
    free(document->name);
    free(document);
}

Json *json_root_of(json_t *value) {
    if (!value) return NULL;
    Json *root = calloc(1, sizeof *root);
    if (!root)
        json_decref(value);
    else
        root->value = value;
    return root;
}

size_t json_size(const Json *value) {
    return json_is_array(value->value) ? json_array_size(value->value) : json_object_size(value->value);
}

/* Views are a cache of the tree: making them changes nothing that a reader can see. */
static Status expand(const Json *seen) {
    Json *node = (Json *)(uintptr_t)seen;
    size_t n = json_size(node);
    if (node->children || n == 0) return BS_OK;
    node->children = calloc(n, sizeof *node->children);
    if (!node->children) return fail(BS_NOMEM, "no memory for %zu JSON values", n);
    node->n_children = n;
    if (json_is_array(node->value)) {
        for (size_t i = 0; i < n; i++)
            node->children[i] = (Json){.value = json_array_get(node->value, i), .parent = node, .index = i};
        return BS_OK;
    }
    size_t i = 0;
    const char *key;
    json_t *member;
    json_object_foreach(node->value, key, member) {
        node->children[i] = (Json){.value = member, .parent = node, .key = key, .index = i};
        i++;
    }
    return BS_OK;
}

/* ---- errors: "name: units[3].start_sample" */

enum { PATH_TEXT_BYTES = 512 };

static size_t write_path(const Json *node, char *out, size_t at) {
    char part[160];
    if (!node->parent) {
        if (!node->name) return at;
        int n = snprintf(out, PATH_TEXT_BYTES, "%.300s", node->name);
        return (size_t)n;
    }
    at = write_path(node->parent, out, at);
    const char *join = !node->parent->parent ? (at ? ": " : "") : ".";
    if (node->key)
        snprintf(part, sizeof part, "%s%.100s", join, node->key);
    else
        snprintf(part, sizeof part, "%s[%zu]", node->parent->parent ? "" : join, node->index);
    int n = snprintf(out + at, PATH_TEXT_BYTES - at, "%s", part);
    at += (size_t)n;
    return at < PATH_TEXT_BYTES ? at : PATH_TEXT_BYTES - 1;
}

__attribute__((format(printf, 2, 3))) static Status fail_at(const Json *node, const char *format, ...) {
    char path[PATH_TEXT_BYTES] = "", text[256];
    write_path(node, path, 0);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(BS_CORRUPT, "%s%s%s", path, path[0] ? ": " : "", text);
}

static const char *type_text(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

/* ---- reading */

static int depth_of(const json_t *value, int left) {
    if (left < 0) return -1;
    const char *key;
    json_t *member;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            if (depth_of(json_array_get(value, i), left - 1) < 0) return -1;
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            if (depth_of(member, left - 1) < 0) return -1;
        }
    }
    return left;
}

Status json_parse(Json **out, const char *name, const void *bytes, size_t n_bytes) {
    *out = NULL;
    json_error_t error;
    if (n_bytes > JSON_MAX_BYTES)
        return fail(BS_TOO_BIG, "%s: %zu bytes of JSON, at most %d are read", name, n_bytes, JSON_MAX_BYTES);
    json_t *value = json_loadb(bytes, n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return fail(json_error_code(&error) == json_error_out_of_memory ? BS_NOMEM : BS_CORRUPT,
                    "%s: line %d, column %d: %s", name, error.line, error.column, error.text);
    if (depth_of(value, JSON_MAX_DEPTH) < 0) {
        json_decref(value);
        return fail(BS_CORRUPT, "%s: nested deeper than %d", name, JSON_MAX_DEPTH);
    }
    Json *root = json_root_of(value);
    if (root && !(root->name = strdup(name))) {
        json_free(root);
        root = NULL;
    }
    if (!root) return fail(BS_NOMEM, "%s: no memory", name);
    *out = root;
    return BS_OK;
}

Status json_read(Json **out, const char *path, size_t max_bytes) {
    *out = NULL;
    void *bytes;
    size_t n_bytes;
    Status st = file_read(path, max_bytes && max_bytes < JSON_MAX_BYTES ? max_bytes : JSON_MAX_BYTES, &bytes,
                          &n_bytes);
    if (st == BS_OK) st = json_parse(out, path, bytes, n_bytes);
    free(bytes);
    return st;
}

Status json_get(const Json *object, const char *key, const Json **out) {
    *out = NULL;
    if (!json_is_object(object->value))
        return fail_at(object, "expected an object, found %s", type_text(object->value));
    Status st = expand(object);
    for (size_t i = 0; st == BS_OK && i < object->n_children; i++) {
        if (!strcmp(object->children[i].key, key)) {
            *out = &object->children[i];
            return BS_OK;
        }
    }
    return st == BS_OK ? fail_at(object, "\"%s\" is missing", key) : st;
}

Status json_at(const Json *array, size_t index, const Json **out) {
    *out = NULL;
    if (!json_is_array(array->value))
        return fail_at(array, "expected an array, found %s", type_text(array->value));
    size_t n = json_size(array);
    if (index >= n) return fail_at(array, "expected at least %zu elements, found %zu", index + 1, n);
    Status st = expand(array);
    if (st == BS_OK) *out = &array->children[index];
    return st;
}

Status json_member(const Json *object, size_t index, const char **key, const Json **out) {
    *key = NULL;
    *out = NULL;
    if (!json_is_object(object->value))
        return fail_at(object, "expected an object, found %s", type_text(object->value));
    if (index >= json_size(object)) return BS_OK;
    Status st = expand(object);
    if (st != BS_OK) return st;
    *out = &object->children[index];
    *key = (*out)->key;
    return BS_OK;
}

JsonKind json_kind(const Json *value) {
    switch (json_typeof(value->value)) {
    case JSON_OBJECT:
        return JSON_KIND_OBJECT;
    case JSON_ARRAY:
        return JSON_KIND_ARRAY;
    case JSON_STRING:
        return JSON_KIND_TEXT;
    case JSON_INTEGER:
    case JSON_REAL:
        return JSON_KIND_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_KIND_BOOL;
    default:
        return JSON_KIND_NULL;
    }
}

Status json_i64(const Json *value, int64_t min, int64_t max, int64_t *out) {
    *out = 0;
    if (!json_is_integer(value->value))
        return fail_at(value, "expected an integer, found %s", type_text(value->value));
    int64_t v = json_integer_value(value->value);
    if (v < min || v > max)
        return fail_at(value, "expected an integer from %lld to %lld, found %lld", (long long)min,
                       (long long)max, (long long)v);
    *out = v;
    return BS_OK;
}

Status json_f64(const Json *value, double *out) {
    *out = 0;
    if (!json_is_number(value->value))
        return fail_at(value, "expected a number, found %s", type_text(value->value));
    *out = json_number_value(value->value);
    return BS_OK;
}

Status json_text_of(const Json *value, const char **out) {
    *out = NULL;
    if (!json_is_string(value->value))
        return fail_at(value, "expected a text, found %s", type_text(value->value));
    *out = json_string_value(value->value);
    return BS_OK;
}

Status json_get_object(const Json *object, const char *key, const Json **out) {
    Status st = json_get(object, key, out);
    if (st == BS_OK && !json_is_object((*out)->value))
        st = fail_at(*out, "expected an object, found %s", type_text((*out)->value));
    return st;
}

Status json_get_array(const Json *object, const char *key, const Json **out, size_t *n) {
    *n = 0;
    Status st = json_get(object, key, out);
    if (st == BS_OK && !json_is_array((*out)->value))
        st = fail_at(*out, "expected an array, found %s", type_text((*out)->value));
    if (st == BS_OK) *n = json_size(*out);
    return st;
}

Status json_get_i64(const Json *object, const char *key, int64_t min, int64_t max, int64_t *out) {
    const Json *value;
    *out = 0;
    Status st = json_get(object, key, &value);
    return st == BS_OK ? json_i64(value, min, max, out) : st;
}

Status json_get_i32(const Json *object, const char *key, int32_t min, int32_t max, int32_t *out) {
    int64_t v;
    Status st = json_get_i64(object, key, min, max, &v);
    *out = (int32_t)v;
    return st;
}

Status json_get_f64(const Json *object, const char *key, double *out) {
    const Json *value;
    *out = 0;
    Status st = json_get(object, key, &value);
    return st == BS_OK ? json_f64(value, out) : st;
}

Status json_get_bool(const Json *object, const char *key, bool *out) {
    const Json *value;
    *out = false;
    Status st = json_get(object, key, &value);
    if (st != BS_OK) return st;
    if (!json_is_boolean(value->value))
        return fail_at(value, "expected true or false, found %s", type_text(value->value));
    *out = json_is_true(value->value);
    return BS_OK;
}

Status json_get_text(const Json *object, const char *key, const char **out) {
    const Json *value;
    *out = NULL;
    Status st = json_get(object, key, &value);
    return st == BS_OK ? json_text_of(value, out) : st;
}

Status json_get_hash(const Json *object, const char *key, Hash *out) {
    const Json *value;
    const char *text;
    Status st = json_get(object, key, &value);
    if (st == BS_OK) st = json_text_of(value, &text);
    if (st == BS_OK && !hash_parse(out, text)) st = fail_at(value, "expected 64 hex digits");
    return st;
}

bool json_has(const Json *object, const char *key) {
    const json_t *member = json_object_get(object->value, key);
    return member && !json_is_null(member);
}

Status json_version(const Json *object, int newest, int *version) {
    int64_t v;
    *version = 0;
    Status st = json_get_i64(object, "version", 1, INT32_MAX, &v);
    if (st != BS_OK) return st;
    if (v > newest) {
        fail_at(object, "has version %lld, this program reads up to %d", (long long)v, newest);
        return BS_VERSION;
    }
    *version = (int)v;
    return BS_OK;
}

Status json_at_i64(const Json *array, size_t index, int64_t min, int64_t max, int64_t *out) {
    const Json *value;
    *out = 0;
    Status st = json_at(array, index, &value);
    return st == BS_OK ? json_i64(value, min, max, out) : st;
}

Status json_at_f64(const Json *array, size_t index, double *out) {
    const Json *value;
    *out = 0;
    Status st = json_at(array, index, &value);
    return st == BS_OK ? json_f64(value, out) : st;
}

Status json_at_text(const Json *array, size_t index, const char **out) {
    const Json *value;
    *out = NULL;
    Status st = json_at(array, index, &value);
    return st == BS_OK ? json_text_of(value, out) : st;
}
