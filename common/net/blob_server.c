/* The featurizer's socket: GET out of a Cache on the server thread; FEATURIZE, LIST and a GET whose blob has
 * to be made again on two worker threads.
 *
 * Requests for one path (or blob) are one job, with everybody who asked as its audience. Who waits hears the
 * share done at least once a second, so silence means that this server is gone. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/queue.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/net/blob_service.h"
#include "common/net/net_socket.h"

enum {
    JOBS_MAX = 256,
    WAITERS_MAX = 32,
    N_WORKERS = 2,
    WAIT_MS = 100,
    NEWS_MS = 1000,
    TURN_MS = 20,
    EVENTS_MAX = 1024,
    CLOSE_LINGER_MS = 200,
};

typedef struct Waiter {
    uint64_t peer, request;
} Waiter;

/* One FEATURIZE, LIST or GET; owned by the server thread, named by its index. */
typedef struct ServerJob {
    bool used;
    BlobMessageType type;
    char path[WIRE_PATH_BYTES];
    Hash blob; /* of a GET */
    Waiter waiters[WAITERS_MAX];
    uint32_t n_waiters;
    double share;
} ServerJob;

typedef struct Order {
    int job; /* -1: stop */
    BlobMessageType type;
    char path[WIRE_PATH_BYTES];
    Hash blob;
} Order;

typedef struct News {
    int job;
    bool over;
    double share;
    Status status;
    char text[512];
    Hash song;
    SongListing *rows; /* owned */
    size_t n_rows;
} News;

struct BlobServer {
    Net *net;
    Cache *blobs;
    BlobHandlers handlers;
    void *router;
    Rendezvous where;
    char rendezvous[PATH_BYTES];
    Queue *orders, *news, *stop;
    pthread_t thread, workers[N_WORKERS];
    int n_workers;
    bool running;
    ServerJob *jobs; /* [JOBS_MAX] */
    WireOut out;
    SocketIn in;
};

/* ---- workers ---- */

typedef struct ProgressToken {
    BlobServer *server;
    int job;
} ProgressToken;

static void on_progress(void *token, double share) {
    ProgressToken *t = token;
    News n = {.job = t->job, .share = share < 0 ? 0 : share > 1 ? 1 : share};
    (void)queue_push(t->server->news, &n, 0); /* full: the next one will do */
}

static void *work(void *argument) {
    BlobServer *s = argument;
    Order o;
    while (queue_pop(s->orders, &o, -1) == BS_OK && o.job >= 0) {
        ProgressToken token = {s, o.job};
        News n = {.job = o.job, .over = true};
        error_clear();
        if (o.type == BLOB_GET)
            n.status = s->handlers.restore(s->handlers.context, &o.blob);
        else if (o.type == BLOB_LIST)
            n.status = s->handlers.list ? s->handlers.list(s->handlers.context, &n.rows, &n.n_rows)
                                        : fail(BS_UNSUPPORTED, "this server has no list");
        else
            n.status = s->handlers.featurize
                           ? s->handlers.featurize(s->handlers.context, o.path, on_progress, &token, &n.song)
                           : fail(BS_UNSUPPORTED, "this server does not featurize");
        if (n.status != BS_OK)
            strncpy(n.text, error_text()[0] ? error_text() : status_text(n.status), sizeof n.text - 1);
        if (queue_push(s->news, &n, -1) != BS_OK) free(n.rows);
    }
    return NULL;
}

/* ---- server thread ---- */

static void tell(BlobServer *s, const ServerJob *j, BlobMessage *m) {
    for (uint32_t i = 0; i < j->n_waiters; i++) {
        m->request = j->waiters[i].request;
        if (wire_encode_blob(m, &s->out) == BS_OK)
            (void)socket_send(s->router, true, j->waiters[i].peer, &s->out);
    }
}

static void refuse(BlobServer *s, uint64_t request, const char *why) {
    BlobMessage m = {.type = BLOB_DONE, .request = request, .status = BS_AGAIN};
    strncpy(m.path, why, sizeof m.path - 1);
    if (wire_encode_blob(&m, &s->out) == BS_OK) (void)socket_send(s->router, true, s->in.peer, &s->out);
}

static bool same_job(const ServerJob *j, const BlobMessage *m) {
    if (!j->used || j->type != m->type || j->type == BLOB_LIST) return false;
    return j->type == BLOB_GET ? hash_equal(&j->blob, &m->hash) : strcmp(j->path, m->path) == 0;
}

static void add_job(BlobServer *s, const BlobMessage *m) {
    ServerJob *j = NULL;
    for (int i = 0; i < JOBS_MAX && !j; i++)
        if (same_job(&s->jobs[i], m)) j = &s->jobs[i];
    if (j) {
        if (j->n_waiters == WAITERS_MAX) { /* the oldest asked long ago; if it still waits it asks again */
            memmove(j->waiters, j->waiters + 1, (WAITERS_MAX - 1) * sizeof *j->waiters);
            j->n_waiters--;
        }
        j->waiters[j->n_waiters++] = (Waiter){s->in.peer, m->request};
        return;
    }
    for (int i = 0; i < JOBS_MAX && !j; i++)
        if (!s->jobs[i].used) j = &s->jobs[i];
    if (!j) {
        if (m->type != BLOB_GET) refuse(s, m->request, "too many requests at once; try again");
        return; /* who sent a GET asks again */
    }
    *j = (ServerJob){.used = true,
                     .type = m->type,
                     .blob = m->hash,
                     .n_waiters = 1,
                     .waiters = {{s->in.peer, m->request}}};
    memcpy(j->path, m->path, sizeof j->path);
    Order o = {.job = (int)(j - s->jobs), .type = m->type, .blob = m->hash};
    memcpy(o.path, m->path, sizeof o.path);
    queue_push(s->orders, &o, 0); /* has room for every job */
}

static void tell_rows(BlobServer *s, const ServerJob *j, const News *n) {
    BlobMessage m = {.type = BLOB_LISTING, .total_rows = (uint32_t)n->n_rows};
    ByteWriter w;
    bytes_init(&w, WIRE_CHUNK_BYTES);
    do {
        m.n_rows = 0;
        w.n_bytes = 0;
        for (; m.n_rows < WIRE_ROWS_MAX && m.first_row + m.n_rows < n->n_rows; m.n_rows++) {
            const SongListing *row = &n->rows[m.first_row + m.n_rows];
            bytes_text(&w, row->name);
            bytes_hash(&w, &row->song);
            bytes_f64(&w, row->duration_s);
        }
        m.bytes = w.bytes;
        m.n_bytes = w.n_bytes;
        if (!w.bad) tell(s, j, &m);
        m.first_row += m.n_rows;
    } while (m.first_row < n->n_rows);
    bytes_drop(&w);
}

/* The first chunk tells everybody how many there are. */
static void answer_get(BlobServer *s, ServerJob *j, const News *n) {
    const BlobMessage get = {.type = BLOB_GET, .hash = j->blob, .n_chunks = 1};
    if (n->status != BS_OK) log_warn("restore", "%s", n->text);
    for (uint32_t i = 0; i < j->n_waiters; i++)
        socket_answer_get(s->router, j->waiters[i].peer, s->blobs, &get, &s->out);
    j->used = false;
}

static void on_news(BlobServer *s, News *n) {
    ServerJob *j = &s->jobs[n->job];
    BlobMessage m = {
        .type = n->over ? BLOB_DONE : BLOB_PROGRESS, .share = n->share, .status = n->status, .hash = n->song};
    if (j->type == BLOB_GET) {
        answer_get(s, j, n);
        return;
    }
    if (!n->over) {
        j->share = n->share;
        tell(s, j, &m);
        return;
    }
    memcpy(m.path, n->text, sizeof n->text);
    if (j->type == BLOB_LIST && n->status == BS_OK)
        tell_rows(s, j, n);
    else
        tell(s, j, &m);
    free(n->rows);
    j->used = false;
}

/* Checked when it is first opened: a damaged blob is not here. */
static bool is_here(BlobServer *s, const Hash *hash) {
    FileMap map;
    if (cache_map(s->blobs, hash, &map) != BS_OK) return false;
    file_unmap(&map);
    return true;
}

static void receive(BlobServer *s) {
    int64_t until_ms = clock_ms() + TURN_MS;
    do {
        Status st = socket_receive(s->router, true, &s->in);
        if (st == BS_AGAIN) return;
        if (st != BS_OK) {
            log_warn("message", "%s", error_text());
            continue;
        }
        WireIn *in = s->in.wire;
        bool absent = in->blob.type == BLOB_GET && s->handlers.restore && !is_here(s, &in->blob.hash);
        if (in->blob.type == BLOB_GET && !absent)
            socket_answer_get(s->router, s->in.peer, s->blobs, &in->blob, &s->out);
        if (absent || in->blob.type == BLOB_FEATURIZE || in->blob.type == BLOB_LIST) add_job(s, &in->blob);
        if (in->blob.type == BLOB_NONE && in->message.type == MESSAGE_RESULT)
            result_drop(&in->message.result);
    } while (clock_ms() < until_ms);
}

static void *serve(void *argument) {
    BlobServer *s = argument;
    News n;
    int stop;
    int64_t told_ms = clock_ms();
    while (queue_pop(s->stop, &stop, 0) == BS_TIMEOUT) {
        receive(s);
        while (queue_pop(s->news, &n, 0) == BS_OK) on_news(s, &n);
        if (clock_ms() - told_ms >= NEWS_MS) {
            told_ms = clock_ms();
            for (int i = 0; i < JOBS_MAX; i++)
                if (s->jobs[i].used && s->jobs[i].type != BLOB_GET)
                    tell(s, &s->jobs[i], &(BlobMessage){.type = BLOB_PROGRESS, .share = s->jobs[i].share});
        }
        socket_wait(s->router, queue_fd(s->news), WAIT_MS);
    }
    rendezvous_end(s->rendezvous, &s->where);
    socket_close(s->router, CLOSE_LINGER_MS);
    s->router = NULL;
    return NULL;
}

Status blob_serve(BlobServer **out, Net *net, const ListenOptions *listen, const char *role, Cache *blobs,
                  const BlobHandlers *handlers) {
    Status st = BS_OK;
    BlobServer *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "blob server: no memory");
    s->net = net;
    s->blobs = blobs;
    if (handlers) s->handlers = *handlers;
    wire_out_init(&s->out);
    s->jobs = calloc(JOBS_MAX, sizeof *s->jobs);
    if (!s->jobs) TRY(fail(BS_NOMEM, "blob server: no memory"));
    TRY(socket_in_init(&s->in));
    TRY(queue_open(&s->orders, sizeof(Order), JOBS_MAX + N_WORKERS));
    TRY(queue_open(&s->news, sizeof(News), EVENTS_MAX));
    TRY(queue_open(&s->stop, sizeof(int), 1));
    TRY(socket_listen(net, listen, role, 0, &s->router, &s->where));
    memcpy(s->rendezvous, listen->rendezvous, sizeof s->rendezvous);
    for (; s->n_workers < N_WORKERS; s->n_workers++)
        if (pthread_create(&s->workers[s->n_workers], NULL, work, s) != 0)
            TRY(fail(BS_NOMEM, "blob server: no thread"));
    if (pthread_create(&s->thread, NULL, serve, s) != 0) TRY(fail(BS_NOMEM, "blob server: no thread"));
    s->running = true;
    *out = s;
    s = NULL;
out:
    blob_serve_stop(s);
    return st;
}

void blob_serve_stop(BlobServer *s) {
    if (!s) return;
    News n;
    Order stop_work = {.job = -1}, dropped;
    while (s->orders && queue_pop(s->orders, &dropped, 0) == BS_OK) {}
    for (int i = 0; i < s->n_workers; i++) queue_push(s->orders, &stop_work, -1);
    for (int i = 0; i < s->n_workers; i++) pthread_join(s->workers[i], NULL);
    if (s->running) {
        queue_push(s->stop, &(int){1}, -1);
        pthread_join(s->thread, NULL);
    }
    while (s->news && queue_pop(s->news, &n, 0) == BS_OK) free(n.rows);
    socket_close(s->router, 0);
    queue_close(s->orders);
    queue_close(s->news);
    queue_close(s->stop);
    socket_in_drop(&s->in);
    wire_out_drop(&s->out);
    free(s->jobs);
    free(s);
}
