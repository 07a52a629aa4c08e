/* 16 lanes as one AVX-512 register. Only called where the machine has it. */
#include "common/nn/act_private.h"
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif

typedef __m512 F16;

#define INLINE static inline __attribute__((always_inline))

INLINE F16 f16_all(float x) { return _mm512_set1_ps(x); }
INLINE F16 f16_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void f16_store(float *p, F16 x) { _mm512_storeu_ps(p, x); }
INLINE F16 f16_add(F16 x, F16 y) { return _mm512_add_ps(x, y); }
INLINE F16 f16_sub(F16 x, F16 y) { return _mm512_sub_ps(x, y); }
INLINE F16 f16_mul(F16 x, F16 y) { return _mm512_mul_ps(x, y); }
INLINE F16 f16_div(F16 x, F16 y) { return _mm512_div_ps(x, y); }
INLINE F16 f16_max(F16 x, F16 y) { return _mm512_max_ps(x, y); }
INLINE F16 f16_min(F16 x, F16 y) { return _mm512_min_ps(x, y); }
INLINE F16 f16_fma(F16 x, F16 y, F16 z) { return _mm512_fmadd_ps(x, y, z); }
INLINE F16 f16_round(F16 x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE F16 f16_exp2_of_integer(F16 n) {
    const __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}
INLINE void f16_pair(const uint32_t *p, F16 *low, F16 *high) {
    const __m512i x = _mm512_loadu_si512(p);
    *low = _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
    *high = _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32((int)0xffff0000u)));
}
/* The first n lanes of x (1 <= n <= 16), `rest` in the others. */
INLINE F16 f16_first(F16 x, int n, F16 rest) {
    return _mm512_mask_mov_ps(rest, (__mmask16)((1u << n) - 1), x);
}
INLINE __m256 upper8(F16 x) { return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)); }
INLINE __m256 f16_fold_add(F16 x) { return _mm256_add_ps(_mm512_castps512_ps256(x), upper8(x)); }
INLINE __m256 f16_fold_max(F16 x) { return _mm256_max_ps(_mm512_castps512_ps256(x), upper8(x)); }

#define KERNELS      act_avx512
#define KERNELS_NAME "avx512"
enum { TILE_ROWS = 6, TILE_PAIRS = 2 }; /* 24 accumulators of 32 registers */
#include "common/nn/act_kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
