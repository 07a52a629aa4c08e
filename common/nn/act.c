/* Packing, dispatch, and the two scalar functions of what acts. */
#include "common/nn/act_private.h"
#include "common/nn/bf16.h"
#include <stdlib.h>
#include <string.h>

Status act_matrix_init(ActMatrix *out, const float *w, const float *bias, int k, int n) {
    const int padded = act_pad(n);
    const size_t n_words = (size_t)k * (size_t)padded / 2;
    *out = (ActMatrix){.k = k, .n = n};
    out->panels = aligned_alloc(64, n_words * sizeof *out->panels);
    out->bias = aligned_alloc(64, (size_t)padded * sizeof *out->bias);
    if (!out->panels || !out->bias) {
        act_matrix_drop(out);
        return fail(BS_NOMEM, "a packed matrix of %d x %d", k, n);
    }
    memset(out->panels, 0, n_words * sizeof *out->panels);
    memset(out->bias, 0, (size_t)padded * sizeof *out->bias);
    for (int i = 0; i < k; i++)
        for (int c = 0; c < n; c++) {
            const int in_panel = c % ACT_PANEL, pair = in_panel / 32, lane = in_panel % 16;
            const uint32_t half = bf16_of(w[(size_t)i * n + c]);
            uint32_t *word = out->panels + ((size_t)(c / ACT_PANEL) * k + i) * 32 + pair * 16 + lane;
            *word |= in_panel % 32 < 16 ? half : half << 16;
        }
    for (int c = 0; bias && c < n; c++) out->bias[c] = bf16_to_f32(bf16_of(bias[c]));
    return BS_OK;
}

void act_matrix_drop(ActMatrix *m) {
    free(m->panels);
    free(m->bias);
    *m = (ActMatrix){0};
}

const ActKernels *act_kernels_avx2(void) { return &act_avx2; }
const ActKernels *act_kernels_avx512(void) { return __builtin_cpu_supports("avx512f") ? &act_avx512 : NULL; }
const ActKernels *act_kernels(void) {
    const ActKernels *wide = act_kernels_avx512();
    return wide ? wide : act_kernels_avx2();
}

/* x = n ln 2 + r, |r| <= ln 2 / 2, ln 2 in two parts: e^x = 2^n e^r, the latter by its series. */
float act_exp(float x) {
    if (x < -87) return 0;
    const float n = __builtin_floorf(__builtin_fmaf(x, 1.44269504f, 0.5f));
    float r = __builtin_fmaf(n, -0.693359375f, x);
    r = __builtin_fmaf(n, 2.12194440e-4f, r);
    float y = 1.3888889e-3f;
    y = __builtin_fmaf(y, r, 8.3333333e-3f);
    y = __builtin_fmaf(y, r, 4.1666667e-2f);
    y = __builtin_fmaf(y, r, 1.6666667e-1f);
    y = __builtin_fmaf(y, r, 0.5f);
    y = __builtin_fmaf(y, r, 1.0f);
    y = __builtin_fmaf(y, r, 1.0f);
    const uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return y * power;
}

/* x = 2^e m, m in [1/sqrt 2, sqrt 2): log m = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1). */
float act_log(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    int e = (int)(bits >> 23) - 127;
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    float m;
    memcpy(&m, &bits, 4);
    if (m > 1.41421356f) m *= 0.5f, e++;
    const float s = (m - 1) / (m + 1), z = s * s;
    float p = __builtin_fmaf(z, 1.0f / 9, 1.0f / 7);
    p = __builtin_fmaf(p, z, 1.0f / 5);
    p = __builtin_fmaf(p, z, 1.0f / 3);
    p = __builtin_fmaf(p * z, s, s);
    return __builtin_fmaf((float)e, 0.693147181f, 2 * p);
}
