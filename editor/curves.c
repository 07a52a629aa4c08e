/* metrics.jsonl as curves. */
#include "editor/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/json.h"

enum { MAX_BYTES = 1 << 30, MAX_LINES = 1 << 20 };

struct RunLog {
    char name[256];
    Json **lines; /* sorted by version */
    int32_t n_lines, capacity;
};

static double number_of(const Json *line, const char *key) {
    double value = NAN;
    if (json_has(line, key) && json_get_f64(line, key, &value) != BS_OK) value = NAN;
    return value;
}

static double version_of(const Json *line) { return number_of(line, "weights_version"); }

/* A learner that came back from a checkpoint makes versions again: what it says later counts. */
static Status add_line(RunLog *log, Json *line) {
    const double version = version_of(line), step = number_of(line, "step");
    while (log->n_lines) {
        const Json *last = log->lines[log->n_lines - 1];
        if (!(version_of(last) > version || (version_of(last) == version && number_of(last, "step") >= step)))
            break;
        json_free(log->lines[--log->n_lines]);
    }
    if (log->n_lines == log->capacity) {
        int32_t capacity = log->capacity ? 2 * log->capacity : 256;
        Json **lines = realloc(log->lines, sizeof *lines * (size_t)capacity);
        if (!lines || capacity > MAX_LINES) {
            if (lines) log->lines = lines;
            json_free(line);
            return fail(BS_TOO_BIG, "%s: more than %d lines", log->name, log->capacity);
        }
        log->lines = lines;
        log->capacity = capacity;
    }
    log->lines[log->n_lines++] = line;
    return BS_OK;
}

static void name_run(RunLog *log, const char *run_dir) {
    size_t n = strlen(run_dir);
    while (n > 1 && run_dir[n - 1] == '/') n--;
    size_t from = n;
    while (from > 0 && run_dir[from - 1] != '/') from--;
    n -= from;
    if (n >= sizeof log->name) n = sizeof log->name - 1;
    memcpy(log->name, run_dir + from, n);
    log->name[n] = 0;
}

Status run_log_open(RunLog **out, const char *run_dir) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    void *bytes = NULL;
    size_t n_bytes = 0;
    RunLog *log = calloc(1, sizeof *log);
    if (!log) return fail(BS_NOMEM, "out of memory");
    name_run(log, run_dir);
    TRY(path_join(path, run_dir, "metrics.jsonl"));
    TRY(file_read(path, MAX_BYTES, &bytes, &n_bytes));
    for (char *at = bytes, *end = at + n_bytes; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        Json *line;
        if (!stop) stop = end;
        if (stop > at && json_parse(&line, path, at, (size_t)(stop - at)) == BS_OK) {
            if (json_kind(line) == JSON_KIND_OBJECT && isfinite(version_of(line)))
                TRY(add_line(log, line));
            else
                json_free(line);
        }
        at = stop + 1;
    }
    if (!log->n_lines) {
        st = fail(BS_CORRUPT, "%s: no line of metrics in it", path);
        goto out;
    }
    *out = log;
    log = NULL;
out:
    free(bytes);
    run_log_close(log);
    return st;
}

void run_log_close(RunLog *log) {
    if (!log) return;
    for (int32_t i = 0; i < log->n_lines; i++) json_free(log->lines[i]);
    free(log->lines);
    free(log);
}

const char *run_log_name(const RunLog *log) { return log->name; }

static double x_of(const RunLog *log, const Json *line, const char *x) {
    if (strcmp(x, "time")) return number_of(line, x);
    return (number_of(line, "wall_time") - number_of(log->lines[0], "wall_time")) / 3600;
}

static bool in_stages(const Json *line, StageRange stages) {
    const double stage = number_of(line, "train/stage");
    return !isfinite(stage) || (stage >= stages.first && stage <= stages.last);
}

void run_log_stages(const RunLog *log, const char *x, double starts[RUN_STAGES]) {
    for (int k = 0; k < RUN_STAGES; k++) starts[k] = NAN;
    for (int32_t i = 0; i < log->n_lines; i++) {
        const double stage = number_of(log->lines[i], "train/stage");
        for (int k = 0; k < RUN_STAGES; k++)
            if (stage == k && !isfinite(starts[k])) starts[k] = x_of(log, log->lines[i], x);
    }
}

Status run_log_curve(const RunLog *log, const char *x, const char *tag, StageRange stages, int32_t max_points,
                     Curve *out) {
    const int32_t n = log->n_lines, per_bin = (n + max_points - 1) / max_points, room = n / per_bin + 1;
    *out = (Curve){.x = malloc(sizeof(double) * (size_t)room * 4)};
    if (!out->x) return fail(BS_NOMEM, "out of memory");
    out->mean = out->x + room;
    out->low = out->mean + room;
    out->high = out->low + room;
    bool set = false;
    for (int32_t i = 0; i < n; i += per_bin) {
        double sum_x = 0, sum = 0, low = INFINITY, high = -INFINITY;
        int32_t k = 0;
        for (int32_t j = i; j < i + per_bin && j < n; j++) {
            const double v = number_of(log->lines[j], tag), at = x_of(log, log->lines[j], x);
            if (v != 0 && isfinite(v)) set = true;
            if (!set || !isfinite(v) || !isfinite(at) || !in_stages(log->lines[j], stages)) continue;
            sum_x += at;
            sum += v;
            low = v < low ? v : low;
            high = v > high ? v : high;
            k++;
        }
        if (!k) continue;
        out->x[out->n] = sum_x / k;
        out->mean[out->n] = sum / k;
        out->low[out->n] = low;
        out->high[out->n++] = high;
    }
    return BS_OK;
}

void curve_drop(Curve *curve) {
    free(curve->x);
    *curve = (Curve){0};
}
