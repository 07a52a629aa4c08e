/* Asking for blobs. Lazy Pirate (zguide, chapter 4): silence for SILENT_MS means a fresh socket to wherever
 * the rendezvous says now, and the question again; everything asked is idempotent. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/clock.h"
#include "common/net/blob_service.h"
#include "common/net/net_socket.h"

enum { SILENT_ASK_MS = 1000, SILENT_WORK_MS = 5000, RETRY_MS = 100, CLAIM_WAIT_MS = 10, LOOK_MS = 100 };
#define BLOB_MAX_BYTES ((uint64_t)1 << 30)

struct BlobClient {
    Net *net;
    ReachOptions reach;
    void *socket;
    WireOut out;
    SocketIn in;
    atomic_bool aborted;
};

Status blob_client_open(BlobClient **out, Net *net, const ReachOptions *reach) {
    BlobClient *c = calloc(1, sizeof *c);
    if (!c) return fail(BS_NOMEM, "blob client: no memory");
    c->net = net;
    c->reach = *reach;
    wire_out_init(&c->out);
    Status st = socket_in_init(&c->in);
    if (st != BS_OK) {
        blob_client_close(c);
        return st;
    }
    *out = c;
    return BS_OK;
}

void blob_client_close(BlobClient *c) {
    if (!c) return;
    socket_close(c->socket, 0);
    socket_in_drop(&c->in);
    wire_out_drop(&c->out);
    free(c);
}

void blob_client_abort(BlobClient *c) { atomic_store(&c->aborted, true); }

static Status check_abort(BlobClient *c) {
    return atomic_load(&c->aborted) ? fail(BS_CLOSED, "%s: given up", c->reach.rendezvous) : BS_OK;
}

static void hang_up(BlobClient *c) {
    socket_close(c->socket, 0);
    c->socket = NULL;
}

/* Sends, connecting first where needed; keeps trying while the server cannot be reached. */
static Status ask(BlobClient *c, const BlobMessage *m, int64_t deadline_ms) {
    Status st = wire_encode_blob(m, &c->out);
    if (st != BS_OK) return st;
    int64_t hang_up_ms = clock_ms() + SILENT_ASK_MS;
    for (;;) {
        Rendezvous where;
        st = c->socket ? BS_OK : socket_reach(c->net, &c->reach, &where, &c->socket);
        if (st == BS_OK) st = socket_send(c->socket, false, 0, &c->out);
        if (st == BS_OK) return BS_OK;
        st = check_abort(c);
        if (st != BS_OK) return st;
        int64_t now_ms = clock_ms();
        if (now_ms >= deadline_ms) return fail(BS_TIMEOUT, "%s: nobody listens there", c->reach.rendezvous);
        if (c->socket && now_ms >= hang_up_ms) {
            hang_up(c);
            hang_up_ms = now_ms + SILENT_ASK_MS;
        }
        clock_sleep_ms(c->socket ? 5 : RETRY_MS);
    }
}

/* The next blob message, BS_TIMEOUT after wait_ms. */
static Status answer(BlobClient *c, BlobMessage **m, int64_t wait_ms) {
    int64_t until_ms = clock_ms() + wait_ms;
    for (;;) {
        Status st = socket_receive(c->socket, false, &c->in);
        if (st == BS_OK && c->in.wire->blob.type != BLOB_NONE) {
            *m = &c->in.wire->blob;
            return BS_OK;
        }
        if (st == BS_OK && c->in.wire->message.type == MESSAGE_RESULT)
            result_drop(&c->in.wire->message.result);
        if (st != BS_AGAIN) continue;
        int64_t left = until_ms - clock_ms();
        if (left <= 0) return BS_TIMEOUT;
        st = check_abort(c);
        if (st != BS_OK) return st;
        socket_wait(c->socket, -1, left < LOOK_MS ? (int)left : LOOK_MS);
    }
}

/* All chunks into *bytes (malloc'ed). timeout_ms without any news is the end. */
static Status pull(BlobClient *c, const Hash *hash, int timeout_ms, uint8_t **bytes, size_t *n_bytes) {
    uint8_t *to = NULL, *have = NULL;
    uint64_t total = 0;
    uint32_t n_chunks = 1, first = 0; /* all chunks below `first` are here */
    Status st = BS_OK;
    int64_t deadline_ms = clock_ms() + timeout_ms;
    while (first < n_chunks) {
        uint32_t want = total ? n_chunks - first : 1, got = 0;
        if (want > CHUNKS_AT_ONCE) want = CHUNKS_AT_ONCE;
        BlobMessage get = {.type = BLOB_GET, .hash = *hash, .first_chunk = first, .n_chunks = want}, *m;
        TRY(ask(c, &get, deadline_ms));
        while (got < want && first < n_chunks) {
            st = answer(c, &m, SILENT_ASK_MS);
            if (st == BS_TIMEOUT && clock_ms() < deadline_ms) {
                hang_up(c);
                st = BS_OK;
                break;
            }
            if (st == BS_TIMEOUT) TRY(fail(BS_TIMEOUT, "%s: no answer for a blob", c->reach.rendezvous));
            TRY(st);
            if (m->type != BLOB_CHUNK || !hash_equal(&m->hash, hash)) continue;
            if (m->missing) TRY(fail(BS_NOT_FOUND, "%s: has no such blob", c->reach.rendezvous));
            if (!to) {
                if (m->total_bytes > BLOB_MAX_BYTES)
                    TRY(fail(BS_TOO_BIG, "%s: blob is too big", c->reach.rendezvous));
                total = m->total_bytes;
                n_chunks = total ? (uint32_t)((total + WIRE_CHUNK_BYTES - 1) / WIRE_CHUNK_BYTES) : 1;
                to = malloc(total ? total : 1);
                have = calloc(n_chunks, 1);
                if (!to || !have) TRY(fail(BS_NOMEM, "no memory for a blob of %zu bytes", (size_t)total));
            }
            if (m->total_bytes != total || m->index >= n_chunks || have[m->index]) continue;
            memcpy(to + (size_t)m->index * WIRE_CHUNK_BYTES, m->bytes, m->n_bytes);
            have[m->index] = 1;
            got++;
            while (first < n_chunks && have[first]) first++;
            deadline_ms = clock_ms() + timeout_ms;
        }
    }
    *bytes = to;
    *n_bytes = total;
    to = NULL;
out:
    free(to);
    free(have);
    return st;
}

Status blob_fetch(BlobClient *c, const Hash *hash, Cache *cache, int timeout_ms) {
    Status st = BS_OK;
    int claim = -1;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    Hash name;
    int64_t deadline_ms = clock_ms() + timeout_ms;
    while ((st = cache_claim(cache, hash, &claim)) == BS_AGAIN) { /* another process of this host pulls it */
        if (cache_has(cache, hash)) return BS_OK;
        if (check_abort(c) != BS_OK) return BS_CLOSED;
        if (clock_ms() > deadline_ms) return fail(BS_TIMEOUT, "another process is still fetching the blob");
        clock_sleep_ms(CLAIM_WAIT_MS);
    }
    if (st != BS_OK) return st;
    if (!cache_has(cache, hash)) {
        TRY(pull(c, hash, timeout_ms, &bytes, &n_bytes));
        name = hash_bytes(bytes, n_bytes);
        if (!hash_equal(&name, hash))
            TRY(fail(BS_CORRUPT, "%s: blob does not match its name", c->reach.rendezvous));
        TRY(cache_put(cache, bytes, n_bytes, &name));
    }
out:
    free(bytes);
    cache_release(claim);
    return st;
}

Status blob_featurize(BlobClient *c, const char *path, void (*progress)(void *, double), void *context,
                      Hash *song, int timeout_ms) {
    BlobMessage ask_for = {.type = BLOB_FEATURIZE, .request = random_u64()}, *m;
    Status st = BS_OK;
    if (strlen(path) >= sizeof ask_for.path) return fail(BS_TOO_BIG, "%.80s...: path is too long", path);
    memcpy(ask_for.path, path, strlen(path) + 1);
    int64_t deadline_ms = clock_ms() + timeout_ms;
    TRY(ask(c, &ask_for, deadline_ms));
    for (;;) {
        st = answer(c, &m, SILENT_WORK_MS);
        if (st == BS_TIMEOUT || clock_ms() > deadline_ms) {
            if (clock_ms() > deadline_ms) TRY(fail(BS_TIMEOUT, "%s: not featurized in time", path));
            hang_up(c);
            TRY(ask(c, &ask_for, deadline_ms));
            continue;
        }
        TRY(st);
        if (m->request != ask_for.request) continue;
        if (m->type == BLOB_PROGRESS && progress) progress(context, m->share);
        if (m->type != BLOB_DONE) continue;
        if (m->status != BS_OK) TRY(fail((Status)m->status, "%s", m->path));
        *song = m->hash;
        break;
    }
out:
    return st;
}

static Status rows_of(const BlobMessage *m, SongListing *rows) {
    ByteReader r = reader_of(m->bytes, m->n_bytes);
    for (uint32_t i = 0; i < m->n_rows; i++) {
        read_text(&r, rows[i].name, sizeof rows[i].name);
        rows[i].song = read_hash(&r);
        rows[i].duration_s = read_f64(&r);
    }
    return r.bad || r.at != r.n_bytes ? fail(BS_CORRUPT, "wire: LISTING: rows do not fill their frame")
                                      : BS_OK;
}

Status blob_list(BlobClient *c, SongListing **rows, size_t *n_rows, int timeout_ms) {
    BlobMessage ask_for = {.type = BLOB_LIST, .request = random_u64()}, *m;
    SongListing *list = NULL;
    uint32_t n = 0, total = UINT32_MAX;
    Status st = BS_OK;
    int64_t deadline_ms = clock_ms() + timeout_ms;
    TRY(ask(c, &ask_for, deadline_ms));
    while (n < total) {
        st = answer(c, &m, SILENT_WORK_MS);
        if (st == BS_TIMEOUT || clock_ms() > deadline_ms) {
            if (clock_ms() > deadline_ms) TRY(fail(BS_TIMEOUT, "%s: no list in time", c->reach.rendezvous));
            hang_up(c);
            ask_for.request = random_u64();
            n = 0;
            total = UINT32_MAX;
            free(list);
            list = NULL;
            TRY(ask(c, &ask_for, deadline_ms));
            continue;
        }
        TRY(st);
        if (m->request != ask_for.request) continue;
        if (m->type == BLOB_DONE) TRY(fail(m->status ? (Status)m->status : BS_IO, "%s", m->path));
        if (m->type != BLOB_LISTING) continue;
        if (!list) {
            total = m->total_rows;
            if (total > 1000000) TRY(fail(BS_CORRUPT, "wire: a list of %u Songs", total));
            list = calloc(total ? total : 1, sizeof *list);
            if (!list) TRY(fail(BS_NOMEM, "no memory for a list of %u Songs", total));
        }
        if (m->first_row != n || m->total_rows != total || m->n_rows > total - n || (m->n_rows == 0 && total))
            TRY(fail(BS_CORRUPT, "wire: LISTING out of order"));
        TRY(rows_of(m, list + n));
        n += m->n_rows;
    }
    *rows = list;
    *n_rows = n;
    list = NULL;
out:
    free(list);
    return st;
}
