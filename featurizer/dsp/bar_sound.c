#include "featurizer/dsp/bar_sound.h"

#include <math.h>
#include <string.h>

static void unit_length(float *v, int32_t n, bool centre) {
    double mean = 0, norm = 0;
    for (int32_t i = 0; i < n && centre; i++) mean += v[i] / n;
    for (int32_t i = 0; i < n; i++) v[i] -= (float)mean, norm += (double)v[i] * v[i];
    float scale = norm > 1e-9 ? (float)(1 / sqrt(norm)) : 0;
    for (int32_t i = 0; i < n; i++) v[i] *= scale;
}

static float dot(const float *a, const float *b, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

float bar_likeness(const BarSound *a, const BarSound *b) {
    float sum = 0;
    int32_t n = a->n_beats > b->n_beats ? a->n_beats : b->n_beats;
    for (int32_t k = 0; k < n && k < a->n_beats && k < b->n_beats; k++) {
        float level = fabsf(a->level[k] - b->level[k]) / 10;
        sum += 0.56F * dot(a->chroma[k], b->chroma[k], CHROMA) +
               0.44F * dot(a->mel[k], b->mel[k], MEASURE_MEL) - 0.3F * (level > 1 ? 1 : level);
    }
    return n ? sum / (float)n : 0;
}

static void list_bars(const TakeBeats *t, TakeBars *tb) {
    tb->n = 0;
    for (int32_t k = 0; k < t->track.n; k++) {
        if (k == 0 || t->phase[k] <= t->phase[k - 1]) tb->bars[tb->n++] = (Bar){k, 0, -1};
        tb->bars[tb->n - 1].n_beats++;
    }
}

static void take_means(const TakeBeats *t, float *mel, float *level, Arena *scratch) {
    float *levels = arena_alloc(scratch, sizeof(float) * (size_t)(t->track.n + 1));
    memset(mel, 0, sizeof(float) * MEASURE_MEL);
    for (int32_t k = 0; k < t->track.n; k++) {
        if (levels) levels[k] = t->measures[k].level_db;
        for (int32_t g = 0; g < MEASURE_MEL; g++) mel[g] += t->measures[k].mel[g] / (float)t->track.n;
    }
    *level = levels ? median_of(levels, t->track.n) : 0;
}

void bar_sounds_of(const TakeBeats *take, int32_t meter, TakeBars *tb, BarSound *sounds, Arena *scratch) {
    float mel[MEASURE_MEL], level;
    list_bars(take, tb);
    take_means(take, mel, &level, scratch);
    for (int32_t i = 0; i < tb->n; i++) {
        BarSound *s = &sounds[i];
        memset(s, 0, sizeof *s);
        for (int32_t b = 0; b < tb->bars[i].n_beats; b++) {
            int32_t k = tb->bars[i].first_beat + b, phase = take->phase[k] % meter;
            const Measure *m = &take->measures[k];
            memcpy(s->chroma[phase], m->chroma, sizeof m->chroma);
            unit_length(s->chroma[phase], CHROMA, true);
            for (int32_t g = 0; g < MEASURE_MEL; g++) s->mel[phase][g] = m->mel[g] - mel[g];
            unit_length(s->mel[phase], MEASURE_MEL, true);
            s->level[phase] = m->level_db - level;
            s->vocal[phase] = m->vocal;
            s->n_beats = phase + 1 > s->n_beats ? phase + 1 : s->n_beats;
        }
    }
}

void bar_sound_add(BarSound *sum, const BarSound *b) {
    sum->n_beats = b->n_beats > sum->n_beats ? b->n_beats : sum->n_beats;
    for (int32_t k = 0; k < b->n_beats; k++) {
        for (int32_t c = 0; c < CHROMA; c++) sum->chroma[k][c] += b->chroma[k][c];
        for (int32_t g = 0; g < MEASURE_MEL; g++) sum->mel[k][g] += b->mel[k][g];
        sum->level[k] += b->level[k];
        sum->vocal[k] += b->vocal[k];
    }
}

void bar_sound_scale(BarSound *sum, int32_t n) {
    for (int32_t k = 0; k < sum->n_beats; k++) {
        unit_length(sum->chroma[k], CHROMA, false);
        unit_length(sum->mel[k], MEASURE_MEL, false);
        sum->level[k] /= (float)n;
        sum->vocal[k] /= (float)n;
    }
}

double bar_sounds_floor(const BarSound *bars, int32_t n, Arena *scratch) {
    const double lowest = 0.06, highest = 0.24, share = 0.44;
    if (n < 4) return highest;
    float *all = arena_alloc(scratch, sizeof(float) * (size_t)n * 64),
          *best = arena_alloc(scratch, sizeof(float) * (size_t)n);
    if (!all || !best) return highest;
    int32_t m = 0, step = n / 64 + 1;
    for (int32_t i = 0; i < n; i++) {
        best[i] = -1;
        for (int32_t j = i % step; j < n; j += step) {
            if (j == i) continue;
            float v = bar_likeness(&bars[i], &bars[j]);
            if (v > best[i]) best[i] = v;
            if (m < n * 64) all[m++] = v;
        }
    }
    double common = median_of(all, m), same = median_of(best, n), f = common + share * (same - common);
    return f < lowest ? lowest : f > highest ? highest : f;
}
