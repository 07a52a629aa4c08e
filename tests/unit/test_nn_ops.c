// needs: common/nn
/* Every row of the CPU's table of operations against its formula, written out in double: the forward
 * directly, the gradient against central differences of the written-out forward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/nn/nn.h"

enum { MAX = 40000 };

/* A naive forward: reads `in`, writes `out`. What does not vary is in file-level variables below. */
typedef void (*Naive)(const double *in, double *out);

static float in_f[MAX], out_f[MAX], dout_f[MAX], din_f[MAX];
static double in_d[MAX], out_d[MAX];

static void fill(uint64_t seed, int n_in, int n_out) {
    Rng rng = rng_at(seed, 0);
    for (int i = 0; i < n_in; i++) in_d[i] = in_f[i] = 2 * rng_f32(&rng) - 1;
    for (int i = 0; i < n_out; i++) dout_f[i] = 2 * rng_f32(&rng) - 1;
    memset(out_f, 0, sizeof out_f);
    memset(din_f, 0, sizeof din_f);
}

static void forward_agrees(Naive naive, int n_out) {
    naive(in_d, out_d);
    for (int i = 0; i < n_out; i++)
        if (!(fabs(out_d[i] - (double)out_f[i]) <= 4e-6 * (1 + fabs(out_d[i])))) {
            print_error("output %d: %.9g, by the formula %.9g\n", i, (double)out_f[i], out_d[i]);
            assert_true(false);
        }
}

static double weighed(Naive naive, int n_out) {
    double s = 0;
    naive(in_d, out_d);
    for (int i = 0; i < n_out; i++) s += out_d[i] * (double)dout_f[i];
    return s;
}

/* din_f against differences, at up to 150 coordinates of [first, first + n). */
static void gradient_agrees(Naive naive, int first, int n, int n_out) {
    Rng rng = rng_at(99, 0);
    const int n_tried = n < 150 ? n : 150;
    double size = 0;
    for (int t = 0; t < n_tried; t++) {
        const int i = first + (n <= 150 ? t : (int)rng_below(&rng, (uint32_t)n));
        const double h = 1e-5, was = in_d[i];
        in_d[i] = was + h;
        double up = weighed(naive, n_out);
        in_d[i] = was - h;
        double down = weighed(naive, n_out);
        in_d[i] = was;
        const double slope = (up - down) / (2 * h);
        size += fabs(slope);
        if (!(fabs(slope - (double)din_f[i]) <= 2e-5 * (1 + fabs(slope)))) {
            print_error("input %d: gradient %.9g, by differences %.9g\n", i, (double)din_f[i], slope);
            assert_true(false);
        }
    }
    assert_true(size > 1e-3 * n_tried); /* a gradient of zeros would prove nothing */
}

/* ---- linear: in = x[M,K], w[K,N], b[N] ---- */
enum { LM = 5, LN = 11, LK = 7, LX = LM * LK, LW = LK * LN };
static void linear_naive(const double *in, double *out) {
    for (int i = 0; i < LM; i++)
        for (int j = 0; j < LN; j++) {
            double s = in[LX + LW + j];
            for (int c = 0; c < LK; c++) s += in[i * LK + c] * in[LX + c * LN + j];
            out[i * LN + j] = s;
        }
}
static void linear_and_its_gradient(void **state) {
    (void)state;
    const NnOps *o = nn_ops_cpu();
    float wide[LM * (LN + 3)], twice[LM * LN];
    fill(1, LX + LW + LN, LM * LN);
    const float *x = in_f, *w = in_f + LX, *b = w + LW;
    o->linear(out_f, LN, x, LK, w, b, LM, LN, LK, false);
    forward_agrees(linear_naive, LM * LN);
    o->linear_grad(din_f, LK, din_f + LX, din_f + LX + LW, dout_f, LN, x, LK, w, LM, LN, LK, false);
    gradient_agrees(linear_naive, 0, LX + LW + LN, LM * LN);

    /* with strides, and added to what is there */
    for (int i = 0; i < LM * (LN + 3); i++) wide[i] = 1;
    o->linear(wide, LN + 3, x, LK, w, b, LM, LN, LK, true);
    for (int i = 0; i < LM; i++) {
        for (int j = 0; j < LN; j++)
            assert_true(fabsf(wide[i * (LN + 3) + j] - 1 - out_f[i * LN + j]) < 1e-5f);
        for (int j = LN; j < LN + 3; j++) assert_true(wide[i * (LN + 3) + j] == 1);
    }
    o->linear(twice, LN, x, LK, w, NULL, LM, LN, LK, false);
    for (int i = 0; i < LM * LN; i++) assert_true(fabsf(twice[i] + b[i % LN] - out_f[i]) < 1e-5f);
    float once = din_f[0], dw = din_f[LX];
    o->linear_grad(din_f, LK, din_f + LX, NULL, dout_f, LN, x, LK, w, LM, LN, LK, true);
    assert_true(fabsf(din_f[0] - 2 * once) < 1e-5f && fabsf(din_f[LX] - 2 * dw) < 1e-5f);
}

/* ---- layernorm: in = x[M,D], g[D], b[D] ---- */
enum { NM = 4, ND = 21, NX = NM * ND };
static void layernorm_naive(const double *in, double *out) {
    for (int i = 0; i < NM; i++) {
        const double *x = in + i * ND;
        double mean = 0, variance = 0;
        for (int j = 0; j < ND; j++) mean += x[j] / ND;
        for (int j = 0; j < ND; j++) variance += (x[j] - mean) * (x[j] - mean) / ND;
        for (int j = 0; j < ND; j++)
            out[i * ND + j] = (x[j] - mean) / sqrt(variance + 1e-5) * in[NX + j] + in[NX + ND + j];
    }
}
static void layernorm_and_its_gradient(void **state) {
    (void)state;
    float stats[2 * NM];
    fill(2, NX + 2 * ND, NX);
    const float *g = in_f + NX, *b = g + ND;
    nn_ops_cpu()->layernorm(out_f, stats, in_f, g, b, NM, ND);
    forward_agrees(layernorm_naive, NX);
    nn_ops_cpu()->layernorm_grad(din_f, din_f + NX, din_f + NX + ND, dout_f, in_f, stats, g, NM, ND);
    gradient_agrees(layernorm_naive, 0, NX + 2 * ND, NX);
}

enum { GN = 35 };
static void gelu_naive(const double *in, double *out) {
    for (int i = 0; i < GN; i++)
        out[i] = 0.5 * in[i] * (1 + tanh(sqrt(2 / M_PI) * (in[i] + 0.044715 * in[i] * in[i] * in[i])));
}
static void gelu_and_its_gradient(void **state) {
    (void)state;
    fill(3, GN, GN);
    for (int i = 0; i < GN; i++) in_d[i] = in_f[i] = 5 * in_f[i];
    nn_ops_cpu()->gelu(out_f, in_f, GN);
    forward_agrees(gelu_naive, GN);
    nn_ops_cpu()->gelu_grad(din_f, dout_f, in_f, GN);
    gradient_agrees(gelu_naive, 0, GN, GN);
    const float far[9] = {-1e30f, -200, -40, 40, 200, 1e10f, 0, -0.0f, 1};
    nn_ops_cpu()->gelu(out_f, far, 9);
    for (int i = 0; i < 9; i++) assert_true(isfinite(out_f[i]) && fabsf(out_f[i]) <= fabsf(far[i]));
}

/* ---- attention: in = qkv[rows, 3 D]; segments of 1, 9 and 70 rows (more than one block of queries) ---- */
enum { AH = 2, AHD = 16, AD = AH * AHD, AR = 80 };
static const int32_t segment_start[] = {0, 1, 10, AR};
static bool causal;
static void attention_naive(const double *in, double *out) {
    for (int s = 0; s < 3; s++)
        for (int h = 0; h < AH; h++)
            for (int i = segment_start[s]; i < segment_start[s + 1]; i++) {
                double p[AR], sum = 0, *o = out + i * AD + h * AHD;
                const double *q = in + i * 3 * AD + h * AHD;
                const int end = causal ? i + 1 : segment_start[s + 1];
                for (int j = segment_start[s]; j < end; j++) {
                    const double *k = in + j * 3 * AD + AD + h * AHD;
                    double dot = 0;
                    for (int c = 0; c < AHD; c++) dot += q[c] * k[c];
                    sum += p[j] = exp(dot / sqrt(AHD));
                }
                memset(o, 0, AHD * sizeof *o);
                for (int j = segment_start[s]; j < end; j++)
                    for (int c = 0; c < AHD; c++) o[c] += p[j] / sum * in[j * 3 * AD + 2 * AD + h * AHD + c];
            }
}
static void attention_and_its_gradient_both_ways(void **state) {
    (void)state;
    static float lse[AR * AH];
    float *work = malloc(nn_attention_work(70) * sizeof *work);
    assert_non_null(work);
    const NnSegments segments = {segment_start, 3};
    for (int way = 0; way < 2; way++) {
        causal = way;
        fill(4, AR * 3 * AD, AR * AD);
        for (int i = 0; i < AR * 3 * AD; i++) in_d[i] = in_f[i] = 2 * in_f[i];
        nn_ops_cpu()->attention(out_f, lse, in_f, segments, AH, AHD, causal, work);
        forward_agrees(attention_naive, AR * AD);
        nn_ops_cpu()->attention_grad(din_f, dout_f, out_f, lse, in_f, segments, AH, AHD, causal, work);
        gradient_agrees(attention_naive, 0, AR * 3 * AD, AR * AD);
    }
    free(work);
}

/* ---- gather: in = table[T, D], missing[D] ---- */
enum { TT = 4, TD = 9, TM = 6 };
static const int32_t gather_at[TM] = {3, -1, 0, 3, -1, 1};
static void gather_naive(const double *in, double *out) {
    for (int i = 0; i < TM; i++)
        for (int j = 0; j < TD; j++) out[i * TD + j] = in[(gather_at[i] < 0 ? TT : gather_at[i]) * TD + j];
}
static void gather_and_its_gradient(void **state) {
    (void)state;
    float sum[TM * TD];
    fill(5, (TT + 1) * TD, TM * TD);
    nn_ops_cpu()->gather(out_f, in_f, in_f + TT * TD, gather_at, TM, TD, false);
    forward_agrees(gather_naive, TM * TD);
    memcpy(sum, out_f, sizeof sum);
    nn_ops_cpu()->gather(sum, in_f, NULL, gather_at, TM, TD, true);
    for (int i = 0; i < TM * TD; i++) assert_true(sum[i] == (gather_at[i / TD] < 0 ? 1 : 2) * out_f[i]);
    nn_ops_cpu()->gather_grad(din_f, din_f + TT * TD, dout_f, gather_at, TM, TD);
    for (int j = 0; j < TD; j++) assert_true(din_f[2 * TD + j] == 0); /* never gathered */
    gradient_agrees(gather_naive, 0, (TT + 1) * TD, TM * TD);
}

/* ---- pointer: in = q[M, D], keys[R, D]; every second index, some of them -1 ---- */
enum { PM = 3, PN = 4, PD = 13, PR = 5 };
static int32_t pointer_at[PM * PN * 2];
static bool indexed;
static void pointer_naive(const double *in, double *out) {
    for (int i = 0; i < PM; i++)
        for (int j = 0; j < PN; j++) {
            const int r = indexed ? pointer_at[(i * PN + j) * 2] : i * PN + j;
            double s = 0;
            for (int c = 0; r >= 0 && c < PD; c++) s += in[i * PD + c] * in[(PM + r) * PD + c];
            out[i * PN + j] = 0.5 * s;
        }
}
static void pointer_and_its_gradient(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) {
        indexed = way;
        const int rows = indexed ? PR : PM * PN;
        for (int i = 0; i < PM * PN * 2; i++) pointer_at[i] = i % 2 ? 1000000 : i % 6 - 1;
        fill(6, (PM + rows) * PD, PM * PN);
        const int32_t *index = indexed ? pointer_at : NULL;
        const float *keys = in_f + PM * PD;
        nn_ops_cpu()->pointer(out_f, PN, in_f, PD, keys, PD, index, 2, PM, PN, PD, 0.5f);
        forward_agrees(pointer_naive, PM * PN);
        nn_ops_cpu()->pointer_grad(din_f, PD, din_f + PM * PD, PD, dout_f, PN, in_f, PD, keys, PD, index, 2,
                                   PM, PN, PD, 0.5f);
        gradient_agrees(pointer_naive, 0, (PM + rows) * PD, PM * PN);
    }
}

enum { CM = 3, CX = 5, CN = 4 };
static const int32_t column_table[CN * 3] = {0, -1, -1, 1, 0, -1, 4, 2, 3, 4, 4, -1};
static void columns_naive(const double *in, double *out) {
    for (int i = 0; i < CM; i++) {
        const double *x = in + i * CX;
        const double sums[CN] = {x[0], x[1] + x[0], x[4] + x[2] + x[3], 2 * x[4]};
        memcpy(out + i * CN, sums, sizeof sums);
    }
}
static void sums_of_columns_and_their_gradient(void **state) {
    (void)state;
    fill(7, CM * CX, CM * CN);
    nn_ops_cpu()->sum_columns(out_f, in_f, CX, column_table, CM, CN);
    forward_agrees(columns_naive, CM * CN);
    nn_ops_cpu()->sum_columns_grad(din_f, CX, dout_f, column_table, CM, CN);
    gradient_agrees(columns_naive, 0, CM * CX, CM * CN);
}

static void masked_log_softmax_sums_to_one_over_what_is_legal(void **state) {
    (void)state;
    const float x[8] = {1, 1e30f, -3, 2, /* the second row far out */ 800, 801, -1e30f, 0};
    const uint8_t mask[8] = {1, 0, 1, 1, 1, 1, 0, 0};
    float y[8];
    nn_ops_cpu()->masked_log_softmax(y, x, mask, 2, 4);
    for (int r = 0; r < 2; r++) {
        double sum = 0;
        for (int c = 0; c < 4; c++) {
            if (mask[4 * r + c])
                sum += exp((double)y[4 * r + c]);
            else
                assert_true(y[4 * r + c] == -INFINITY);
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
    assert_true(fabs((double)y[0] - (1 - log(exp(1) + exp(-3) + exp(2)))) < 1e-6);
}

static void plain_vectors_add_scale_and_square(void **state) {
    (void)state;
    enum { N = 19 };
    const NnOps *o = nn_ops_cpu();
    float x[N], y[N];
    double squares = 0;
    for (int i = 0; i < N; i++) x[i] = (float)i - 7.5f, y[i] = (float)(i * i), squares += (double)x[i] * x[i];
    assert_true(fabs(o->sum_squares(x, N) - squares) < 1e-9);
    o->add(y, x, N);
    for (int i = 0; i < N; i++) assert_true(y[i] == (float)(i * i) + x[i]);
    o->copy(y, x, N);
    o->scale(y, -2, N);
    for (int i = 0; i < N; i++) assert_true(y[i] == -2 * x[i]);
    o->zero(y, N - 1);
    for (int i = 0; i < N; i++) assert_true((y[i] == 0) == (i < N - 1));
    assert_int_equal(o->sync(), BS_OK);
}

/* Against sin and cos of libm, far out as well. */
static void positions_are_sines(void **state) {
    (void)state;
    enum { ROWS = 5000, D = 32 };
    float *table = malloc(ROWS * D * sizeof *table);
    assert_non_null(table);
    nn_positions(table, ROWS, D);
    for (int i = 0; i < ROWS; i += 7)
        for (int c = 0; c < D; c++) {
            const double angle = i * pow(10000, -(double)(c / 2 * 2) / D);
            assert_true(fabs((double)table[i * D + c] - (c % 2 ? cos(angle) : sin(angle))) < 1e-6);
        }
    free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_and_its_gradient),
        cmocka_unit_test(layernorm_and_its_gradient),
        cmocka_unit_test(gelu_and_its_gradient),
        cmocka_unit_test(attention_and_its_gradient_both_ways),
        cmocka_unit_test(gather_and_its_gradient),
        cmocka_unit_test(pointer_and_its_gradient),
        cmocka_unit_test(sums_of_columns_and_their_gradient),
        cmocka_unit_test(masked_log_softmax_sums_to_one_over_what_is_legal),
        cmocka_unit_test(plain_vectors_add_scale_and_square),
        cmocka_unit_test(positions_are_sines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
