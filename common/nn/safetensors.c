/* Safetensors: u64 n, n bytes of JSON, then data. The JSON is one object:
 *
 *     {"__metadata__": {"key": "value", ...},
 *      "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *
 * Read strictly: only these fields, every size must agree with its shape, names differ, and the tensors
 * together cover the data without gap or overlap. Written with the header padded to 8 bytes. */
#include "common/nn/safetensors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_META = 256, MAX_TEXT = 65536 };

static const struct {
    const char *name;
    size_t n_bytes;
} types[] = {
    [TENSOR_F32] = {"F32", 4}, [TENSOR_BF16] = {"BF16", 2}, [TENSOR_F64] = {"F64", 8},
    [TENSOR_I64] = {"I64", 8}, [TENSOR_U8] = {"U8", 1},
};
enum { N_TYPES = sizeof types / sizeof *types };

/* ---- writing ---- */

static void put_text(ByteWriter *w, const char *text) { bytes_put(w, text, strlen(text)); }

static void put_string(ByteWriter *w, const char *text) {
    bytes_u8(w, '"');
    for (; *text; text++) {
        char hex[8];
        if (*text == '"' || *text == '\\') bytes_u8(w, '\\');
        if ((unsigned char)*text < 0x20) {
            snprintf(hex, sizeof hex, "\\u%04x", (unsigned)*text);
            put_text(w, hex);
        } else
            bytes_u8(w, (uint8_t)*text);
    }
    bytes_u8(w, '"');
}

static void put_entry(ByteWriter *w, const TensorEntry *e, size_t at) {
    char text[64];
    put_string(w, e->name);
    snprintf(text, sizeof text, ":{\"dtype\":\"%s\",\"shape\":[", types[e->type].name);
    put_text(w, text);
    for (int i = 0; i < e->n_dims; i++) {
        snprintf(text, sizeof text, "%s%lld", i ? "," : "", (long long)e->dims[i]);
        put_text(w, text);
    }
    snprintf(text, sizeof text, "],\"data_offsets\":[%zu,%zu]}", at, at + e->n_bytes);
    put_text(w, text);
}

Status safetensors_write(ByteWriter *out, const TensorEntry *entries, size_t n_entries,
                         const TensorMeta *meta, size_t n_meta) {
    ByteWriter header;
    bytes_init(&header, SAFETENSORS_MAX_HEADER);
    put_text(&header, "{");
    if (n_meta) put_text(&header, "\"__metadata__\":{");
    for (size_t i = 0; i < n_meta; i++) {
        if (i) put_text(&header, ",");
        put_string(&header, meta[i].key);
        put_text(&header, ":");
        put_string(&header, meta[i].value);
    }
    if (n_meta) put_text(&header, n_entries ? "}," : "}");
    size_t at = 0;
    for (size_t i = 0; i < n_entries; at += entries[i++].n_bytes) {
        if (i) put_text(&header, ",");
        put_entry(&header, &entries[i], at);
    }
    put_text(&header, "}");
    while (header.n_bytes % 8 && !header.bad) bytes_u8(&header, ' ');
    bool bad = header.bad || n_entries > SAFETENSORS_MAX_TENSORS || n_meta > MAX_META;
    if (!bad) {
        bytes_u64(out, header.n_bytes);
        bytes_put(out, header.bytes, header.n_bytes);
        for (size_t i = 0; i < n_entries; i++) bytes_put(out, entries[i].data, entries[i].n_bytes);
        bad = out->bad;
    }
    bytes_drop(&header);
    return bad ? fail(BS_TOO_BIG, "safetensors of %zu tensors, %zu bytes", n_entries, at) : BS_OK;
}

/* ---- reading: a cursor over the header; `bad` sticks ---- */

typedef struct Cursor {
    const char *at, *end;
    bool bad;
} Cursor;

static void skip_space(Cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) c->at++;
}

static bool accept(Cursor *c, char ch) {
    skip_space(c);
    if (c->bad || c->at >= c->end || *c->at != ch) return false;
    c->at++;
    return true;
}

static void expect(Cursor *c, char ch) {
    if (!accept(c, ch)) c->bad = true;
}

static int hex4(Cursor *c) {
    int v = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        char h = c->at < c->end ? *c->at : 0;
        int digit = h >= '0' && h <= '9'   ? h - '0'
                    : h >= 'a' && h <= 'f' ? h - 'a' + 10
                    : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* Decodes a string into out (NUL-terminated); \u only below 0x80, which is all that is ever written. */
static void text(Cursor *c, char *out, size_t out_bytes) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;
    out[0] = 0;
    expect(c, '"');
    while (!c->bad) {
        if (c->at >= c->end || n + 1 >= out_bytes) break;
        unsigned char ch = (unsigned char)*c->at++;
        if (ch == '"') {
            out[n] = 0;
            return;
        }
        if (ch < 0x20) break;
        if (ch == '\\') {
            char escape = c->at < c->end ? *c->at++ : 0;
            const char *known = escape ? strchr(from, escape) : NULL;
            int code = known ? to[known - from] : escape == 'u' ? hex4(c) : -1;
            if (code <= 0 || code > 0x7f) break;
            ch = (unsigned char)code;
        }
        out[n++] = (char)ch;
    }
    c->bad = true;
    out[0] = 0;
}

static int64_t integer(Cursor *c) {
    int64_t v = 0;
    int digits = 0;
    skip_space(c);
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && digits < 16; c->at++, digits++)
        v = v * 10 + (*c->at - '0');
    if (!digits || (c->at < c->end && *c->at >= '0' && *c->at <= '9')) c->bad = true;
    return c->bad ? 0 : v;
}

static void shape(Cursor *c, TensorEntry *e) {
    expect(c, '[');
    if (accept(c, ']')) return;
    do {
        if (e->n_dims == SAFETENSORS_MAX_DIMS)
            c->bad = true;
        else
            e->dims[e->n_dims++] = integer(c);
    } while (!c->bad && accept(c, ','));
    expect(c, ']');
}

static void entry(Cursor *c, TensorEntry *e, const uint8_t *data, size_t n_data) {
    unsigned seen = 0;
    int64_t begin = 0, end = 0;
    char key[16], type[8];
    expect(c, '{');
    do {
        text(c, key, sizeof key);
        expect(c, ':');
        unsigned bit = 0;
        if (!strcmp(key, "dtype")) {
            bit = 1;
            text(c, type, sizeof type);
            int t = 0;
            while (t < N_TYPES && strcmp(type, types[t].name)) t++;
            if (t == N_TYPES)
                c->bad = true;
            else
                e->type = (TensorType)t;
        } else if (!strcmp(key, "shape")) {
            bit = 2;
            shape(c, e);
        } else if (!strcmp(key, "data_offsets")) {
            bit = 4;
            expect(c, '[');
            begin = integer(c);
            expect(c, ',');
            end = integer(c);
            expect(c, ']');
        } else
            c->bad = true;
        if (seen & bit) c->bad = true;
        seen |= bit;
    } while (!c->bad && accept(c, ','));
    expect(c, '}');
    if (c->bad || seen != 7 || begin > end || (uint64_t)end > n_data) {
        c->bad = true;
        return;
    }
    uint64_t n = types[e->type].n_bytes;
    for (int i = 0; i < e->n_dims; i++)
        if (__builtin_mul_overflow(n, (uint64_t)e->dims[i], &n)) c->bad = true;
    e->data = data + begin;
    e->n_bytes = (size_t)(end - begin);
    if (n != e->n_bytes) c->bad = true;
}

static void metadata(Cursor *c, Safetensors *s) {
    char *buf = malloc(MAX_TEXT);
    s->meta = calloc(2 * MAX_META, sizeof *s->meta);
    if (!buf || !s->meta) c->bad = true;
    expect(c, '{');
    if (!c->bad && !accept(c, '}')) {
        do {
            if (s->n_meta == MAX_META) c->bad = true;
            for (size_t i = 0; i < 2 && !c->bad; i++) {
                if (i) expect(c, ':');
                text(c, buf, MAX_TEXT);
                if (!c->bad && !(s->meta[2 * s->n_meta + i] = strdup(buf))) c->bad = true;
            }
            s->n_meta++;
        } while (!c->bad && accept(c, ','));
        expect(c, '}');
    }
    free(buf);
}

static int by_place(const void *a, const void *b) {
    const TensorEntry *x = *(const TensorEntry *const *)a, *y = *(const TensorEntry *const *)b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}
static int by_name(const void *a, const void *b) {
    return strcmp((*(const TensorEntry *const *)a)->name, (*(const TensorEntry *const *)b)->name);
}

/* Names differ, and the data is covered once. */
static Status coverage(const Safetensors *s, const uint8_t *data, size_t n_data) {
    Status st = BS_OK;
    const TensorEntry **order = malloc((s->n_entries + 1) * sizeof *order);
    if (!order) return fail(BS_NOMEM, "safetensors");
    for (size_t i = 0; i < s->n_entries; i++) order[i] = &s->entries[i];
    qsort(order, s->n_entries, sizeof *order, by_name);
    for (size_t i = 1; i < s->n_entries; i++)
        if (!strcmp(order[i - 1]->name, order[i]->name))
            TRY(fail(BS_CORRUPT, "safetensors: '%s' appears twice", order[i]->name));
    qsort(order, s->n_entries, sizeof *order, by_place);
    const uint8_t *at = data;
    for (size_t i = 0; i < s->n_entries; at += order[i++]->n_bytes)
        if (order[i]->data != at)
            TRY(fail(BS_CORRUPT, "safetensors: a gap or overlap before '%s'", order[i]->name));
    if (at != data + n_data)
        TRY(fail(BS_CORRUPT, "safetensors: %zu bytes belong to no tensor", (size_t)(data + n_data - at)));
out:
    free(order);
    return st;
}

Status safetensors_read(Safetensors *out, const void *bytes, size_t n_bytes) {
    Status st = BS_OK;
    *out = (Safetensors){0};
    ByteReader r = reader_of(bytes, n_bytes);
    uint64_t n_header = read_u64(&r);
    if (r.bad || n_header > n_bytes - 8 || n_header < 2)
        return fail(BS_CORRUPT, "safetensors: cut short at %zu bytes", n_bytes);
    if (n_header > SAFETENSORS_MAX_HEADER)
        return fail(BS_TOO_BIG, "safetensors: header of %llu bytes", (unsigned long long)n_header);
    const uint8_t *data = (const uint8_t *)bytes + 8 + n_header;
    const size_t n_data = n_bytes - 8 - (size_t)n_header;
    Cursor c = {.at = (const char *)bytes + 8, .end = (const char *)data};

    size_t capacity = 0;
    expect(&c, '{');
    bool empty = !c.bad && accept(&c, '}');
    while (!c.bad && !empty) {
        char name[SAFETENSORS_NAME];
        text(&c, name, sizeof name);
        expect(&c, ':');
        if (!strcmp(name, "__metadata__")) {
            if (out->meta)
                c.bad = true;
            else
                metadata(&c, out);
        } else {
            if (out->n_entries == SAFETENSORS_MAX_TENSORS)
                TRY(fail(BS_TOO_BIG, "safetensors: too many tensors"));
            if (out->n_entries == capacity) {
                capacity = capacity ? 2 * capacity : 64;
                TensorEntry *grown = realloc(out->entries, capacity * sizeof *grown);
                if (!grown) TRY(fail(BS_NOMEM, "safetensors"));
                out->entries = grown;
            }
            TensorEntry *e = &out->entries[out->n_entries++];
            memset(e, 0, sizeof *e);
            memcpy(e->name, name, sizeof name);
            entry(&c, e, data, n_data);
        }
        if (c.bad || !accept(&c, ',')) break;
    }
    if (!empty) expect(&c, '}');
    skip_space(&c);
    if (c.bad || c.at != c.end)
        TRY(fail(BS_CORRUPT, "safetensors: the header is wrong near byte %zu",
                 (size_t)(c.at - (const char *)bytes)));
    TRY(coverage(out, data, n_data));
out:
    if (st != BS_OK) safetensors_drop(out);
    return st;
}

void safetensors_drop(Safetensors *s) {
    free(s->entries);
    for (size_t i = 0; s->meta && i < 2 * (size_t)MAX_META; i++) free(s->meta[i]);
    free(s->meta);
    *s = (Safetensors){0};
}

const TensorEntry *safetensors_find(const Safetensors *s, const char *name) {
    for (size_t i = 0; i < s->n_entries; i++)
        if (!strcmp(s->entries[i].name, name)) return &s->entries[i];
    return NULL;
}

const char *safetensors_meta(const Safetensors *s, const char *key) {
    for (size_t i = 0; i < s->n_meta; i++)
        if (s->meta[2 * i] && !strcmp(s->meta[2 * i], key)) return s->meta[2 * i + 1];
    return NULL;
}
