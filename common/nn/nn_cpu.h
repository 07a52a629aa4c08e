#pragma once
/* Private to common/nn: what the CPU table's files share. */
#include "common/nn/nn.h"

/* c = alpha op(a) op(b) + beta c; op transposes where ta, tb; op(a) is m x k, op(b) k x n. */
void nn_cpu_gemm(bool ta, bool tb, int m, int n, int k, Real alpha, const Real *a, int lda, const Real *b,
                 int ldb, Real beta, Real *c, int ldc);

void nn_cpu_attention(Real *out, Real *lse, const Real *qkv, NnSegments segments, int n_heads, int head_dim,
                      bool causal, Real *work);
void nn_cpu_attention_grad(Real *dqkv, const Real *dout, const Real *out, const Real *lse, const Real *qkv,
                           NnSegments segments, int n_heads, int head_dim, bool causal, Real *work);
