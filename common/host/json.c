/* Json: a thin tree over jansson's.
 *
 * A node knows its parent and its place in it, which is all that an error needs to name the path. The nodes
 * of a container's members are made together the first time one of them is asked for. */
#include "common/host/json.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"

struct Json {
    json_t *value;      /* a reference of its own in roots, borrowed in views */
    const Json *parent; /* NULL in roots */
    const char *key;    /* of a member, borrowed; NULL in elements and roots */
    size_t index;       /* in the parent */
    Json *children;     /* made when first asked for, NULL before */
    size_t n_children;
    char *name; /* of a root: how errors call the document */
};

/* ---- trees of nodes */

static void drop_children(Json *node) {
    for (size_t i = 0; i < node->n_children; i++) drop_children(&node->children[i]);
    free(node->children);
    node->children = NULL;
    node->n_children = 0;
}

void json_free(Json *document) {
    if (!document) return;
    BS_ASSERT(document->parent == NULL);
    drop_children(document);
    json_decref(document->value);
    free(document->name);
    free(document);
}

/* Takes the reference. */
static Json *root_of(json_t *value) {
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
    Json *root = root_of(value);
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

/* ---- building */

Json *json_new_object(void) { return root_of(json_object()); }
Json *json_new_array(void) { return root_of(json_array()); }
Json *json_new_integer(int64_t value) { return root_of(json_integer(value)); }
Json *json_new_real(double value) { return root_of(isfinite(value) ? json_real(value) : json_null()); }
Json *json_new_bool(bool value) { return root_of(json_boolean(value)); }
Json *json_new_null(void) { return root_of(json_null()); }

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
    if (value) return root_of(value);
    char *clean = strdup(text);
    if (!clean) return NULL;
    for (unsigned char *p = (unsigned char *)clean; *p;) {
        size_t n = utf8_length(p);
        if (n == 0) *p = '?';
        p += n ? n : 1;
    }
    value = json_string(clean);
    free(clean);
    return root_of(value);
}

Json *json_new_hash(const Hash *hash) {
    char hex[HASH_HEX];
    hash_hex(hash, hex);
    return json_new_text(hex);
}

Status json_set(Json *object, const char *key, Json *value) {
    if (!value) return fail(BS_NOMEM, "no memory for the JSON value \"%s\"", key);
    drop_children(object);
    int rc = json_object_set(object->value, key, value->value);
    json_free(value);
    return rc == 0 ? BS_OK : fail(BS_INVALID, "the JSON value \"%.80s\" cannot be set", key);
}

Status json_append(Json *array, Json *value) {
    if (!value) return fail(BS_NOMEM, "no memory for a JSON element");
    drop_children(array);
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

/* ---- writing. Reals in the shortest form that reads back exactly; in the indented style a container
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
