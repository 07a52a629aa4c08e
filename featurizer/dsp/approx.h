#pragma once
/* Approximations of libm that compilers turn into vector code: relative error of exp2 3e-6,
 * absolute error of log2 1e-5. */
#include <stdint.h>
#include <string.h>

/* x > 0. */
static inline float approx_log2(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    float exponent = (float)((int32_t)(bits >> 23) - 127);
    bits = (bits & 0x7fffffU) | 0x3f800000U;
    float m;
    memcpy(&m, &bits, sizeof m);
    m -= 1;
    return exponent +
           m * (1.44268147F +
                m * (-0.720358773F +
                     m * (0.468658879F + m * (-0.30163801F + m * (0.144471096F + m * -0.033822046F)))));
}

static inline float approx_exp2(float x) {
    x = x < -126 ? -126 : x;
    x = x > 126 ? 126 : x;
    int32_t whole = (int32_t)(x + 1024.5F) - 1024;
    float f = x - (float)whole; /* -.5 .. .5 */
    float y = 1 + f * (0.69314718F +
                       f * (0.24022651F + f * (0.055504109F + f * (0.0096181291F + f * 0.0013333558F))));
    uint32_t bits = (uint32_t)(whole + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return y * scale;
}
