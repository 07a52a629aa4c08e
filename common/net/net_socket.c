/* Listening, reaching, sending and receiving.
 *
 * Rules that were paid for (research on libzmq 4.3.4): ROUTER_MANDATORY, or what cannot be sent vanishes;
 * never its own heartbeats, they abort the process when a queue is full; ports below 32768, or a reconnect
 * may reach itself; ZMQ_IMMEDIATE on clients, or messages queue up for a server that is gone. */
#include "common/net/net_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "common/net/net_keys.h"

enum {
    FIRST_PORT = 17000,
    N_PORTS = 1000,
    QUEUE_MESSAGES = 1000, /* a backstop; the protocol's credit is far below */
    MAX_FRAME_BYTES = WIRE_CHUNK_BYTES + (64 << 10),
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 2000,
};

static void set_int(void *s, int option, int value) { zmq_setsockopt(s, option, &value, sizeof value); }

static void *socket_new(Net *net, int type) {
    void *s = zmq_socket(net_context(net), type);
    if (!s) return NULL;
    int64_t max_frame = MAX_FRAME_BYTES;
    zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame);
    set_int(s, ZMQ_SNDHWM, QUEUE_MESSAGES);
    set_int(s, ZMQ_RCVHWM, QUEUE_MESSAGES);
    set_int(s, ZMQ_LINGER, 0);
    set_int(s, ZMQ_TCP_KEEPALIVE, 1);
    set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, 10);
    set_int(s, ZMQ_TCP_KEEPALIVE_INTVL, 5);
    set_int(s, ZMQ_TCP_KEEPALIVE_CNT, 3);
    set_int(s, ZMQ_HANDSHAKE_IVL, 5000);
    if (type == ZMQ_ROUTER) set_int(s, ZMQ_ROUTER_MANDATORY, 1);
    if (type == ZMQ_DEALER) {
        set_int(s, ZMQ_IMMEDIATE, 1);
        set_int(s, ZMQ_RECONNECT_IVL, RECONNECT_MS);
        set_int(s, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    }
    return s;
}

void socket_close(void *socket, int linger_ms) {
    if (!socket) return;
    set_int(socket, ZMQ_LINGER, linger_ms);
    zmq_close(socket);
}

/* ---- where ---- */

/* The folder of ipc endpoints: beside the rendezvous, or, where that makes the path too long for a socket,
 * a short one of this user under /tmp. */
static Status ipc_endpoint(const char *rendezvous, const char *role, char out[ENDPOINT_BYTES]) {
    char folder[PATH_BYTES], real[PATH_BYTES], name[64], path[PATH_BYTES];
    Status st = BS_OK;
    snprintf(folder, sizeof folder, "%s", rendezvous);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    else
        snprintf(folder, sizeof folder, ".");
    if (!realpath(folder[0] ? folder : "/", real)) return fail(BS_IO, "%s: %s", folder, strerror(errno));
    snprintf(name, sizeof name, "%.16s-%08x", role, (unsigned)random_u64());
    TRY(path_join(folder, real, ".ipc"));
    TRY(path_join(path, folder, name));
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        snprintf(folder, sizeof folder, "/tmp/bandsaw-%u", (unsigned)getuid());
        TRY(path_join(path, folder, name));
    }
    TRY(dir_make(folder, 0700));
    if (access(folder, R_OK | W_OK | X_OK) != 0) TRY(fail(BS_IO, "%s: %s", folder, strerror(errno)));
    snprintf(out, ENDPOINT_BYTES, "ipc://%.200s", path);
out:
    return st;
}

static bool is_loopback(const char *bind) {
    return strncmp(bind, "127.", 4) == 0 || strcmp(bind, "localhost") == 0;
}

static Status guard(Net *net, void *socket, const ListenOptions *o, Rendezvous *r) {
    char public_key[KEY_Z85], secret[KEY_Z85], domain[16];
    Status st = BS_OK;
    if (!o->keys[0]) {
        if (!is_loopback(o->bind) && !o->plaintext)
            return fail(BS_INVALID,
                        "listening on %s needs keys: make some with 'bandsaw keygen', or allow plain text",
                        o->bind);
        return BS_OK;
    }
    TRY(keys_read(o->keys, "server.key", public_key, secret));
    TRY(net_domain(net, o->keys, domain));
    set_int(socket, ZMQ_CURVE_SERVER, 1);
    if (zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, KEY_Z85 - 1) != 0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0)
        TRY(fail(BS_CORRUPT, "%s/server.key: %s", o->keys, zmq_strerror(zmq_errno())));
    snprintf(r->server_key, sizeof r->server_key, "%s", public_key);
out:
    return st;
}

static Status bind_tcp(void *socket, const ListenOptions *o, Rendezvous *r) {
    unsigned start = (unsigned)(random_u64() % N_PORTS);
    for (unsigned i = 0; i < N_PORTS; i++) {
        unsigned port = FIRST_PORT + (start + i) % N_PORTS;
        char endpoint[ENDPOINT_BYTES];
        snprintf(endpoint, sizeof endpoint, "tcp://%s:%u", o->bind, port);
        if (zmq_bind(socket, endpoint) == 0) {
            bool every = strcmp(o->bind, "0.0.0.0") == 0 || strcmp(o->bind, "*") == 0;
            snprintf(r->remote, sizeof r->remote, "tcp://%s:%u", every ? r->host : o->bind, port);
            return BS_OK;
        }
        if (zmq_errno() != EADDRINUSE) return fail(BS_IO, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
    }
    return fail(BS_IO, "no free port of %d..%d on %s", FIRST_PORT, FIRST_PORT + N_PORTS - 1, o->bind);
}

Status socket_listen(Net *net, const ListenOptions *o, const char *role, uint64_t epoch, void **out,
                     Rendezvous *written) {
    Rendezvous r = {.epoch = epoch}, old;
    Status st = BS_OK;
    void *s = socket_new(net, ZMQ_ROUTER);
    if (!s) return fail(BS_IO, "net: no socket: %s", zmq_strerror(zmq_errno()));
    snprintf(r.role, sizeof r.role, "%s", role);
    if (gethostname(r.host, sizeof r.host - 1) != 0) snprintf(r.host, sizeof r.host, "localhost");
    TRY(ipc_endpoint(o->rendezvous, role, r.local));
    if (file_exists(o->rendezvous) && rendezvous_read(o->rendezvous, &old) == BS_OK &&
        strcmp(old.host, r.host) == 0 && strncmp(old.local, "ipc://", 6) == 0)
        unlink(old.local + 6); /* left behind by a server that was killed */
    if (zmq_bind(s, r.local) != 0) TRY(fail(BS_IO, "%s: %s", r.local, zmq_strerror(zmq_errno())));
    if (o->bind[0]) { /* keys are set after the ipc bind: they hold for what is bound from here on */
        TRY(guard(net, s, o, &r));
        TRY(bind_tcp(s, o, &r));
    }
    TRY(rendezvous_write(o->rendezvous, &r));
    *written = r;
    *out = s;
out:
    if (st != BS_OK) socket_close(s, 0);
    return st;
}

Status socket_reach(Net *net, const ReachOptions *o, Rendezvous *where, void **out) {
    char host[128] = "", public_key[KEY_Z85], secret[KEY_Z85];
    Status st = BS_OK;
    void *s = NULL;
    TRY(rendezvous_read(o->rendezvous, where));
    if (where->ended) TRY(fail(BS_NOT_FOUND, "%s: the %s has ended", o->rendezvous, where->role));
    gethostname(host, sizeof host - 1);
    bool local = where->local[0] && strcmp(host, where->host) == 0 && access(where->local + 6, W_OK) == 0;
    const char *endpoint = local ? where->local : where->remote;
    if (!endpoint[0])
        TRY(fail(BS_NOT_FOUND, "%s: %s is on host %s and offers no tcp", o->rendezvous, where->role,
                 where->host));
    s = socket_new(net, ZMQ_DEALER);
    if (!s) TRY(fail(BS_IO, "net: no socket: %s", zmq_strerror(zmq_errno())));
    if (!local && where->server_key[0]) {
        if (!o->keys[0])
            TRY(fail(BS_INVALID, "%s: %s wants keys, none are given", o->rendezvous, where->role));
        TRY(keys_read(o->keys, "client.key", public_key, secret));
        zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, where->server_key, KEY_Z85 - 1);
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public_key, KEY_Z85 - 1);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, KEY_Z85 - 1);
    }
    if (zmq_connect(s, endpoint) != 0) TRY(fail(BS_IO, "%s: %s", endpoint, zmq_strerror(zmq_errno())));
    *out = s;
out:
    if (st != BS_OK) socket_close(s, 0);
    return st;
}

void rendezvous_end(const char *path, const Rendezvous *r) {
    Rendezvous now;
    if (rendezvous_read(path, &now) != BS_OK || now.epoch != r->epoch || strcmp(now.local, r->local) != 0)
        return;
    now.ended = true;
    (void)rendezvous_write(path, &now);
}

/* ---- messages ---- */

/* A ROUTER names peers by 5 bytes: 0 and its own 32-bit counter. */
static void name_of(uint64_t peer, uint8_t name[5]) {
    name[0] = 0;
    uint32_t n = (uint32_t)peer;
    memcpy(name + 1, &n, 4);
}

Status socket_send(void *socket, bool router, uint64_t peer, const WireOut *out) {
    uint8_t name[5];
    name_of(peer, name);
    if (router && zmq_send(socket, name, sizeof name, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        if (zmq_errno() == EHOSTUNREACH) return BS_CLOSED;
        return zmq_errno() == EAGAIN ? BS_AGAIN : fail(BS_IO, "net: %s", zmq_strerror(zmq_errno()));
    }
    for (int i = 0; i < out->n_frames; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < out->n_frames ? ZMQ_SNDMORE : 0);
        if (zmq_send(socket, out->frames[i].bytes, out->frames[i].n_bytes, flags) < 0)
            return zmq_errno() == EAGAIN ? BS_AGAIN : fail(BS_IO, "net: %s", zmq_strerror(zmq_errno()));
    }
    return BS_OK;
}

typedef struct Parts {
    zmq_msg_t part[WIRE_FRAMES + 1];
    int n;
} Parts;

Status socket_in_init(SocketIn *in) {
    *in = (SocketIn){.wire = malloc(sizeof(WireIn)), .parts = calloc(1, sizeof(Parts))};
    if (in->wire && in->parts) return BS_OK;
    socket_in_drop(in);
    return fail(BS_NOMEM, "net: no memory to receive");
}

static void parts_close(Parts *p) {
    while (p->n > 0) zmq_msg_close(&p->part[--p->n]);
}

void socket_in_drop(SocketIn *in) {
    if (in->parts) parts_close(in->parts);
    free(in->parts);
    free(in->wire);
    *in = (SocketIn){0};
}

Status socket_receive(void *socket, bool router, SocketIn *in) {
    Parts *p = in->parts;
    parts_close(p);
    bool fits = true;
    for (int more = 1; more;) {
        zmq_msg_t *part = &p->part[p->n];
        zmq_msg_init(part);
        if (zmq_msg_recv(part, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(part);
            return BS_AGAIN; /* parts of one message arrive together, so this is before the first */
        }
        more = zmq_msg_more(part);
        if (p->n < WIRE_FRAMES) {
            p->n++;
        } else { /* more than any message of ours has, unless this is the last of a ROUTER's */
            if (more || !router || p->n > WIRE_FRAMES) fits = false;
            if (fits)
                p->n++;
            else
                zmq_msg_close(part);
        }
    }
    if (!fits) return fail(BS_CORRUPT, "wire: too many frames");
    int first = router ? 1 : 0;
    Frame frames[WIRE_FRAMES + 1];
    for (int i = first; i < p->n; i++)
        frames[i - first] = (Frame){zmq_msg_data(&p->part[i]), zmq_msg_size(&p->part[i])};
    if (router) {
        const uint8_t *name = zmq_msg_data(&p->part[0]);
        uint32_t n;
        if (zmq_msg_size(&p->part[0]) != 5 || name[0] != 0)
            return fail(BS_CORRUPT, "wire: a peer with a name of its own");
        memcpy(&n, name + 1, 4);
        in->peer = n;
    }
    return wire_decode(frames, p->n - first, in->wire);
}

bool socket_writable(void *socket) {
    int events = 0;
    size_t n = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &n) == 0 && (events & ZMQ_POLLOUT);
}

void socket_wait(void *socket, int fd, int timeout_ms) {
    zmq_pollitem_t items[2] = {{.socket = socket, .events = ZMQ_POLLIN}, {.fd = fd, .events = ZMQ_POLLIN}};
    if (socket)
        zmq_poll(items, fd >= 0 ? 2 : 1, timeout_ms);
    else
        zmq_poll(items + 1, fd >= 0 ? 1 : 0, timeout_ms);
}

void socket_answer_get(void *socket, uint64_t peer, Cache *cache, const BlobMessage *get, WireOut *out) {
    FileMap map = {0};
    BlobMessage m = {.type = BLOB_CHUNK, .hash = get->hash};
    if (cache_map(cache, &get->hash, &map) != BS_OK) {
        m.missing = true;
        if (wire_encode_blob(&m, out) == BS_OK) (void)socket_send(socket, true, peer, out);
        return;
    }
    uint32_t n = get->n_chunks < CHUNKS_AT_ONCE ? get->n_chunks : CHUNKS_AT_ONCE;
    m.total_bytes = map.n_bytes;
    for (uint32_t i = 0; i < n; i++) {
        m.index = get->first_chunk + i;
        uint64_t start = (uint64_t)m.index * WIRE_CHUNK_BYTES, left = map.n_bytes - start;
        if (start >= map.n_bytes && !(start == 0 && map.n_bytes == 0)) break;
        m.bytes = (const char *)map.bytes + start;
        m.n_bytes = left < WIRE_CHUNK_BYTES ? left : WIRE_CHUNK_BYTES;
        if (wire_encode_blob(&m, out) != BS_OK || socket_send(socket, true, peer, out) != BS_OK)
            break; /* it asks again */
    }
    file_unmap(&map);
}
