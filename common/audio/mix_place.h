#pragma once
/* Where the ramp of a seam sits and how long it is. Inside common/audio only. */
#include "common/audio/mix_listen.h"

typedef struct Place {
    AudioReader *reader;
    const Tracks *tracks; /* NULL: none */
    int64_t ms;           /* samples in a millisecond */
    int32_t wide;
    Probe a, b, drums;
} Place;

void place_init(Place *place, AudioReader *reader, const Tracks *tracks);
void place_drop(Place *place);

/* A seam that is to be short: before the attack where something is struck near it, else centred. */
Status place_short(Place *place, Seam *seam);
/* A fade of n_samples, centred; shorter where it would blend hits that are not together. */
Status place_long(Place *place, Seam *seam, int64_t n_samples);

/* Samples before `at` at which a song may begin to fade in, and how long it does: the fade is over before the
 * first attack. */
Status place_lead_in(Place *place, int64_t at, int64_t *n_samples, int64_t *fade_samples);
/* How long the recording rings on after `at` without a new attack, up to most_ms. */
typedef struct Ring {
    double before; /* mean square of the 100 ms before */
    double fall;   /* that over what there is at the end of the ring */
} Ring;
Status place_ring(Place *place, int64_t at, int32_t most_ms, int64_t *n_samples, Ring *ring);
