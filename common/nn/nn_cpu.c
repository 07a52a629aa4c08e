/* The CPU's table of operations: matrix products by OpenBLAS, everything else in short row loops with a
 * fixed order of summation. Formulas are in nn.h. */
#include "common/nn/nn_cpu.h"
#include "common/nn/nn_vec.h"
#include <stdlib.h>

static void *cpu_alloc(size_t n_bytes) {
    size_t padded = (n_bytes + 63) & ~(size_t)63;
    void *p = aligned_alloc(64, padded ? padded : 64);
    if (p) memset(p, 0, padded);
    return p;
}
static void cpu_release(void *p) { free(p); }
static void cpu_upload(void *to, const void *host, size_t n_bytes) { memcpy(to, host, n_bytes); }
static Status cpu_sync(void) { return BS_OK; }

static void cpu_zero(Real *y, size_t n) { memset(y, 0, n * sizeof *y); }
static void cpu_copy(Real *y, const Real *x, size_t n) { memcpy(y, x, n * sizeof *y); }
static void cpu_add(Real *y, const Real *x, size_t n) {
    size_t i = 0;
    for (; i + VEC <= n; i += VEC) vec_store(y + i, vec_load(y + i) + vec_load(x + i));
    for (; i < n; i++) y[i] += x[i];
}
static void cpu_scale(Real *y, Real factor, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] *= factor;
}
static double cpu_sum_squares(const Real *x, size_t n) {
    double lane[8] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++) lane[l] += (double)x[i + l] * x[i + l];
    for (; i < n; i++) sum += (double)x[i] * x[i];
    for (int l = 0; l < 8; l++) sum += lane[l];
    return sum;
}

/* y += a x over n */
static void axpy(Real *y, Real a, const Real *x, int n) {
    int j = 0;
    for (; j + VEC <= n; j += VEC) vec_store(y + j, vec_load(y + j) + vec_load(x + j) * a);
    for (; j < n; j++) y[j] += a * x[j];
}
static Real dot(const Real *x, const Real *y, int n) {
    Vec sums = {0};
    int j = 0;
    for (; j + VEC <= n; j += VEC) sums += vec_load(x + j) * vec_load(y + j);
    Real s = vec_sum(sums);
    for (; j < n; j++) s += x[j] * y[j];
    return s;
}

static void cpu_linear(Real *y, int ldy, const Real *x, int ldx, const Real *w, const Real *b, int m, int n,
                       int k, bool add) {
    if (m <= 0) return;
    if (b)
        for (int i = 0; i < m; i++) {
            Real *row = y + (size_t)i * ldy;
            if (add)
                axpy(row, 1, b, n);
            else
                memcpy(row, b, (size_t)n * sizeof(Real));
        }
    nn_cpu_gemm(false, false, m, n, k, 1, x, ldx, w, n, add || b ? 1 : 0, y, ldy);
}

static void cpu_linear_grad(Real *dx, int lddx, Real *dw, Real *db, const Real *dy, int lddy, const Real *x,
                            int ldx, const Real *w, int m, int n, int k, bool add) {
    if (m <= 0) return;
    nn_cpu_gemm(true, false, k, n, m, 1, x, ldx, dy, lddy, 1, dw, n);
    if (db)
        for (int i = 0; i < m; i++) axpy(db, 1, dy + (size_t)i * lddy, n);
    if (dx) nn_cpu_gemm(false, true, m, k, n, 1, dy, lddy, w, n, add ? 1 : 0, dx, lddx);
}

static void cpu_layernorm(Real *y, Real *stats, const Real *x, const Real *g, const Real *b, int m, int d) {
    for (int i = 0; i < m; i++, x += d, y += d) {
        Vec sums = {0};
        Real mean = 0, variance = 0;
        int j = 0;
        for (; j + VEC <= d; j += VEC) sums += vec_load(x + j);
        for (; j < d; j++) mean += x[j];
        mean = (mean + vec_sum(sums)) / d;
        sums = (Vec){0};
        for (j = 0; j + VEC <= d; j += VEC) {
            Vec c = vec_load(x + j) - mean;
            sums += c * c;
        }
        for (; j < d; j++) variance += (x[j] - mean) * (x[j] - mean);
        variance = (variance + vec_sum(sums)) / d;
        Real rstd = 1 / (Real)sqrt((double)variance + 1e-5);
        for (j = 0; j + VEC <= d; j += VEC)
            vec_store(y + j, (vec_load(x + j) - mean) * rstd * vec_load(g + j) + vec_load(b + j));
        for (; j < d; j++) y[j] = (x[j] - mean) * rstd * g[j] + b[j];
        stats[2 * i] = mean, stats[2 * i + 1] = rstd;
    }
}

static void cpu_layernorm_grad(Real *dx, Real *dg, Real *db, const Real *dy, const Real *x, const Real *stats,
                               const Real *g, int m, int d) {
    for (int i = 0; i < m; i++, x += d, dy += d, dx += d) {
        const Real mean = stats[2 * i], rstd = stats[2 * i + 1];
        Real e_mean = 0, eh_mean = 0;
        Vec e_sums = {0}, eh_sums = {0};
        int j = 0;
        for (; j + VEC <= d; j += VEC) {
            Vec t = vec_load(dy + j), h = (vec_load(x + j) - mean) * rstd, e = t * vec_load(g + j);
            e_sums += e, eh_sums += e * h;
            vec_store(dg + j, vec_load(dg + j) + t * h);
            vec_store(db + j, vec_load(db + j) + t);
        }
        for (; j < d; j++) {
            Real h = (x[j] - mean) * rstd, e = dy[j] * g[j];
            e_mean += e, eh_mean += e * h;
            dg[j] += dy[j] * h, db[j] += dy[j];
        }
        e_mean = (e_mean + vec_sum(e_sums)) / d, eh_mean = (eh_mean + vec_sum(eh_sums)) / d;
        for (j = 0; j + VEC <= d; j += VEC) {
            Vec h = (vec_load(x + j) - mean) * rstd, e = vec_load(dy + j) * vec_load(g + j);
            vec_store(dx + j, vec_load(dx + j) + (e - e_mean - h * eh_mean) * rstd);
        }
        for (; j < d; j++) dx[j] += (dy[j] * g[j] - e_mean - (x[j] - mean) * rstd * eh_mean) * rstd;
    }
}

#define GELU_A ((Real)1.5957691216057308) /* 2 sqrt(2/pi) */
#define GELU_B ((Real)0.044715)
static Vec gelu_vec(Vec x) { return x / (1 + vec_exp(-GELU_A * (x + GELU_B * x * x * x))); }
static Vec gelu_slope_vec(Vec x) {
    Vec s = 1 / (1 + vec_exp(-GELU_A * (x + GELU_B * x * x * x)));
    return s + x * s * (1 - s) * GELU_A * (1 + 3 * GELU_B * x * x);
}
static void cpu_gelu(Real *y, const Real *x, size_t n) {
    size_t i = 0;
    for (; i + VEC <= n; i += VEC) vec_store(y + i, gelu_vec(vec_load(x + i)));
    if (i < n) vec_store_some(y + i, gelu_vec(vec_some(x + i, (int)(n - i))), (int)(n - i));
}
static void cpu_gelu_grad(Real *dx, const Real *dy, const Real *x, size_t n) {
    size_t i = 0;
    for (; i + VEC <= n; i += VEC) vec_store(dx + i, vec_load(dy + i) * gelu_slope_vec(vec_load(x + i)));
    if (i < n) {
        int rest = (int)(n - i);
        vec_store_some(dx + i, vec_some(dy + i, rest) * gelu_slope_vec(vec_some(x + i, rest)), rest);
    }
}

static void cpu_gather(Real *y, const Real *table, const Real *missing, const int32_t *index, int m, int d,
                       bool add) {
    for (int i = 0; i < m; i++, y += d) {
        const Real *from = index[i] < 0 ? missing : table + (size_t)index[i] * d;
        if (add && from)
            axpy(y, 1, from, d);
        else if (from)
            memcpy(y, from, (size_t)d * sizeof(Real));
        else if (!add)
            memset(y, 0, (size_t)d * sizeof(Real));
    }
}
static void cpu_gather_grad(Real *dtable, Real *dmissing, const Real *dy, const int32_t *index, int m,
                            int d) {
    for (int i = 0; i < m; i++, dy += d) {
        Real *to = index[i] < 0 ? dmissing : dtable + (size_t)index[i] * d;
        if (to) axpy(to, 1, dy, d);
    }
}

static void cpu_pointer(Real *y, int ldy, const Real *q, int ldq, const Real *keys, int ldk,
                        const int32_t *index, int stride, int m, int n, int d, Real factor) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            int r = index ? index[((size_t)i * n + j) * stride] : i * n + j;
            if (r >= 0)
                y[(size_t)i * ldy + j] += factor * dot(q + (size_t)i * ldq, keys + (size_t)r * ldk, d);
        }
}
static void cpu_pointer_grad(Real *dq, int lddq, Real *dkeys, int lddk, const Real *dy, int lddy,
                             const Real *q, int ldq, const Real *keys, int ldk, const int32_t *index,
                             int stride, int m, int n, int d, Real factor) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            int r = index ? index[((size_t)i * n + j) * stride] : i * n + j;
            Real g = factor * dy[(size_t)i * lddy + j];
            if (r < 0 || g == 0) continue;
            axpy(dq + (size_t)i * lddq, g, keys + (size_t)r * ldk, d);
            if (dkeys) axpy(dkeys + (size_t)r * lddk, g, q + (size_t)i * ldq, d);
        }
}

static void cpu_sum_columns(Real *y, const Real *x, int ldx, const int32_t *table, int m, int n) {
    for (int i = 0; i < m; i++, x += ldx, y += n)
        for (int a = 0; a < n; a++) {
            Real s = 0;
            for (int c = 0; c < 3; c++)
                if (table[a * 3 + c] >= 0) s += x[table[a * 3 + c]];
            y[a] = s;
        }
}
static void cpu_sum_columns_grad(Real *dx, int lddx, const Real *dy, const int32_t *table, int m, int n) {
    for (int i = 0; i < m; i++, dx += lddx, dy += n)
        for (int a = 0; a < n; a++)
            for (int c = 0; c < 3; c++)
                if (table[a * 3 + c] >= 0) dx[table[a * 3 + c]] += dy[a];
}

static void cpu_masked_log_softmax(Real *y, const Real *x, const uint8_t *mask, int m, int n) {
    for (int i = 0; i < m; i++, x += n, y += n, mask += n) {
        double top = -INFINITY, sum = 0;
        for (int a = 0; a < n; a++)
            if (mask[a] && (double)x[a] > top) top = (double)x[a];
        for (int a = 0; a < n; a++)
            if (mask[a]) sum += exp((double)x[a] - top);
        double shift = top + log(sum);
        for (int a = 0; a < n; a++) y[a] = mask[a] ? (Real)((double)x[a] - shift) : (Real)-INFINITY;
    }
}

static void cpu_adamw(Real *p, Real *m, Real *v, const Real *grads, const uint8_t *decay, size_t n,
                      Real factor, Real lr, Real b1, Real b2, Real eps, Real wd, Real c1, Real c2) {
    for (size_t i = 0; i < n; i += VEC) {
        const int rest = n - i < VEC ? (int)(n - i) : VEC;
        Vec g = vec_some(grads + i, rest) * factor, at = vec_some(p + i, rest), weight = {0};
        Vec first = vec_some(m + i, rest) * b1 + g * (1 - b1);
        Vec second = vec_some(v + i, rest) * b2 + g * g * (1 - b2);
        for (int j = 0; j < rest; j++) weight[j] = decay[i + (size_t)j] ? wd : 0;
        at -= (first * c1 / (vec_sqrt(second * c2) + eps) + at * weight) * lr;
        vec_store_some(m + i, first, rest);
        vec_store_some(v + i, second, rest);
        vec_store_some(p + i, at, rest);
    }
}

const NnOps *nn_ops_cpu(void) {
    static const NnOps ops = {
        .name = "cpu",
        .alloc = cpu_alloc,
        .release = cpu_release,
        .upload = cpu_upload,
        .download = cpu_upload,
        .sync = cpu_sync,
        .zero = cpu_zero,
        .copy = cpu_copy,
        .add = cpu_add,
        .scale = cpu_scale,
        .sum_squares = cpu_sum_squares,
        .linear = cpu_linear,
        .linear_grad = cpu_linear_grad,
        .layernorm = cpu_layernorm,
        .layernorm_grad = cpu_layernorm_grad,
        .gelu = cpu_gelu,
        .gelu_grad = cpu_gelu_grad,
        .attention = nn_cpu_attention,
        .attention_grad = nn_cpu_attention_grad,
        .gather = cpu_gather,
        .gather_grad = cpu_gather_grad,
        .pointer = cpu_pointer,
        .pointer_grad = cpu_pointer_grad,
        .sum_columns = cpu_sum_columns,
        .sum_columns_grad = cpu_sum_columns_grad,
        .masked_log_softmax = cpu_masked_log_softmax,
        .adamw = cpu_adamw,
    };
    return &ops;
}
