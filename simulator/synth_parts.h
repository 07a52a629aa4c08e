#pragma once
/* What the voices are made of: sines, noise, decays, resonances. Inside the synth only; inline for the inner
 * loops. */
#include "simulator/exact.h"
#include "simulator/synth.h"

static inline float sine_at(const Synth *s, uint32_t phase) {
    uint32_t i = phase >> 21;
    float f = (float)(phase & 0x1FFFFFu) * 0x1p-21f;
    return s->sine[i] + f * (s->sine[i + 1] - s->sine[i]);
}

static inline float noise(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return (float)(int32_t)x * 0x1p-31f;
}
static inline uint32_t noise_seed(uint64_t seed) {
    uint32_t x = (uint32_t)rng_mix(seed, 0x6e6f697365);
    return x ? x : 1;
}

/* One sample's factor of a decay to 1/e in `seconds`. */
static inline float decay_of(const Synth *s, double seconds) {
    return (float)exact_exp2(-1.4426950408889634 / (seconds * s->rate_hz));
}
static inline uint32_t step_of(const Synth *s, double hz) {
    return (uint32_t)(hz / s->rate_hz * 4294967296.0);
}
/* Samples of [at, at + n) that lie on the line; 0 when it begins outside. */
static inline int64_t room_for(const Line *line, int64_t at, int64_t n) {
    if (at < 0 || at >= line->n_samples || n < 0) return 0;
    return at + n > line->n_samples ? line->n_samples - at : n;
}

/* y = g x + a y1 - b y2: a resonance at hz of the given width, with a gain of about 1 at its peak. */
typedef struct Resonator {
    float a, b, g, y1, y2;
} Resonator;
static inline void tune_resonator(const Synth *s, Resonator *r, double hz, double width_hz) {
    double radius = exact_exp2(-4.532360141827194 * width_hz / s->rate_hz); /* exp(-pi w / rate) */
    r->a = (float)(2 * radius * exact_cos(hz / s->rate_hz));
    r->b = (float)(radius * radius);
    r->g = (float)((1 - radius * radius) * exact_sin(hz / s->rate_hz));
}
static inline float ring(Resonator *r, float x) {
    float y = r->g * x + r->a * r->y1 - r->b * r->y2;
    r->y2 = r->y1;
    r->y1 = y;
    return y;
}
