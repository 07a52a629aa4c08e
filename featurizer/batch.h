#pragma once
/* Batch: every recording of a dataset into its store, by several workers, and every person's edit beside a
 * recording into demos.jsonl. What is written does not depend on the number of workers. */
#include <stdint.h>

#include "common/core/status.h"

typedef struct BatchOptions {
    const char *data;
    int n_workers; /* 0: one a core */
    bool force;
    const char *stems; /* see Ingest; borrowed */
    int64_t max_bytes; /* of Songs kept; 0: no limit */
} BatchOptions;

typedef struct BatchCounts {
    int n_recordings, n_heard, n_known, n_failed, n_demos, n_refused_pairs;
} BatchCounts;

/* One line on stderr for every file that failed; the others are kept. BS_OK even then: see n_failed. */
Status batch_run(const BatchOptions *options, BatchCounts *counts);
