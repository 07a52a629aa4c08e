/* Halves and cells of a beat: frames are shared out by their time. */
#include "featurizer/dsp/detail.h"

#include <math.h>
#include <string.h>

typedef struct Span {
    int32_t a, b;
} Span;

/* Frames at `hop` samples whose time lies in [start, end); at least the nearest one. */
static Span frames_in(double start_s, double end_s, int32_t hop, int32_t n) {
    Span s = {(int32_t)ceil(start_s * ANALYSIS_HZ / hop), (int32_t)ceil(end_s * ANALYSIS_HZ / hop)};
    if (s.b <= s.a) s.a = (int32_t)floor((start_s + end_s) / 2 * ANALYSIS_HZ / hop + 0.5), s.b = s.a + 1;
    if (s.a > n - 1) s.a = n - 1;
    if (s.a < 0) s.a = 0;
    if (s.b > n) s.b = n;
    if (s.b <= s.a) s.b = s.a + 1;
    return s;
}

void detail_span(const Frames *f, double start_s, double end_s, Detail *out) {
    double half = (end_s - start_s) / DETAIL_HALVES, cell = (end_s - start_s) / DETAIL_CELLS;
    memset(out, 0, sizeof *out);
    for (int32_t h = 0; h < DETAIL_HALVES; h++) {
        Span w = frames_in(start_s + h * half, start_s + (h + 1) * half, WIDE_HOP, f->n_wide);
        for (int32_t k = w.a; k < w.b; k++)
            for (int32_t p = 0; p < PITCHES; p++)
                out->pitch[h][p] += f->pitch[(size_t)k * PITCHES + (size_t)p] / (float)(w.b - w.a);
        Span s = frames_in(start_s + h * half, start_s + (h + 1) * half, FRAME_HOP, f->n);
        for (int32_t g = 0; g < ONSET_BANDS; g++)
            for (int32_t k = s.a; k < s.b; k++) out->band_db[h][g] += f->band_db[g][k] / (float)(s.b - s.a);
    }
    for (int32_t c = 0; c < DETAIL_CELLS; c++) { /* cells are centred: a hit on the beat is in cell 0 */
        Span s = frames_in(start_s + (c - 0.5) * cell, start_s + (c + 0.5) * cell, FRAME_HOP, f->n);
        for (int32_t g = 0; g < ONSET_BANDS; g++)
            for (int32_t k = s.a; k < s.b; k++)
                if (f->onset[g][k] > out->onset[c][g]) out->onset[c][g] = f->onset[g][k];
    }
}
