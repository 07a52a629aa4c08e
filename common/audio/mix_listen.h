#pragma once
/* What a line of the recording does around a place: energy of each millisecond, and attacks in it. Inside
 * common/audio only. */
#include "common/audio/mixdown.h"

#define MIX_SILENCE 1e-10 /* mean square under which nothing is heard */

enum {
    MIX_BEFORE_MS =
        20, /* what an attack is measured against, and over: a probe needs as much to either side */
    MIX_AFTER_MS = 10,
    MIX_MAX_ATTACKS = 256
};

typedef struct Probe {
    int32_t before_ms, n_ms;      /* covers [at - before_ms, at - before_ms + n_ms) */
    float *samples;               /* of as many channels as the reader has */
    double *energy, *edge;        /* mean square of each millisecond, of the sound and of its differences */
    double *rise;                 /* what probe_attacks finds, of each millisecond */
    int64_t room_floats, room_ms; /* grows, is kept */
} Probe;

Status probe_read(Probe *probe, AudioReader *reader, int64_t at, int32_t before_ms, int32_t after_ms);
void probe_drop(Probe *probe);
double probe_energy(const Probe *probe, int32_t at_ms); /* at_ms is relative to `at` */

/* Milliseconds in [from_ms, to_ms] where something is struck, in order: rises of 6 dB and more, of the sound
 * or of what is high in it, that are not 12 dB weaker than the steepest and not 15 dB softer than the loudest
 * of this and the other line. Returns how many. */
int32_t probe_attacks(const Probe *probe, const Probe *other, int32_t from_ms, int32_t to_ms,
                      int32_t at_ms[MIX_MAX_ATTACKS]);

double mix_correlation(const float *a, const float *b, int64_t n);
