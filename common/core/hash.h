#pragma once
/* Hash: BLAKE2b-256 names every blob; xxh3-64 checks chunks on the wire. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, HASH_HEX = 65 }; /* HASH_HEX counts the final NUL */

typedef struct Hash {
    uint8_t bytes[HASH_BYTES];
} Hash;

Hash hash_bytes(const void *bytes, size_t n_bytes);
bool hash_equal(const Hash *a, const Hash *b);
bool hash_is_zero(const Hash *h);
void hash_hex(const Hash *h, char out[HASH_HEX]);
bool hash_parse(Hash *out, const char *hex); /* exactly 64 lower- or upper-case digits */

/* The same in pieces. The state is plain data; hash_begin starts, hash_add feeds, hash_end names. */
typedef struct HashState {
    _Alignas(64) uint8_t opaque[384];
} HashState;
void hash_begin(HashState *s);
void hash_add(HashState *s, const void *bytes, size_t n_bytes);
Hash hash_end(HashState *s);

uint64_t hash_quick(const void *bytes, size_t n_bytes); /* xxh3-64, seed 0 */
