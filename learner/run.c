/* Run: the epoch lies in RUN/epoch as one line of text. RUN/epoch.lock keeps two starts from taking one. */
#include "learner/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/net/net.h"

static Status read_epoch(const char *path, uint64_t *epoch) {
    Status st = BS_OK;
    char *text = NULL;
    size_t n;
    *epoch = 0;
    if (!file_exists(path)) return BS_OK;
    TRY(file_read(path, 64, (void **)&text, &n));
    if (sscanf(text, "%" SCNu64, epoch) != 1) st = fail(BS_CORRUPT, "%s: no epoch in it", path);
out:
    free(text);
    return st;
}

Status run_path(const Run *run, const char *name, char out[PATH_BYTES]) {
    return path_join(out, run->folder, name);
}

Status run_write(const Run *run, const char *name, const void *bytes, size_t n_bytes) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    TRY(run_path(run, name, path));
    TRY(file_replace(path, bytes, n_bytes));
out:
    return st;
}

/* That an earlier start ended is no longer so: an actor that waits for this one would go home. */
static void take_end_back(const Run *run) {
    Rendezvous r;
    if (rendezvous_read(run->rendezvous, &r) == BS_OK && r.ended) unlink(run->rendezvous);
}

Status run_open(Run *run, const char *folder) {
    Status st = BS_OK;
    char path[PATH_BYTES], text[32];
    int lock = -1, n;
    *run = (Run){0};
    TRY(dir_make(folder, 0777));
    n = snprintf(run->folder, PATH_BYTES, "%s", folder);
    if (n < 0 || n >= PATH_BYTES) return fail(BS_TOO_BIG, "%.80s...: path is too long", folder);
    TRY(run_path(run, "checkpoints", run->checkpoints));
    TRY(run_path(run, "rendezvous", run->rendezvous));
    TRY(run_path(run, "epoch.lock", path));
    TRY(file_lock(path, true, &lock));
    TRY(run_path(run, "epoch", path));
    TRY(read_epoch(path, &run->epoch));
    run->epoch++;
    n = snprintf(text, sizeof text, "%" PRIu64 "\n", run->epoch);
    TRY(file_replace(path, text, (size_t)n));
    take_end_back(run);
out:
    if (lock >= 0) file_unlock(lock);
    return st;
}

Status run_check(const Run *run) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    uint64_t epoch;
    TRY(run_path(run, "epoch", path));
    TRY(read_epoch(path, &epoch));
    if (epoch > run->epoch)
        st = fail(BS_CONFLICT, "%s: epoch %" PRIu64 " has taken over from %" PRIu64, run->folder, epoch,
                  run->epoch);
out:
    return st;
}
