#pragma once
/* ActKernels: the arithmetic of what acts, the same bits on every x86-64 with FMA.
 *
 * Each output of a product is one chain of fused multiply-adds over k, begun at the bias, so neither the
 * rows beside it nor the vector width can change it. Sums over a row run in 16 lanes (element i in lane
 * i mod 16) that are then added in one fixed tree: 8 + 8, 4 + 4, 2 + 2, 1 + 1. exp and log are own
 * polynomials; sqrt is the only other function used. Weights are bf16, packed once. */
#include "common/core/status.h"
#include <stdint.h>

enum { ACT_LANES = 16, ACT_PANEL = 64 };

/* Rows that a kernel writes are this long at least: n rounded up to whole panels. */
static inline int act_pad(int n) { return (n + ACT_PANEL - 1) / ACT_PANEL * ACT_PANEL; }

/* A weight matrix k x n in panels of 64 columns: panel[k][32] words of two bf16, word 16 p + j of a row
 * holding column 32 p + j in its low half and 32 p + 16 + j in its high half. */
typedef struct ActMatrix {
    int32_t k, n;
    uint32_t *panels; /* owned, 64-byte aligned */
    float *bias;      /* owned, act_pad(n) long, zeros beyond n */
} ActMatrix;

/* w is k x n row-major, rounded to bf16 here; bias may be NULL. */
Status act_matrix_init(ActMatrix *out, const float *w, const float *bias, int k, int n);
void act_matrix_drop(ActMatrix *m);

typedef struct ActKernels {
    const char *name;
    /* y[m, n] = bias + x w, plus the old y where `add`. Writes up to act_pad(n) columns. */
    void (*linear)(float *y, int ldy, const float *x, int ldx, int m, const ActMatrix *w, bool add);
    /* y[m, n] = x[m, k] b[k, n]; n is a multiple of 16. */
    void (*product)(float *y, int ldy, const float *x, int ldx, int m, const float *b, int ldb, int n, int k);
    /* y = g (x - mean) / sqrt(variance + 1e-5) + b per row; d is a multiple of 16. */
    void (*layernorm)(float *y, int ldy, const float *x, int ldx, const float *g, const float *b, int m,
                      int d);
    void (*gelu)(float *x, int n); /* in place, the tanh form; n is a multiple of 16 */
    /* row[0..n) = softmax(scale row); columns up to the next multiple of 16 become 0. */
    void (*softmax)(float *row, int n, float scale);
    /* max + log sum exp(x - max); reads up to the next multiple of 16. */
    float (*log_sum_exp)(const float *x, int n);
    float (*dot)(const float *x, const float *y, int n); /* n is a multiple of 16 */
} ActKernels;

/* The widest this machine has. */
const ActKernels *act_kernels(void);
const ActKernels *act_kernels_avx2(void);
const ActKernels *act_kernels_avx512(void); /* NULL where the machine lacks it */

/* e^x for x <= 0, 0 below -87; relative error below 3e-7. */
float act_exp(float x);
/* log(x) for normal x > 0; relative error below 2e-7. */
float act_log(float x);
