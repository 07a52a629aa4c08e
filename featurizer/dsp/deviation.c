/* Added and missing are one-sided: what no reference has, and what all of them have. Players differ from take
 * to take, so with several references only what is outside of all their ways counts; hits may lie a cell to
 * either side. */
#include "featurizer/dsp/deviation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"

typedef struct Range {
    float low, middle, high;
} Range;

static Range range_of(float *v, int32_t n) {
    for (int32_t i = 1; i < n; i++)
        for (int32_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
            float t = v[j];
            v[j] = v[j - 1], v[j - 1] = t;
        }
    return (Range){v[0], n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2, v[n - 1]};
}

/* The range over the references of one float at `offset` bytes of a Heard. */
static Range range_at(const Heard *units, const int32_t *refs, int32_t n, size_t offset) {
    float v[DEVIATION_REFERENCES];
    for (int32_t i = 0; i < n; i++) memcpy(&v[i], (const char *)&units[refs[i]] + offset, sizeof(float));
    return range_of(v, n);
}

#define RANGE(field) range_at(units, refs, n, offsetof(Heard, field))

static void pitches_apart(const Heard *units, const Heard *u, const int32_t *refs, int32_t n, float *out) {
    double dot = 0, aa = 1e-9, bb = 1e-9;
    for (int32_t h = 0; h < DETAIL_HALVES; h++)
        for (int32_t p = 0; p < PITCHES; p++) {
            float x = u->d.pitch[h][p];
            Range r = RANGE(d.pitch[h][p]);
            if (x > r.high) out[PITCH_ADDED] += x - r.high;
            if (x < r.low) out[PITCH_MISSING] += r.low - x;
            dot += x * r.middle, aa += x * x, bb += r.middle * r.middle;
        }
    out[PITCH_APART] = (float)(1 - dot / sqrt(aa * bb));
    float chroma[CHROMA];
    for (int32_t c = 0; c < CHROMA; c++) chroma[c] = RANGE(m.chroma[c]).middle;
    out[CHROMA_APART] = 1 - chroma_likeness(u->m.chroma, chroma);
}

static float near_cell(const Detail *d, int32_t c, int32_t g) {
    float v = d->onset[c][g];
    if (c > 0) v = fmaxf(v, d->onset[c - 1][g]);
    if (c + 1 < DETAIL_CELLS) v = fmaxf(v, d->onset[c + 1][g]);
    return v;
}

static void onsets_apart(const Heard *units, const Heard *u, const int32_t *refs, int32_t n, float *out) {
    float here[DETAIL_CELLS] = {0}, there[DETAIL_CELLS] = {0};
    for (int32_t c = 0; c < DETAIL_CELLS; c++)
        for (int32_t g = 0; g < ONSET_BANDS; g++) {
            float wide[DEVIATION_REFERENCES], x = u->d.onset[c][g];
            Range exact = RANGE(d.onset[c][g]);
            for (int32_t i = 0; i < n; i++) wide[i] = near_cell(&units[refs[i]].d, c, g);
            float added = x - range_of(wide, n).high, missing = exact.low - near_cell(&u->d, c, g);
            if (added > 0) out[ONSET_ADDED] += added;
            if (missing > 0) out[ONSET_MISSING] += missing;
            out[ONSET_APART] += fabsf(x - exact.middle);
            here[c] += x, there[c] += exact.middle;
        }
    double best = 0, still = 0;
    int32_t lag = 0;
    for (int32_t s = -3; s <= 3; s++) {
        double sum = 0;
        for (int32_t c = 0; c < DETAIL_CELLS; c++)
            if (c + s >= 0 && c + s < DETAIL_CELLS) sum += here[c + s] * there[c];
        if (s == 0) still = sum;
        if (sum > best) best = sum, lag = s;
    }
    /* a shift counts by how much better it fits */
    out[ONSET_LATE] = best > 1e-9 ? (float)(abs(lag) * (best - still) / best) : 0;
}

static void levels_apart(const Heard *units, const Heard *u, const int32_t *refs, int32_t n, float *out) {
    for (int32_t h = 0; h < DETAIL_HALVES; h++)
        for (int32_t g = 0; g < ONSET_BANDS; g++) {
            Range r = RANGE(d.band_db[h][g]);
            out[LEVEL_LOW] = fmaxf(out[LEVEL_LOW], r.low - u->d.band_db[h][g]);
            out[LEVEL_HIGH] = fmaxf(out[LEVEL_HIGH], u->d.band_db[h][g] - r.high);
        }
    out[LEVEL_APART] = fabsf(u->level_db - RANGE(level_db).middle);
    float step[DEVIATION_REFERENCES];
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++)
        if (refs[i] > 0 && units[refs[i] - 1].take == units[refs[i]].take)
            step[m++] = units[refs[i]].level_db - units[refs[i] - 1].level_db;
    if (m && u > units && u[-1].take == u->take)
        out[LEVEL_JUMP] = fabsf(u->level_db - u[-1].level_db - range_of(step, m).middle);
}

void deviation_of(const Heard *units, int32_t index, const int32_t *refs, int32_t n, float out[RESPECTS]) {
    const Heard *u = &units[index];
    memset(out, 0, sizeof(float) * RESPECTS);
    pitches_apart(units, u, refs, n, out);
    onsets_apart(units, u, refs, n, out);
    levels_apart(units, u, refs, n, out);
    for (int32_t g = 0; g < MEASURE_MEL; g++) {
        Range r = RANGE(take_mel[g]);
        out[MEL_APART] += fabsf(u->take_mel[g] - r.middle) / MEASURE_MEL;
        if (3 * g >= 2 * MEASURE_MEL) out[MEL_HIGH] += (u->take_mel[g] - r.middle) / (MEASURE_MEL / 3);
    }
    out[TIMING_APART] = fabsf(u->timing - RANGE(timing).middle);
    out[RUSH_APART] = fmaxf(0, u->rush - RANGE(rush).middle);
    out[NOISE_APART] = fabsf(u->m.flatness - RANGE(m.flatness).middle);
    out[CLIPPED_MORE] = fmaxf(0, u->clipped - RANGE(clipped).middle);
}

Status deviation_scale(Heard *units, const int32_t *own, int32_t n, Arena *mem) {
    float *v = arena_alloc(mem, sizeof(float) * (size_t)(n + 1));
    if (!v) return fail(BS_NOMEM, "deviation: out of memory");
    double strongest = 0;
    for (int32_t i = 0; i < n; i++) {
        float top = 0;
        for (int32_t h = 0; h < DETAIL_HALVES; h++)
            for (int32_t p = 0; p < PITCHES; p++) top = fmaxf(top, units[own[i]].d.pitch[h][p]);
        strongest += top / n;
    }
    float scale = strongest > 1e-9 ? (float)(8 / strongest) : 0;
    for (int32_t i = 0; i < n; i++)
        for (int32_t h = 0; h < DETAIL_HALVES; h++)
            for (int32_t p = 0; p < PITCHES; p++)
                units[own[i]].d.pitch[h][p] = log1pf(scale * units[own[i]].d.pitch[h][p]);
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        for (int32_t i = 0; i < n; i++)
            v[i] = (units[own[i]].d.band_db[0][g] + units[own[i]].d.band_db[1][g]) / 2;
        float middle = median_of(v, n);
        for (int32_t i = 0; i < n; i++)
            for (int32_t h = 0; h < DETAIL_HALVES; h++) units[own[i]].d.band_db[h][g] -= middle;
    }
    return BS_OK;
}
