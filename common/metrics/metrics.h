#pragma once
/* Metrics: one registry of named numbers; JSONL, TensorBoard and Prometheus are views of it.
 *
 * Rows stand in metrics.def: METRIC(name, kind, prometheus name, tensorboard tag, help). Counters only
 * grow, gauges are set, histograms count into fixed buckets. Updates are lock-free and thread safe. */
#include "common/core/status.h"
#include <stdint.h>

typedef enum MetricKind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } MetricKind;

typedef enum Metric {
#define METRIC(name, kind, prometheus, tag, help) M_##name,
#include "common/metrics/metrics.def"
#undef METRIC
    METRIC_COUNT
} Metric;

void metric_add(Metric m, double amount);    /* counters, gauges */
void metric_set(Metric m, double value);     /* gauges; counters that mirror a count kept elsewhere */
void metric_observe(Metric m, double value); /* histograms */
double metric_value(Metric m);
void metrics_reset(void); /* for tests */

/* Files of one run: metrics.jsonl and events.out.tfevents.* under run_dir, one line a flush; a new event
 * file at each open, never appending to a torn one. */
typedef struct MetricsLog MetricsLog;
Status metrics_log_open(MetricsLog **out, const char *run_dir, const char *program);
Status metrics_log_flush(MetricsLog *log, int64_t step, int64_t version); /* step = env steps */
void metrics_log_close(MetricsLog *log);

/* /metrics and /healthz on 127.0.0.1 (or `bind`), port 0 = first free of 17000-17999; *port gets it.
 * healthy(context, reason, bytes) says whether the program does its job. */
typedef bool (*MetricsHealthy)(void *context, char *reason, size_t reason_bytes);
typedef struct MetricsServer MetricsServer;
Status metrics_serve(MetricsServer **out, const char *bind, int *port, const char *program,
                     MetricsHealthy healthy, void *context);
void metrics_serve_stop(MetricsServer *server);
/* Writes "host:port" into folder/metrics.address, where `bandsaw health FOLDER` looks. */
Status metrics_address_write(const char *folder, const char *bind, int port);
/* The Prometheus text itself; malloc'ed. */
char *metrics_prometheus(const char *program);
