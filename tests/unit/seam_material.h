#pragma once
/* Recordings whose seams are hard, each with the grid that a beat tracker might write: drums, chords, noise,
 * silence, hot and clipped bands, played by people. Kept apart from the simulator on purpose. */
#include <math.h>
#include <stdlib.h>

#include "common/core/rng.h"
#include "common/song/edit.h"

enum { MATERIAL_HZ = 44100, MATERIAL_BEATS = 96 };

typedef enum MaterialKind {
    MATERIAL_DRUMS,
    MATERIAL_BAND,
    MATERIAL_PLUCKED,   /* one instrument whose notes begin in 2 to 30 ms and ring */
    MATERIAL_SUSTAINED, /* chords that glide into each other; nothing is struck */
    MATERIAL_NOISE,     /* nothing correlates with anything */
    MATERIAL_SILENT,    /* digital silence, hiss, and now and then a hit */
    MATERIAL_HOT,       /* a band that peaks at full scale */
    MATERIAL_CLIPPED,   /* a band with its tops cut off */
    MATERIAL_KINDS
} MaterialKind;
static const char *const material_names[MATERIAL_KINDS] = {"drums", "band",   "plucked", "sustained",
                                                           "noise", "silent", "hot",     "clipped"};

typedef struct Material {
    MaterialKind kind;
    float *samples; /* mono */
    int64_t n;
    int64_t beat[MATERIAL_BEATS + 1]; /* the written grid: up to 20 ms off what is played */
} Material;

static inline double material_gauss(Rng *rng) {
    double sum = 0;
    for (int k = 0; k < 12; k++) sum += rng_f64(rng);
    return sum - 6;
}

static inline void material_hit(Material *m, Rng *rng, double at, double gain, double decay_s, double dark) {
    const int64_t from = (int64_t)at;
    double low = 0;
    for (int64_t i = 0; i < (int64_t)(7 * decay_s * MATERIAL_HZ) && from + i < m->n; i++) {
        const double v = rng_between(rng, -1, 1);
        low += dark * (v - low);
        m->samples[from + i] += (float)(gain * low * exp(-(double)i / (decay_s * MATERIAL_HZ)));
    }
}

static inline void material_kick(Material *m, double at, double gain) {
    const int64_t from = (int64_t)at;
    for (int64_t i = 0; i < MATERIAL_HZ / 4 && from + i < m->n; i++) {
        const double t = (double)i / MATERIAL_HZ, edge = t < 0.001 ? t / 0.001 : 1;
        m->samples[from + i] +=
            (float)(gain * edge * exp(-t / 0.06) * sin(2 * M_PI * (48 * t + 4 * (1 - exp(-t / 0.02)))));
    }
}

/* A note with partials that begins in attack_s and dies away. */
static inline void material_note(Material *m, Rng *rng, double at, double hz, double gain, double attack_s,
                                 double decay_s, double length_s) {
    const int64_t from = (int64_t)at, n = (int64_t)(length_s * MATERIAL_HZ);
    const double start = rng_f64(rng);
    for (int p = 1; p <= 5; p++) {
        const double step = 2 * M_PI * hz * p / MATERIAL_HZ, turn_c = cos(step), turn_s = sin(step);
        const double dies = exp(-p / (decay_s * MATERIAL_HZ));
        double c = cos(2 * M_PI * start * p * p), s = sin(2 * M_PI * start * p * p), level = gain / p;
        for (int64_t i = 0; i < n && from + i < m->n; i++) {
            const double t = (double)i / MATERIAL_HZ, in = t < attack_s ? t / attack_s : 1,
                         out = length_s - t < 0.03 ? (length_s - t) / 0.03 : 1,
                         turned = c * turn_c - s * turn_s;
            m->samples[from + i] += (float)(level * in * in * out * s);
            s = s * turn_c + c * turn_s;
            c = turned;
            level *= dies;
        }
    }
}

static inline double material_hz(Rng *rng, int low) {
    static const int scale[] = {0, 3, 5, 7, 10, 12, 15};
    return 440 * pow(2, (low + scale[rng_below(rng, 7)] - 69) / 12.0);
}

static inline void material_drums(Material *m, Rng *rng, const double *played, double gain) {
    for (int b = 0; b < MATERIAL_BEATS; b++) {
        const double length = played[b + 1] - played[b];
        if (b % 2 == 0)
            material_kick(m, played[b], 0.8 * gain);
        else
            material_hit(m, rng, played[b], 0.9 * gain, 0.05, 0.6);
        for (int h = 0; h < 2; h++)
            material_hit(m, rng, played[b] + length * h / 2 + 60 * material_gauss(rng), 0.22 * gain, 0.02, 1);
        if (rng_below(rng, 8) == 0) material_hit(m, rng, played[b] + length * 3 / 4, 0.3 * gain, 0.04, 0.6);
    }
}

static inline void material_chords(Material *m, Rng *rng, const double *played, double gain) {
    for (int b = 0; b < MATERIAL_BEATS; b++) {
        const double beat_s = (played[b + 1] - played[b]) / MATERIAL_HZ;
        const double bass = played[b] + 100 * material_gauss(rng);
        material_note(m, rng, bass, material_hz(rng, 36), 0.3 * gain, 0.006, 0.8, beat_s);
        for (int k = 0; k < 3 && b % 4 == 0; k++)
            material_note(m, rng, played[b] + 150 * material_gauss(rng), material_hz(rng, 57), 0.12 * gain,
                          0.01, 2.5, 4 * beat_s);
    }
}

static inline void material_sustained(Material *m, Rng *rng, const double *played) {
    for (int b = 0; b < MATERIAL_BEATS; b += 4) {
        const double bar_s = (played[b + 4] - played[b]) / MATERIAL_HZ;
        for (int k = 0; k < 4; k++)
            material_note(m, rng, played[b] - 4000, material_hz(rng, k ? 57 : 45), 0.12, 0.15, 1e3,
                          bar_s + 0.18);
    }
}

/* The same seed gives the same samples. */
static inline Material material_make(MaterialKind kind, uint64_t seed) {
    Material m = {.kind = kind};
    Rng rng = rng_at(seed, (uint64_t)kind);
    const double beat = MATERIAL_HZ * rng_between(&rng, 0.38, 0.62);
    double played[MATERIAL_BEATS + 1];
    for (int b = 0; b <= MATERIAL_BEATS; b++) {
        played[b] = MATERIAL_HZ + b * beat + 0.005 * MATERIAL_HZ * material_gauss(&rng);
        const double off = 0.007 * material_gauss(&rng);
        m.beat[b] = (int64_t)(played[b] + MATERIAL_HZ * (off > 0.02 ? 0.02 : off < -0.02 ? -0.02 : off));
    }
    m.n = (int64_t)(MATERIAL_HZ * 3 + MATERIAL_BEATS * beat);
    m.samples = calloc((size_t)m.n, sizeof *m.samples);
    if (kind != MATERIAL_SILENT)
        for (int64_t i = 0; i < m.n; i++) m.samples[i] = (float)rng_between(&rng, -2e-4, 2e-4);
    switch (kind) {
    case MATERIAL_DRUMS:
        material_drums(&m, &rng, played, 0.8);
        break;
    case MATERIAL_PLUCKED:
        for (int b = 0; b < MATERIAL_BEATS; b++)
            material_note(&m, &rng, played[b], material_hz(&rng, 52), 0.4, rng_between(&rng, 0.002, 0.03),
                          0.6, 0.9);
        break;
    case MATERIAL_SUSTAINED:
        material_sustained(&m, &rng, played);
        break;
    case MATERIAL_NOISE:
        for (int64_t i = 0; i < m.n; i++)
            m.samples[i] = (float)(rng_between(&rng, -0.4, 0.4) * (1 + 0.5 * sin((double)i * 3e-5)));
        break;
    case MATERIAL_SILENT:
        for (int b = 0; b < MATERIAL_BEATS; b++) {
            if (rng_below(&rng, 4) == 0) material_hit(&m, &rng, played[b], 0.5, 0.06, 0.5);
            if (b % 16 < 8) continue;
            for (int64_t i = m.beat[b]; i < m.beat[b + 1]; i++)
                m.samples[i] += (float)rng_between(&rng, -4e-4, 4e-4);
        }
        break;
    default:
        material_drums(&m, &rng, played, 0.7);
        material_chords(&m, &rng, played, 0.8);
    }
    const float gain = kind == MATERIAL_HOT ? 1.6f : kind == MATERIAL_CLIPPED ? 4 : 1;
    for (int64_t i = 0; i < m.n; i++) {
        const float x = gain * m.samples[i];
        m.samples[i] = kind == MATERIAL_HOT ? tanhf(x) / tanhf(1.6f) : x > 1 ? 1 : x < -1 ? -1 : x;
    }
    return m;
}

/* n_seams cuts from bars to other bars of it, one in eight a longer fade where fades are wanted. */
static inline Status material_edit(const Material *m, int32_t n_seams, bool fades, uint64_t seed,
                                   Edit *edit) {
    Status st = BS_OK;
    Rng rng = rng_at(seed, 99);
    edit_init(edit);
    edit->sample_rate_hz = MATERIAL_HZ;
    for (int last = -1; edit->n_segments <= n_seams;) {
        const int from = 4 * (int)rng_below(&rng, MATERIAL_BEATS / 4 - 2),
                  n = 4 * (1 + (int)rng_below(&rng, 2));
        if (from == last) continue;
        const bool fade = fades && edit->n_segments && rng_below(&rng, 8) == 0;
        TRY(edit_append(edit, m->beat[from], m->beat[from + n],
                        fade ? (Fade)(FADE_HALF_BEAT + rng_below(&rng, 2)) : FADE_SHORT));
        last = from + n;
    }
out:
    return st;
}
