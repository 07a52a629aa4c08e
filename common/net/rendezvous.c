/* The rendezvous file: one "key value" pair a line, written whole or not at all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/net.h"

enum { RENDEZVOUS_VERSION = 1, RENDEZVOUS_MAX_BYTES = 4096 };

Status rendezvous_write(const char *path, const Rendezvous *r) {
    char text[RENDEZVOUS_MAX_BYTES];
    int n = snprintf(text, sizeof text,
                     "bandsaw-rendezvous %d\nrole %s\nlocal %s\nremote %s\nkey %s\nhost %s\nepoch %" PRIu64
                     "\nstate %s\n",
                     RENDEZVOUS_VERSION, r->role, r->local, r->remote, r->server_key, r->host, r->epoch,
                     r->ended ? "ended" : "listening");
    if (n < 0 || (size_t)n >= sizeof text) return fail(BS_TOO_BIG, "%s: rendezvous does not fit", path);
    return file_replace(path, text, (size_t)n);
}

static bool value_of(const char *line, size_t n, const char *key, char *out, size_t out_bytes, bool *ok) {
    size_t k = strlen(key);
    if (n < k + 1 || memcmp(line, key, k) != 0 || line[k] != ' ') return false;
    n -= k + 1;
    if (n >= out_bytes) {
        *ok = false;
        n = 0;
    }
    memcpy(out, line + k + 1, n);
    out[n] = 0;
    return true;
}

Status rendezvous_read(const char *path, Rendezvous *r) {
    void *bytes = NULL;
    size_t n_bytes = 0;
    Status st = BS_OK;
    char version[16] = "", epoch[32] = "", state[16] = "";
    bool ok = true;
    *r = (Rendezvous){0};
    TRY(file_read(path, RENDEZVOUS_MAX_BYTES, &bytes, &n_bytes));
    for (const char *line = bytes, *end = line + n_bytes; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        (void)(value_of(line, n, "bandsaw-rendezvous", version, sizeof version, &ok) ||
               value_of(line, n, "role", r->role, sizeof r->role, &ok) ||
               value_of(line, n, "local", r->local, sizeof r->local, &ok) ||
               value_of(line, n, "remote", r->remote, sizeof r->remote, &ok) ||
               value_of(line, n, "key", r->server_key, sizeof r->server_key, &ok) ||
               value_of(line, n, "host", r->host, sizeof r->host, &ok) ||
               value_of(line, n, "epoch", epoch, sizeof epoch, &ok) ||
               value_of(line, n, "state", state, sizeof state, &ok));
        line += n + 1;
    }
    if (!ok || !version[0] || !r->role[0]) TRY(fail(BS_CORRUPT, "%s: is no rendezvous file", path));
    if (strtol(version, NULL, 10) > RENDEZVOUS_VERSION)
        TRY(fail(BS_VERSION, "%s: rendezvous version %s, this build reads %d", path, version,
                 RENDEZVOUS_VERSION));
    r->epoch = strtoull(epoch, NULL, 10);
    r->ended = strcmp(state, "ended") == 0;
out:
    free(bytes);
    return st;
}
