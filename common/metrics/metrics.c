/* Metrics: the registry, an array of numbers that any thread changes with one atomic operation. */
#include "common/metrics/metrics.h"

#include <stdatomic.h>
#include <string.h>

#include "common/metrics/metrics_private.h"

const MetricRow metric_rows[METRIC_COUNT] = {
#define METRIC(name, kind_, prometheus_, tag_, help_) \
    [M_##name] = {.kind = METRIC_##kind_, .prometheus = prometheus_, .tag = tag_, .help = help_},
#include "common/metrics/metrics.def"
#undef METRIC
};

/* Wide enough for versions of lag and for seconds; the last bucket takes the rest. */
const double metric_bounds[METRIC_BUCKETS - 1] = {
    0, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024};

/* Doubles as bits, because C11's atomic double cannot be added to without a loop either. A histogram's
 * value is its sum. */
static _Atomic uint64_t values[METRIC_COUNT];
static _Atomic uint64_t buckets[METRIC_COUNT][METRIC_BUCKETS];

static double as_f64(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
static uint64_t as_bits(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

void metric_add(Metric m, double amount) {
    uint64_t old = atomic_load_explicit(&values[m], memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&values[m], &old, as_bits(as_f64(old) + amount),
                                                  memory_order_relaxed, memory_order_relaxed)) {}
}

void metric_set(Metric m, double value) {
    atomic_store_explicit(&values[m], as_bits(value), memory_order_relaxed);
}

void metric_observe(Metric m, double value) {
    BS_ASSERT(metric_rows[m].kind == METRIC_HISTOGRAM);
    int b = 0;
    while (b < METRIC_BUCKETS - 1 && !(value <= metric_bounds[b])) b++;
    atomic_fetch_add_explicit(&buckets[m][b], 1, memory_order_relaxed);
    metric_add(m, value);
}

double metric_value(Metric m) { return as_f64(atomic_load_explicit(&values[m], memory_order_relaxed)); }

void metric_buckets(Metric m, uint64_t out[METRIC_BUCKETS]) {
    for (int b = 0; b < METRIC_BUCKETS; b++)
        out[b] = atomic_load_explicit(&buckets[m][b], memory_order_relaxed);
}

void metrics_reset(void) {
    for (int m = 0; m < METRIC_COUNT; m++) {
        metric_set((Metric)m, 0);
        for (int b = 0; b < METRIC_BUCKETS; b++)
            atomic_store_explicit(&buckets[m][b], 0, memory_order_relaxed);
    }
}
