#pragma once
/* Net: the one ZeroMQ context of a process, rendezvous files, and where servers are found.
 *
 * A rendezvous is a small text file that a server writes when it listens and clients read again after
 * every failed reconnect: "learner ipc:///... tcp://127.0.0.1:17003 KEY". Same host: ipc:// in a 0700
 * folder. Across hosts: tcp:// with CURVE and an allow-list. */
#include "common/core/status.h"
#include "common/host/cache.h"

typedef struct Net Net;
Status net_open(Net **out); /* once in a process */
void net_close(Net *net);

enum { ENDPOINT_BYTES = 256 };

typedef struct Rendezvous {
    char role[32];               /* "learner", "featurizer" */
    char local[ENDPOINT_BYTES];  /* ipc:// endpoint, "" when there is none */
    char remote[ENDPOINT_BYTES]; /* tcp:// endpoint, "" when there is none */
    char server_key[48];         /* Z85 CURVE public key, "" without encryption */
    char host[128];
    uint64_t epoch;
    bool ended; /* the server of this epoch has finished; nobody listens */
} Rendezvous;
Status rendezvous_write(const char *path, const Rendezvous *r);
Status rendezvous_read(const char *path, Rendezvous *r);

/* How to listen. ipc is always offered; tcp when bind is not "". keys: folder made by `bandsaw keygen`
 * (server.key, client.key, allow.d); "" = no CURVE, allowed on loopback only unless plaintext is set. */
typedef struct ListenOptions {
    char bind[128]; /* "127.0.0.1", "0.0.0.0", "" */
    char keys[PATH_BYTES];
    char rendezvous[PATH_BYTES];
    bool plaintext;
} ListenOptions;

/* How to reach a server. */
typedef struct ReachOptions {
    char rendezvous[PATH_BYTES]; /* file */
    char keys[PATH_BYTES];
} ReachOptions;

/* Makes a folder with server.key, client.key (0600) and allow.d/ holding the client's public key. Fine
 * when it is there already. */
Status net_keygen(const char *folder);
