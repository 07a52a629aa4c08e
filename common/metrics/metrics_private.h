#pragma once
/* The registry as its views see it. */
#include "common/metrics/metrics.h"

enum { METRIC_BUCKETS = 25 };

typedef struct MetricRow {
    MetricKind kind;
    const char *prometheus, *tag, *help;
} MetricRow;

extern const MetricRow metric_rows[METRIC_COUNT];
extern const double metric_bounds[METRIC_BUCKETS - 1]; /* upper bounds, included */
void metric_buckets(Metric m, uint64_t out[METRIC_BUCKETS]);
