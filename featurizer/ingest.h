#pragma once
/* Ingest: one recording of a dataset into its store, unless the store knows it: by path, size and time first,
 * then by its decoded samples. Several threads may ingest into one store. */
#include "common/store/store.h"
#include "featurizer/featurize.h"

typedef struct Ingest {
    Store *store;      /* borrowed */
    const char *root;  /* the dataset's folder */
    bool force;        /* hear again what is known */
    bool ask_samples;  /* decode first and ask by samples; no use while the index is empty */
    int64_t max_bytes; /* of Songs kept; 0: no limit */
    const char *stems; /* see FeaturizeOptions; borrowed, may be NULL */
} Ingest;

/* `file` is relative to root. *known (may be NULL): nothing had to be heard. A known Song may be one whose
 * blob was evicted: see ingest_restore. */
Status ingest_file(const Ingest *ingest, const char *file, FeaturizeProgress progress, void *context,
                   StoreRow *row, bool *known);
/* Hears the recording of a known Song again, because its blob was evicted or damaged. BS_NOT_FOUND when no
 * file that held it is there unchanged, or when what is heard today is another Song. */
Status ingest_restore(const Ingest *ingest, const Hash *song);
