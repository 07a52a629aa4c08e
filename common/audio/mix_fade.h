#pragma once
/* What the plan measures with and the render applies: reading past the ends, and the weights of a ramp.
 * Inside common/audio only. */
#include "common/audio/mixdown.h"

/* Frames [at, at + n) of the recording; silence where it has none (at may be negative). */
Status mix_read(AudioReader *reader, int64_t at, int64_t n, float *out);

/* Weights of A and B at frame i of a ramp: s = (i + 1/2) / n, g = s / sqrt(s^2 + (1-s)^2 + 2 rho s (1-s)),
 * which keeps the power of two signals of correlation rho. Where A rings on, B comes in over what is not its
 * ring, and A goes out over all of it, both as raised cosines. */
void mix_weights(const Seam *seam, int64_t i, float *a, float *b);

/* Share 0..1 of a seam's lowered gain that applies at frame i: 1 inside, 0 at the ends of the ramp. */
float mix_hold(int64_t i, int64_t n);

/* Fades a recording in or out of silence: raised cosine, 0 before frame 0 and 1 from frame n on. */
float mix_edge(int64_t i, int64_t n);
