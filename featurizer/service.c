/* Service: the wire's threads call back here; the store is the only state. */
#include "featurizer/service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/log.h"
#include "common/metrics/metrics.h"
#include "featurizer/ingest.h"

struct Service {
    char data[PATH_BYTES];
    Store *store;
    Net *net;
    BlobServer *server;
    MetricsServer *metrics;
    int metrics_port;
    int64_t max_bytes;
    pthread_mutex_t one_at_a_time; /* a second request for a file finds what the first has made */
};

/* Inside the dataset, whatever a client sends. */
static bool is_inside(const char *path) {
    if (!path[0] || path[0] == '/') return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2])) return false;
        if (!strncmp(part, ".bandsaw", 8)) return false;
    }
    return true;
}

static Status on_featurize(void *context, const char *path, void (*progress)(void *token, double share),
                           void *token, Hash *song) {
    Service *s = context;
    StoreRow row;
    bool known;
    metric_add(M_REQUESTS, 1);
    if (!is_inside(path)) return fail(BS_INVALID, "%s: give a path inside the featurizer's folder", path);
    Ingest ingest = {.store = s->store, .root = s->data, .ask_samples = true, .max_bytes = s->max_bytes};
    pthread_mutex_lock(&s->one_at_a_time);
    Status st = ingest_file(&ingest, path, progress, token, &row, &known);
    pthread_mutex_unlock(&s->one_at_a_time);
    if (st != BS_OK) {
        log_warn("featurize", "path=%s error=\"%s\"", path, error_text());
        return st;
    }
    if (!known) metric_add(M_SONGS, 1);
    log_info("featurize", "path=%s known=%d units=%d", path, known, row.n_units);
    *song = row.song;
    return BS_OK;
}

static Status on_restore(void *context, const Hash *song) {
    Service *s = context;
    char hex[HASH_HEX];
    Ingest ingest = {.store = s->store, .root = s->data, .max_bytes = s->max_bytes};
    metric_add(M_REQUESTS, 1);
    pthread_mutex_lock(&s->one_at_a_time);
    Status st = ingest_restore(&ingest, song);
    pthread_mutex_unlock(&s->one_at_a_time);
    if (st != BS_OK) return st;
    hash_hex(song, hex);
    log_info("restored", "song=%.12s", hex);
    return st;
}

static Status on_list(void *context, SongListing **out, size_t *n_out) {
    Service *s = context;
    StoreRow *rows;
    *out = NULL;
    *n_out = 0;
    metric_add(M_REQUESTS, 1);
    Status st = store_list(s->store, &rows, n_out);
    if (st != BS_OK) return st;
    *out = calloc(*n_out + 1, sizeof **out);
    for (size_t i = 0; *out && i < *n_out; i++) {
        memcpy((*out)[i].name, rows[i].name, sizeof(*out)[i].name);
        (*out)[i].song = rows[i].song;
        (*out)[i].duration_s = rows[i].duration_s;
    }
    free(rows);
    return *out ? BS_OK : fail(BS_NOMEM, "no memory to list the songs");
}

_Static_assert(sizeof((SongListing){0}.name) == SONG_NAME_BYTES, "a listing holds every name");

Status service_open(Service **out, const ServiceOptions *o) {
    Status st = BS_OK;
    char folder[PATH_BYTES];
    *out = NULL;
    Service *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "no memory for the service");
    pthread_mutex_init(&s->one_at_a_time, NULL);
    s->metrics_port = o->metrics_port;
    s->max_bytes = o->max_bytes;
    TRY(path_join(s->data, o->data, ""));
    TRY(path_join(folder, o->data, ".bandsaw"));
    TRY(store_open(&s->store, folder, true));
    if (store_was_rebuilt(s->store))
        log_warn("rebuilt", "the index was damaged and was made again from the blobs");
    TRY(net_open(&s->net));
    if (o->metrics_port >= 0)
        TRY(metrics_serve(&s->metrics, o->metrics_bind, &s->metrics_port, "featurizer", NULL, NULL));
    if (s->metrics) TRY(metrics_address_write(folder, o->metrics_bind, s->metrics_port));
    const BlobHandlers handlers = {
        .context = s, .featurize = on_featurize, .list = on_list, .restore = on_restore};
    TRY(blob_serve(&s->server, s->net, &o->listen, "featurizer", store_blobs(s->store), &handlers));
    *out = s;
    s = NULL;
out:
    service_close(s);
    return st;
}

void service_close(Service *s) {
    if (!s) return;
    blob_serve_stop(s->server);
    metrics_serve_stop(s->metrics);
    net_close(s->net);
    store_close(s->store);
    pthread_mutex_destroy(&s->one_at_a_time);
    free(s);
}

int service_metrics_port(const Service *s) { return s->metrics_port; }
