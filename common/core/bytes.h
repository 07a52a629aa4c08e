#pragma once
/* Little-endian packing with limits: every blob format and packed struct goes through these two.
 *
 * The reader is for bytes from outside: reading past the end or a count over its limit sets `bad` and
 * yields zeros from then on, so a parser checks once at its end. The writer grows up to `max_bytes`. */
#include "common/core/hash.h"
#include "common/core/status.h"

typedef struct ByteWriter {
    uint8_t *bytes; /* owned; free with bytes_drop */
    size_t n_bytes, capacity, max_bytes;
    bool bad; /* out of memory or over max_bytes */
} ByteWriter;

void bytes_init(ByteWriter *w, size_t max_bytes);
void bytes_drop(ByteWriter *w);
void bytes_put(ByteWriter *w, const void *p, size_t n);
void bytes_u8(ByteWriter *w, uint8_t v);
void bytes_u16(ByteWriter *w, uint16_t v);
void bytes_u32(ByteWriter *w, uint32_t v);
void bytes_u64(ByteWriter *w, uint64_t v);
void bytes_i32(ByteWriter *w, int32_t v);
void bytes_i64(ByteWriter *w, int64_t v);
void bytes_f32(ByteWriter *w, float v);
void bytes_f64(ByteWriter *w, double v);
void bytes_hash(ByteWriter *w, const Hash *h);
void bytes_text(ByteWriter *w, const char *s); /* u16 length, then bytes without NUL */
/* At most 511 characters, without NUL or length: for files that people read. */
void bytes_printf(ByteWriter *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct ByteReader {
    const uint8_t *bytes; /* borrowed */
    size_t n_bytes, at;
    bool bad;
} ByteReader;

ByteReader reader_of(const void *bytes, size_t n_bytes);
const void *read_raw(ByteReader *r, size_t n); /* borrowed view; NULL when bad */
uint8_t read_u8(ByteReader *r);
uint16_t read_u16(ByteReader *r);
uint32_t read_u32(ByteReader *r);
uint64_t read_u64(ByteReader *r);
int32_t read_i32(ByteReader *r);
int64_t read_i64(ByteReader *r);
float read_f32(ByteReader *r); /* not finite counts as bad */
double read_f64(ByteReader *r);
Hash read_hash(ByteReader *r);
void read_text(ByteReader *r, char *out, size_t out_bytes); /* longer than out_bytes - 1 is bad */
uint32_t read_count(ByteReader *r, uint32_t max);           /* u32, more than max is bad */
