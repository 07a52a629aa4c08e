#pragma once
/* A small band for the tests of hearing: kick, snare, hat, bass and chords on a grid the test knows. Kept
 * apart from the simulator on purpose: what is tuned on one should hold on the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"

enum { SYNTH_HZ = 22050 };

typedef struct Synth {
    float *samples;
    int64_t n;
    Rng rng;
} Synth;

static inline Synth synth_new(double seconds, uint64_t seed) {
    Synth s = {NULL, (int64_t)(seconds * SYNTH_HZ), rng_at(seed, 77)};
    s.samples = calloc((size_t)s.n, sizeof(float));
    for (int64_t i = 0; i < s.n; i++) s.samples[i] = (float)rng_between(&s.rng, -0.0008, 0.0008);
    return s;
}

static inline void synth_noise(Synth *s, double at_s, double gain, double decay_s, double dark) {
    int64_t from = (int64_t)(at_s * SYNTH_HZ);
    double low = 0;
    for (int64_t i = 0; i < (int64_t)(6 * decay_s * SYNTH_HZ) && from + i < s->n; i++) {
        double v = rng_between(&s->rng, -1, 1);
        low += dark * (v - low);
        if (from + i >= 0)
            s->samples[from + i] += (float)(gain * (dark < 1 ? low : v) * exp(-i / (decay_s * SYNTH_HZ)));
    }
}

static inline void synth_tone(Synth *s, double at_s, double length_s, double hz, double gain, int partials) {
    int64_t from = (int64_t)(at_s * SYNTH_HZ), n = (int64_t)(length_s * SYNTH_HZ);
    for (int64_t i = 0; i < n && from + i < s->n; i++) {
        double t = (double)i / SYNTH_HZ, v = 0, edge = fmin(1, fmin(t / 0.004, (length_s - t) / 0.02));
        for (int p = 1; p <= partials && p * hz < 9000; p++) v += sin(2 * M_PI * p * hz * t) / p;
        if (from + i >= 0) s->samples[from + i] += (float)(gain * edge * v * exp(-t * 1.5));
    }
}

static inline void synth_kick(Synth *s, double at_s, double gain) {
    int64_t from = (int64_t)(at_s * SYNTH_HZ);
    for (int64_t i = 0; i < SYNTH_HZ / 5 && from + i < s->n; i++) {
        double t = (double)i / SYNTH_HZ;
        double phase = 2 * M_PI * (50 * t + 100 * 0.03 * (1 - exp(-t / 0.03)));
        if (from + i >= 0) s->samples[from + i] += (float)(gain * sin(phase + 0.5) * exp(-t / 0.07));
    }
}

static inline double synth_hz(int midi) { return 440 * pow(2, (midi - 69) / 12.0); }

/* One bar of rock or waltz from beat times t[0..meter]; chord 0..11 is its root, minor or major. */
static inline void synth_bar(Synth *s, const double *t, int meter, int root, int minor, int hats,
                             double gain) {
    int third = minor ? 3 : 4;
    double length = t[meter] - t[0];
    synth_tone(s, t[0], length * 0.95, synth_hz(60 + root), 0.07 * gain, 5);
    synth_tone(s, t[0], length * 0.95, synth_hz(60 + (root + third) % 12), 0.07 * gain, 5);
    synth_tone(s, t[0], length * 0.95, synth_hz(60 + (root + 7) % 12), 0.07 * gain, 5);
    for (int b = 0; b < meter; b++) {
        double beat = t[b + 1] - t[b];
        bool kick = meter == 3 ? b == 0 : b % 2 == 0;
        if (kick) synth_kick(s, t[b], 0.5 * gain);
        if (!kick) synth_noise(s, t[b], 0.25 * gain, 0.05, 1);
        if (b == 0 || meter == 4)
            synth_tone(s, t[b], beat * 0.8, synth_hz(36 + (root + (b == 2 ? 7 : 0)) % 12), 0.18 * gain, 4);
        for (int h = 0; h < hats; h++) synth_noise(s, t[b] + beat * h / hats, 0.06 * gain, 0.015, 1);
    }
}
