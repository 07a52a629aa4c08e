/* Attention on the CPU, streamed: a block of 64 query rows against all keys of its segment at a time.
 *
 * Forward keeps only out and the log of each row's denominator (lse); backward makes each block's
 * probabilities again (Dao et al. 2022):
 *     P = exp(q k' s - lse), dV += P' dO, dS = P (dO V' - rowsum(dO O)) s, dQ = dS K, dK += dS' Q.
 * Blocks go in order, so results repeat. */
#include "common/nn/nn_cpu.h"
#include "common/nn/nn_vec.h"

/* Keys that rows [r0, r0 + m) of a segment of n rows see. */
static int keys_seen(int n, int r0, int m, bool causal) { return causal ? r0 + m : n; }

/* row[0..n) = exp(row * scale - max), the rest to `width` = 0; returns log of the sum and divides by it. */
static Real softmax_row(Real *row, int n, int width, Real scale) {
    Real top = row[0];
    int j = 0;
    for (; j < n; j++)
        if (row[j] > top) top = row[j];
    Vec sums = {0};
    for (j = 0; j + VEC <= n; j += VEC) {
        Vec e = vec_exp((vec_load(row + j) - top) * scale);
        sums += e;
        vec_store(row + j, e);
    }
    Real sum = vec_sum(sums);
    if (j < n) {
        Vec e = vec_exp((vec_some(row + j, n - j) - top) * scale);
        for (int i = 0; i < n - j; i++) sum += e[i];
        vec_store_some(row + j, e, n - j);
    }
    Real inverse = 1 / sum;
    for (j = 0; j + VEC <= n; j += VEC) vec_store(row + j, vec_load(row + j) * inverse);
    for (; j < n; j++) row[j] *= inverse;
    for (; j < width; j++) row[j] = 0;
#ifdef NN_DOUBLE
    return top * scale + log(sum);
#else
    return top * scale + logf(sum);
#endif
}

void nn_cpu_attention(Real *out, Real *lse, const Real *qkv, NnSegments segments, int n_heads, int head_dim,
                      bool causal, Real *work) {
    const int d = n_heads * head_dim, ld = 3 * d;
    const Real scale = 1 / (Real)sqrt((double)head_dim);
    for (int s = 0; s < segments.n; s++) {
        const int first = segments.start[s], n = segments.start[s + 1] - first;
        for (int h = 0; h < n_heads; h++) {
            const Real *q = qkv + (size_t)first * ld + h * head_dim, *k = q + d, *v = k + d;
            for (int r0 = 0; r0 < n; r0 += NN_ATTENTION_ROWS) {
                const int m = n - r0 < NN_ATTENTION_ROWS ? n - r0 : NN_ATTENTION_ROWS;
                const int keys = keys_seen(n, r0, m, causal);
                nn_cpu_gemm(false, true, m, keys, head_dim, 1, q + (size_t)r0 * ld, ld, k, ld, 0, work, keys);
                for (int i = 0; i < m; i++)
                    lse[(size_t)(first + r0 + i) * n_heads + h] =
                        softmax_row(work + (size_t)i * keys, causal ? r0 + i + 1 : keys, keys, scale);
                nn_cpu_gemm(false, false, m, head_dim, keys, 1, work, keys, v, ld, 0,
                            out + (size_t)(first + r0) * d + h * head_dim, d);
            }
        }
    }
}

/* p = exp(p scale - lse) up to n, zero beyond. */
static void probabilities_row(Real *p, int n, int width, Real scale, Real lse) {
    int j = 0;
    for (; j + VEC <= n; j += VEC) vec_store(p + j, vec_exp(vec_load(p + j) * scale - lse));
    if (j < n) vec_store_some(p + j, vec_exp(vec_some(p + j, n - j) * scale - lse), n - j);
    for (j = n; j < width; j++) p[j] = 0;
}

/* dp = p (dp - delta) scale */
static void score_grad_row(Real *dp, const Real *p, int n, Real scale, Real delta) {
    int j = 0;
    for (; j + VEC <= n; j += VEC) vec_store(dp + j, vec_load(p + j) * (vec_load(dp + j) - delta) * scale);
    for (; j < n; j++) dp[j] = p[j] * (dp[j] - delta) * scale;
}

void nn_cpu_attention_grad(Real *dqkv, const Real *dout, const Real *out, const Real *lse, const Real *qkv,
                           NnSegments segments, int n_heads, int head_dim, bool causal, Real *work) {
    const int d = n_heads * head_dim, ld = 3 * d;
    const Real scale = 1 / (Real)sqrt((double)head_dim);
    for (int s = 0; s < segments.n; s++) {
        const int first = segments.start[s], n = segments.start[s + 1] - first;
        memset(dqkv + (size_t)first * ld, 0, (size_t)n * ld * sizeof(Real));
        for (int h = 0; h < n_heads; h++) {
            const size_t head = (size_t)first * ld + (size_t)(h * head_dim);
            const Real *q = qkv + head, *k = q + d, *v = k + d;
            Real *dq = dqkv + head, *dk = dq + d, *dv = dk + d;
            for (int r0 = 0; r0 < n; r0 += NN_ATTENTION_ROWS) {
                const int m = n - r0 < NN_ATTENTION_ROWS ? n - r0 : NN_ATTENTION_ROWS;
                const int keys = keys_seen(n, r0, m, causal);
                const size_t at = (size_t)(first + r0) * d + (size_t)(h * head_dim);
                Real *p = work, *dp = work + (size_t)m * keys;
                nn_cpu_gemm(false, true, m, keys, head_dim, 1, q + (size_t)r0 * ld, ld, k, ld, 0, p, keys);
                nn_cpu_gemm(false, true, m, keys, head_dim, 1, dout + at, d, v, ld, 0, dp, keys);
                for (int i = 0; i < m; i++) {
                    const Real *o = out + at + (size_t)i * d, *g = dout + at + (size_t)i * d;
                    Real delta = 0;
                    for (int c = 0; c < head_dim; c++) delta += o[c] * g[c];
                    probabilities_row(p + (size_t)i * keys, causal ? r0 + i + 1 : keys, keys, scale,
                                      lse[(size_t)(first + r0 + i) * n_heads + h]);
                    score_grad_row(dp + (size_t)i * keys, p + (size_t)i * keys, keys, scale, delta);
                }
                nn_cpu_gemm(true, false, keys, head_dim, m, 1, p, keys, dout + at, d, 1, dv, ld);
                nn_cpu_gemm(false, false, m, head_dim, keys, 1, dp, keys, k, ld, 0, dq + (size_t)r0 * ld, ld);
                nn_cpu_gemm(true, false, keys, head_dim, m, 1, dp, keys, q + (size_t)r0 * ld, ld, 1, dk, ld);
            }
        }
    }
}
