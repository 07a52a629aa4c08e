/* Events: the few protobuf fields that TensorBoard reads, and the record frame around them. */
#include "common/metrics/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/bytes.h"
#include "common/host/clock.h"
#include "common/host/file.h"
#include "common/metrics/crc32c.h"

enum { MAX_EVENT_BYTES = 16 << 20 };
enum { WIRE_VARINT = 0, WIRE_8_BYTES = 1, WIRE_BYTES = 2, WIRE_4_BYTES = 5 };

struct EventFile {
    char path[PATH_BYTES];
    int fd;
    ByteWriter event, summary, value; /* value is one Summary.Value */
};

/* ---- protobuf */

static void put_varint(ByteWriter *w, uint64_t v) {
    for (; v >= 128; v >>= 7) bytes_u8(w, (uint8_t)(v | 128));
    bytes_u8(w, (uint8_t)v);
}
static void put_key(ByteWriter *w, int field, int wire) { put_varint(w, (uint64_t)(field << 3 | wire)); }
static void put_f64(ByteWriter *w, int field, double v) {
    put_key(w, field, WIRE_8_BYTES);
    bytes_f64(w, v);
}
static void put_bytes(ByteWriter *w, int field, const void *p, size_t n) {
    put_key(w, field, WIRE_BYTES);
    put_varint(w, n);
    bytes_put(w, p, n);
}
static void put_f64s(ByteWriter *w, int field, const double *v, int n) { /* packed */
    put_key(w, field, WIRE_BYTES);
    put_varint(w, 8 * (uint64_t)n);
    for (int i = 0; i < n; i++) bytes_f64(w, v[i]);
}
static void clear(ByteWriter *w) { w->n_bytes = 0; }

/* ---- records */

static Status write_record(EventFile *f, const ByteWriter *data) {
    ByteWriter w, length;
    Status st = BS_OK;
    bytes_init(&w, MAX_EVENT_BYTES + 16);
    bytes_init(&length, 8);
    bytes_u64(&length, data->n_bytes);
    bytes_u64(&w, data->n_bytes);
    bytes_u32(&w, length.bad ? 0 : crc32c_masked(length.bytes, length.n_bytes));
    bytes_put(&w, data->bytes, data->n_bytes);
    bytes_u32(&w, crc32c_masked(data->bytes, data->n_bytes));
    if (data->bad || w.bad || length.bad) st = fail(BS_NOMEM, "%s: no memory for an event", f->path);
    for (size_t at = 0; st == BS_OK && at < w.n_bytes;) {
        ssize_t n = write(f->fd, w.bytes + at, w.n_bytes - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            st = fail(BS_IO, "%s: write: %s", f->path, strerror(errno));
    }
    bytes_drop(&w);
    bytes_drop(&length);
    return st;
}

static Status create(EventFile *f, const char *folder) {
    char host[64] = "host", name[256];
    gethostname(host, sizeof host - 1);
    for (int again = 0; again < 1000; again++) {
        int n = snprintf(name, sizeof name, "events.out.tfevents.%lld.%s.%ld", (long long)clock_wall_s(),
                         host, (long)getpid());
        if (again) snprintf(name + n, sizeof name - (size_t)n, ".%d", again);
        Status st = path_join(f->path, folder, name);
        if (st != BS_OK) return st;
        f->fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (f->fd >= 0) return BS_OK;
        if (errno != EEXIST) break;
    }
    return fail(BS_IO, "%s: create: %s", f->path, strerror(errno));
}

Status event_file_open(EventFile **out, const char *folder) {
    *out = NULL;
    EventFile *f = calloc(1, sizeof *f);
    if (!f) return fail(BS_NOMEM, "%s: no memory for an event file", folder);
    Status st = BS_OK;
    f->fd = -1;
    bytes_init(&f->event, MAX_EVENT_BYTES);
    bytes_init(&f->summary, MAX_EVENT_BYTES);
    bytes_init(&f->value, MAX_EVENT_BYTES);
    TRY(create(f, folder));
    put_f64(&f->event, 1, clock_wall_s());
    put_bytes(&f->event, 3, "brain.Event:2", 13);
    TRY(write_record(f, &f->event));
    *out = f;
    f = NULL;
out:
    event_file_close(f);
    return st;
}

void event_file_close(EventFile *f) {
    if (!f) return;
    if (f->fd >= 0) close(f->fd);
    bytes_drop(&f->event);
    bytes_drop(&f->summary);
    bytes_drop(&f->value);
    free(f);
}

const char *event_file_path(const EventFile *f) { return f->path; }

void event_begin(EventFile *f, double wall_s, int64_t step) {
    clear(&f->event);
    clear(&f->summary);
    put_f64(&f->event, 1, wall_s);
    put_key(&f->event, 2, WIRE_VARINT);
    put_varint(&f->event, (uint64_t)step);
}

void event_scalar(EventFile *f, const char *tag, double value) {
    clear(&f->value);
    put_bytes(&f->value, 1, tag, strlen(tag));
    put_key(&f->value, 2, WIRE_4_BYTES);
    bytes_f32(&f->value, (float)value);
    put_bytes(&f->summary, 1, f->value.bytes, f->value.n_bytes);
}

void event_histogram(EventFile *f, const char *tag, const double *limits, const double *counts, int n,
                     double sum) {
    ByteWriter h;
    double total = 0, squares = 0, low = 0, high = 0;
    for (int i = 0; i < n; i++) {
        if (counts[i] == 0) continue;
        if (total == 0) low = i ? limits[i - 1] : limits[i];
        high = limits[i];
        total += counts[i];
        squares += counts[i] * limits[i] * limits[i];
    }
    bytes_init(&h, MAX_EVENT_BYTES);
    put_f64(&h, 1, low);
    put_f64(&h, 2, high);
    put_f64(&h, 3, total);
    put_f64(&h, 4, sum);
    put_f64(&h, 5, squares);
    put_f64s(&h, 6, limits, n);
    put_f64s(&h, 7, counts, n);
    clear(&f->value);
    put_bytes(&f->value, 1, tag, strlen(tag));
    put_bytes(&f->value, 5, h.bytes, h.n_bytes);
    f->value.bad |= h.bad;
    put_bytes(&f->summary, 1, f->value.bytes, f->value.n_bytes);
    bytes_drop(&h);
}

Status event_end(EventFile *f) {
    put_bytes(&f->event, 5, f->summary.bytes, f->summary.n_bytes);
    f->event.bad |= f->summary.bad | f->value.bad;
    return write_record(f, &f->event);
}
