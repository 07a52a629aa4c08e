#pragma once
/* Recordings and edits of them with known truth, for the aligner's bench and tests. Nothing here is shared
 * with the simulator or the renderer: bands of several kinds play takes of one piece; edits are cut with
 * fades of several laws, then mastered, encoded, resampled, dubbed over. Stereo at 44.1 kHz. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "tests/bench/elsewhere.h"

enum { MAT_RATE = 44100, MAT_MAX_PIECES = 64 };

typedef enum MatKind {
    MAT_BAND,
    MAT_TONAL,
    MAT_DRUMS,
    MAT_SPARSE,
    MAT_NOISY,
    MAT_ELSEWHERE,
    MAT_KINDS
} MatKind;
static const char *const mat_kind_names[MAT_KINDS] = {"band",   "tones_alone", "drum_machine_alone",
                                                      "sparse", "noisy_room",  "elsewhere"};

typedef struct Mat {
    float *x; /* [2 n] */
    int64_t n;
} Mat;

static inline Mat mat_new(int64_t n) {
    Mat m = {calloc((size_t)(2 * n + 2), sizeof(float)), n};
    return m;
}

static inline void mat_add(Mat *m, int64_t at, double left, double right) {
    if (at < 0 || at >= m->n) return;
    m->x[2 * at] += (float)left;
    m->x[2 * at + 1] += (float)right;
}

static inline void mat_tone(Mat *m, double at_s, double length_s, double hz, double gain, double pan,
                            double decay, int partials, double phase) {
    int64_t from = (int64_t)(at_s * MAT_RATE), n = (int64_t)(length_s * MAT_RATE);
    for (int64_t i = 0; i < n; i++) {
        double t = (double)i / MAT_RATE, v = 0;
        double edge = fmin(1, fmin(t / 0.005, (length_s - t) / 0.03));
        for (int p = 1; p <= partials && p * hz < 15000; p++)
            v += sin(6.283185307 * p * hz * t + phase * p) / (p * sqrt(p));
        v *= gain * edge * exp(-t * decay);
        mat_add(m, from + i, v * (1 - pan), v * pan);
    }
}

/* seed names the noise: the same seed is the same sample of a drum machine. */
static inline void mat_hit(Mat *m, double at_s, double gain, double decay_s, double dark, uint64_t seed) {
    Rng r = rng_at(seed, 5);
    int64_t from = (int64_t)llround(at_s * MAT_RATE);
    double low = 0;
    for (int64_t i = 0; i < (int64_t)(7 * decay_s * MAT_RATE); i++) {
        double v = rng_f64(&r) - rng_f64(&r);
        low += dark * (v - low);
        v = gain * (dark < 1 ? 3 * low : v) * exp(-(double)i / (decay_s * MAT_RATE));
        mat_add(m, from + i, v, v * 0.8);
    }
}

static inline void mat_kick(Mat *m, double at_s, double gain) {
    int64_t from = (int64_t)llround(at_s * MAT_RATE);
    for (int64_t i = 0; i < MAT_RATE / 4; i++) {
        double t = (double)i / MAT_RATE;
        double v = gain * sin(6.283185307 * (48 * t + 4 * (1 - exp(-t / 0.03)))) * exp(-t / 0.08);
        mat_add(m, from + i, v, v);
    }
}

typedef struct MatTune {
    double beat_s;
    int roots[4], lead[64];
} MatTune;

static inline double mat_hz(int midi) { return 440 * pow(2, (midi - 69) / 12.0); }

/* One take of a piece from `at_s` on, played anew by `seed`; returns where it ends. */
static inline double mat_take(Mat *m, MatKind kind, const MatTune *p, double at_s, int bars, uint64_t seed) {
    Rng r = rng_at(seed, 11);
    double beat = p->beat_s * rng_between(&r, 0.96, 1.04), t = at_s;
    const bool machine = kind == MAT_DRUMS;
    const double j = machine ? 0 : 0.006;
    if (machine) beat = floor(p->beat_s * MAT_RATE) / MAT_RATE;
    for (int bar = 0; bar < bars; bar++) {
        int root = p->roots[bar % 4];
        for (int b = 0; b < 4; b++, t += beat * (machine ? 1 : rng_between(&r, 0.99, 1.01))) {
#define HUMAN rng_between(&r, -j, j)
            double loud = machine ? 1 : rng_between(&r, 0.75, 1.1);
            if (kind != MAT_TONAL && kind != MAT_SPARSE) {
                if (b % 2 == 0) mat_kick(m, t + HUMAN, 0.5 * loud);
                if (b % 2 == 1) mat_hit(m, t + HUMAN, 0.3 * loud, 0.06, 1, machine ? 3 : rng_u64(&r));
                for (int h = 0; h < 2; h++)
                    mat_hit(m, t + h * beat / 2 + HUMAN, 0.1 * loud, 0.02, 1, machine ? 4 : rng_u64(&r));
            }
            if (kind == MAT_DRUMS) {
                if ((bar + b) % 3 == 0) mat_hit(m, t + beat / 2, 0.2, 0.09, 0.2, 6 + (uint64_t)b % 2);
                continue;
            }
            if (kind == MAT_SPARSE) {
                if (p->lead[(bar * 4 + b) % 64] % 3 == 0)
                    mat_tone(m, t + HUMAN, 2.5 * beat, mat_hz(60 + p->lead[(bar * 4 + b) % 64]), 0.25 * loud,
                             0.4, 3, 8, rng_f64(&r));
                continue;
            }
            if (b == 0)
                for (int k = 0; k < 3; k++)
                    mat_tone(m, t + HUMAN, beat * 4.05, mat_hz(52 + root + (k == 1 ? 4 : 7 * (k / 2))),
                             0.09 * loud, 0.3 + 0.2 * k, kind == MAT_TONAL ? 0.1 : 1, 10, rng_f64(&r) * 6);
            if (kind != MAT_TONAL)
                mat_tone(m, t + HUMAN, beat * 0.9, mat_hz(33 + root), 0.25 * loud, 0.5, 2, 6, rng_f64(&r));
            mat_tone(m, t + HUMAN, beat * 0.95, mat_hz(64 + p->lead[(bar * 4 + b) % 64]), 0.12 * loud, 0.6,
                     1.5, 8, rng_f64(&r));
#undef HUMAN
        }
    }
    return t;
}

/* Pieces in other styles one after the other, in mono on both channels, in a quiet room. */
static inline Mat mat_elsewhere(uint64_t seed, double seconds) {
    Mat m = mat_new((int64_t)(seconds * MAT_RATE));
    Rng r = rng_at(seed, 2);
    int64_t at = 0;
    for (int style = (int)rng_below(&r, ELSEWHERE_STYLES); at < m.n; style++) {
        Piece p;
        piece_make(&p, style, seed);
        for (int64_t i = 0; i < p.n_samples; i++) mat_add(&m, at + i, p.samples[i], p.samples[i]);
        at += p.n_samples;
        free(p.samples);
    }
    for (int64_t i = 0; i < 2 * m.n; i++) m.x[i] = (float)(lrint(tanh(m.x[i]) * 32768 * 0.9) / 32768.0);
    return m;
}

/* A recording of about `seconds`: takes of one piece with pauses and room noise between. */
static inline Mat mat_recording(MatKind kind, uint64_t seed, double seconds) {
    if (kind == MAT_ELSEWHERE) return mat_elsewhere(seed, seconds);
    Mat m = mat_new((int64_t)(seconds * MAT_RATE));
    Rng r = rng_at(seed, 1);
    MatTune p = {.beat_s = 60 / rng_between(&r, 75, 165)};
    for (int i = 0; i < 4; i++) p.roots[i] = (int)rng_below(&r, 12);
    for (int i = 0; i < 64; i++) p.lead[i] = (int)rng_below(&r, 13);
    double t = 0.5;
    for (uint64_t take = 0; t < seconds - 3; take++) {
        int bars = 4 + (int)rng_below(&r, 12);
        t = mat_take(&m, kind, &p, t, bars, rng_mix(seed, take)) + rng_between(&r, 0.5, 3);
    }
    double floor_level = kind == MAT_NOISY ? 0.05 : 0.0007;
    for (int64_t i = 0; i < 2 * m.n; i++) {
        m.x[i] = (float)(tanh(0.9 * m.x[i]) + floor_level * (rng_f64(&r) - rng_f64(&r)));
        m.x[i] = (float)(lrint(m.x[i] * 32768 * 0.9) / 32768.0);
    }
    return m;
}

/* ---- edits ------------------------------------------------------------------------------------- */

typedef enum MatLaw { LAW_LINEAR, LAW_POWER, LAW_COSINE, LAWS } MatLaw;

typedef struct MatPiece {
    int64_t raw_start, raw_end; /* the middle of fades; raw_start < 0: foreign */
    int64_t fade;               /* samples of the fade into it, centred on its start */
    MatLaw law;
} MatPiece;

typedef struct MatEdit {
    MatPiece piece[MAT_MAX_PIECES];
    int64_t at[MAT_MAX_PIECES + 1]; /* of the edit: where piece i begins */
    int32_t n;
} MatEdit;

static inline double mat_law(MatLaw law, double s) {
    s = s < 0 ? 0 : s > 1 ? 1 : s;
    return law == LAW_LINEAR ? s : law == LAW_POWER ? sin(s * M_PI / 2) : 0.5 - 0.5 * cos(M_PI * s);
}

/* Jumps on (6 in 10), jumps back (2 in 10), repeats (2 in 10); pieces of 1 to 6 s; fade_s around every seam.
 */
static inline MatEdit mat_cut(int64_t n_raw, uint64_t seed, int32_t n, double fade_s, double shortest_s) {
    Rng r = rng_at(seed, 21);
    MatEdit e = {.n = n};
    int64_t at = (int64_t)(rng_between(&r, 1, 6) * MAT_RATE), out = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t length = (int64_t)(rng_between(&r, shortest_s, shortest_s + 5) * MAT_RATE);
        double move = rng_f64(&r);
        if (i > 0 && move < 0.2) { /* again */
            at = e.piece[i - 1].raw_start;
            length = e.piece[i - 1].raw_end - at;
        } else if (i > 0 && move < 0.4) {
            at -= (int64_t)(rng_between(&r, 8, 40) * MAT_RATE);
        } else {
            at += (int64_t)(rng_between(&r, 0.3, 15) * MAT_RATE);
        }
        int64_t margin = 3 * MAT_RATE;
        if (at < margin || at + length > n_raw - margin)
            at = margin + (int64_t)(rng_f64(&r) * (double)(n_raw - 2 * margin - length));
        e.piece[i] = (MatPiece){at, at + length, i ? (int64_t)(fade_s * MAT_RATE) : 0, rng_below(&r, LAWS)};
        e.at[i] = out;
        out += length;
        at += length;
    }
    e.at[n] = out;
    return e;
}

static inline Mat mat_render(const Mat *raw, const MatEdit *e) {
    Mat m = mat_new(e->at[e->n]);
    for (int32_t i = 0; i < e->n; i++) {
        const MatPiece *p = &e->piece[i];
        int64_t in = p->fade, out = i + 1 < e->n ? e->piece[i + 1].fade : 0;
        if (p->raw_start < 0) continue;
        for (int64_t t = e->at[i] - in / 2; t < e->at[i + 1] + (out + 1) / 2; t++) {
            int64_t k = p->raw_start + t - e->at[i];
            if (t < 0 || t >= m.n || k < 0 || k >= raw->n) continue;
            double g = 1;
            if (in && t < e->at[i] + in)
                g *= mat_law(p->law, ((double)(t - e->at[i] + in / 2) + 0.5) / (double)in);
            if (out && t >= e->at[i + 1] - out / 2)
                g *= mat_law(e->piece[i + 1].law,
                             1 - ((double)(t - e->at[i + 1] + out / 2) + 0.5) / (double)out);
            m.x[2 * t] += (float)g * raw->x[2 * k];
            m.x[2 * t + 1] += (float)g * raw->x[2 * k + 1];
        }
    }
    return m;
}

/* ---- what happens to an edit afterwards -------------------------------------------------------- */

static inline void mat_shelf(Mat *m, double hz, double gain_db) { /* x + (g - 1) lowpass(x) */
    double c = 1 - exp(-6.283185307 * hz / MAT_RATE), g = pow(10, gain_db / 20) - 1, low[2] = {0};
    for (int64_t i = 0; i < m->n; i++)
        for (int k = 0; k < 2; k++) {
            low[k] += c * (m->x[2 * i + k] - low[k]);
            m->x[2 * i + k] += (float)(g * low[k]);
        }
}

static inline void mat_bell(Mat *m, double hz, double gain_db, double q) { /* RBJ peaking filter */
    double A = pow(10, gain_db / 40), w = 6.283185307 * hz / MAT_RATE, al = sin(w) / (2 * q);
    double b0 = 1 + al * A, b1 = -2 * cos(w), b2 = 1 - al * A, a0 = 1 + al / A, a1 = b1, a2 = 1 - al / A;
    double z[2][2] = {{0}};
    for (int64_t i = 0; i < m->n; i++)
        for (int k = 0; k < 2; k++) {
            double x = m->x[2 * i + k], y = (b0 * x + z[k][0]) / a0;
            z[k][0] = b1 * x - a1 * y + z[k][1];
            z[k][1] = b2 * x - a2 * y;
            m->x[2 * i + k] = (float)y;
        }
}

static inline void mat_compress(Mat *m, double threshold, double ratio) { /* 5 ms attack, 120 ms release */
    double level = 0, up = 1 - exp(-1 / (0.005 * MAT_RATE)), down = 1 - exp(-1 / (0.12 * MAT_RATE));
    for (int64_t i = 0; i < m->n; i++) {
        double v = fmax(fabs(m->x[2 * i]), fabs(m->x[2 * i + 1]));
        level += (v > level ? up : down) * (v - level);
        double g = level > threshold ? pow(level / threshold, 1 / ratio - 1) : 1;
        m->x[2 * i] *= (float)g;
        m->x[2 * i + 1] *= (float)g;
    }
}

static inline void mat_limit(Mat *m, double gain) {
    for (int64_t i = 0; i < 2 * m->n; i++) m->x[i] = (float)(0.95 * tanh(gain * m->x[i] / 0.95));
}

static inline void mat_reverb(Mat *m, double wet) { /* four combs a channel, then one allpass */
    static const int length[2][4] = {{1557, 1617, 1491, 1422}, {1580, 1640, 1514, 1445}};
    for (int k = 0; k < 2; k++) {
        float *line[4], *all = calloc(556, sizeof(float));
        int at[4] = {0}, a = 0;
        double damp[4] = {0};
        for (int c = 0; c < 4; c++) line[c] = calloc((size_t)length[k][c], sizeof(float));
        for (int64_t i = 0; i < m->n; i++) {
            double x = m->x[2 * i + k], sum = 0;
            for (int c = 0; c < 4; c++) {
                double y = line[c][at[c]];
                damp[c] += 0.6 * (y - damp[c]);
                line[c][at[c]] = (float)(x + 0.72 * damp[c]);
                at[c] = (at[c] + 1) % length[k][c];
                sum += y;
            }
            double held = all[a], y = held - 0.5 * sum;
            all[a] = (float)(sum + 0.5 * held);
            a = (a + 1) % 556;
            m->x[2 * i + k] += (float)(wet * y);
        }
        for (int c = 0; c < 4; c++) free(line[c]);
        free(all);
    }
}

/* Equaliser, bus compression, a little reverberation, limiting, by seed. */
static inline void mat_master(Mat *m, uint64_t seed) {
    Rng r = rng_at(seed, 31);
    mat_shelf(m, 150, rng_between(&r, -3, 4));
    mat_bell(m, rng_between(&r, 300, 900), rng_between(&r, -4, 2), 0.9);
    mat_bell(m, rng_between(&r, 2500, 6000), rng_between(&r, -2, 5), 0.7);
    mat_compress(m, rng_between(&r, 0.08, 0.2), rng_between(&r, 1.8, 4));
    mat_reverb(m, rng_between(&r, 0.01, 0.05));
    mat_limit(m, rng_between(&r, 1.1, 2));
}

/* As the file of `path` will be decoded: mp3, wav. Frees m. */
static inline Status mat_save(const char *path, const Mat *m, int channels, int rate_hz) {
    Status st = BS_OK;
    float *made = NULL;
    Mat mono = mat_new(m->n);
    int64_t n = m->n;
    if (channels == 1)
        for (int64_t i = 0; i < n; i++) mono.x[i] = 0.5F * (m->x[2 * i] + m->x[2 * i + 1]);
    const float *x = channels == 1 ? mono.x : m->x;
    if (rate_hz != MAT_RATE) TRY(resample(x, n, MAT_RATE, rate_hz, channels, &made, &n));
    TRY(audio_save(path, made ? made : x, n, channels, rate_hz, 16));
out:
    free(made);
    free(mono.x);
    return st;
}
