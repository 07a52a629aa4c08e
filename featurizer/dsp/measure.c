/* Means over [start, end): a frame belongs to the stretch that holds its centre; a stretch shorter than a
 * frame takes the nearest. */
#include "featurizer/dsp/measure.h"

#include <math.h>
#include <string.h>

static void frames_between(double start_s, double end_s, int32_t hop, int32_t n, int32_t *a, int32_t *b) {
    *a = (int32_t)ceil(start_s * ANALYSIS_HZ / hop);
    *b = (int32_t)ceil(end_s * ANALYSIS_HZ / hop);
    if (*b <= *a) {
        *a = (int32_t)floor((start_s + end_s) / 2 * ANALYSIS_HZ / hop + 0.5);
        *b = *a + 1;
    }
    if (*a > n - 1) *a = n - 1;
    if (*a < 0) *a = 0;
    if (*b > n) *b = n;
    if (*b <= *a) *b = *a + 1;
}

static double mean_between(const float *v, int32_t a, int32_t b) {
    double sum = 0;
    for (int32_t k = a; k < b; k++) sum += v[k];
    return sum / (b - a);
}

static void measure_mel(const Frames *f, double start_s, double end_s, Measure *out) {
    int32_t a, b;
    double mean[MEL_BANDS] = {0};
    frames_between(start_s, end_s, MEL_HOP, f->n_mel, &a, &b);
    for (int32_t k = a; k < b; k++)
        for (int32_t m = 0; m < MEL_BANDS; m++) mean[m] += f->log_mel[(size_t)k * MEL_BANDS + m];
    for (int32_t m = 0; m < MEL_BANDS; m++) mean[m] /= b - a;
    for (int32_t g = 0; g < MEASURE_MEL; g++) {
        int32_t from = g * MEL_BANDS / MEASURE_MEL, to = (g + 1) * MEL_BANDS / MEASURE_MEL;
        double sum = 0;
        for (int32_t m = from; m < to; m++) sum += mean[m];
        out->mel[g] = (float)(sum / (to - from));
    }
    for (int32_t c = 0; c < MEASURE_TIMBRE; c++) {
        double sum = 0;
        for (int32_t m = 0; m < MEL_BANDS; m++) sum += mean[m] * cos(M_PI * (c + 1) * (m + 0.5) / MEL_BANDS);
        out->timbre[c] = (float)(sum / MEL_BANDS);
    }
}

static void measure_chroma(const Frames *f, double start_s, double end_s, Measure *out) {
    int32_t a, b;
    double sum[CHROMA] = {0}, top = 0;
    frames_between(start_s, end_s, WIDE_HOP, f->n_wide, &a, &b);
    for (int32_t k = a; k < b; k++)
        for (int32_t c = 0; c < CHROMA; c++) sum[c] += f->chroma[(size_t)k * CHROMA + c];
    for (int32_t c = 0; c < CHROMA; c++)
        if (sum[c] > top) top = sum[c];
    for (int32_t c = 0; c < CHROMA; c++) out->chroma[c] = top > 1e-4 ? (float)(sum[c] / top) : 0;
}

static void measure_stems(const Frames *f, double start_s, double end_s, Measure *out) {
    const StemLevels *l = &f->stems;
    int32_t a, b;
    if (!l->n) return;
    frames_between(start_s, end_s, STEM_LEVEL_HOP, l->n, &a, &b);
    out->vocal = (float)mean_between(l->voice, a, b);
    for (int s = 0; s < STEMS; s++) {
        out->stem_db[s] =
            (float)fmax((double)SONG_SILENT_DB, 10 * log10(mean_between(l->power[s], a, b) + 1e-12));
        out->stem_onset[s] = (float)mean_between(l->onset[s], a, b);
    }
}

void measure_span(const Frames *f, double start_s, double end_s, Measure *out) {
    memset(out, 0, sizeof *out);
    measure_mel(f, start_s, end_s, out);
    measure_chroma(f, start_s, end_s, out);
    measure_stems(f, start_s, end_s, out);
    int32_t a, b;
    frames_between(start_s, end_s, FRAME_HOP, f->n, &a, &b);
    double power = 0, mean = 0, first = 0;
    for (int32_t k = a; k < b; k++) power += pow(10, f->level_db[k] / 10) / (b - a);
    out->level_db = (float)fmax(-80, 10 * log10(power + 1e-12));
    out->flatness = (float)mean_between(f->flatness, a, b);
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        out->onset[g] = (float)mean_between(f->onset[g], a, b);
        out->hit[g] = frame_peak(f->onset[g], f->n, start_s * FRAMES_PER_S, 4);
        mean += out->onset[g];
        first += out->hit[g];
    }
    out->attack = (float)(first / (mean + first + 0.05));
}
