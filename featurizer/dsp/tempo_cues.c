/* What is heard on and between the beats of a track, beat by beat, averaged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"
#include "featurizer/dsp/tempo.h"

enum { CELLS = 12, PROFILE = CELLS * ONSET_BANDS, LAGS = 6 };

static const int32_t lags[LAGS] = {1, 2, 3, 4, 6, 8};

static double hit(const Frames *f, int32_t band, double time_s) {
    double v = frame_peak(f->onset[band], f->n, time_s * FRAMES_PER_S, 2.5);
    return v > 1.2 ? 1.2 : v;
}

static double harmony(const Frames *f, double time_s) {
    return frame_peak(f->moved, f->n_wide, time_s * ANALYSIS_HZ / WIDE_HOP, 1);
}

static double level_near(const Frames *f, double time_s, int32_t from, int32_t to) {
    int32_t k = (int32_t)(time_s * FRAMES_PER_S), n = 0;
    double sum = 0;
    for (int32_t i = k + from; i <= k + to; i++)
        if (i >= 0 && i < f->n) sum += fmax(-70, (double)f->level_db[i]), n++;
    return n ? sum / n : -70;
}

/* How much louder it is after a time than before it. */
static double swell(const Frames *f, double time_s) {
    return level_near(f, time_s, 1, 12) - level_near(f, time_s, -12, -1);
}

static void describe_beats(const Frames *f, const BeatTrack *t, float *profile, float *chroma) {
    for (int32_t k = 0; k < t->n; k++) {
        double cell = (t->time_s[k + 1] - t->time_s[k]) / CELLS;
        for (int32_t c = 0; c < CELLS; c++)
            for (int32_t g = 0; g < ONSET_BANDS; g++)
                profile[k * PROFILE + c * ONSET_BANDS + g] =
                    frame_peak(f->onset[g], f->n, (t->time_s[k] + c * cell) * FRAMES_PER_S, 2);
        int32_t a = (int32_t)ceil(t->time_s[k] * ANALYSIS_HZ / WIDE_HOP),
                b = (int32_t)ceil(t->time_s[k + 1] * ANALYSIS_HZ / WIDE_HOP);
        for (int32_t w = a < 0 ? 0 : a; w < b && w < f->n_wide; w++)
            for (int32_t c = 0; c < CHROMA; c++) chroma[k * CHROMA + c] += f->chroma[(size_t)w * CHROMA + c];
    }
}

static double cosine(const float *a, const float *b, int32_t n) {
    double ab = 0, aa = 1e-6, bb = 1e-6;
    for (int32_t i = 0; i < n; i++) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
    return ab / sqrt(aa * bb);
}

static float *repetition(const float *profile, const float *chroma, int32_t n, float *out) {
    for (int32_t i = 0; i < LAGS; i++) {
        double struck = 0, sounds = 0;
        int32_t m = 0;
        for (int32_t k = 0; k + lags[i] < n; k++, m++) {
            struck += cosine(profile + k * PROFILE, profile + (k + lags[i]) * PROFILE, PROFILE);
            sounds += chroma_likeness(chroma + k * CHROMA, chroma + (k + lags[i]) * CHROMA);
        }
        *out++ = m ? (float)(struck / m) : 0;
        *out++ = m ? (float)(sounds / m) : 0;
    }
    return out;
}

/* How far the means of every `period`-th beat lie apart. */
static float unevenness(const double *v, int32_t n, int32_t period) {
    double sum[8] = {0}, low = 1e9, high = -1e9;
    int32_t count[8] = {0};
    for (int32_t k = 0; k < n; k++) sum[k % period] += v[k], count[k % period]++;
    for (int32_t p = 0; p < period; p++) {
        double mean = count[p] ? sum[p] / count[p] : 0;
        low = fmin(low, mean), high = fmax(high, mean);
    }
    return (float)(high - low);
}

static float *regularity(const Frames *f, const BeatTrack *t, float *out) {
    double *v = malloc(sizeof(double) * 3 * (size_t)t->n);
    if (!v) return out + 7;
    double *low = v, *high = v + t->n, *moved = v + 2 * t->n;
    for (int32_t k = 0; k < t->n; k++) {
        low[k] = hit(f, 0, t->time_s[k]) + hit(f, 1, t->time_s[k]);
        high[k] = hit(f, 2, t->time_s[k]) + hit(f, 3, t->time_s[k]);
        moved[k] = harmony(f, t->time_s[k]);
    }
    for (int32_t period = 2; period <= 3; period++) {
        *out++ = unevenness(low, t->n, period);
        *out++ = unevenness(high, t->n, period);
        *out++ = unevenness(moved, t->n, period);
    }
    *out++ = unevenness(moved, t->n, 4);
    free(v);
    return out;
}

Status tempo_cues(const Frames *f, const float *activation, const BeatTrack *t, float cues[TEMPO_CUES]) {
    static const double parts[] = {0, 0.25, 1.0 / 3, 0.5, 2.0 / 3, 0.75};
    float *out = cues;
    memset(cues, 0, sizeof(float) * TEMPO_CUES);
    if (t->n < 2) return BS_OK;
    float *profile = calloc((size_t)t->n * (PROFILE + CHROMA), sizeof(float));
    if (!profile) return fail(BS_NOMEM, "tempo: out of memory");
    float *chroma = profile + (size_t)t->n * PROFILE;
    describe_beats(f, t, profile, chroma);
    double heard = 0, uneven = 0, on = 0, all = 1e-9;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++, out += ONSET_BANDS)
        for (int32_t k = 0; k < t->n; k++)
            for (int32_t g = 0; g < ONSET_BANDS; g++)
                out[g] +=
                    (float)(hit(f, g, t->time_s[k] + parts[p] * (t->time_s[k + 1] - t->time_s[k])) / t->n);
    for (int32_t k = 0; k < t->n; k++) {
        double half = t->time_s[k] + 0.5 * (t->time_s[k + 1] - t->time_s[k]);
        out[0] += (float)(harmony(f, t->time_s[k]) / t->n);
        out[1] += (float)(harmony(f, half) / t->n);
        out[2] += (float)(swell(f, t->time_s[k]) / t->n);
        out[3] += (float)(swell(f, half) / t->n);
        heard += (t->strength[k] > 0.25F) / (double)t->n;
        on += t->strength[k] / (double)t->n;
        if (k && k + 1 < t->n)
            uneven += fabs(log((t->time_s[k + 1] - t->time_s[k]) / (t->time_s[k] - t->time_s[k - 1]))) / t->n;
    }
    int32_t a = (int32_t)(t->time_s[0] * FRAMES_PER_S), b = (int32_t)(t->time_s[t->n] * FRAMES_PER_S);
    for (int32_t k = a < 0 ? 0 : a; k < b && k < f->n; k++) all += activation[k] / (b - a);
    out = repetition(profile, chroma, t->n, out + 4);
    out = regularity(f, t, out);
    double octaves = log2(t->tempo_bpm / 110);
    *out++ = (float)octaves;
    *out++ = (float)(octaves * octaves);
    *out++ = (float)heard;
    *out++ = (float)uneven;
    *out++ = (float)(on / all);
    BS_ASSERT(out - cues == TEMPO_CUES);
    free(profile);
    return BS_OK;
}
