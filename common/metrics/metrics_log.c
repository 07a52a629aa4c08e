/* Metrics log: each flush is one line of metrics.jsonl and one event of TensorBoard's file. The line is the
 * truth; the event file shows the same numbers under the same tags. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/clock.h"
#include "common/host/file.h"
#include "common/host/json.h"
#include "common/metrics/events.h"
#include "common/metrics/metrics_private.h"

struct MetricsLog {
    char path[PATH_BYTES], program[64];
    EventFile *events;
    uint64_t flushed[METRIC_COUNT][METRIC_BUCKETS]; /* histograms as of the last flush */
    double flushed_sum[METRIC_COUNT];
};

/* A line that a crash tore gets its end, so that the next one stands alone. */
static Status end_torn_line(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char last = '\n';
    if (fd < 0) return BS_OK;
    if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) != 1) last = '\n';
    close(fd);
    return last == '\n' ? BS_OK : file_append(path, "\n", 1, false);
}

Status metrics_log_open(MetricsLog **out, const char *run_dir, const char *program) {
    *out = NULL;
    MetricsLog *log = calloc(1, sizeof *log);
    if (!log) return fail(BS_NOMEM, "%s: no memory for the metrics log", run_dir);
    Status st = BS_OK;
    snprintf(log->program, sizeof log->program, "%s", program);
    TRY(dir_make(run_dir, 0777));
    TRY(path_join(log->path, run_dir, "metrics.jsonl"));
    TRY(end_torn_line(log->path));
    TRY(event_file_open(&log->events, run_dir));
    *out = log;
    log = NULL;
out:
    metrics_log_close(log);
    return st;
}

void metrics_log_close(MetricsLog *log) {
    if (!log) return;
    event_file_close(log->events);
    free(log);
}

/* Counts are written as integers. */
static Status set_number(Json *line, const char *key, double v) {
    if (v > -9e15 && v < 9e15 && v == (double)(int64_t)v) return json_set_i64(line, key, (int64_t)v);
    return json_set_f64(line, key, v);
}

static Status put_histogram(MetricsLog *log, Json *line, Metric m) {
    uint64_t now[METRIC_BUCKETS], total = 0;
    double limits[METRIC_BUCKETS], counts[METRIC_BUCKETS], sum = metric_value(m), n_new = 0;
    char key[128];
    metric_buckets(m, now);
    for (int b = 0; b < METRIC_BUCKETS; b++) {
        limits[b] = b < METRIC_BUCKETS - 1 ? metric_bounds[b] : 2 * metric_bounds[METRIC_BUCKETS - 2];
        counts[b] = (double)(now[b] - log->flushed[m][b]);
        log->flushed[m][b] = now[b];
        n_new += counts[b];
        total += now[b];
    }
    if (n_new > 0)
        event_histogram(log->events, metric_rows[m].tag, limits, counts, METRIC_BUCKETS,
                        sum - log->flushed_sum[m]);
    log->flushed_sum[m] = sum;
    snprintf(key, sizeof key, "%s_count", metric_rows[m].tag);
    Status st = set_number(line, key, (double)total);
    snprintf(key, sizeof key, "%s_sum", metric_rows[m].tag);
    return st == BS_OK ? set_number(line, key, sum) : st;
}

Status metrics_log_flush(MetricsLog *log, int64_t step, int64_t version) {
    Status st = BS_OK;
    double now_s = clock_wall_s();
    Json *line = json_new_object();
    if (!line) return fail(BS_NOMEM, "%s: no memory", log->path);
    TRY(json_set_i64(line, "version", 1));
    TRY(json_set_f64(line, "wall_time", now_s));
    TRY(json_set_text(line, "program", log->program));
    TRY(json_set_i64(line, "step", step));
    TRY(json_set_i64(line, "weights_version", version));
    event_begin(log->events, now_s, step);
    for (int i = 0; i < METRIC_COUNT; i++) {
        Metric m = (Metric)i;
        if (metric_rows[m].kind == METRIC_HISTOGRAM) {
            TRY(put_histogram(log, line, m));
            continue;
        }
        event_scalar(log->events, metric_rows[m].tag, metric_value(m));
        TRY(set_number(line, metric_rows[m].tag, metric_value(m)));
    }
    TRY(json_append_line(line, log->path, false));
    TRY(event_end(log->events));
out:
    json_free(line);
    return st;
}
