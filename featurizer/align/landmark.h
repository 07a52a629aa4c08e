#pragma once
/* Landmark: pairs of spectral peaks that survive equalisers, compressors, reverberation and codecs, and
 * where in a recording each kind of pair is heard (Wang, "An industrial-strength audio search algorithm",
 * ISMIR 2003).
 *
 * Signals are mono at COARSE_HZ. The index holds a few bytes a second; a query is cheap whatever the length
 * of the recording. The index is read-only once made; a LandmarkQuery belongs to one thread. */
#include "common/core/status.h"
#include <stdint.h>

typedef struct Landmark {
    uint32_t pair; /* the two frequencies and their distance in time */
    int32_t at;    /* of the first peak, in units of LANDMARK_STEP coarse samples */
} Landmark;

enum { LANDMARK_STEP = 64, LANDMARK_CANDIDATES = 40 };

typedef struct LandmarkIndex LandmarkIndex;
Status landmark_index_new(LandmarkIndex **out, const float *coarse, int64_t n_samples);
void landmark_index_free(LandmarkIndex *index);

/* All landmarks of a signal, from frames at four phases, in order of time; malloc'ed. */
Status landmarks_of(const float *coarse, int64_t n_samples, Landmark **out, int64_t *n);

typedef struct LandmarkQuery LandmarkQuery;
/* For signals of up to n_samples. */
Status landmark_query_new(LandmarkQuery **out, const LandmarkIndex *index, int64_t n_samples);
void landmark_query_free(LandmarkQuery *query);

/* The offsets (recording minus signal, in coarse samples, good to about LANDMARK_STEP) that most of
 * marks[0..n) agree on, best first, with their votes; returns how many, at most LANDMARK_CANDIDATES. */
int32_t landmark_vote(LandmarkQuery *query, const Landmark *marks, int64_t n,
                      int64_t offsets[LANDMARK_CANDIDATES], float votes[LANDMARK_CANDIDATES]);
