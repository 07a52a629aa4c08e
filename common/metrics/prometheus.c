/* Prometheus: the text format 0.0.4, and the two pages every program serves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/http/http.h"
#include "common/metrics/metrics_private.h"

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static bool same_base(const char *a, const char *b) {
    size_t n = strcspn(a, "{");
    return n == strcspn(b, "{") && !strncmp(a, b, n);
}

static void put_number(FILE *out, double v) {
    if (v != v)
        fputs("NaN\n", out);
    else if (v > 1e308 || v < -1e308)
        fputs(v > 0 ? "+Inf\n" : "-Inf\n", out);
    else
        fprintf(out, "%.17g\n", v);
}

static void put_histogram(FILE *out, Metric m) {
    uint64_t counts[METRIC_BUCKETS], total = 0;
    metric_buckets(m, counts);
    for (int b = 0; b < METRIC_BUCKETS; b++) {
        total += counts[b];
        if (b < METRIC_BUCKETS - 1)
            fprintf(out, "%s_bucket{le=\"%g\"} %llu\n", metric_rows[m].prometheus, metric_bounds[b],
                    (unsigned long long)total);
    }
    fprintf(out, "%s_bucket{le=\"+Inf\"} %llu\n", metric_rows[m].prometheus, (unsigned long long)total);
    fprintf(out, "%s_sum ", metric_rows[m].prometheus);
    put_number(out, metric_value(m));
    fprintf(out, "%s_count %llu\n", metric_rows[m].prometheus, (unsigned long long)total);
}

/* Rows of one name stand together under one HELP and TYPE, wherever they are in metrics.def. */
char *metrics_prometheus(const char *program) {
    char *text = NULL;
    size_t n_bytes;
    FILE *out = open_memstream(&text, &n_bytes);
    if (!out) return NULL;
    fprintf(out, "# HELP bandsaw_build_info which program this is\n# TYPE bandsaw_build_info gauge\n");
    fprintf(out, "bandsaw_build_info{program=\"%s\",version=\"%s\"} 1\n", program, BANDSAW_VERSION);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *name = metric_rows[m].prometheus;
        bool done = false;
        for (int i = 0; i < m; i++) done = done || same_base(metric_rows[i].prometheus, name);
        if (done) continue;
        int n = (int)strcspn(name, "{");
        fprintf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", n, name, metric_rows[m].help, n, name,
                kind_names[metric_rows[m].kind]);
        for (int i = m; i < METRIC_COUNT; i++) {
            if (!same_base(metric_rows[i].prometheus, name)) continue;
            if (metric_rows[i].kind == METRIC_HISTOGRAM) {
                put_histogram(out, (Metric)i);
                continue;
            }
            fprintf(out, "%s ", metric_rows[i].prometheus);
            put_number(out, metric_value((Metric)i));
        }
    }
    if (fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

/* ---- server */

struct MetricsServer {
    char program[64];
    MetricsHealthy healthy;
    void *context;
    HttpServer *http;
};

static void on_metrics(void *context, const char *path, HttpReply *reply) {
    const MetricsServer *server = context;
    (void)path;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply->body = metrics_prometheus(server->program);
    reply->n_bytes = reply->body ? strlen(reply->body) : 0;
}

static void on_healthz(void *context, const char *path, HttpReply *reply) {
    const MetricsServer *server = context;
    char reason[256] = "ok";
    (void)path;
    bool good = !server->healthy || server->healthy(server->context, reason, sizeof reason);
    int n = asprintf(&reply->body, "%s\n", reason);
    if (n < 0) reply->body = NULL;
    reply->n_bytes = n < 0 ? 0 : (size_t)n;
    reply->code = good ? 200 : 503;
}

Status metrics_serve(MetricsServer **out, const char *bind, int *port, const char *program,
                     MetricsHealthy healthy, void *context) {
    *out = NULL;
    MetricsServer *server = calloc(1, sizeof *server);
    if (!server) return fail(BS_NOMEM, "no memory for the metrics server");
    snprintf(server->program, sizeof server->program, "%s", program);
    server->healthy = healthy;
    server->context = context;
    const HttpRoute routes[] = {{"/metrics", on_metrics, server}, {"/healthz", on_healthz, server}};
    Status st = http_serve(&server->http, bind, port, routes, 2);
    if (st != BS_OK) {
        free(server);
        return st;
    }
    *out = server;
    return BS_OK;
}

void metrics_serve_stop(MetricsServer *server) {
    if (!server) return;
    http_stop(server->http);
    free(server);
}

Status metrics_address_write(const char *folder, const char *bind, int port) {
    char path[PATH_BYTES], line[192];
    /* Who listens everywhere is reached here too. */
    const char *host = !*bind || !strcmp(bind, "0.0.0.0") ? "127.0.0.1" : bind;
    Status st = path_join(path, folder, "metrics.address");
    int n = snprintf(line, sizeof line, "%.160s:%d\n", host, port);
    return st == BS_OK ? file_replace(path, line, (size_t)n) : st;
}
