#pragma once
/* How well bars with a mild flaw stand out by nothing but their deviation from the other takes of the same
 * bar, measured at the true beats: chroma, spectrum, onsets and level, each in deviations of its session, the
 * largest counts. Nothing is learnt, so this is a property of the sessions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "featurizer/dsp/detail.h"
#include "featurizer/dsp/measure.h"
#include "simulator/session.h"

enum { DEVIATIONS = 4, DEVIATION_BARS = 4096, OTHERS_MOST = 16 };
static const float MILD = 0.5f;

typedef struct BarHeard {
    int32_t take, tune, slot, n_beats;
    float flaw;
    Measure m[TRUTH_MAX_METER];
    Detail d[TRUTH_MAX_METER];
} BarHeard;

typedef struct BarScores { /* of any number of sessions */
    int32_t n_clean, n_mild;
    float clean[DEVIATION_BARS], mild[DEVIATION_BARS];
} BarScores;

static inline bool is_copy(const Truth *t, int32_t take) {
    for (int32_t c = 0; c < t->n_copies; c++)
        if (t->copies[c].first_sample == t->takes[take].first_sample) return true;
    return false;
}

static inline int32_t hear_bars(const Truth *t, const Frames *f, BarHeard *bars, int32_t most) {
    int32_t n = 0;
    for (int32_t u = 0; u < t->n_units && n < most; u++) {
        if (!truth_bar_at(t, u) || is_copy(t, t->units[u].take)) continue;
        BarHeard *b = &bars[n++];
        int32_t tune = truth_unit_tune(t, u);
        *b = (BarHeard){.take = t->units[u].take, .tune = tune, .slot = t->units[u].slot};
        b->n_beats = t->tunes[tune].meter;
        for (int32_t k = 0; k < b->n_beats; k++) {
            double from = (double)t->units[u + k].start_sample / t->sample_rate_hz,
                   to = (double)truth_unit_end(t, u + k) / t->sample_rate_hz;
            measure_span(f, from, to, &b->m[k]);
            detail_span(f, from, to, &b->d[k]);
            b->flaw = fmaxf(b->flaw, t->units[u + k].flaw);
        }
    }
    return n;
}

/* Takes are not equally loud, nor the microphone equally near. */
static inline void level_takes(BarHeard *bars, int32_t n, int32_t n_takes) {
    for (int32_t take = 0; take < n_takes; take++)
        for (int32_t g = -1; g < MEASURE_MEL; g++) {
            double sum = 0, count = 1e-9;
            for (int pass = 0; pass < 2; pass++)
                for (int32_t i = 0; i < n; i++)
                    for (int32_t k = 0; bars[i].take == take && k < bars[i].n_beats; k++) {
                        float *v = g < 0 ? &bars[i].m[k].level_db : &bars[i].m[k].mel[g];
                        if (pass)
                            *v -= (float)(sum / count);
                        else
                            sum += (double)*v, count++;
                    }
        }
}

static inline float middle_of(float *v, int32_t n) {
    for (int32_t i = 1; i < n; i++)
        for (int32_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
            float x = v[j];
            v[j] = v[j - 1];
            v[j - 1] = x;
        }
    return n % 2 ? v[n / 2] : 0.5f * (v[n / 2 - 1] + v[n / 2]);
}

/* |here - median of the others|, summed over n numbers at an offset of BarHeard. */
static inline float apart(const BarHeard *here, const BarHeard *const *others, int32_t n_others,
                          size_t offset, int32_t n) {
    float sum = 0, x, v[OTHERS_MOST];
    for (int32_t i = 0; i < n; i++) {
        size_t at = offset + (size_t)i * sizeof(float);
        memcpy(&x, (const char *)here + at, sizeof x);
        for (int32_t o = 0; o < n_others; o++) memcpy(&v[o], (const char *)others[o] + at, sizeof x);
        sum += fabsf(x - middle_of(v, n_others));
    }
    return sum;
}

static inline void deviations(const BarHeard *b, const BarHeard *const *others, int32_t n,
                              float out[DEVIATIONS]) {
    memset(out, 0, sizeof(float) * DEVIATIONS);
    for (int32_t k = 0; k < b->n_beats; k++) {
        float at[DEVIATIONS] = {
            apart(b, others, n, offsetof(BarHeard, m[k].chroma), CHROMA),
            apart(b, others, n, offsetof(BarHeard, m[k].mel), MEASURE_MEL),
            apart(b, others, n, offsetof(BarHeard, d[k].onset), DETAIL_CELLS * ONSET_BANDS),
            apart(b, others, n, offsetof(BarHeard, m[k].level_db), 1),
        };
        for (int32_t d = 0; d < DEVIATIONS; d++) out[d] += at[d] / (float)b->n_beats;
    }
    for (int32_t d = 0; d < DEVIATIONS; d++) out[d] = logf(out[d] + 1e-3f);
}

static inline void standardise(float *values, int32_t n) { /* [n][DEVIATIONS] */
    for (int32_t d = 0; d < DEVIATIONS; d++) {
        double mean = 0, square = 0;
        for (int32_t i = 0; i < n; i++) mean += (double)values[i * DEVIATIONS + d] / n;
        for (int32_t i = 0; i < n; i++) square += pow((double)values[i * DEVIATIONS + d] - mean, 2) / n;
        for (int32_t i = 0; i < n; i++) {
            float *v = &values[i * DEVIATIONS + d];
            *v = (float)(((double)*v - mean) / sqrt(square + 1e-9));
        }
    }
}

static inline void score_bars(const BarHeard *bars, int32_t n_bars, BarScores *out) {
    float *values = malloc((size_t)n_bars * DEVIATIONS * sizeof *values);
    int32_t *bar = malloc((size_t)n_bars * sizeof *bar), n = 0;
    for (int32_t i = 0; i < n_bars; i++) {
        const BarHeard *others[OTHERS_MOST];
        int32_t n_others = 0;
        for (int32_t o = 0; o < n_bars && n_others < OTHERS_MOST; o++)
            if (bars[o].tune == bars[i].tune && bars[o].slot == bars[i].slot && o != i)
                others[n_others++] = &bars[o];
        if (n_others < 2) continue;
        deviations(&bars[i], others, n_others, &values[n * DEVIATIONS]);
        bar[n++] = i;
    }
    standardise(values, n);
    for (int32_t i = 0; i < n; i++) {
        float largest = -100, flaw = bars[bar[i]].flaw;
        for (int32_t d = 0; d < DEVIATIONS; d++) largest = fmaxf(largest, values[i * DEVIATIONS + d]);
        if (flaw == 0 && out->n_clean < DEVIATION_BARS) out->clean[out->n_clean++] = largest;
        if (flaw > 0 && flaw < MILD && out->n_mild < DEVIATION_BARS) out->mild[out->n_mild++] = largest;
    }
    free(bar);
    free(values);
}

static inline Status add_session(BarScores *out, uint64_t seed, double length_s) {
    Status st = BS_OK;
    Session s = {0};
    Frames *frames = calloc(1, sizeof *frames);
    BarHeard *bars = calloc(DEVIATION_BARS, sizeof *bars);
    float *mono = NULL;
    Arena mem;
    arena_init(&mem, (size_t)1 << 30);
    TRY(session_make(&s, "song", seed, length_s));
    int64_t n = 0;
    for (int64_t i = 0; i < s.n_samples; i++) s.samples[i] = 0.5f * (s.samples[2 * i] + s.samples[2 * i + 1]);
    TRY(resample(s.samples, s.n_samples, SESSION_RATE, ANALYSIS_HZ, 1, &mono, &n));
    TRY(frames_measure(frames, &mem, mono, n));
    int32_t n_bars = hear_bars(s.truth, frames, bars, DEVIATION_BARS);
    level_takes(bars, n_bars, s.truth->n_takes);
    score_bars(bars, n_bars, out);
out:
    arena_drop(&mem);
    free(mono);
    free(bars);
    free(frames);
    session_drop(&s);
    return st;
}

/* Chance that a mildly flawed bar deviates more than a clean one. */
static inline double bar_scores_auc(const BarScores *s) {
    double wins = 0;
    for (int32_t i = 0; i < s->n_mild; i++)
        for (int32_t k = 0; k < s->n_clean; k++)
            wins += s->mild[i] > s->clean[k] ? 1 : s->mild[i] == s->clean[k] ? 0.5 : 0;
    return wins / ((double)s->n_mild * (double)s->n_clean);
}
