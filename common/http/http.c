/* Http: libmicrohttpd with one polling thread, exact routes and small limits; and one plain GET. */
#include "common/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/host/clock.h"

enum {
    FIRST_PORT = 17000,
    LAST_PORT = 17999,
    MAX_CONNECTIONS = 64,
    TIMEOUT_S = 10,
    CONNECTION_BYTES = 32 << 10,
    MAX_BODY_BYTES = 16 << 20,
};

struct HttpServer {
    struct MHD_Daemon *daemon;
    size_t n_routes;
    HttpRoute routes[];
};

static enum MHD_Result send_text(struct MHD_Connection *c, int code, const char *type, const char *allow,
                                 void *body, size_t n_bytes, enum MHD_ResponseMemoryMode mode) {
    struct MHD_Response *r = MHD_create_response_from_buffer(n_bytes, body, mode);
    if (!r) {
        if (mode == MHD_RESPMEM_MUST_FREE) free(body);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (allow) MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = MHD_queue_response(c, (unsigned)code, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result send_fixed(struct MHD_Connection *c, int code, const char *allow, const char *text) {
    return send_text(c, code, "text/plain; charset=utf-8", allow, (void *)(uintptr_t)text, strlen(text),
                     MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request) {
    static char seen; /* MHD calls once with the headers and again when the body is in */
    const HttpServer *server = context;
    (void)version;
    (void)upload;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
        *upload_bytes = 0;
        return send_fixed(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD", "only GET and HEAD\n");
    }
    for (size_t i = 0; i < server->n_routes; i++) {
        if (strcmp(url, server->routes[i].path)) continue;
        HttpReply reply = {.code = 200, .content_type = "text/plain; charset=utf-8"};
        server->routes[i].handle(server->routes[i].context, url, &reply);
        if (!reply.body) return send_fixed(c, reply.code == 200 ? 500 : reply.code, NULL, "no answer\n");
        return send_text(c, reply.code, reply.content_type, NULL, reply.body, reply.n_bytes,
                         MHD_RESPMEM_MUST_FREE);
    }
    return send_fixed(c, MHD_HTTP_NOT_FOUND, NULL, "no such page\n");
}

Status http_serve(HttpServer **out, const char *bind, int *port, const HttpRoute *routes, size_t n_routes) {
    *out = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (!bind || !*bind || !strcmp(bind, "localhost")) bind = "127.0.0.1";
    if (inet_pton(AF_INET, bind, &address.sin_addr) != 1)
        return fail(BS_INVALID, "\"%s\": expected an address to listen on, such as 127.0.0.1 or 0.0.0.0",
                    bind);
    if (*port < 0 || *port > 65535) return fail(BS_INVALID, "port %d: expected 0 to 65535", *port);

    HttpServer *server = calloc(1, sizeof *server + n_routes * sizeof *routes);
    if (!server) return fail(BS_NOMEM, "no memory for the http server");
    server->n_routes = n_routes;
    memcpy(server->routes, routes, n_routes * sizeof *routes);
    int first = *port ? *port : FIRST_PORT, last = *port ? *port : LAST_PORT;
    for (int p = first; p <= last && !server->daemon; p++) {
        address.sin_port = htons((uint16_t)p);
        server->daemon =
            MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, (uint16_t)p, NULL, NULL,
                             on_request, server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
                             (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
        if (server->daemon) *port = p;
    }
    if (!server->daemon) {
        free(server);
        if (first == last) return fail(BS_IO, "cannot listen on %s port %d; is it in use?", bind, first);
        return fail(BS_IO, "cannot listen on %s: no free port from %d to %d", bind, first, last);
    }
    *out = server;
    return BS_OK;
}

void http_stop(HttpServer *server) {
    if (!server) return;
    MHD_stop_daemon(server->daemon);
    free(server);
}

/* ---- one GET */

/* Waits until fd is ready or the deadline is past. */
static Status wait_for(int fd, short events, int64_t deadline_ms, const char *where) {
    for (;;) {
        int64_t left_ms = deadline_ms - clock_ms();
        if (left_ms <= 0) return fail(BS_TIMEOUT, "%s: no answer in time", where);
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)left_ms);
        if (n > 0) return BS_OK;
        if (n < 0 && errno != EINTR) return fail(BS_IO, "%s: poll: %s", where, strerror(errno));
    }
}

static Status connect_to(const char *host, int port, int64_t deadline_ms, const char *where, int *fd) {
    char service[16];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    snprintf(service, sizeof service, "%d", port);
    *fd = -1;
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) return fail(BS_NOT_FOUND, "%s: %s", where, gai_strerror(rc));
    Status st = fail(BS_IO, "%s: no address", where);
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        int f = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (f < 0) continue;
        int error = 0;
        socklen_t n = sizeof error;
        if (connect(f, a->ai_addr, a->ai_addrlen) != 0) error = errno;
        if (error == EINPROGRESS) {
            error = 0;
            st = wait_for(f, POLLOUT, deadline_ms, where);
            if (st == BS_OK) getsockopt(f, SOL_SOCKET, SO_ERROR, &error, &n);
        } else {
            st = BS_OK;
        }
        if (st == BS_OK && error) st = fail(BS_IO, "%s: %s", where, strerror(error));
        if (st == BS_OK) {
            *fd = f;
            break;
        }
        close(f);
    }
    freeaddrinfo(found);
    return st;
}

Status http_get(const char *host, int port, const char *path, int timeout_ms, int *code, char **body) {
    *code = 0;
    *body = NULL;
    char where[512], request[1024];
    snprintf(where, sizeof where, "http://%.200s:%d%.200s", host, port, path);
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
                     path, host);
    if (n >= (int)sizeof request) return fail(BS_TOO_BIG, "%s: the address is too long", where);

    int64_t deadline_ms = clock_ms() + timeout_ms;
    int fd = -1;
    char *text = NULL;
    size_t n_text = 0, capacity = 0;
    Status st = BS_OK;
    TRY(connect_to(host, port, deadline_ms, where, &fd));
    for (int sent = 0; sent < n;) {
        TRY(wait_for(fd, POLLOUT, deadline_ms, where));
        ssize_t k = send(fd, request + sent, (size_t)(n - sent), MSG_NOSIGNAL);
        if (k < 0 && errno != EAGAIN && errno != EINTR)
            TRY(fail(BS_IO, "%s: send: %s", where, strerror(errno)));
        if (k > 0) sent += (int)k;
    }
    for (;;) {
        if (n_text + 4096 > capacity) {
            if (n_text > MAX_BODY_BYTES)
                TRY(fail(BS_TOO_BIG, "%s: the answer is over %d bytes", where, MAX_BODY_BYTES));
            char *more = realloc(text, capacity = 2 * capacity + 8192);
            if (!more) TRY(fail(BS_NOMEM, "%s: no memory", where));
            text = more;
        }
        TRY(wait_for(fd, POLLIN, deadline_ms, where));
        ssize_t k = recv(fd, text + n_text, capacity - n_text - 1, 0);
        if (k == 0) break;
        if (k < 0 && errno != EAGAIN && errno != EINTR)
            TRY(fail(BS_IO, "%s: receive: %s", where, strerror(errno)));
        if (k > 0) n_text += (size_t)k;
    }
    text[n_text] = 0;
    char *start = strstr(text, "\r\n\r\n");
    if (sscanf(text, "HTTP/1.%*d %d", code) != 1 || !start)
        TRY(fail(BS_CORRUPT, "%s: the answer is no HTTP", where));
    memmove(text, start + 4, n_text - (size_t)(start + 4 - text) + 1);
    *body = text;
    text = NULL;
out:
    free(text);
    if (fd >= 0) close(fd);
    return st;
}
