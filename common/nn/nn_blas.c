/* The one file that speaks to OpenBLAS: matrix products in the precision of Real, and their threads. */
#include "common/nn/nn_cpu.h"
#include <cblas.h>

void nn_cpu_gemm(bool ta, bool tb, int m, int n, int k, Real alpha, const Real *a, int lda, const Real *b,
                 int ldb, Real beta, Real *c, int ldc) {
    const CBLAS_TRANSPOSE at = ta ? CblasTrans : CblasNoTrans, bt = tb ? CblasTrans : CblasNoTrans;
#ifdef NN_DOUBLE
    cblas_dgemm(CblasRowMajor, at, bt, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, at, bt, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#endif
}

void nn_threads(int n) { openblas_set_num_threads(n); }
