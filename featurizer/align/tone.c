/* Filters are short (a few milliseconds before, twenty after), applied by blocks of FFT (overlap-save). */
#include "featurizer/align/tone.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/fft.h"

enum { POINTS = 4096, BINS = POINTS / 2 + 1, MOST = 500, SMOOTH = 12, BLOCK = 16384 };
static const double PLAIN_DB = 45;                      /* explained over not, in a copy */
enum { BEFORE = 128, AFTER = 1024, WEIGHT_REACH = 48 }; /* together under TONE_MARGIN */

struct Tone {
    Fft *fft;                                  /* BLOCK */
    float (*raw_filter)[2], (*edit_filter)[2]; /* [BLOCK / 2 + 1] */
    float gain, ratio_db;
    bool plain;
};

typedef struct Spectra {
    double xx[BINS], yy[BINS], re[BINS], im[BINS];
    int32_t n;
} Spectra;

static void add_spectra(Spectra *s, Fft *fft, const float *x, const float *y, const float *hann) {
    float keep[BINS][2];
    for (int i = 0; i < POINTS; i++) fft->time[i] = x[i] * hann[i];
    fft_forward(fft);
    memcpy(keep, fft->freq, sizeof keep);
    for (int i = 0; i < POINTS; i++) fft->time[i] = y[i] * hann[i];
    fft_forward(fft);
    for (int k = 0; k < BINS; k++) {
        double a = keep[k][0], b = keep[k][1], c = fft->freq[k][0], d = fft->freq[k][1];
        s->xx[k] += a * a + b * b;
        s->yy[k] += c * c + d * d;
        s->re[k] += a * c + b * d;
        s->im[k] += a * d - b * c;
    }
    s->n++;
}

/* Where a run is surely alone: not next to its ends, if it is long enough. */
static double inside(const Run *r, double *length) {
    const double span = r->last - r->first, inset = span > 4 * POINTS ? POINTS
                                                    : span > POINTS   ? (span - POINTS) / 4
                                                                      : 0;
    *length = span - 2 * inset - POINTS;
    if (*length < 1) *length = 1;
    return span > POINTS ? r->first + inset : (r->first + r->last - POINTS) / 2;
}

/* y is x up to a gain, and is not silent. */
static bool is_copy(const float *x, const float *y) {
    double xx = 0, xy = 0, yy = 0;
    for (int i = 0; i < POINTS; i++) {
        double a = x[i], b = y[i];
        xx += a * a, xy += a * b, yy += b * b;
    }
    return yy > 0 && xx > 0 && yy - xy * xy / xx < pow(10, -PLAIN_DB / 10) * yy;
}

/* Frames all along the runs, at most MOST; `copies` gets those that are plain copies. */
static Status gather(Spectra *s, Spectra *copies, Fft *fft, const Run *runs, int32_t n_runs, Pcm *raw,
                     Pcm *edit) {
    Status st = BS_OK;
    float x[POINTS], y[POINTS], hann[POINTS];
    double total = 0, next = 0, before = 0, length;
    for (int i = 0; i < POINTS; i++) hann[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / POINTS));
    for (int32_t i = 0; i < n_runs; i++) inside(&runs[i], &length), total += length;
    double step = total / MOST > POINTS / 2 ? total / MOST : POINTS / 2;
    for (int32_t i = 0; i < n_runs; i++) {
        const Run *r = &runs[i];
        const double from = inside(r, &length);
        for (; next < before + length; next += step) {
            double at = floor(from + next - before);
            TRY(pcm_read(edit, at, 1, POINTS, y));
            TRY(pcm_read(raw, run_at(r, at), r->rate, POINTS, x));
            add_spectra(s, fft, x, y, hann);
            if (is_copy(x, y)) add_spectra(copies, fft, x, y, hann);
        }
        before += length;
    }
out:
    return st;
}

static void smooth(const double *x, double *out) {
    for (int k = 0; k < BINS; k++) {
        int a = k - SMOOTH < 0 ? 0 : k - SMOOTH, b = k + SMOOTH < BINS ? k + SMOOTH : BINS - 1;
        double sum = 0;
        for (int i = a; i <= b; i++) sum += x[i];
        out[k] = sum / (b - a + 1);
    }
}

/* h = Sxy / Sxx as taps -BEFORE .. AFTER, fading out towards both ends; taps[BEFORE] is no delay. */
static void make_taps(const Spectra *s, Fft *fft, double *taps) {
    double most = 0;
    for (int k = 0; k < BINS; k++) most = s->xx[k] > most ? s->xx[k] : most;
    for (int k = 0; k < BINS; k++) {
        double bottom = s->xx[k] + 1e-9 * most + 1e-30;
        fft->freq[k][0] = (float)(s->re[k] / bottom);
        fft->freq[k][1] = (float)(s->im[k] / bottom);
    }
    fft_inverse(fft);
    for (int i = -BEFORE; i <= AFTER; i++) {
        double edge = i < 0 ? 1 + (double)i / BEFORE : 1 - (double)i / AFTER;
        double w = edge < 0.5 ? 0.5 - 0.5 * cos(2 * M_PI * edge) : 1;
        taps[i + BEFORE] = w * fft->time[i < 0 ? POINTS + i : i] / POINTS;
    }
}

/* 1 / sqrt(rest) as taps -WEIGHT_REACH .. WEIGHT_REACH. */
static void make_weights(const Spectra *s, Fft *fft, double *taps) {
    static const double floor_share = 1e-6;
    double rest[BINS], yy[BINS], even[BINS], most = 0;
    for (int k = 0; k < BINS; k++) {
        double bottom = s->xx[k] > 0 ? s->xx[k] : 1;
        rest[k] = s->yy[k] - (s->re[k] * s->re[k] + s->im[k] * s->im[k]) / bottom;
        if (rest[k] < 0) rest[k] = 0;
    }
    smooth(rest, even);
    smooth(s->yy, yy);
    for (int k = 0; k < BINS; k++) most = yy[k] > most ? yy[k] : most;
    for (int k = 0; k < BINS; k++) {
        fft->freq[k][0] = (float)(1 / sqrt((even[k] + floor_share * yy[k] + 1e-9 * most + 1e-30) / s->n));
        fft->freq[k][1] = 0;
    }
    fft_inverse(fft);
    for (int i = -WEIGHT_REACH; i <= WEIGHT_REACH; i++) {
        double w = 0.5 + 0.5 * cos(M_PI * i / (WEIGHT_REACH + 1));
        taps[i + WEIGHT_REACH] = w * fft->time[i < 0 ? POINTS + i : i] / POINTS;
    }
}

/* The spectrum of taps whose tap `zero` is no delay. */
static void taps_to_filter(Fft *fft, const double *taps, int n, int zero, float (*out)[2]) {
    memset(fft->time, 0, sizeof *fft->time * BLOCK);
    for (int i = 0; i < n; i++) fft->time[(i - zero + BLOCK) % BLOCK] = (float)taps[i];
    fft_forward(fft);
    memcpy(out, fft->freq, sizeof *out * (BLOCK / 2 + 1));
}

static void multiply(Fft *fft, float (*filter)[2]) {
    for (int k = 0; k <= fft->n / 2; k++) {
        float a = fft->freq[k][0], b = fft->freq[k][1];
        fft->freq[k][0] = a * filter[k][0] - b * filter[k][1];
        fft->freq[k][1] = a * filter[k][1] + b * filter[k][0];
    }
}

static void measure(Tone *t, const Spectra *s, const double *taps) {
    double explained = 0, all = 0, energy = 0, peak = 0;
    for (int k = 0; k < BINS; k++) {
        if (s->xx[k] > 0) explained += (s->re[k] * s->re[k] + s->im[k] * s->im[k]) / s->xx[k];
        all += s->yy[k];
    }
    for (int i = 0; i <= BEFORE + AFTER; i++) {
        energy += taps[i] * taps[i];
        if (fabs(taps[i]) > fabs(peak)) peak = taps[i];
    }
    double rest = all - explained > 1e-12 * all ? all - explained : 1e-12 * all + 1e-300;
    t->gain = (float)peak;
    t->ratio_db = (float)(10 * log10((explained + 1e-300) / rest));
    t->plain = t->ratio_db > PLAIN_DB && peak * peak > 0.9995 * energy;
}

Status tone_learn(Tone **out, const Run *runs, int32_t n_runs, Pcm *raw, Pcm *edit) {
    Status st = BS_OK;
    Fft *small = NULL;
    Spectra *s = calloc(2, sizeof *s); /* of all frames, and of copies */
    Tone *t = calloc(1, sizeof *t);
    double taps[BEFORE + AFTER + 1], weights[2 * WEIGHT_REACH + 1];
    *out = NULL;
    if (!s || !t) TRY(fail(BS_NOMEM, "align: out of memory"));
    t->raw_filter = calloc(BLOCK / 2 + 1, sizeof *t->raw_filter);
    t->edit_filter = calloc(BLOCK / 2 + 1, sizeof *t->edit_filter);
    if (!t->raw_filter || !t->edit_filter) TRY(fail(BS_NOMEM, "align: out of memory"));
    TRY(fft_open(&small, POINTS));
    TRY(fft_open(&t->fft, BLOCK));
    TRY(gather(&s[0], &s[1], small, runs, n_runs, raw, edit));
    /* where most frames are copies, the others lie over a seam that is not known yet */
    const Spectra *used = 2 * s[1].n > s[0].n ? &s[1] : &s[0];
    make_taps(used, small, taps);
    measure(t, used, taps);
    if (t->plain) { /* a gain, and nothing else: no blur around seams */
        memset(taps, 0, sizeof taps);
        taps[BEFORE] = t->gain;
    }
    make_weights(used, small, weights);
    taps_to_filter(t->fft, weights, 2 * WEIGHT_REACH + 1, WEIGHT_REACH, t->edit_filter);
    taps_to_filter(t->fft, taps, BEFORE + AFTER + 1, BEFORE, t->raw_filter);
    for (int k = 0; k <= BLOCK / 2; k++) {
        float a = t->raw_filter[k][0], b = t->raw_filter[k][1], c = t->edit_filter[k][0],
              d = t->edit_filter[k][1];
        t->raw_filter[k][0] = a * c - b * d;
        t->raw_filter[k][1] = a * d + b * c;
    }
    *out = t;
    t = NULL;
out:
    fft_close(small);
    free(s);
    tone_free(t);
    return st;
}

void tone_free(Tone *t) {
    if (!t) return;
    fft_close(t->fft);
    free(t->raw_filter);
    free(t->edit_filter);
    free(t);
}

float tone_gain(const Tone *t) { return t->gain; }
float tone_ratio_db(const Tone *t) { return t->ratio_db; }
bool tone_plain(const Tone *t) { return t->plain; }

/* x holds TONE_MARGIN samples before out's first, and after its last. */
static void apply(Tone *t, float (*filter)[2], const float *x, int64_t n, float *out) {
    enum { NEW = BLOCK - 2 * TONE_MARGIN };
    Fft *f = t->fft;
    for (int64_t at = 0; at < n; at += NEW) {
        int64_t want = n - at < NEW ? n - at : NEW, have = want + 2 * TONE_MARGIN;
        memcpy(f->time, x + at, sizeof *x * (size_t)have);
        memset(f->time + have, 0, sizeof *x * (size_t)(BLOCK - have));
        fft_forward(f);
        multiply(f, filter);
        fft_inverse(f);
        for (int64_t i = 0; i < want; i++) out[at + i] = f->time[TONE_MARGIN + i] / BLOCK;
    }
}

void tone_of_raw(Tone *t, const float *raw, int64_t n, float *out) { apply(t, t->raw_filter, raw, n, out); }

void tone_of_edit(Tone *t, const float *edit, int64_t n, float *out) {
    apply(t, t->edit_filter, edit, n, out);
}
