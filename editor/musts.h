#pragma once
/* Musts: an edit changed so that it holds runs of units whole, and still has the length that was asked for.
 *
 * Planners know nothing of what must be kept. Each run replaces what plays the same bars, else it goes where
 * it costs least; then bars leave or join, cheapest first, until the length fits. The dense reward decides
 * everything. */
#include "common/env/env.h"

enum { MUSTS_MAX_RUNS = 2 * JOB_MAX_RANGES };

typedef struct Sequence {
    int32_t n, max;
    int32_t *units; /* max, the caller's */
    uint8_t *fades;
} Sequence;

/* True when every run is whole and the length fits; the sequence may be anything otherwise. */
bool musts_fit(const EnvSong *es, const Job *job, const JobRange *runs, int32_t n_runs, Sequence *sequence);
/* What of a Job can be told from the sequence: window, must, never, tune, start, end, no_loop. */
bool musts_hold(const Song *song, const Job *job, const Sequence *sequence);
