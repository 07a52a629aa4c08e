/* Crc32c: the processor's own instruction where the build has SSE4.2, else a table of 256. */
#include "common/metrics/crc32c.h"

#include <pthread.h>
#include <string.h>
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

enum { REFLECTED = 0x82f63b78 };

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? (c >> 1) ^ (uint32_t)REFLECTED : c >> 1;
        table[i] = c;
    }
}

uint32_t crc32c_by_table(const void *bytes, size_t n_bytes) {
    pthread_once(&table_once, make_table);
    uint32_t c = 0xffffffff;
    for (const uint8_t *p = bytes, *end = p + n_bytes; p < end; p++) c = table[(c ^ *p) & 255] ^ (c >> 8);
    return ~c;
}

uint32_t crc32c(const void *bytes, size_t n_bytes) {
#ifdef __SSE4_2__
    const uint8_t *p = bytes;
    uint64_t c = 0xffffffff, word;
    for (; n_bytes >= 8; n_bytes -= 8, p += 8) {
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    uint32_t rest = (uint32_t)c;
    for (; n_bytes > 0; n_bytes--) rest = _mm_crc32_u8(rest, *p++);
    return ~rest;
#else
    return crc32c_by_table(bytes, n_bytes);
#endif
}

uint32_t crc32c_masked(const void *bytes, size_t n_bytes) {
    uint32_t c = crc32c(bytes, n_bytes);
    return ((c >> 15) | (c << 17)) + 0xa282ead8u;
}
