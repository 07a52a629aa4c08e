// needs: common/nn
/* The kernels of what acts: both vector widths give the same bytes, each product is the chain it says, and
 * the polynomials stay within their stated errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/nn/act.h"
#include "common/nn/bf16.h"

static void fill(float *x, int n, uint64_t seed, float size) {
    Rng rng = rng_at(seed, 0);
    for (int i = 0; i < n; i++) x[i] = size * (2 * rng_f32(&rng) - 1);
}

enum { ROWS = 23, K = 69, N = 213, LDY = 256 };

static void both_widths_give_the_same_bytes(void **state) {
    (void)state;
    const ActKernels *a = act_kernels_avx2(), *b = act_kernels_avx512();
    if (!b) {
        print_message("skipped: this machine has no AVX-512\n");
        skip();
    }
    static float x[ROWS * LDY], w[K * N], bias[N], y[2][ROWS * LDY];
    fill(w, K * N, 1, 0.2f);
    fill(bias, N, 2, 1);
    for (int n = 1; n <= N; n += n < 70 ? 1 : 11) {
        ActMatrix m;
        assert_int_equal(act_matrix_init(&m, w, bias, K, n), BS_OK);
        for (int rows = 1; rows <= ROWS; rows += 5) {
            fill(x, ROWS * LDY, (uint64_t)n, 3);
            fill(y[0], ROWS * LDY, 7, 1);
            memcpy(y[1], y[0], sizeof y[0]);
            a->linear(y[0], LDY, x, LDY, rows, &m, n % 2);
            b->linear(y[1], LDY, x, LDY, rows, &m, n % 2);
            assert_memory_equal(y[0], y[1], sizeof y[0]);
        }
        act_matrix_drop(&m);
    }
    for (int n = 16; n <= LDY; n += 16)
        for (int rows = 1; rows < 14; rows++) {
            a->product(y[0], LDY, x, LDY, rows, w, n, n, K * N / LDY);
            b->product(y[1], LDY, x, LDY, rows, w, n, n, K * N / LDY);
            assert_memory_equal(y[0], y[1], sizeof y[0]);
        }
    for (int n = 1; n <= 200; n++) {
        fill(y[0], 208, (uint64_t)n, 40);
        memcpy(y[1], y[0], sizeof y[0]);
        const float p = a->log_sum_exp(y[0], n), q = b->log_sum_exp(y[1], n);
        assert_memory_equal(&p, &q, sizeof p);
        a->softmax(y[0], n, 0.125f);
        b->softmax(y[1], n, 0.125f);
        assert_memory_equal(y[0], y[1], sizeof y[0]);
    }
    for (int d = 16; d <= 208; d += 16) {
        a->layernorm(y[0], LDY, x, LDY, w, bias, ROWS, d);
        b->layernorm(y[1], LDY, x, LDY, w, bias, ROWS, d);
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        const float p = a->dot(x, w, d), q = b->dot(x, w, d);
        assert_memory_equal(&p, &q, sizeof p);
    }
    fill(y[0], ROWS * LDY, 8, 30);
    memcpy(y[1], y[0], sizeof y[0]);
    a->gelu(y[0], ROWS * LDY);
    b->gelu(y[1], ROWS * LDY);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

static void a_product_is_one_chain_over_k_from_the_bias(void **state) {
    (void)state;
    const ActKernels *k = act_kernels();
    static float x[ROWS * K], w[K * N], bias[N], y[ROWS * LDY], z[ROWS * LDY];
    ActMatrix m;
    fill(x, ROWS * K, 1, 1);
    fill(w, K * N, 2, 1);
    fill(bias, N, 3, 1);
    assert_int_equal(act_matrix_init(&m, w, bias, K, N), BS_OK);
    k->linear(y, LDY, x, K, ROWS, &m, false);
    k->product(z, LDY, x, K, ROWS, w, N, N / 16 * 16, K);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < N; j++) {
            float s = bf16_to_f32(bf16_of(bias[j])), t = 0;
            for (int c = 0; c < K; c++) {
                s = __builtin_fmaf(x[i * K + c], bf16_to_f32(bf16_of(w[c * N + j])), s);
                t = __builtin_fmaf(x[i * K + c], w[c * N + j], t);
            }
            assert_true(y[i * LDY + j] == s);
            assert_true(j >= N / 16 * 16 || z[i * LDY + j] == t);
        }
    act_matrix_drop(&m);
}

static void rows_agree_with_libm(void **state) {
    (void)state;
    const ActKernels *k = act_kernels();
    float x[208], row[208];
    for (int n = 1; n <= 200; n++) {
        double sum = 0, top = -1e30, worst = 0;
        fill(x, 208, (uint64_t)n, 20);
        memcpy(row, x, sizeof row);
        for (int i = 0; i < n; i++) top = fmax(top, (double)x[i]);
        for (int i = 0; i < n; i++) sum += exp((double)x[i] - top);
        assert_true(fabs((double)k->log_sum_exp(x, n) - top - log(sum)) < 4e-6);
        k->softmax(row, n, 1);
        for (int i = 0; i < n; i++) {
            const double p = exp((double)x[i] - top) / sum;
            worst = fmax(worst, fabs((double)row[i] - p) / (p + 1e-12));
        }
        assert_true(worst < 4e-6);
        for (int i = n; i % 16; i++) assert_true(row[i] == 0);
    }
    fill(x, 208, 5, 8);
    memcpy(row, x, sizeof row);
    k->gelu(row, 208);
    for (int i = 0; i < 208; i++) {
        const double v = (double)x[i], g = v / (1 + exp(-2 * sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
        assert_true(fabs((double)row[i] - g) < 1e-6 * (1 + fabs(g)));
    }
    for (double v = 1; v < 300; v *= 1.0001)
        assert_true(fabs((double)act_log((float)v) - log((double)(float)v)) <= 2e-7 * fabs(log(v)) + 6e-8);
    assert_true(act_log(1) == 0);
    for (float v = 0; v > -87; v -= 0.001f)
        assert_true(fabs((double)act_exp(v) - exp((double)v)) <= 3e-7 * exp((double)v));
    assert_true(act_exp(0) == 1 && act_exp(-88) == 0);
}

static void bf16_rounds_to_nearest_even(void **state) {
    (void)state;
    static const struct {
        uint32_t in;
        uint16_t out;
    } cases[] = {
        {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81},
        {0x3f807fff, 0x3f80}, {0xbf808001, 0xbf81}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80},
        {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, {0x00000001, 0x0000}, {0x80000000, 0x8000},
        {0x7fffffff, 0x7fff},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float x;
        memcpy(&x, &cases[i].in, 4);
        assert_int_equal(bf16_of(x), cases[i].out);
    }
    for (uint32_t b = 0; b < 65536; b++) {
        const float x = bf16_to_f32((uint16_t)b);
        assert_true(isnan(x) || bf16_of(x) == b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_widths_give_the_same_bytes),
        cmocka_unit_test(a_product_is_one_chain_over_k_from_the_bias),
        cmocka_unit_test(rows_agree_with_libm),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
