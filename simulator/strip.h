#pragma once
/* Strip: what a mixing desk does to a sound: equalisers, and gain that follows the level. In place, without
 * delay, the same bits from every compiler. Pure. */
#include "simulator/synth.h"

/* Second-order filter of one channel (Bristow-Johnson's cookbook), transposed direct form II. */
typedef struct Biquad {
    float b0, b1, b2, a1, a2;
    float u1, u2; /* state, 0 at first */
} Biquad;
Biquad biquad_lowcut(int32_t rate_hz, float hz);         /* Butterworth highpass */
Biquad biquad_bell(int32_t rate_hz, float hz, float db); /* Q = .8 */
static inline float biquad_next(Biquad *f, float x) {
    float y = f->b0 * x + f->u1;
    f->u1 = f->b1 * x - f->a1 * y + f->u2;
    f->u2 = f->b2 * x - f->a2 * y;
    return y;
}

/* Mean square over the blocks of 50 ms that are not 10 dB below the mean of all: pauses do not count, and a
 * few loud blocks do not say what the music is. 1 where there is none. */
double music_power(const Bus *bus, int32_t rate_hz);

typedef struct Squeeze {
    float threshold_db, ratio; /* threshold against the mean level of the music */
    float attack_s, release_s;
    bool lifts; /* automatic gain: what is under the threshold comes up, by 12 dB times the slope at most */
} Squeeze;
void squeeze(const Squeeze *how, Bus *bus, int32_t rate_hz);
