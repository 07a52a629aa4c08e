/* The short verbs: health, keygen. */
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/http.h"
#include "common/net/net.h"

static bool wants_help(int argc, char **argv, const char *text) {
    if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0)) return false;
    puts(text);
    return true;
}

/* "17003" or "host:17003" or a run's folder, whose file metrics.address says it. */
static Status find_address(const char *text, char host[128], int *port) {
    char path[PATH_BYTES], line[192];
    snprintf(line, sizeof line, "%s", text);
    if (path_join(path, text, "metrics.address") == BS_OK && file_exists(path)) {
        void *bytes;
        size_t n;
        Status st = file_read(path, sizeof line - 1, &bytes, &n);
        if (st != BS_OK) return st;
        snprintf(line, sizeof line, "%s", (char *)bytes);
        free(bytes);
        line[strcspn(line, "\n")] = 0;
    }
    char *colon = strrchr(line, ':'), *end;
    long value = strtol(colon ? colon + 1 : line, &end, 10);
    if (*end || end == line || value < 1 || value > 65535)
        return fail(BS_INVALID, "'%s' is no port, no host:port and no folder of a run that is going on",
                    text);
    if (colon) *colon = 0;
    snprintf(host, 128, "%.127s", colon ? line : "127.0.0.1");
    *port = (int)value;
    return BS_OK;
}

int verb_health(int argc, char **argv) {
    Status st = BS_OK;
    char host[128], *body = NULL;
    int port, code = 0;
    if (wants_help(argc, argv,
                   "bandsaw health PORT | HOST:PORT | RUN-FOLDER\n\nExit 0 when the program that listens "
                   "there is well."))
        return 0;
    if (argc != 2)
        return complain(fail(BS_INVALID, "which one? usage: bandsaw health PORT | HOST:PORT | RUN-FOLDER"));
    TRY(find_address(argv[1], host, &port));
    TRY(http_get(host, port, "/healthz", 3000, &code, &body));
    body[strcspn(body, "\n")] = 0;
    if (code != 200)
        st = fail(BS_AGAIN, "%s:%d is not well: %s", host, port, body);
    else
        printf("%s\n", body);
out:
    free(body);
    return st == BS_OK ? 0 : complain(st);
}

int verb_keygen(int argc, char **argv) {
    if (wants_help(argc, argv,
                   "bandsaw keygen FOLDER\n\nMakes server.key, client.key and allow.d for encrypted links; "
                   "fine when they are there."))
        return 0;
    if (argc != 2) return complain(fail(BS_INVALID, "which folder? usage: bandsaw keygen FOLDER"));
    Status st = net_keygen(argv[1]);
    if (st == BS_OK) printf("keys: %s\n", argv[1]);
    return st == BS_OK ? 0 : complain(st);
}
