/* A spectrum is divided by a power of itself, smoothed over frequency: that takes away what an equaliser
 * changes, and tones that would be alike at every period. */
#include "featurizer/align/correlate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/fft.h"

enum { SHIFTS = 13, TAPS = 8 };
static const double shift_step = 0.1;

struct Correlator {
    float sinc[SHIFTS][2 * TAPS + 1];
    Fft *fft;
    int32_t n_window, n_lags, n_bins, reach; /* reach: bins smoothed over, to either side */
    float (*heard)[2];
    float *weight, *size;
    double heard_energy;
};

static void make_sinc(float table[SHIFTS][2 * TAPS + 1]) {
    for (int s = 0; s < SHIFTS; s++)
        for (int j = -TAPS; j <= TAPS; j++) {
            double x = j - (s - SHIFTS / 2) * shift_step, w = 0.5 + 0.5 * cos(M_PI * x / (TAPS + 1));
            table[s][j + TAPS] = (float)(x == 0 ? 1 : w * sin(M_PI * x) / (M_PI * x));
        }
}

Status correlator_open(Correlator **out, int32_t n_window, int32_t n_lags) {
    Status st = BS_OK;
    int32_t n = 64;
    *out = NULL;
    Correlator *c = calloc(1, sizeof *c);
    if (!c) return fail(BS_NOMEM, "align: out of memory");
    while (n < n_window + 2 * n_lags) n *= 2;
    TRY(fft_open(&c->fft, n));
    c->n_window = n_window;
    c->n_lags = n_lags;
    make_sinc(c->sinc);
    c->n_bins = n / 2 + 1;
    c->reach = n / 256;
    c->heard = calloc((size_t)c->n_bins, sizeof *c->heard);
    c->weight = calloc((size_t)c->n_bins + 1, sizeof *c->weight);
    c->size = calloc((size_t)c->n_bins + 1, sizeof *c->size);
    if (!c->heard || !c->weight || !c->size) TRY(fail(BS_NOMEM, "align: out of memory"));
    *out = c;
    c = NULL;
out:
    correlator_close(c);
    return st;
}

void correlator_close(Correlator *c) {
    if (!c) return;
    fft_close(c->fft);
    free(c->heard);
    free(c->weight);
    free(c->size);
    free(c);
}

/* Transforms and flattens x; the energy of what is left. */
static double flat_spectrum(Correlator *c, const float *x, int32_t n) {
    Fft *f = c->fft;
    double sum = 0, energy = 0;
    memcpy(f->time, x, sizeof *x * (size_t)n);
    memset(f->time + n, 0, sizeof *x * (size_t)(f->n - n));
    fft_forward(f);
    f->freq[0][0] = f->freq[0][1] = 0;
    for (int32_t k = 0; k < c->n_bins; k++) {
        c->size[k] = sqrtf(f->freq[k][0] * f->freq[k][0] + f->freq[k][1] * f->freq[k][1]);
        sum += c->size[k];
    }
    const float least = (float)(1e-4 * sum / c->n_bins) + 1e-20F;
    float around = 0;
    for (int32_t k = 0; k < c->reach && k < c->n_bins; k++) around += c->size[k];
    for (int32_t k = 0; k < c->n_bins; k++) { /* mean over k - reach .. k + reach */
        if (k + c->reach < c->n_bins) around += c->size[k + c->reach];
        if (k - c->reach - 1 >= 0) around -= c->size[k - c->reach - 1];
        float mean = around / (float)(2 * c->reach + 1);
        float root = sqrtf(mean > least ? mean : least);
        c->weight[k] = 1 / (root * sqrtf(root)); /* mean^-3/4 */
    }
    for (int32_t k = 0; k < c->n_bins; k++) {
        f->freq[k][0] *= c->weight[k];
        f->freq[k][1] *= c->weight[k];
        energy += (double)f->freq[k][0] * f->freq[k][0] + (double)f->freq[k][1] * f->freq[k][1];
    }
    return sum > 0 ? energy : 0;
}

void correlator_hear(Correlator *c, const float *window) {
    c->heard_energy = flat_spectrum(c, window, c->n_window);
    memcpy(c->heard, c->fft->freq, sizeof *c->heard * (size_t)c->n_bins);
}

/* The peak of a parabola through three values, as an offset from the middle one. */
static double parabola(double a, double b, double c) {
    double bend = a - 2 * b + c;
    return bend < 0 ? 0.5 * (a - c) / bend : 0;
}

/* A flat spectrum has a sharp peak, which lies between two samples as often as on one: values there, by
 * sinc. Returns the peak's; *lag is moved onto it. */
static float between(const Correlator *c, int32_t at, float sign, double *lag) {
    float value[SHIFTS];
    int best = 0;
    for (int s = 0; s < SHIFTS; s++) {
        value[s] = 0;
        for (int j = -TAPS; j <= TAPS; j++)
            value[s] += c->sinc[s][j + TAPS] * c->fft->time[(at + j + c->fft->n) % c->fft->n];
        value[s] *= sign;
        if (value[s] > value[best]) best = s;
    }
    *lag += (best - SHIFTS / 2) * shift_step;
    if (best > 0 && best + 1 < SHIFTS)
        *lag += shift_step * parabola(value[best - 1], value[best], value[best + 1]);
    return value[best];
}

Likeness correlator_find(Correlator *c, const float *piece, int sign, int32_t reach) {
    Fft *f = c->fft;
    const int32_t n_piece = c->n_window + 2 * c->n_lags;
    Likeness l = {0};
    double energy = flat_spectrum(c, piece, n_piece);
    if (!(energy > 0) || !(c->heard_energy > 0)) return l;
    for (int32_t k = 0; k < c->n_bins; k++) {
        float re = f->freq[k][0], im = f->freq[k][1], a = c->heard[k][0], b = c->heard[k][1];
        f->freq[k][0] = re * a + im * b;
        f->freq[k][1] = im * a - re * b;
    }
    fft_inverse(f);
    int32_t best = 0;
    float top = -1;
    for (int32_t i = c->n_lags - reach; i <= c->n_lags + reach; i++) {
        float v = sign ? (float)sign * f->time[i] : fabsf(f->time[i]);
        if (v > top) top = v, best = i;
    }
    /* freq holds half of the spectrum, time is n times its sum over all of it */
    const double norm = 2 * sqrt(energy * c->heard_energy * c->n_window / n_piece);
    const float side = f->time[best] < 0 ? -1 : 1;
    l.lag = best - c->n_lags;
    top = between(c, best, side, &l.lag);
    l.score = top > 0 && (!sign || side == (float)sign) ? (float)(top / norm) : 0;
    if (l.score > 1) l.score = 1;
    l.signed_score = side * l.score;
    return l;
}
