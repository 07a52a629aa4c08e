/* The context, and the thread that decides who may come in (ZAP, RFC 27): the public keys of the files in
 * KEYS/allow.d, read again for every connection, so a key is added or taken away while servers run. */
#include "common/net/net.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "common/net/net_keys.h"
#include "common/net/net_socket.h"

enum { DOMAINS_MAX = 8 };

struct Net {
    void *context;
    pthread_mutex_t lock;
    char keys[DOMAINS_MAX][PATH_BYTES]; /* ZAP domain "dN" is keys[N] */
    int n_domains;
    void *zap;
    pthread_t zap_thread;
};

Status net_open(Net **out) {
    Net *net = calloc(1, sizeof *net);
    if (net) net->context = zmq_ctx_new();
    if (!net || !net->context) {
        free(net);
        return fail(BS_NOMEM, "net: no ZeroMQ context");
    }
    zmq_ctx_set(net->context, ZMQ_MAX_SOCKETS, 4096);
    pthread_mutex_init(&net->lock, NULL);
    *out = net;
    return BS_OK;
}

void net_close(Net *net) {
    if (!net) return;
    zmq_ctx_shutdown(net->context);
    if (net->zap) pthread_join(net->zap_thread, NULL);
    zmq_ctx_term(net->context);
    pthread_mutex_destroy(&net->lock);
    free(net);
}

void *net_context(Net *net) { return net->context; }

uint64_t random_u64(void) {
    uint64_t v = 0;
    while (getrandom(&v, sizeof v, 0) != sizeof v || v == 0) {}
    return v;
}

/* ---- ZAP ---- */

/* One request: version, id, domain, address, identity, mechanism, then the client's 32-byte key. */
static int zap_receive(void *socket, char part[8][256], size_t size[8]) {
    int n = 0, more = 1;
    size_t more_size = sizeof more;
    while (more) {
        char *to = part[n < 8 ? n : 7];
        int got = zmq_recv(socket, to, 255, 0);
        if (got < 0) return -1;
        size[n < 8 ? n : 7] = (size_t)got < 255 ? (size_t)got : 255;
        to[size[n < 8 ? n : 7]] = 0;
        n++;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size);
    }
    return n;
}

static bool zap_allows(Net *net, char part[8][256], const size_t size[8], int n) {
    char key[41], folder[PATH_BYTES];
    if (n != 7 || strcmp(part[5], "CURVE") != 0 || size[6] != 32 || part[2][0] != 'd') return false;
    long domain = strtol(part[2] + 1, NULL, 10);
    pthread_mutex_lock(&net->lock);
    bool known = domain >= 0 && domain < net->n_domains;
    if (known) memcpy(folder, net->keys[domain], sizeof folder);
    pthread_mutex_unlock(&net->lock);
    if (!known || !zmq_z85_encode(key, (const uint8_t *)part[6], 32)) return false;
    return keys_allow(folder, key);
}

static void *zap_main(void *argument) {
    Net *net = argument;
    char part[8][256];
    size_t size[8];
    for (;;) {
        int n = zap_receive(net->zap, part, size);
        if (n < 0) {
            if (zmq_errno() == ETERM) break;
            continue;
        }
        bool ok = zap_allows(net, part, size, n);
        const char *code = ok ? "200" : "400", *why = ok ? "OK" : "key is not in allow.d";
        zmq_send(net->zap, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(net->zap, part[1], n > 1 ? size[1] : 0, ZMQ_SNDMORE);
        zmq_send(net->zap, code, 3, ZMQ_SNDMORE);
        zmq_send(net->zap, why, strlen(why), ZMQ_SNDMORE);
        zmq_send(net->zap, "", 0, ZMQ_SNDMORE);
        zmq_send(net->zap, "", 0, 0);
    }
    socket_close(net->zap, 0);
    return NULL;
}

Status net_domain(Net *net, const char *keys, char domain[16]) {
    Status st = BS_OK;
    pthread_mutex_lock(&net->lock);
    int at = 0;
    while (at < net->n_domains && strcmp(net->keys[at], keys) != 0) at++;
    if (at == DOMAINS_MAX) {
        TRY(fail(BS_TOO_BIG, "net: more than %d key folders in one process", DOMAINS_MAX));
    } else if (at == net->n_domains) {
        snprintf(net->keys[at], PATH_BYTES, "%s", keys);
        net->n_domains++;
    }
    snprintf(domain, 16, "d%d", at);
    if (!net->zap) {
        void *zap = zmq_socket(net->context, ZMQ_REP);
        if (!zap || zmq_bind(zap, "inproc://zeromq.zap.01") != 0)
            TRY(fail(BS_IO, "net: cannot guard keys: %s", zmq_strerror(zmq_errno())));
        net->zap = zap;
        if (pthread_create(&net->zap_thread, NULL, zap_main, net) != 0) {
            net->zap = NULL;
            socket_close(zap, 0);
            TRY(fail(BS_NOMEM, "net: no thread to guard keys"));
        }
    }
out:
    pthread_mutex_unlock(&net->lock);
    return st;
}
