#pragma once
/* Service: a dataset's Songs on the wire. GET bytes by hash (heard again when they were
 * evicted or damaged), FEATURIZE a file of it, LIST what is known. */
#include "common/net/blob_service.h"
#include "common/store/store.h"

typedef struct Service Service;

typedef struct ServiceOptions {
    const char *data;
    ListenOptions listen;
    const char *metrics_bind;
    int metrics_port;  /* 0: first free of 17000-17999; -1: none */
    int64_t max_bytes; /* of Songs kept; 0: no limit */
} ServiceOptions;

/* Takes the store's lock, listens, writes the rendezvous. Threads of its own answer until service_close. */
Status service_open(Service **out, const ServiceOptions *options);
void service_close(Service *service);
int service_metrics_port(const Service *service);
