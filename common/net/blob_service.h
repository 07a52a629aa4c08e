#pragma once
/* Blob service and client: immutable blobs by hash in 1 MiB chunks, and the featurizer's requests.
 *
 * Server: one thread owns a ROUTER socket and answers GET from a Cache; FEATURIZE and LIST are handed to
 * callbacks. Client: asks, waits with a deadline, retries with a fresh socket (Lazy Pirate), verifies. */
#include "common/net/net.h"

enum { BLOB_CHUNK_BYTES = 1 << 20 };

typedef struct SongListing {
    char name[256];
    Hash song;
    double duration_s;
} SongListing;

typedef struct BlobHandlers {
    void *context;
    /* FEATURIZE path (relative to a root the server knows). Runs on a worker thread; progress 0..1. */
    Status (*featurize)(void *context, const char *path, void (*progress)(void *token, double share),
                        void *token, Hash *song);
    /* LIST: malloc'ed array. */
    Status (*list)(void *context, SongListing **rows, size_t *n_rows);
    /* GET of a blob that is not in the Cache, may be NULL: puts it there, or fails. Runs on a worker thread;
     * who asked hears nothing until it is over and asks again. */
    Status (*restore)(void *context, const Hash *blob);
} BlobHandlers;

typedef struct BlobServer BlobServer;
Status blob_serve(BlobServer **out, Net *net, const ListenOptions *listen, const char *role, Cache *blobs,
                  const BlobHandlers *handlers);
void blob_serve_stop(BlobServer *server);

typedef struct BlobClient BlobClient; /* one thread */
Status blob_client_open(BlobClient **out, Net *net, const ReachOptions *reach);
void blob_client_close(BlobClient *client);
/* From any thread: what the client is doing, and all it does later, ends with BS_CLOSED. */
void blob_client_abort(BlobClient *client);
/* Into `cache`, through its claim, verified. Coalesced with other processes of the host. */
Status blob_fetch(BlobClient *client, const Hash *hash, Cache *cache, int timeout_ms);
Status blob_featurize(BlobClient *client, const char *path, void (*progress)(void *context, double share),
                      void *context, Hash *song, int timeout_ms);
Status blob_list(BlobClient *client, SongListing **rows, size_t *n_rows, int timeout_ms);
