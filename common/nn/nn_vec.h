#pragma once
/* Private to common/nn: short vectors of Real for the CPU operations' row loops. Compiler vectors, so the
 * same text serves float and double; unaligned loads; exp as a polynomial for float, libm's for double. */
#include "common/nn/nn.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

enum { VEC = 32 / sizeof(Real) };
typedef Real Vec __attribute__((vector_size(32)));
typedef Real VecAt __attribute__((vector_size(32), aligned(sizeof(Real)), may_alias));

static inline Vec vec_load(const Real *p) { return *(const VecAt *)p; }
static inline void vec_store(Real *p, Vec v) { *(VecAt *)p = v; }
static inline Vec vec_all(Real x) { return x - (Vec){0}; }
static inline Vec vec_some(const Real *p, int n) { /* n <= VEC; the rest is 0 */
    if (n == VEC) return vec_load(p);
    Vec v = {0};
    memcpy(&v, p, (size_t)n * sizeof(Real));
    return v;
}
static inline void vec_store_some(Real *p, Vec v, int n) {
    if (n == VEC)
        vec_store(p, v);
    else
        memcpy(p, &v, (size_t)n * sizeof(Real));
}
static inline Real vec_sum(Vec v) {
    Real s = 0;
    for (int i = 0; i < VEC; i++) s += v[i];
    return s;
}

#ifdef NN_DOUBLE
static inline Vec vec_sqrt(Vec x) { return _mm256_sqrt_pd(x); }
static inline Vec vec_exp(Vec x) {
    for (int i = 0; i < VEC; i++) x[i] = exp(x[i]);
    return x;
}
#else
static inline Vec vec_sqrt(Vec x) { return _mm256_sqrt_ps(x); }
/* exp(x) = 2^n exp(r), |r| <= ln 2 / 2, the second factor a polynomial; relative error below 2e-7.
 * Below -87 it stays at exp(-87), above 88 at exp(88). */
static inline Vec vec_exp(Vec x) {
    typedef uint32_t Bits __attribute__((vector_size(32)));
    const Vec lo = vec_all(-87.0f), hi = vec_all(88.0f), magic = vec_all(12582912.0f);
    x = (Vec)(((Bits)x & ~(Bits)(x < lo)) | ((Bits)lo & (Bits)(x < lo)));
    x = (Vec)(((Bits)x & ~(Bits)(x > hi)) | ((Bits)hi & (Bits)(x > hi)));
    Vec t = x * 1.44269504f + magic, n = t - magic;
    Vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    Vec p = vec_all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    return p * (Vec)(((Bits)t << 23) + 0x3f800000u);
}
#endif
