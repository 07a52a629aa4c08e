#pragma once
/* Sockets of the links: how a server listens, how a client reaches it, and whole messages in and out.
 * Internal to common/net; one thread owns a socket. */
#include "common/net/net.h"
#include "common/net/wire.h"

/* Binds ipc and, where asked, tcp; writes the rendezvous. *socket is a ROUTER. */
Status socket_listen(Net *net, const ListenOptions *o, const char *role, uint64_t epoch, void **socket,
                     Rendezvous *r);
/* Writes that nobody listens any more, unless another server has taken the rendezvous over. */
void rendezvous_end(const char *path, const Rendezvous *r);
/* Reads the rendezvous and connects a fresh DEALER. It takes a moment until socket_writable. */
Status socket_reach(Net *net, const ReachOptions *o, Rendezvous *where, void **socket);
/* linger_ms: how long what is queued may still leave. */
void socket_close(void *socket, int linger_ms);

/* Never waits. To a ROUTER `peer` says who; for a DEALER it is ignored. BS_AGAIN: the peer's queue is full;
 * BS_CLOSED: that peer of a ROUTER is gone. */
Status socket_send(void *socket, bool router, uint64_t peer, const WireOut *out);

/* BS_AGAIN: nothing there. Other errors: what came was not a message of ours and is gone; go on. */
typedef struct SocketIn {
    uint64_t peer; /* of a ROUTER */
    WireIn *wire;
    void *parts; /* holds the frames that wire.blob borrows; internal */
} SocketIn;
Status socket_in_init(SocketIn *in);
void socket_in_drop(SocketIn *in);
Status socket_receive(void *socket, bool router, SocketIn *in);

/* Connected, with room to send? */
bool socket_writable(void *socket);
/* Readable? Waits up to timeout_ms for the socket or the file descriptor (-1: none). */
void socket_wait(void *socket, int fd, int timeout_ms);

/* Answers a GET out of `cache`, at most CHUNKS_AT_ONCE chunks. */
enum { CHUNKS_AT_ONCE = 4 };
void socket_answer_get(void *socket, uint64_t peer, Cache *cache, const BlobMessage *get, WireOut *out);

uint64_t random_u64(void);
