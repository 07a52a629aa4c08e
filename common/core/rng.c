/* Philox2x64 with 10 rounds. */
#include "common/core/rng.h"

static uint64_t philox(uint64_t c0, uint64_t c1, uint64_t key) {
    for (int round = 0; round < 10; round++) {
        unsigned __int128 product = (unsigned __int128)c0 * 0xD2B74407B1CE6E93u;
        c0 = (uint64_t)(product >> 64) ^ key ^ c1;
        c1 = (uint64_t)product;
        key += 0x9E3779B97F4A7C15u;
    }
    return c0;
}

Rng rng_at(uint64_t seed, uint64_t stream) { return (Rng){.key = seed, .stream = stream}; }

uint64_t rng_u64(Rng *r) { return philox(r->counter++, r->stream, r->key); }
double rng_f64(Rng *r) { return (double)(rng_u64(r) >> 11) * 0x1p-53; }
float rng_f32(Rng *r) { return (float)(rng_u64(r) >> 40) * 0x1p-24f; }
double rng_between(Rng *r, double a, double b) { return a + (b - a) * rng_f64(r); }

uint32_t rng_below(Rng *r, uint32_t n) {
    /* Lemire's multiply-shift with rejection of the short range. */
    uint32_t threshold = -n % n;
    for (;;) {
        uint64_t product = (rng_u64(r) >> 32) * n;
        if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
    }
}

uint64_t rng_mix(uint64_t a, uint64_t b) { return philox(a, b, 0xB5AD4ECEDA1CE2A9u); }
