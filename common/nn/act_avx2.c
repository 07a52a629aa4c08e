/* 16 lanes as two AVX2 registers. */
#include "common/nn/act_private.h"
#include <immintrin.h>

typedef struct F16 {
    __m256 a, b;
} F16;

#define INLINE         static inline __attribute__((always_inline))
#define BOTH(op, x, y) ((F16){op((x).a, (y).a), op((x).b, (y).b)})

INLINE F16 f16_all(float x) { return (F16){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE F16 f16_load(const float *p) { return (F16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void f16_store(float *p, F16 x) { _mm256_storeu_ps(p, x.a), _mm256_storeu_ps(p + 8, x.b); }
INLINE F16 f16_add(F16 x, F16 y) { return BOTH(_mm256_add_ps, x, y); }
INLINE F16 f16_sub(F16 x, F16 y) { return BOTH(_mm256_sub_ps, x, y); }
INLINE F16 f16_mul(F16 x, F16 y) { return BOTH(_mm256_mul_ps, x, y); }
INLINE F16 f16_div(F16 x, F16 y) { return BOTH(_mm256_div_ps, x, y); }
INLINE F16 f16_max(F16 x, F16 y) { return BOTH(_mm256_max_ps, x, y); }
INLINE F16 f16_min(F16 x, F16 y) { return BOTH(_mm256_min_ps, x, y); }
INLINE F16 f16_fma(F16 x, F16 y, F16 z) {
    return (F16){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
INLINE F16 f16_round(F16 x) {
    enum { MODE = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
    return (F16){_mm256_round_ps(x.a, MODE), _mm256_round_ps(x.b, MODE)};
}
INLINE __m256 exponent8(__m256 n) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
INLINE F16 f16_exp2_of_integer(F16 n) { return (F16){exponent8(n.a), exponent8(n.b)}; }
INLINE void f16_pair(const uint32_t *p, F16 *low, F16 *high) {
    const __m256i x = _mm256_loadu_si256((const __m256i *)p),
                  y = _mm256_loadu_si256((const __m256i *)(p + 8));
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    *low =
        (F16){_mm256_castsi256_ps(_mm256_slli_epi32(x, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(y, 16))};
    *high = (F16){_mm256_castsi256_ps(_mm256_and_si256(x, upper)),
                  _mm256_castsi256_ps(_mm256_and_si256(y, upper))};
}
static const int32_t window[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
/* The first n lanes of x (1 <= n <= 16), `rest` in the others. */
INLINE F16 f16_first(F16 x, int n, F16 rest) {
    const F16 mask = f16_load((const float *)(window + 16 - n));
    return (F16){_mm256_blendv_ps(rest.a, x.a, mask.a), _mm256_blendv_ps(rest.b, x.b, mask.b)};
}
INLINE __m256 f16_fold_add(F16 x) { return _mm256_add_ps(x.a, x.b); }
INLINE __m256 f16_fold_max(F16 x) { return _mm256_max_ps(x.a, x.b); }

#define KERNELS      act_avx2
#define KERNELS_NAME "avx2"
enum { TILE_ROWS = 3, TILE_PAIRS = 1 }; /* 12 accumulators and 4 columns fill the 16 registers */
#include "common/nn/act_kernels.inc"
