#pragma once
/* Alternatives: what another take would make of a segment: its flaws, and what the song would earn or lose.
 */
#include "common/env/env.h"

enum { ALTERNATIVES_MAX = 16 };

typedef struct Alternative {
    int32_t take; /* from 0 */
    int64_t start_sample, end_sample;
    float flaw; /* mean likelihood over its bars that something is wrong */
    float gain; /* dense reward of the song with it, minus without */
} Alternative;

/* Other takes that play the segment's bars from edge to edge, the best first; returns how many. */
int32_t alternatives_of(const EnvSong *es, const Job *job, const Edit *edit, int32_t segment,
                        Alternative list[ALTERNATIVES_MAX]);
/* Mean flaw over the units of [start, end). */
float alternatives_flaw(const Song *song, int64_t start_sample, int64_t end_sample);
