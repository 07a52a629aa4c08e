#pragma once
/* Run: the folder of one training run, and the epoch that says which learner owns it.
 *
 * Each start takes the next epoch and fsyncs it before the first message. Whoever finds a higher one in the
 * folder than its own has been replaced and must stop. */
#include "common/host/file.h"

typedef struct Run {
    char folder[PATH_BYTES], checkpoints[PATH_BYTES], rendezvous[PATH_BYTES];
    uint64_t epoch;
} Run;

/* Makes the folder, takes the next epoch. */
Status run_open(Run *run, const char *folder);
/* BS_CONFLICT when a later learner took the run. */
Status run_check(const Run *run);
/* The path of a file of the run. */
Status run_path(const Run *run, const char *name, char out[PATH_BYTES]);
/* Replaces a file of the run whole. */
Status run_write(const Run *run, const char *name, const void *bytes, size_t n_bytes);
