/* A string is a delay line of one period that a lowpass shortens a little each time round. The lowpass lags
 * by (1 - b) / b samples and reading between two cells takes out the rest, so it is in tune. */
#include "simulator/synth_parts.h"

enum { LONGEST = 2048 };

void synth_pluck(const Synth *s, const Line *line, const String *g, int64_t at, int64_t length, double hz,
                 float velocity, uint64_t seed) {
    float cells[LONGEST + 1];
    float b = 0.55f + 0.4f * g->bright;
    double period = s->rate_hz / hz - (double)((1 - b) / b);
    int32_t n_cells = (int32_t)period + 1;
    if (n_cells < 8 || n_cells > LONGEST) return;
    float f = (float)(n_cells - period);
    int64_t n = room_for(line, at, length + (int64_t)(g->damp_s * 5 * (float)s->rate_hz));
    float *to = line->samples + (n > 0 ? at : 0);
    uint32_t state = noise_seed(seed);
    float dull = 0.25f + 0.6f * g->bright * velocity, x = 0, mean = 0;
    for (int32_t i = 0; i < n_cells; i++) { /* harder plucks are brighter */
        x += dull * (noise(&state) - x);
        cells[i] = x;
        mean += x / (float)n_cells;
    }
    for (int32_t i = 0; i < n_cells; i++) cells[i] -= mean; /* no DC to ring on */
    float keep = (float)exact_exp2(-1.4426950408889634 / (g->decay_s * hz)), low = 0;
    float level = g->gain * velocity / (0.35f + 0.4f * dull), let_go = decay_of(s, g->damp_s);
    for (int64_t i = 0; i < n;) {
        for (int32_t c = 0; c < n_cells && i < n; c++, i++) {
            float next = cells[c + 1 < n_cells ? c + 1 : 0], y = cells[c] + f * (next - cells[c]);
            low += b * (y - low);
            cells[c] = keep * low;
            if (i >= length) level *= let_go;
            to[i] += level * low;
        }
    }
}
