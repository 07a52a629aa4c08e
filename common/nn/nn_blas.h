#pragma once
/* Private to common/nn: c = alpha op(a) op(b) + beta c, row-major, in the precision of Real. */
#include "common/nn/nn.h"
#include <cblas.h>

static inline void gemm(bool ta, bool tb, int m, int n, int k, Real alpha, const Real *a, int lda,
                        const Real *b, int ldb, Real beta, Real *c, int ldc) {
#ifdef NN_DOUBLE
    cblas_dgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, alpha,
                a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, alpha,
                a, lda, b, ldb, beta, c, ldc);
#endif
}
