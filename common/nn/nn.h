#pragma once
/* NnOps: the one seam between networks and machines: a flat table of coarse tensor operations.
 *
 * Networks are written once over it, forward and backward. Operations return nothing and may run later;
 * `sync` waits and reports the first error since the last sync. Matrices are row-major with a row stride
 * (ld) where one is given; a linear map is y = x w + b with w stored k x n. Gradients named d... are added
 * to ("+=") or written ("=") as each row says. Pointers are in the table's own memory (`alloc`), except
 * `host` arrays, which are read before the call returns. Nothing is allocated by an operation.
 *
 * Real is float. Gradient checks compile the same sources with NN_DOUBLE, so that differences in fp64 test
 * the very code that trains. */
#include "common/core/status.h"
#include <stdint.h>

#ifdef NN_DOUBLE
typedef double Real;
#else
typedef float Real;
#endif

enum { NN_ATTENTION_ROWS = 64 }; /* rows of queries handled at once: no buffer is larger than this x keys */

/* Rows of a packed sequence fall into segments (one song, or one episode each); attention stays inside. */
typedef struct NnSegments {
    const int32_t *start; /* n + 1 row offsets; host */
    int32_t n;
} NnSegments;

typedef struct NnOps {
    const char *name;

    void *(*alloc)(size_t n_bytes); /* zeroed, 64-byte aligned; NULL when memory is out */
    void (*release)(void *p);
    void (*upload)(void *to, const void *host, size_t n_bytes);
    void (*download)(void *host, const void *from, size_t n_bytes); /* complete on return */
    Status (*sync)(void);

    void (*zero)(Real *y, size_t n);
    void (*copy)(Real *y, const Real *x, size_t n);
    void (*add)(Real *y, const Real *x, size_t n);  /* y += x */
    void (*scale)(Real *y, Real factor, size_t n);  /* y *= factor */
    double (*sum_squares)(const Real *x, size_t n); /* complete on return; summed in double */

    /* y[m,n] = x[m,k] w[k,n] + b[n], plus the old y where `add`; b may be NULL. */
    void (*linear)(Real *y, int ldy, const Real *x, int ldx, const Real *w, const Real *b, int m, int n,
                   int k, bool add);
    /* dw += x' dy; db += column sums of dy (db may be NULL); dx = dy w', added where `add` (dx may be NULL).
     */
    void (*linear_grad)(Real *dx, int lddx, Real *dw, Real *db, const Real *dy, int lddy, const Real *x,
                        int ldx, const Real *w, int m, int n, int k, bool add);

    /* y = g (x - mean) / sqrt(variance + 1e-5) + b over each row of d; stats[m,2] keeps mean and 1/deviation.
     */
    void (*layernorm)(Real *y, Real *stats, const Real *x, const Real *g, const Real *b, int m, int d);
    /* With h = (x - mean) rstd and e = dy g: dx += rstd (e - mean(e) - h mean(e h)); dg += dy h; db += dy. */
    void (*layernorm_grad)(Real *dx, Real *dg, Real *db, const Real *dy, const Real *x, const Real *stats,
                           const Real *g, int m, int d);

    /* y = x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)): the tanh form of GELU. */
    void (*gelu)(Real *y, const Real *x, size_t n);
    void (*gelu_grad)(Real *dx, const Real *dy, const Real *x, size_t n); /* dx = dy gelu'(x); dx may be dy */

    /* Per segment and head: out = softmax(q k' / sqrt(head_dim)) v, streamed; causal: row i sees rows <= i.
     * qkv[rows, 3 d] holds q, k, v side by side, heads side by side in each; out[rows, d];
     * lse[rows, heads] keeps the log of each softmax's denominator. work: nn_attention_work() Reals. */
    void (*attention)(Real *out, Real *lse, const Real *qkv, NnSegments segments, int n_heads, int head_dim,
                      bool causal, Real *work);
    /* dqkv = the gradient (written, not added). */
    void (*attention_grad)(Real *dqkv, const Real *dout, const Real *out, const Real *lse, const Real *qkv,
                           NnSegments segments, int n_heads, int head_dim, bool causal, Real *work);

    /* y[i] = table[index[i]] (rows of d), added where `add`; index < 0 takes `missing` (NULL: zeros). */
    void (*gather)(Real *y, const Real *table, const Real *missing, const int32_t *index, int m, int d,
                   bool add);
    /* dtable[index[i]] += dy[i], in the order of i; index < 0 goes to dmissing (may be NULL). */
    void (*gather_grad)(Real *dtable, Real *dmissing, const Real *dy, const int32_t *index, int m, int d);

    /* Pointer scores: y[i,j] += scale q[i] . keys[r], r = index[(i n + j) stride], or i n + j where index is
     * NULL; r < 0 adds nothing. */
    void (*pointer)(Real *y, int ldy, const Real *q, int ldq, const Real *keys, int ldk, const int32_t *index,
                    int stride, int m, int n, int d, Real factor);
    /* dq[i] += factor sum_j dy[i,j] keys[r]; dkeys[r] += factor dy[i,j] q[i] (dkeys may be NULL). */
    void (*pointer_grad)(Real *dq, int lddq, Real *dkeys, int lddk, const Real *dy, int lddy, const Real *q,
                         int ldq, const Real *keys, int ldk, const int32_t *index, int stride, int m, int n,
                         int d, Real factor);

    /* y[i,a] = sum over c < 3 of x[i, table[a,c]] where table[a,c] >= 0; host table of n x 3. */
    void (*sum_columns)(Real *y, const Real *x, int ldx, const int32_t *table, int m, int n);
    void (*sum_columns_grad)(Real *dx, int lddx, const Real *dy, const int32_t *table, int m, int n); /* += */

    /* y = x - log(sum of exp(x) over the row's legal columns); -INFINITY where mask is 0. */
    void (*masked_log_softmax)(Real *y, const Real *x, const uint8_t *mask, int m, int n);

    /* m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr (m c1 / (sqrt(v c2) + eps) + wd decay p),
     * with g = factor * grads and c1, c2 = 1 / (1 - b1^t), 1 / (1 - b2^t). */
    void (*adamw)(Real *p, Real *m, Real *v, const Real *grads, const uint8_t *decay, size_t n, Real factor,
                  Real lr, Real b1, Real b2, Real eps, Real wd, Real c1, Real c2);
} NnOps;

/* Reals of workspace that attention over segments of at most max_rows rows needs. */
static inline size_t nn_attention_work(size_t max_rows) {
    return 2 * (size_t)NN_ATTENTION_ROWS * (max_rows + 16) + NN_ATTENTION_ROWS;
}

/* OpenBLAS on this machine's cores. Results repeat bit for bit for the same build, kernel and thread count.
 */
const NnOps *nn_ops_cpu(void);
/* Threads of the CPU's matrix products, for the whole process. */
void nn_threads(int n);

/* Sinusoidal positions (Vaswani et al. 2017): table[i, 2c] = sin(i w_c), table[i, 2c + 1] = cos(i w_c),
 * w_c = 10000^(-2c/d). Own arithmetic, no libm: what trains and what acts add the same bits. */
void nn_positions(float *table, int n, int d);
