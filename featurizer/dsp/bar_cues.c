/* What is heard at the places of a bar, for one metre and one phase of a take. */
#include <math.h>
#include <string.h>

#include "featurizer/dsp/bars.h"
#include "featurizer/dsp/chroma.h"

enum { BEAT_CUES = 6, PLACES = 4, LAGS = 8 };

static float low_level(const Measure *m) { return (m->mel[0] + m->mel[1]) / 2; }

static void beat_cues(const TakeBeats *t, int32_t k, float *cue) {
    const Measure *m = t->measures;
    float before[CHROMA] = {0}, after[CHROMA] = {0};
    memset(cue, 0, sizeof(float) * BEAT_CUES);
    if (k < 1) return;
    for (int32_t i = 0; i < 2; i++)
        for (int32_t c = 0; c < CHROMA; c++) {
            if (k - 1 - i >= 0) before[c] += m[k - 1 - i].chroma[c];
            if (k + i < t->track.n) after[c] += m[k + i].chroma[c];
        }
    cue[0] = 1 - chroma_likeness(m[k - 1].chroma, m[k].chroma);
    cue[1] = 1 - chroma_likeness(before, after);
    cue[2] = m[k].hit[0] + 0.5F * m[k].hit[1];
    cue[3] = 0.7F * m[k].hit[2] + 0.3F * m[k].hit[3];
    cue[4] = low_level(&m[k]) - low_level(&m[k - 1]);
    cue[5] = m[k].level_db - m[k - 1].level_db;
}

/* Mean likeness of beats `lag` apart: what is struck, and what sounds. */
static void likeness_at(const TakeBeats *t, int32_t lag, float out[2]) {
    out[0] = out[1] = 0;
    int32_t n = t->track.n - lag;
    for (int32_t k = 0; k < n; k++) {
        const Measure *a = &t->measures[k], *b = &t->measures[k + lag];
        for (int32_t g = 0; g < ONSET_BANDS; g++) out[0] -= fabsf(a->hit[g] - b->hit[g]) / (float)(4 * n);
        out[1] += chroma_likeness(a->chroma, b->chroma) / (float)n;
    }
}

typedef struct Take {
    float mean[BEAT_CUES], scale[BEAT_CUES], like[LAGS + 1][2], twelve[2], usual[2];
} Take;

static void describe_take(const TakeBeats *t, Take *d) {
    double sum[BEAT_CUES] = {0}, square[BEAT_CUES] = {0};
    float cue[BEAT_CUES];
    memset(d, 0, sizeof *d);
    for (int32_t k = 1; k < t->track.n; k++) {
        beat_cues(t, k, cue);
        for (int32_t c = 0; c < BEAT_CUES; c++) sum[c] += cue[c], square[c] += (double)cue[c] * cue[c];
    }
    double n = t->track.n - 1;
    for (int32_t c = 0; c < BEAT_CUES; c++) {
        double mean = sum[c] / n, spread = sqrt(fmax(0, square[c] / n - mean * mean));
        d->mean[c] = (float)mean;
        d->scale[c] = spread > 1e-4 ? (float)(1 / spread) : 0;
    }
    for (int32_t lag = 1; lag <= LAGS; lag++) {
        likeness_at(t, lag, d->like[lag]);
        for (int i = 0; i < 2; i++) d->usual[i] += d->like[lag][i] / LAGS;
    }
    likeness_at(t, 12, d->twelve);
}

static void fill_cues(const TakeBeats *t, const Take *d, int32_t meter, int32_t phase, bool starts,
                      float *out) {
    int32_t places[PLACES] = {0, 1, meter / 2, meter - 1}, count[PLACES] = {0};
    float cue[BEAT_CUES];
    memset(out, 0, sizeof(float) * BAR_CUES);
    for (int32_t k = 1; k < t->track.n; k++) {
        int32_t place = (k + meter - phase) % meter;
        for (int32_t i = 0; i < PLACES; i++) {
            if (places[i] != place) continue;
            beat_cues(t, k, cue);
            for (int32_t c = 0; c < BEAT_CUES; c++) {
                float z = (cue[c] - d->mean[c]) * d->scale[c];
                out[i * BEAT_CUES + c] += z > 3 ? 3 : z < -3 ? -3 : z;
            }
            count[i]++;
        }
    }
    for (int32_t i = 0; i < PLACES; i++)
        for (int32_t c = 0; c < BEAT_CUES; c++)
            if (count[i]) out[i * BEAT_CUES + c] /= (float)count[i];
    out += PLACES * BEAT_CUES;
    for (int i = 0; i < 2; i++) {
        *out++ = d->like[meter][i] - d->usual[i];
        *out++ = (2 * meter <= LAGS ? d->like[2 * meter][i] : d->twelve[i]) - d->usual[i];
        for (int32_t lag = 2; lag <= 8; lag += lag < 4 ? 1 : 2) *out++ = d->like[lag][i] - d->usual[i];
    }
    for (int i = 0; i < BARS_METERS; i++) *out++ = bars_meters[i] == meter;
    *out++ = (float)log2(t->track.tempo_bpm / 110);
    *out++ = starts && phase == 0; /* whoever starts, starts at a beginning more often than not */
}

const int32_t bars_meters[BARS_METERS] = {3, 4, 6};

void bars_cues(const TakeBeats *take, int32_t first, int32_t n, float cues[BARS_READINGS][BAR_CUES]) {
    Take d;
    TakeBeats window = {.track = take->track, .measures = take->measures + first};
    window.track.n = n;
    describe_take(&window, &d);
    for (int32_t i = 0, row = 0; i < BARS_METERS; i++)
        for (int32_t phase = 0; phase < bars_meters[i]; phase++)
            fill_cues(&window, &d, bars_meters[i], phase, first == 0, cues[row++]);
}
