#pragma once
/* Music from elsewhere: short pieces in fourteen styles whose beats are known, made from timbres and rhythms
 * that the simulator does not have: plucked strings (Karplus-Strong), a struck string with stretched
 * partials, bowed chords without attacks, brushes, ride cymbals, ghost notes, walking bass, claves. For
 * benches, trainers and tests. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"

enum { ELSEWHERE_HZ = 44100, ELSEWHERE_STYLES = 14, ELSEWHERE_MAX_BEATS = 512 };

typedef struct Piece {
    const char *style;
    float *samples; /* mono, owned: free() */
    int64_t n_samples;
    int32_t meter, n_beats, first_phase; /* first_phase: place in the bar of the first beat, for pickups */
    double bpm, at_s[ELSEWHERE_MAX_BEATS + 1];
    Rng rng;
    int silent; /* PieceSound bits that are left out */
} Piece;

typedef enum PieceSound { PIECE_DRUMS = 1, PIECE_BASS = 2, PIECE_CHORDS = 4, PIECE_ALL = 7 } PieceSound;
enum { PIECE_BASS_BELOW = 48 }; /* MIDI */

static inline double piece_hz(double midi) { return 440 * pow(2, (midi - 69) / 12); }

static inline double piece_gain(const Piece *p, PieceSound sound, double gain) {
    return p->silent & sound ? 0 : gain;
}
static inline double piece_note_gain(const Piece *p, double midi, double gain) {
    return piece_gain(p, midi < PIECE_BASS_BELOW ? PIECE_BASS : PIECE_CHORDS, gain);
}

/* ---- voices ------------------------------------------------------------------------------------ */

static inline void piece_pluck(Piece *p, double at_s, double length_s, double midi, double gain) {
    gain = piece_note_gain(p, midi, gain);
    double period = ELSEWHERE_HZ / piece_hz(midi) - 0.5;
    int32_t size = (int32_t)period + 2;
    float *line = malloc(sizeof(float) * (size_t)size);
    double last = 0;
    for (int32_t i = 0; i < size; i++) {
        last += 0.6 * (rng_between(&p->rng, -1, 1) - last);
        line[i] = (float)last;
    }
    int64_t from = (int64_t)(at_s * ELSEWHERE_HZ), n = (int64_t)(length_s * ELSEWHERE_HZ);
    int32_t w = 0, n_line = (int32_t)period;
    for (int64_t i = 0; i < n && from + i < p->n_samples; i++) {
        float v = line[w], next = line[(w + 1) % n_line];
        double out = fmin(1, (double)(n - i) / 800) * gain * v;
        if (from + i >= 0) p->samples[from + i] += (float)out;
        line[w] = 0.498F * (v + next);
        w = (w + 1) % n_line;
    }
    free(line);
}

static inline void piece_piano(Piece *p, double at_s, double length_s, double midi, double gain) {
    gain = piece_note_gain(p, midi, gain);
    int64_t from = (int64_t)(at_s * ELSEWHERE_HZ), n = (int64_t)((length_s + 0.15) * ELSEWHERE_HZ);
    double f = piece_hz(midi);
    for (int k = 1; k <= 10; k++) {
        double hz = f * k * sqrt(1 + 0.0004 * k * k), a = gain / pow(k, 1.25),
               decay = 1.2 + 0.5 * k + f / 400, phase = rng_between(&p->rng, 0, 6.28);
        if (hz > 12000) break;
        double c = cos(2 * M_PI * hz / ELSEWHERE_HZ) * 2, y1 = sin(phase),
               y2 = sin(phase - 2 * M_PI * hz / ELSEWHERE_HZ);
        double env = a, fall = exp(-decay / ELSEWHERE_HZ);
        for (int64_t i = 0; i < n && from + i < p->n_samples; i++) {
            double y = c * y1 - y2, edge = fmin(1, fmin(i / 90.0, (double)(n - i) / 4000));
            y2 = y1, y1 = y, env *= fall;
            if (from + i >= 0) p->samples[from + i] += (float)(env * edge * y);
        }
    }
    for (int i = 0; i < 300 && from + i < p->n_samples; i++)
        if (from + i >= 0)
            p->samples[from + i] += (float)(rng_between(&p->rng, -1, 1) * 0.15 * gain * (1 - i / 300.0));
}

/* Swells in over `attack_s`: no transient at all. */
static inline void piece_bow(Piece *p, double at_s, double length_s, double midi, double gain,
                             double attack_s) {
    gain = piece_note_gain(p, midi, gain);
    int64_t from = (int64_t)(at_s * ELSEWHERE_HZ), n = (int64_t)((length_s + 0.1) * ELSEWHERE_HZ);
    double f = piece_hz(midi), phase = rng_between(&p->rng, 0, 1), low = 0,
           rate = rng_between(&p->rng, 4.8, 6);
    for (int64_t i = 0; i < n && from + i < p->n_samples; i++) {
        double t = (double)i / ELSEWHERE_HZ, vibrato = 1 + 0.004 * sin(2 * M_PI * rate * t) * fmin(1, t * 2);
        phase += f * vibrato / ELSEWHERE_HZ;
        phase -= floor(phase);
        low += 0.12 * (2 * phase - 1 - low);
        double edge = fmin(1, fmin(t / attack_s, (double)(n - i) / ELSEWHERE_HZ / 0.12));
        if (from + i >= 0) p->samples[from + i] += (float)(gain * edge * low);
    }
}

static inline void piece_noise(Piece *p, double at_s, double gain, double decay_s, double low, double high) {
    gain = piece_gain(p, PIECE_DRUMS, gain);
    int64_t from = (int64_t)(at_s * ELSEWHERE_HZ);
    double a = 0, b = 0;
    for (int64_t i = 0; i < (int64_t)(7 * decay_s * ELSEWHERE_HZ) && from + i < p->n_samples; i++) {
        double v = rng_between(&p->rng, -1, 1);
        a += high * (v - a); /* one-pole band */
        b += low * (a - b);
        if (from + i >= 0)
            p->samples[from + i] += (float)(gain * (a - b) * exp(-i / (decay_s * ELSEWHERE_HZ)));
    }
}

static inline void piece_kick(Piece *p, double at_s, double gain, double hz) {
    gain = piece_gain(p, PIECE_DRUMS, gain);
    int64_t from = (int64_t)(at_s * ELSEWHERE_HZ);
    double phase = 0;
    for (int64_t i = 0; i < ELSEWHERE_HZ / 3 && from + i < p->n_samples; i++) {
        double t = (double)i / ELSEWHERE_HZ;
        phase += 2 * M_PI * (hz + 140 * exp(-t / 0.02)) / ELSEWHERE_HZ;
        if (from + i >= 0) p->samples[from + i] += (float)(gain * sin(phase) * exp(-t / 0.09));
    }
}

static inline void piece_snare(Piece *p, double at_s, double gain) {
    piece_noise(p, at_s, 0.9 * gain, 0.06, 0.03, 0.7);
    piece_kick(p, at_s, 0.35 * gain, 190);
}

static inline void piece_hat(Piece *p, double at_s, double gain) {
    piece_noise(p, at_s, gain, 0.018, 0.7, 1);
}

static inline void piece_ride(Piece *p, double at_s, double gain) {
    gain = piece_gain(p, PIECE_DRUMS, gain);
    static const double hz[] = {3127, 4371, 5190, 6733, 8219, 9870};
    int64_t from = (int64_t)(at_s * ELSEWHERE_HZ);
    for (int64_t i = 0; i < ELSEWHERE_HZ / 2 && from + i < p->n_samples; i++) {
        double v = 0, t = (double)i / ELSEWHERE_HZ;
        for (int k = 0; k < 6; k++) v += fmod(t * hz[k], 1) < 0.5 ? 0.17 : -0.17;
        if (from + i >= 0)
            p->samples[from + i] += (float)(gain * v * (0.6 * exp(-t / 0.03) + 0.4 * exp(-t / 0.25)));
    }
}

/* ---- pieces ------------------------------------------------------------------------------------ */

typedef struct PieceStyle {
    const char *name;
    int meter;
    double low_bpm, high_bpm, swing, drift; /* swing: where the second eighth lies */
} PieceStyle;

static const PieceStyle piece_styles[ELSEWHERE_STYLES] = {
    {"rock", 4, 80, 175, 0.5, 0.010},        {"funk", 4, 84, 116, 0.5, 0.006},
    {"ballad-piano", 4, 56, 80, 0.5, 0.025}, {"waltz-piano", 3, 90, 190, 0.5, 0.015},
    {"strings", 4, 60, 104, 0.5, 0.012},     {"picking", 4, 88, 132, 0.5, 0.012},
    {"jig-68", 6, 150, 215, 0.5, 0.010},     {"swing", 4, 118, 205, 0.66, 0.010},
    {"reggae", 4, 66, 92, 0.56, 0.006},      {"house", 4, 116, 132, 0.5, 0},
    {"breaks", 4, 158, 176, 0.5, 0},         {"pickup-song", 4, 84, 140, 0.5, 0.012},
    {"bossa", 4, 116, 146, 0.5, 0.008},      {"waltz-strings", 3, 84, 150, 0.5, 0.015},
};

static const int8_t piece_degrees[7] = {0, 2, 4, 5, 7, 9, 11};

static inline double piece_scale(int tonic, int degree) {
    return tonic + 12 * floor(degree / 7.0) + piece_degrees[((degree % 7) + 7) % 7];
}

/* Time of a fraction of a beat, with the style's swing on eighths. */
static inline double piece_time(const Piece *p, const PieceStyle *s, int k, double in_beat) {
    double warped = in_beat < 0.5 ? in_beat * 2 * s->swing : s->swing + (in_beat - 0.5) * 2 * (1 - s->swing);
    return p->at_s[k] + warped * (p->at_s[k + 1] - p->at_s[k]);
}

static inline double piece_loose(Piece *p) { return rng_between(&p->rng, -0.008, 0.008); }

static inline void piece_drums(Piece *p, const PieceStyle *s, int style, int k, int phase) {
    static const double clave[2][8] = {{1, 0, 0, 1, 0, 0, 1, 0}, {0, 0, 1, 0, 1, 0, 0, 0}};
#define AT(x) (piece_time(p, s, k, x) + piece_loose(p))
    switch (style) {
    case 0: /* rock, with ghosts */
        if (phase % 2 == 0) piece_kick(p, AT(0), 0.5, 52);
        if (phase == 2 || rng_f64(&p->rng) < 0.15) piece_kick(p, AT(0.5), 0.4, 52);
        if (phase % 2 == 1) piece_snare(p, AT(0), 0.45);
        if (rng_f64(&p->rng) < 0.4) piece_snare(p, AT(0.75), 0.06);
        for (int h = 0; h < 2; h++) piece_hat(p, AT(h / 2.0), h ? 0.1 : 0.16);
        break;
    case 1: /* funk: sixteenths, syncopated kick */
        if (phase == 0) piece_kick(p, AT(0), 0.5, 55), piece_kick(p, AT(0.75), 0.4, 55);
        if (phase == 2) piece_kick(p, AT(0.5), 0.45, 55);
        if (phase % 2 == 1) piece_snare(p, AT(0), 0.4), piece_snare(p, AT(0.75), 0.07);
        if (phase % 2 == 0) piece_snare(p, AT(0.25), 0.06);
        for (int h = 0; h < 4; h++) piece_hat(p, AT(h / 4.0), h % 2 ? 0.07 : 0.12);
        break;
    case 7: /* swing: ride, hat on two and four */
        piece_ride(p, AT(0), 0.25);
        if (phase % 2 == 1) piece_ride(p, AT(0.5), 0.18), piece_hat(p, AT(0), 0.15);
        if (rng_f64(&p->rng) < 0.15) piece_snare(p, AT(0.5), 0.15);
        break;
    case 8: /* one drop */
        if (phase == 2) piece_kick(p, AT(0), 0.5, 50), piece_snare(p, AT(0), 0.25);
        for (int h = 0; h < 2; h++) piece_hat(p, AT(h / 2.0), 0.1);
        break;
    case 9:
        piece_kick(p, AT(0) - piece_loose(p), 0.6, 48);
        piece_hat(p, AT(0.5), 0.2);
        if (phase % 2 == 1) piece_noise(p, AT(0), 0.3, 0.04, 0.1, 0.6);
        break;
    case 10: /* a break */
        if (phase == 0) piece_kick(p, AT(0), 0.5, 56);
        if (phase == 2) piece_kick(p, AT(0.5), 0.5, 56);
        if (phase % 2 == 1) piece_snare(p, AT(0), 0.45);
        if (phase == 1) piece_snare(p, AT(0.75), 0.15);
        if (phase == 2) piece_snare(p, AT(0.25), 0.12);
        for (int h = 0; h < 2; h++) piece_hat(p, AT(h / 2.0), 0.12);
        break;
    case 11: /* brushes */
        piece_noise(p, AT(0), phase % 2 ? 0.2 : 0.06, 0.07, 0.1, 0.8);
        break;
    case 12: /* clave on eighths over two bars */
        for (int h = 0; h < 2; h++) {
            int bar = (k - p->first_phase) / 4 % 2;
            if (clave[bar & 1][2 * phase + h] > 0) piece_noise(p, AT(h / 2.0), 0.35, 0.012, 0.2, 0.7);
            piece_noise(p, AT(h / 2.0), 0.06, 0.03, 0.5, 1);
        }
        if (phase % 2 == 0) piece_kick(p, AT(0), 0.3, 60);
        if (phase % 2 == 1) piece_kick(p, AT(0.5), 0.2, 60);
        break;
    default:
        break;
    }
}

static inline void piece_notes(Piece *p, const PieceStyle *s, int style, int k, int phase, int chord,
                               int tonic) {
    double beat = p->at_s[k + 1] - p->at_s[k];
    int third = chord + 2, fifth = chord + 4;
#define NOTE(d, up) piece_scale(tonic + (up), d)
    switch (style) {
    case 0:
        piece_pluck(p, AT(0), beat, NOTE(chord, -24), 0.5),
            piece_pluck(p, AT(0.5), beat / 2, NOTE(chord, -24), 0.4);
        if (phase % 2 == 0)
            piece_pluck(p, AT(0), 2 * beat, NOTE(chord, 0), 0.3),
                piece_pluck(p, AT(0), 2 * beat, NOTE(fifth, 0), 0.3);
        break;
    case 1:
        if (phase == 0) piece_pluck(p, AT(0), beat / 2, NOTE(chord, -24), 0.6);
        if (phase != 1) piece_pluck(p, AT(0.75), beat / 4, NOTE(chord, -12), 0.4);
        if (phase == 3) piece_pluck(p, AT(0.5), beat / 3, NOTE(fifth, -24), 0.5);
        if (phase % 2) piece_pluck(p, AT(0.25), beat / 4, NOTE(third, 0), 0.25);
        break;
    case 2: /* ballad: left hand octaves, broken chord in eighths */
        if (phase % 2 == 0) piece_piano(p, AT(0), 2 * beat, NOTE(chord, -24), 0.25);
        for (int h = 0; h < 2; h++)
            piece_piano(p, AT(h / 2.0), beat,
                        NOTE(chord + 2 * ((2 * phase + h) % 4 == 3 ? 1 : (2 * phase + h) % 4), 0), 0.12);
        if (phase == 0 || rng_f64(&p->rng) < 0.4)
            piece_piano(p, AT(0), beat, NOTE(chord + 7 + (int)rng_below(&p->rng, 4), 0), 0.2);
        break;
    case 3: /* oom-pah-pah */
        if (phase == 0)
            piece_piano(p, AT(0), beat, NOTE(chord, -24), 0.35);
        else
            piece_piano(p, AT(0), beat / 2, NOTE(third, 0), 0.14),
                piece_piano(p, AT(0), beat / 2, NOTE(fifth, 0), 0.14);
        if (rng_f64(&p->rng) < 0.7)
            piece_piano(p, AT(0), beat, NOTE(chord + 7 + (int)rng_below(&p->rng, 5), 0), 0.2);
        break;
    case 4:
    case 13: { /* bowed chords; the melody moves on beats */
        bool change = style == 13 ? phase == 0 : phase % 2 == 0;
        double hold = style == 13 ? 3 : 2;
        if (change)
            for (int v = 0; v < 3; v++)
                piece_bow(p, AT(0), hold * beat * 0.97, NOTE(chord + 2 * v, 0), 0.12, 0.06);
        if (change) piece_bow(p, AT(0), hold * beat * 0.97, NOTE(chord, -24), 0.25, 0.07);
        piece_bow(p, AT(0), beat * 0.9, NOTE(chord + 7 + (int)rng_below(&p->rng, 5), 0), 0.14, 0.05);
        break;
    }
    case 5: { /* Travis picking */
        static const int string[8] = {0, 4, 2, 7, 0, 9, 2, 4};
        for (int h = 0; h < 2; h++) {
            int i = 2 * (phase % 4) + h;
            piece_pluck(p, AT(h / 2.0), beat,
                        NOTE(chord + string[i], h        ? 0
                                                : i == 0 ? -12
                                                         : 0),
                        h ? 0.25 : 0.4);
        }
        break;
    }
    case 6: /* jig: running eighths, accents on one and four */
        piece_pluck(p, AT(0), beat, NOTE(chord + 7 + (int)rng_below(&p->rng, 5), 0),
                    phase % 3 == 0 ? 0.5 : 0.28);
        if (phase % 3 == 0) piece_pluck(p, AT(0), 3 * beat, NOTE(phase ? fifth : chord, -24), 0.5);
        if (phase == 0) piece_noise(p, AT(0), 0.3, 0.05, 0.01, 0.12);
        break;
    case 7:
        piece_pluck(p, AT(0), beat, NOTE(chord + (phase == 0 ? 0 : (int)rng_below(&p->rng, 5)), -24), 0.6);
        if ((phase == 0 || phase == 2) && rng_f64(&p->rng) < 0.5) {
            double on = phase ? 0.5 : 0;
            piece_piano(p, AT(on), beat / 2, NOTE(third, 0), 0.12),
                piece_piano(p, AT(on), beat / 2, NOTE(chord + 6, 0), 0.12);
        }
        if (rng_f64(&p->rng) < 0.5)
            piece_bow(p, AT(0.5), beat, NOTE(chord + 7 + (int)rng_below(&p->rng, 5), 0), 0.12, 0.02);
        break;
    case 8:
        piece_piano(p, AT(0.5), beat / 4, NOTE(chord, 0), 0.16),
            piece_piano(p, AT(0.5), beat / 4, NOTE(third, 0), 0.16);
        if (phase != 1) piece_pluck(p, AT(phase == 3 ? 0.5 : 0), beat, NOTE(phase ? fifth : chord, -24), 0.6);
        break;
    case 9:
        piece_bow(p, AT(0.5), beat / 3, NOTE(chord, -24), 0.3, 0.005);
        if (phase == 0)
            for (int v = 0; v < 3; v++) piece_bow(p, AT(0), 4 * beat, NOTE(chord + 2 * v, 0), 0.1, 0.08);
        break;
    case 10:
        if (phase == 0) piece_bow(p, AT(0), 3 * beat, NOTE(chord, -24), 0.35, 0.01);
        break;
    case 11:
        if (phase == 0) piece_pluck(p, AT(0), 2 * beat, NOTE(chord, -24), 0.5);
        if (phase == 2) piece_pluck(p, AT(0), 2 * beat, NOTE(fifth, -24), 0.4);
        if (phase != 0)
            for (int v = 0; v < 3; v++) piece_pluck(p, AT(0), beat, NOTE(chord + 2 * v, 0), 0.14);
        piece_bow(p, AT(0), beat, NOTE(chord + 7 + (int)rng_below(&p->rng, 4), 0), 0.15, 0.04);
        break;
    default: /* bossa: thumb on one and three, chords off the beat */
        if (phase % 2 == 0) piece_pluck(p, AT(0), 2 * beat, NOTE(phase ? fifth : chord, -24), 0.5);
        for (int v = 0; v < 3; v++)
            if (phase != 1)
                piece_pluck(p,
                            AT(phase == 3   ? 0.5
                               : phase == 0 ? 0
                                            : 0.5),
                            beat, NOTE(chord + 2 * v, 0), 0.18);
        break;
    }
#undef NOTE
#undef AT
}

/* Makes what plays `sounds` of piece `number`: style number % ELSEWHERE_STYLES, about half a minute. */
static inline void piece_make_of(Piece *p, int number, uint64_t seed, int sounds) {
    static const int changes[4][4] = {{0, 5, 3, 4}, {0, 3, 4, 0}, {5, 3, 0, 4}, {1, 4, 0, 5}};
    int style = number % ELSEWHERE_STYLES;
    const PieceStyle *s = &piece_styles[style];
    *p = (Piece){.style = s->name,
                 .meter = s->meter,
                 .rng = rng_at(rng_mix(seed, (uint64_t)number), 3),
                 .silent = PIECE_ALL & ~sounds};
    p->bpm = s->low_bpm * pow(s->high_bpm / s->low_bpm, rng_f64(&p->rng));
    p->n_beats = (int32_t)(30 * p->bpm / 60);
    p->first_phase = style == 11 ? 3 : 0;
    double at = rng_between(&p->rng, 0.3, 1.5), slope = rng_between(&p->rng, -1, 1) * s->drift,
           wave = rng_between(&p->rng, 0, 6.28);
    for (int k = 0; k <= p->n_beats; k++) {
        p->at_s[k] = at;
        at += 60 / p->bpm * (1 + slope * k / p->n_beats + s->drift * sin(wave + k * 0.21));
    }
    p->n_samples = (int64_t)((at + 1.5) * ELSEWHERE_HZ);
    p->samples = calloc((size_t)p->n_samples, sizeof(float));
    int tonic = 55 + (int)rng_below(&p->rng, 10), turn = (int)rng_below(&p->rng, 4);
    for (int k = 0; k < p->n_beats; k++) {
        int bar = (k + p->first_phase) / s->meter, phase = (k + p->first_phase) % s->meter;
        piece_drums(p, s, style, k, phase);
        piece_notes(p, s, style, k, phase, changes[turn][bar % 4], tonic);
    }
    for (int64_t i = 0; i < p->n_samples; i++)
        p->samples[i] = (float)(0.35 * p->samples[i] + rng_between(&p->rng, -2e-4, 2e-4));
}

static inline void piece_make(Piece *p, int number, uint64_t seed) {
    piece_make_of(p, number, seed, PIECE_ALL);
}
