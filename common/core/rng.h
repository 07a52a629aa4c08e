#pragma once
/* Counter-based random numbers: value = f(key, counter), so any draw can be repeated alone.
 *
 * Philox2x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * A ticket's draws are keyed by (ticket seed, step); the simulator's by (song seed, purpose). No state
 * but the struct below; copying it copies the stream. */
#include <stdint.h>

typedef struct Rng {
    uint64_t key, stream, counter;
} Rng;

/* The stream `stream` of `seed`, at its start. Different (seed, stream) pairs are independent. */
Rng rng_at(uint64_t seed, uint64_t stream);

uint64_t rng_u64(Rng *r);
double rng_f64(Rng *r);                 /* uniform in [0, 1), 53 bits */
float rng_f32(Rng *r);                  /* uniform in [0, 1), 24 bits */
uint32_t rng_below(Rng *r, uint32_t n); /* uniform in 0..n-1, unbiased; n > 0 */
double rng_between(Rng *r, double a, double b);

/* One hash of two numbers, for deriving seeds: mix(run seed, ticket id). */
uint64_t rng_mix(uint64_t a, uint64_t b);
