#pragma once
/* Http: a small server over libmicrohttpd for metrics, health and the feedback page. One thread of its own;
 * handlers run on it and must be quick. Loopback by default. GET and HEAD only here. */
#include "common/core/status.h"

typedef struct HttpReply {
    int code;
    const char *content_type;
    char *body; /* malloc'ed; the server frees it */
    size_t n_bytes;
} HttpReply;

typedef struct HttpRoute {
    const char *path; /* exact */
    void (*handle)(void *context, const char *path, HttpReply *reply);
    void *context;
} HttpRoute;

typedef struct HttpServer HttpServer;
/* port 0: the first free of 17000-17999; *port gets the one taken. */
Status http_serve(HttpServer **out, const char *bind, int *port, const HttpRoute *routes, size_t n_routes);
void http_stop(HttpServer *server);
/* One GET with a deadline, for `bandsaw health` and tests: body malloc'ed, NUL-terminated. */
Status http_get(const char *host, int port, const char *path, int timeout_ms, int *code, char **body);
