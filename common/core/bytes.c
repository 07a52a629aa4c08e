/* Little-endian packing. x86-64 is little-endian, so values are copied as they are. */
#include "common/core/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_init(ByteWriter *w, size_t max_bytes) { *w = (ByteWriter){.max_bytes = max_bytes}; }
void bytes_drop(ByteWriter *w) {
    free(w->bytes);
    *w = (ByteWriter){.max_bytes = w->max_bytes};
}

void bytes_put(ByteWriter *w, const void *p, size_t n) {
    if (w->bad || n > w->max_bytes - w->n_bytes) {
        w->bad = true;
        return;
    }
    if (w->n_bytes + n > w->capacity) {
        size_t want = w->capacity ? w->capacity * 2 : 256;
        if (want < w->n_bytes + n) want = w->n_bytes + n;
        uint8_t *grown = realloc(w->bytes, want);
        if (!grown) {
            w->bad = true;
            return;
        }
        w->bytes = grown;
        w->capacity = want;
    }
    if (n) memcpy(w->bytes + w->n_bytes, p, n);
    w->n_bytes += n;
}

void bytes_u8(ByteWriter *w, uint8_t v) { bytes_put(w, &v, sizeof v); }
void bytes_u16(ByteWriter *w, uint16_t v) { bytes_put(w, &v, sizeof v); }
void bytes_u32(ByteWriter *w, uint32_t v) { bytes_put(w, &v, sizeof v); }
void bytes_u64(ByteWriter *w, uint64_t v) { bytes_put(w, &v, sizeof v); }
void bytes_i32(ByteWriter *w, int32_t v) { bytes_put(w, &v, sizeof v); }
void bytes_i64(ByteWriter *w, int64_t v) { bytes_put(w, &v, sizeof v); }
void bytes_f32(ByteWriter *w, float v) { bytes_put(w, &v, sizeof v); }
void bytes_f64(ByteWriter *w, double v) { bytes_put(w, &v, sizeof v); }
void bytes_hash(ByteWriter *w, const Hash *h) { bytes_put(w, h->bytes, HASH_BYTES); }
void bytes_text(ByteWriter *w, const char *s) {
    size_t n = strlen(s);
    if (n > UINT16_MAX) {
        w->bad = true;
        return;
    }
    bytes_u16(w, (uint16_t)n);
    bytes_put(w, s, n);
}
void bytes_printf(ByteWriter *w, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text)
        w->bad = true;
    else
        bytes_put(w, text, (size_t)n);
}

ByteReader reader_of(const void *bytes, size_t n_bytes) {
    return (ByteReader){.bytes = bytes, .n_bytes = n_bytes};
}

const void *read_raw(ByteReader *r, size_t n) {
    if (r->bad || n > r->n_bytes - r->at) {
        r->bad = true;
        return NULL;
    }
    const void *p = r->bytes + r->at;
    r->at += n;
    return p;
}

static void take(ByteReader *r, void *out, size_t n) {
    const void *p = read_raw(r, n);
    if (p)
        memcpy(out, p, n);
    else
        memset(out, 0, n);
}

uint8_t read_u8(ByteReader *r) {
    uint8_t v;
    take(r, &v, sizeof v);
    return v;
}
uint16_t read_u16(ByteReader *r) {
    uint16_t v;
    take(r, &v, sizeof v);
    return v;
}
uint32_t read_u32(ByteReader *r) {
    uint32_t v;
    take(r, &v, sizeof v);
    return v;
}
uint64_t read_u64(ByteReader *r) {
    uint64_t v;
    take(r, &v, sizeof v);
    return v;
}
int32_t read_i32(ByteReader *r) { return (int32_t)read_u32(r); }
int64_t read_i64(ByteReader *r) { return (int64_t)read_u64(r); }
float read_f32(ByteReader *r) {
    float v;
    take(r, &v, sizeof v);
    if (!(v - v == 0)) {
        r->bad = true;
        v = 0;
    }
    return v;
}
double read_f64(ByteReader *r) {
    double v;
    take(r, &v, sizeof v);
    if (!(v - v == 0)) {
        r->bad = true;
        v = 0;
    }
    return v;
}
Hash read_hash(ByteReader *r) {
    Hash h;
    take(r, h.bytes, sizeof h.bytes);
    return h;
}
void read_text(ByteReader *r, char *out, size_t out_bytes) {
    uint16_t n = read_u16(r);
    if (n >= out_bytes) r->bad = true;
    const void *p = read_raw(r, n);
    if (p) memcpy(out, p, n);
    out[p ? n : 0] = 0;
    if (p && memchr(out, 0, n)) r->bad = true;
}
uint32_t read_count(ByteReader *r, uint32_t max) {
    uint32_t n = read_u32(r);
    if (n > max) {
        r->bad = true;
        return 0;
    }
    return n;
}
