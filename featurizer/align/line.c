/* Windows along a run are correlated at full rate; a line through their lags, weighted by likeness, is the
 * run's. Where both files have one rate and the line's slope is 1 within what can be told, it is 1 and the
 * offset a whole number. */
#include "featurizer/align/line.h"

#include <math.h>
#include <stdlib.h>

#include "featurizer/align/correlate.h"

enum { WINDOW = 8192, LAGS = 64, MOST = 16 };
static const double no_slope = 2e-6; /* speeds nearer to 1 than this are 1 */
static const double steady_s = 2.5;  /* runs that long tell their own speed */
static const double far_off = 3;     /* samples from the line: not this run */

Status runs_of(const Track *t, int32_t raw_hz, int32_t edit_hz, Run **out, int32_t *n) {
    Run *runs = malloc(sizeof *runs * (size_t)(t->n_windows + 1));
    *out = NULL;
    *n = 0;
    if (!runs) return fail(BS_NOMEM, "align: no memory for %d windows", t->n_windows);
    const double edit_step = (double)TRACK_HOP * edit_hz / COARSE_HZ, raw_unit = (double)raw_hz / COARSE_HZ;
    const Cell *last = NULL;
    for (int32_t k = 0; k < t->n_windows; k++) {
        const Cell *c = t->path[k] >= 0 ? &t->cells[k][t->path[k]] : NULL;
        Run *r = *n ? &runs[*n - 1] : NULL;
        if (c && last && track_goes_on(t, last, c)) {
            r->last_window = k;
            r->last = k * edit_step;
            r->score += c->score;
        } else if (c) {
            runs[(*n)++] = (Run){.first = k * edit_step,
                                 .last = k * edit_step,
                                 .first_window = k,
                                 .last_window = k,
                                 .score = c->score,
                                 .rate = t->speed[c->speed] * raw_hz / edit_hz};
        }
        last = c;
    }
    for (int32_t i = 0; i < *n; i++) {
        Run *r = &runs[i];
        int32_t k = (r->first_window + r->last_window) / 2;
        r->at = k * edit_step;
        r->raw = t->cells[k][t->path[k]].raw * raw_unit;
        r->score /= (float)(r->last_window - r->first_window + 1);
    }
    *out = runs;
    return BS_OK;
}

typedef struct Sample {
    double at, lag, weight;
} Sample;

/* Lags of windows along the run against its line; returns how many. */
static Status measure(const Run *r, Pcm *raw, Pcm *edit, Correlator *c, int sign, float *window, float *piece,
                      Sample *out, int32_t *n) {
    Status st = BS_OK;
    *n = 0;
    double span = r->last - r->first;
    int32_t wanted = (int32_t)(span * r->rate / (WINDOW / 2)) + 1;
    if (wanted > MOST) wanted = MOST;
    for (int32_t i = 0; i < wanted; i++) {
        double at = round(wanted > 1 ? r->first + span * i / (wanted - 1) : (r->first + r->last) / 2);
        double place = round(run_at(r, at));
        TRY(pcm_read(edit, at - WINDOW / 2 / r->rate, 1 / r->rate, WINDOW, window));
        TRY(pcm_read(raw, place - WINDOW / 2 - LAGS, 1, WINDOW + 2 * LAGS, piece));
        correlator_hear(c, window);
        Likeness l = correlator_find(c, piece, sign, LAGS);
        if (l.score > 0.1F && fabs(l.lag) < LAGS - 1)
            out[(*n)++] = (Sample){at, place + l.lag - run_at(r, at), (double)l.score * l.score};
    }
out:
    return st;
}

static int by_lag(const void *a, const void *b) {
    const Sample *x = a, *y = b;
    return (x->lag > y->lag) - (x->lag < y->lag);
}

static double middle_lag(const Sample *s, int32_t n) {
    Sample sorted[MOST];
    double sum = 0, half = 0;
    for (int32_t i = 0; i < n; i++) sorted[i] = s[i], sum += s[i].weight;
    qsort(sorted, (size_t)n, sizeof *sorted, by_lag);
    for (int32_t i = 0; i < n; i++)
        if ((half += sorted[i].weight) >= sum / 2) return sorted[i].lag;
    return 0;
}

/* Moves the run's line onto its samples: offset always, slope where `steep`. */
static void fit(Run *r, Sample *s, int32_t n, bool steep) {
    double slope = 0, offset = n ? middle_lag(s, n) : 0, mid = r->at;
    for (int round = 0; round < 3 && n > 2 && steep; round++) {
        double w = 0, x = 0, y = 0, xx = 0, xy = 0;
        for (int32_t i = 0; i < n; i++) {
            double dx = s[i].at - r->at, off = s[i].lag - offset - slope * (s[i].at - mid);
            if (fabs(off) > far_off * (round ? 1 : 8)) continue;
            w += s[i].weight, x += s[i].weight * dx, y += s[i].weight * s[i].lag;
            xx += s[i].weight * dx * dx, xy += s[i].weight * dx * s[i].lag;
        }
        double bottom = w * xx - x * x;
        if (!(bottom > 1e-9 * xx * w)) break;
        slope = (w * xy - x * y) / bottom;
        offset = (y - slope * x) / w;
        mid = r->at;
    }
    r->raw += offset;
    r->rate += slope;
}

/* Whole numbers where they explain what was measured. */
static void round_off(Run *r, bool same_hz) {
    r->exact = same_hz && fabs(r->rate - 1) < no_slope;
    if (!r->exact) return;
    r->rate = 1;
    r->at = round(r->at);
    r->raw = round(r->raw);
}

static double typical_rate(const Run *runs, int32_t n, double otherwise) {
    double sum = 0, weight = 0; /* mean of steady runs: clocks differ once, not from piece to piece */
    for (int32_t i = 0; i < n; i++)
        if (runs[i].steady && fabs(runs[i].rate / otherwise - 1) < 5e-4) {
            double length = runs[i].last - runs[i].first;
            sum += length * runs[i].rate;
            weight += length;
        }
    return weight > 0 ? sum / weight : otherwise;
}

Status runs_refine(Run *runs, int32_t n, Pcm *raw, Pcm *edit, int sign) {
    Status st = BS_OK;
    Correlator *c = NULL;
    Sample samples[MOST];
    int32_t n_samples;
    const int32_t raw_hz = pcm_info(raw).sample_rate_hz, edit_hz = pcm_info(edit).sample_rate_hz;
    float *window = malloc(sizeof *window * WINDOW), *piece = malloc(sizeof *piece * (WINDOW + 2 * LAGS));
    if (!window || !piece) TRY(fail(BS_NOMEM, "align: out of memory"));
    TRY(correlator_open(&c, WINDOW, LAGS));
    for (int pass = 0; pass < 2; pass++) /* long runs first: short ones take their speed */
        for (int32_t i = 0; i < n; i++) {
            Run *r = &runs[i];
            const bool is_long = r->last - r->first > steady_s * edit_hz;
            if (is_long == (pass == 1)) continue;
            const double nominal = (double)raw_hz / edit_hz;
            if (pass && fabs(r->rate / nominal - 1) < 5e-4) r->rate = typical_rate(runs, n, nominal);
            TRY(measure(r, raw, edit, c, sign, window, piece, samples, &n_samples));
            r->steady = is_long && n_samples > 3;
            fit(r, samples, n_samples, r->steady || fabs(r->rate / nominal - 1) >= 5e-4);
            round_off(r, raw_hz == edit_hz);
        }
out:
    correlator_close(c);
    free(window);
    free(piece);
    return st;
}
