/* BLAKE2b-256 from libsodium, xxh3 from xxhash. */
#include "common/core/hash.h"

#include <sodium.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(HashState), "HashState too small");

void hash_begin(HashState *s) {
    crypto_generichash_init((crypto_generichash_state *)(void *)s, NULL, 0, HASH_BYTES);
}
void hash_add(HashState *s, const void *bytes, size_t n_bytes) {
    crypto_generichash_update((crypto_generichash_state *)(void *)s, bytes, n_bytes);
}
Hash hash_end(HashState *s) {
    Hash h;
    crypto_generichash_final((crypto_generichash_state *)(void *)s, h.bytes, HASH_BYTES);
    return h;
}

Hash hash_bytes(const void *bytes, size_t n_bytes) {
    Hash h;
    crypto_generichash(h.bytes, HASH_BYTES, bytes, n_bytes, NULL, 0);
    return h;
}

bool hash_equal(const Hash *a, const Hash *b) { return memcmp(a, b, sizeof *a) == 0; }

bool hash_is_zero(const Hash *h) {
    uint8_t any = 0;
    for (int i = 0; i < HASH_BYTES; i++) any |= h->bytes[i];
    return any == 0;
}

void hash_hex(const Hash *h, char out[HASH_HEX]) {
    for (int i = 0; i < HASH_BYTES; i++) {
        out[2 * i] = "0123456789abcdef"[h->bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[h->bytes[i] & 15];
    }
    out[HASH_HEX - 1] = 0;
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool hash_parse(Hash *out, const char *hex) {
    if (strlen(hex) != 2 * HASH_BYTES) return false;
    for (int i = 0; i < HASH_BYTES; i++) {
        int hi = digit(hex[2 * i]), lo = digit(hex[2 * i + 1]);
        if (hi < 0 || lo < 0) return false;
        out->bytes[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

uint64_t hash_quick(const void *bytes, size_t n_bytes) { return XXH3_64bits(bytes, n_bytes); }
