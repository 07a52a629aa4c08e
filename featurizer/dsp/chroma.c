/* Chroma from interpolated spectral peaks between 55 and 2500 Hz.
 *
 * Peaks, not bins: between the partials lies what drums leave, and it belongs to no pitch class. Two
 * passes: the first collects where the peaks lie within their semitones (the tuning is the circular mean
 * of those positions, weighted by magnitude), the second adds them up. */
#include "featurizer/dsp/chroma.h"

#include <math.h>
#include <stdlib.h>

#include "featurizer/dsp/stft.h"

enum { WIDE_FFT = 4096, MAX_PEAKS = 64, LOWEST_PITCH = 24 };

typedef struct Peak {
    float pitch, magnitude; /* semitones above C0 */
} Peak;

static int32_t peaks_of(const float *power, Peak *peaks) {
    const int32_t a = 55 * WIDE_FFT / ANALYSIS_HZ, b = 2500 * WIDE_FFT / ANALYSIS_HZ;
    float top = 0;
    for (int32_t i = a; i < b; i++)
        if (power[i] > top) top = power[i];
    int32_t n = 0;
    for (int32_t i = a; i < b && n < MAX_PEAKS; i++) {
        if (power[i] < top * 1e-4F || power[i] < 1e-9F || power[i] <= power[i - 1] || power[i] < power[i + 1])
            continue;
        if (power[i] < 2 * power[i - 2] && power[i] < 2 * power[i + 2])
            continue; /* no partial is that wide */
        double l = log(power[i - 1] + 1e-20), m = log(power[i] + 1e-20), r = log(power[i + 1] + 1e-20);
        double curve = l - 2 * m + r, shift = curve < -1e-9 ? 0.5 * (l - r) / curve : 0;
        if (shift > 0.5) shift = 0.5;
        if (shift < -0.5) shift = -0.5;
        double hz = (i + shift) * ANALYSIS_HZ / WIDE_FFT;
        peaks[n].pitch = (float)(12 * log2(hz / 16.351597831287414));
        peaks[n++].magnitude = sqrtf(power[i]);
    }
    return n;
}

static void add_peak(const Peak *p, float tuning, float *chroma, float *pitches) {
    double pitch = p->pitch - tuning, near = floor(pitch + 0.5), off = pitch - near;
    int32_t class = (int32_t)fmod(near, 12);
    double in = cos(M_PI * off);
    int32_t semitone = (int32_t)near - LOWEST_PITCH;
    if (semitone >= 0 && semitone < PITCHES) pitches[semitone] += (float)(p->magnitude * in * in);
    /* lower partials carry the harmony */
    double weight = p->pitch > 60 ? exp2(-(p->pitch - 60) / 18) : 1;
    chroma[class] += (float)(p->magnitude * weight * in * in);
}

/* Share of the magnitude from 200 Hz to 3.5 kHz that lies in its five strongest peaks. */
static float prominence(const float *power, const Peak *peaks, int32_t n) {
    const int32_t a = 200 * WIDE_FFT / ANALYSIS_HZ, b = 3500 * WIDE_FFT / ANALYSIS_HZ;
    float best[5] = {0};
    double all = 1e-9;
    for (int32_t i = a; i < b; i++) all += power[i];
    for (int32_t i = 0; i < n; i++) {
        if (peaks[i].pitch < 43.4F) continue; /* 200 Hz */
        float v = peaks[i].magnitude * peaks[i].magnitude;
        for (int32_t k = 0; k < 5; k++)
            if (v > best[k]) {
                float t = best[k];
                best[k] = v;
                v = t;
            }
    }
    double sum = 0;
    for (int32_t k = 0; k < 5; k++) sum += best[k] * 2.0; /* a Hann peak spreads over about two bins */
    return (float)(sum / all > 1 ? 1 : sum / all);
}

static void measure_moves(Frames *f) {
    const int32_t reach = 4;
    for (int32_t k = reach; k + reach <= f->n_wide; k++) {
        float before[CHROMA] = {0}, after[CHROMA] = {0};
        for (int32_t i = 0; i < reach; i++)
            for (int32_t c = 0; c < CHROMA; c++) {
                before[c] += f->chroma[(size_t)(k - 1 - i) * CHROMA + (size_t)c];
                after[c] += f->chroma[(size_t)(k + i) * CHROMA + (size_t)c];
            }
        f->moved[k] = (1 - chroma_likeness(before, after)) / 2;
    }
}

Status chroma_measure(Frames *f) {
    Status st = BS_OK;
    Stft *stft = NULL;
    float power[WIDE_FFT / 2 + 1];
    Peak *peaks =
        malloc(sizeof(Peak) * MAX_PEAKS * (size_t)f->n_wide); /* for here only: the arena would keep them */
    int32_t *n_peaks = calloc((size_t)f->n_wide, sizeof *n_peaks);
    if (!peaks || !n_peaks) TRY(fail(BS_NOMEM, "chroma: out of memory"));
    TRY(stft_open(&stft, WIDE_FFT, WIDE_HOP));
    double x = 0, y = 0;
    for (int32_t k = 0; k < f->n_wide; k++) {
        Peak *p = peaks + (size_t)k * MAX_PEAKS;
        stft_power(stft, f->samples, f->n_samples, k, power);
        if (k % FRAMES_LET_GO == 0) frames_let_go(f, (int64_t)k * WIDE_HOP);
        n_peaks[k] = peaks_of(power, p);
        f->prominent[k] = prominence(power, p, n_peaks[k]);
        for (int32_t i = 0; i < n_peaks[k]; i++) {
            if (p[i].pitch < 45) continue; /* a bin is too wide down there */
            x += p[i].magnitude * cos(2 * M_PI * p[i].pitch);
            y += p[i].magnitude * sin(2 * M_PI * p[i].pitch);
        }
    }
    f->tuning = x != 0 || y != 0 ? (float)(atan2(y, x) / (2 * M_PI)) : 0;
    for (int32_t k = 0; k < f->n_wide; k++)
        for (int32_t i = 0; i < n_peaks[k]; i++)
            add_peak(&peaks[(size_t)k * MAX_PEAKS + i], f->tuning, f->chroma + (size_t)k * CHROMA,
                     f->pitch + (size_t)k * PITCHES);
    measure_moves(f);
out:
    free(peaks);
    free(n_peaks);
    stft_close(stft);
    return st;
}

float chroma_likeness(const float *a, const float *b) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int32_t i = 0; i < CHROMA; i++) ma += a[i] / CHROMA, mb += b[i] / CHROMA;
    for (int32_t i = 0; i < CHROMA; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return aa > 1e-12 && bb > 1e-12 ? (float)(ab / sqrt(aa * bb)) : 0;
}
