/* CURVE keys: made once, read by servers and clients. */
#include "common/net/net_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static Status write_pair(const char *path, char public_key[KEY_Z85]) {
    char secret[KEY_Z85], text[2 * KEY_Z85 + 2];
    if (zmq_curve_keypair(public_key, secret) != 0)
        return fail(BS_UNSUPPORTED, "%s: this libzmq has no CURVE", path);
    int n = snprintf(text, sizeof text, "%s\n%s\n", public_key, secret);
    mode_t before = umask(0077);
    Status st = file_replace(path, text, (size_t)n);
    umask(before);
    if (st == BS_OK && chmod(path, 0600) != 0) st = fail(BS_IO, "%s: cannot be made private", path);
    return st;
}

Status keys_read(const char *folder, const char *name, char public_key[KEY_Z85], char secret_key[KEY_Z85]) {
    char path[PATH_BYTES];
    void *bytes = NULL;
    size_t n = 0;
    Status st = BS_OK;
    TRY(path_join(path, folder, name));
    TRY(file_read(path, 4096, &bytes, &n));
    if (sscanf(bytes, "%40s %40s", public_key, secret_key) != 2 || strlen(public_key) != 40 ||
        strlen(secret_key) != 40)
        TRY(fail(BS_CORRUPT, "%s: is no pair of keys; make a new folder with 'bandsaw keygen'", path));
out:
    free(bytes);
    return st;
}

Status net_keygen(const char *folder) {
    char server[PATH_BYTES], client[PATH_BYTES], allow[PATH_BYTES], name[PATH_BYTES], key[KEY_Z85],
        secret[KEY_Z85];
    Status st = BS_OK;
    TRY(path_join(server, folder, "server.key"));
    TRY(path_join(client, folder, "client.key"));
    TRY(path_join(allow, folder, "allow.d"));
    TRY(path_join(name, allow, "client.pub"));
    TRY(dir_make(folder, 0700));
    TRY(dir_make(allow, 0700));
    if (!file_exists(server)) TRY(write_pair(server, key));
    if (!file_exists(client))
        TRY(write_pair(client, key));
    else
        TRY(keys_read(folder, "client.key", key, secret));
    if (!file_exists(name)) TRY(file_replace(name, key, strlen(key)));
out:
    return st;
}

bool keys_allow(const char *folder, const char *public_key) {
    char allow[PATH_BYTES], path[PATH_BYTES], **names = NULL;
    size_t n_names = 0;
    bool ok = false;
    if (path_join(allow, folder, "allow.d") != BS_OK || dir_list(allow, &names, &n_names) != BS_OK)
        return false;
    for (size_t i = 0; i < n_names && !ok; i++) {
        void *bytes = NULL;
        size_t n = 0;
        if (names[i][0] == '.' || path_join(path, allow, names[i]) != BS_OK) continue;
        if (file_read(path, 4096, &bytes, &n) != BS_OK) continue;
        ok = n >= 40 && memcmp(bytes, public_key, 40) == 0;
        free(bytes);
    }
    free(names);
    return ok;
}
