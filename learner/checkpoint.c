/* Checkpoint: the manifest is text, a line a file, and says how many there are before and after, so that any
 * torn prefix of it is seen:
 *
 *     bandsaw-checkpoint 1 N
 *     NAME SIZE HASH
 *     end N
 */
#include "learner/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/bytes.h"

enum { MANIFEST_BYTES = 8192 };

static void folder_name(uint64_t version, uint64_t epoch, char *out, size_t n) {
    snprintf(out, n, "%06" PRIu64 "-%012" PRIu64, epoch, version);
}

static bool is_checkpoint(const char *name, uint64_t *version, uint64_t *epoch) {
    int n = 0;
    return strspn(name, "0123456789-") == strlen(name) && strlen(name) >= 19 &&
           sscanf(name, "%" SCNu64 "-%" SCNu64 "%n", epoch, version, &n) == 2 && name[n] == 0;
}

static Status write_manifest(const char *folder, const CheckpointFile *files, int n_files) {
    Status st = BS_OK;
    char text[MANIFEST_BYTES], path[PATH_BYTES], hex[HASH_HEX];
    int n = snprintf(text, sizeof text, "bandsaw-checkpoint %d %d\n", CHECKPOINT_FORMAT, n_files);
    for (int i = 0; i < n_files; i++) {
        Hash h = hash_bytes(files[i].bytes, files[i].n_bytes);
        hash_hex(&h, hex);
        n += snprintf(text + n, sizeof text - (size_t)n, "%s %zu %s\n", files[i].name, files[i].n_bytes, hex);
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "end %d\n", n_files);
    TRY(path_join(path, folder, "manifest"));
    TRY(file_append(path, text, (size_t)n, true));
out:
    return st;
}

static Status write_files(const char *folder, const CheckpointFile *files, int n_files) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    TRY(dir_make(folder, 0777));
    for (int i = 0; i < n_files; i++) {
        TRY(path_join(path, folder, files[i].name));
        TRY(file_append(path, files[i].bytes, files[i].n_bytes, true));
    }
    TRY(write_manifest(folder, files, n_files));
    TRY(dir_sync(folder));
out:
    return st;
}

/* Keeps the newest `keep`, and nothing that a killed writer left half done. */
static Status prune(const char *folder, int keep) {
    Status st = BS_OK;
    char **names = NULL, path[PATH_BYTES];
    size_t n = 0;
    uint64_t version, epoch;
    int kept = 0;
    TRY(dir_list(folder, &names, &n));
    for (size_t i = n; i-- > 0;) {
        bool mine = is_checkpoint(names[i], &version, &epoch);
        if (mine && kept++ < keep) continue;
        if (!mine && strncmp(names[i], ".tmp-", 5) != 0) continue;
        TRY(path_join(path, folder, names[i]));
        TRY(dir_remove(path));
    }
out:
    free(names);
    return st;
}

Status checkpoint_write(const char *folder, uint64_t version, uint64_t epoch, const CheckpointFile *files,
                        int n_files, int keep) {
    Status st = BS_OK;
    char name[64], final[PATH_BYTES], temporary[PATH_BYTES], hidden[80];
    BS_ASSERT(n_files <= CHECKPOINT_FILES);
    folder_name(version, epoch, name, sizeof name);
    snprintf(hidden, sizeof hidden, ".tmp-%s", name);
    TRY(dir_make(folder, 0777));
    TRY(path_join(final, folder, name));
    TRY(path_join(temporary, folder, hidden));
    if (file_exists(final)) return BS_OK;
    TRY(dir_remove(temporary));
    TRY(write_files(temporary, files, n_files));
    if (rename(temporary, final) != 0) {
        st = fail(BS_IO, "%s: rename: %s", final, strerror(errno));
        goto out;
    }
    TRY(dir_sync(folder));
    TRY(prune(folder, keep));
out:
    return st == BS_OK ? st : fail_in(st, "checkpoint %" PRIu64, version);
}

/* ---- loading ------------------------------------------------------------------------------------ */

void checkpoint_drop(Checkpoint *c) {
    for (int i = 0; i < c->n_files; i++) free((void *)(uintptr_t)c->files[i].bytes);
    c->n_files = 0;
}

static Status load_file(Checkpoint *c, const char *line) {
    Status st = BS_OK;
    CheckpointFile *f = &c->files[c->n_files];
    char path[PATH_BYTES], hex[HASH_HEX];
    size_t n_bytes, wanted_bytes;
    void *bytes = NULL;
    Hash wanted, got;
    if (c->n_files == CHECKPOINT_FILES || sscanf(line, "%47s %zu %64s", f->name, &wanted_bytes, hex) != 3 ||
        !hash_parse(&wanted, hex) || strchr(f->name, '/') || f->name[0] == '.')
        return fail(BS_CORRUPT, "its manifest cannot be read");
    TRY(path_join(path, c->path, f->name));
    TRY(file_read(path, CHECKPOINT_MAX_BYTES, &bytes, &n_bytes));
    got = hash_bytes(bytes, n_bytes);
    if (n_bytes != wanted_bytes || !hash_equal(&got, &wanted)) {
        free(bytes);
        return fail(BS_CORRUPT, "%s does not match its manifest", f->name);
    }
    f->bytes = bytes;
    f->n_bytes = n_bytes;
    c->n_files++;
out:
    return st;
}

static Status load_one(Checkpoint *c) {
    Status st = BS_OK;
    char path[PATH_BYTES], *text = NULL, *save = NULL;
    size_t n_bytes;
    int format = 0, n_files = 0, n_end = -1;
    c->n_files = 0;
    TRY(path_join(path, c->path, "manifest"));
    TRY(file_read(path, MANIFEST_BYTES, (void **)&text, &n_bytes));
    char *line = strtok_r(text, "\n", &save);
    if (!line || sscanf(line, "bandsaw-checkpoint %d %d", &format, &n_files) != 2) {
        st = fail(BS_CORRUPT, "its manifest cannot be read");
        goto out;
    }
    if (format > CHECKPOINT_FORMAT) {
        st = fail(BS_VERSION, "it has format %d, this program reads up to %d", format, CHECKPOINT_FORMAT);
        goto out;
    }
    while ((line = strtok_r(NULL, "\n", &save)) && strncmp(line, "end ", 4) != 0) TRY(load_file(c, line));
    if (!line || sscanf(line, "end %d", &n_end) != 1 || n_end != n_files || c->n_files != n_files)
        st = fail(BS_CORRUPT, "its manifest is cut off");
out:
    free(text);
    if (st != BS_OK) checkpoint_drop(c);
    return st;
}

Status checkpoint_load(const char *folder, Checkpoint *out, CheckpointSkipped skipped, void *context) {
    Status st = BS_OK;
    char **names = NULL;
    size_t n = 0;
    bool found = false;
    *out = (Checkpoint){0};
    if (!file_exists(folder)) return fail(BS_NOT_FOUND, "%s: no checkpoint", folder);
    TRY(dir_list(folder, &names, &n));
    for (size_t i = n; i-- > 0 && !found;) {
        if (!is_checkpoint(names[i], &out->version, &out->epoch)) continue;
        TRY(path_join(out->path, folder, names[i]));
        Status one = load_one(out);
        if (one == BS_NOMEM) {
            st = one;
            goto out;
        }
        found = one == BS_OK;
        if (!found && skipped) skipped(context, out->path, error_text());
    }
    if (!found) st = fail(BS_NOT_FOUND, "%s: no valid checkpoint", folder);
out:
    free(names);
    return st;
}

const CheckpointFile *checkpoint_find(const Checkpoint *c, const char *name) {
    for (int i = 0; i < c->n_files; i++)
        if (strcmp(c->files[i].name, name) == 0) return &c->files[i];
    return NULL;
}
