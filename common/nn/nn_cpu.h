#pragma once
/* Private to common/nn: what the CPU table's files share. */
#include "common/nn/nn.h"

void nn_cpu_attention(Real *out, Real *lse, const Real *qkv, NnSegments segments, int n_heads, int head_dim,
                      bool causal, Real *work);
void nn_cpu_attention_grad(Real *dqkv, const Real *dout, const Real *out, const Real *lse, const Real *qkv,
                           NnSegments segments, int n_heads, int head_dim, bool causal, Real *work);
