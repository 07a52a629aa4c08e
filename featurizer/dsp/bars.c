/* Downbeats: harmony changes, bass enters and the kick falls on them; the snare does not.
 *
 * Each cue is standardised over the piece, so what a recording lacks (no drums, one chord) drops out by
 * itself. The metre, and which of its phases a take as a whole has, is said by a network that reads the same
 * cues at all places of the bar (bar_cues.c); beat by beat they say where a take slips. */
#include "featurizer/dsp/bars.h"

#include <math.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"
#include "featurizer/dsp/meter_weights.inc"

enum { CUES = 5 };

static float level_of(const float *mel, int32_t a, int32_t b) {
    float sum = 0;
    for (int32_t i = a; i < b; i++) sum += mel[i];
    return sum / (float)(b - a);
}

static void blend(const Measure *m, int32_t n, float *chroma) {
    memset(chroma, 0, sizeof(float) * CHROMA);
    for (int32_t i = 0; i < n; i++)
        for (int32_t c = 0; c < CHROMA; c++) chroma[c] += m[i].chroma[c];
}

static void cues_of(const TakeBeats *t, int32_t k, float *cue) {
    const Measure *m = t->measures;
    int32_t n = t->track.n;
    memset(cue, 0, sizeof(float) * CUES);
    if (k > 0) {
        cue[0] = 1 - chroma_likeness(m[k - 1].chroma, m[k].chroma);
        float before[CHROMA], after[CHROMA];
        int32_t back = k < 2 ? k : 2, on = n - k < 2 ? n - k : 2;
        blend(m + k - back, back, before);
        blend(m + k, on, after);
        cue[1] = 1 - chroma_likeness(before, after);
    }
    cue[2] = m[k].hit[0];
    cue[3] = m[k].hit[2] * 0.7F + m[k].hit[3] * 0.3F;
    cue[4] = level_of(m[k].mel, 0, 2) - (k ? level_of(m[k - 1].mel, 0, 2) : level_of(m[k].mel, 0, 2));
}

Status bars_evidence(TakeBeats *takes, int32_t n_takes, Arena *mem) {
    static const float weight[CUES] = {0.6F, 0.7F, 0.5F, -0.35F, 0.25F};
    double sum[CUES] = {0}, square[CUES] = {0};
    int64_t n = 0;
    float cue[CUES];
    for (int32_t t = 0; t < n_takes; t++) {
        takes[t].evidence = arena_alloc(mem, sizeof(float) * (size_t)(takes[t].track.n + 1));
        if (!takes[t].evidence) return fail(BS_NOMEM, "bars: out of memory");
        for (int32_t k = 1; k < takes[t].track.n; k++, n++) {
            cues_of(&takes[t], k, cue);
            for (int32_t c = 0; c < CUES; c++) sum[c] += cue[c], square[c] += (double)cue[c] * cue[c];
        }
    }
    for (int32_t t = 0; t < n_takes; t++)
        for (int32_t k = 0; k < takes[t].track.n; k++) {
            cues_of(&takes[t], k, cue);
            double e = 0;
            for (int32_t c = 0; c < CUES && n > 0; c++) {
                double mean = sum[c] / (double)n, dev = sqrt(fmax(0, square[c] / (double)n - mean * mean));
                double z = dev > 1e-4 ? (cue[c] - mean) / dev : 0;
                if (k == 0 && c < 2) z = 0.7; /* whoever starts, starts at a beginning more often than not */
                e += weight[c] * (z > 3 ? 3 : z < -3 ? -3 : z);
            }
            takes[t].evidence[k] = (float)e;
        }
    float cues[BARS_READINGS][BAR_CUES];
    for (int32_t t = 0; t < n_takes; t++) {
        if (takes[t].track.n < 12) continue;
        bars_cues(&takes[t], cues);
        for (int32_t i = 0; i < BARS_READINGS; i++) takes[t].reading[i] = mlp_run(&meter_net, cues[i]);
    }
    return BS_OK;
}

double bars_support(const TakeBeats *take, int32_t meter, int32_t phase) {
    double sum = 0;
    for (int32_t k = 0; k < take->track.n; k++)
        sum += take->phase[k] % meter == phase ? take->evidence[k] : 0;
    return sum;
}

static int32_t first_reading(int32_t meter) { return meter == 3 ? 0 : meter == 4 ? 3 : 7; }

/* Log of the sum of a metre's readings. */
static double support_of(const TakeBeats *t, int32_t meter) {
    double most = -1e30, sum = 0;
    const float *r = t->reading + first_reading(meter);
    for (int32_t p = 0; p < meter; p++) most = r[p] > most ? r[p] : most;
    for (int32_t p = 0; p < meter; p++) sum += exp(r[p] - most);
    return most + log(sum);
}

int32_t bars_meter(const TakeBeats *takes, int32_t n_takes) {
    double best = -1e30;
    int32_t meter = 4;
    for (int32_t m = 0; m < BARS_METERS; m++) {
        double sum = 0;
        for (int32_t t = 0; t < n_takes; t++)
            if (takes[t].track.n >= 12)
                sum += fmin(takes[t].track.n, 200) * support_of(&takes[t], bars_meters[m]);
        if (bars_meters[m] == 4) sum += 1e-9;
        if (sum > best) best = sum, meter = bars_meters[m];
    }
    return meter;
}

/* The readings of the whole take, spread over its beats, as part of each beat's evidence. */
static double reading_at(const TakeBeats *t, int32_t meter, int32_t k) {
    if (t->track.n < 12) return 0;
    return exp(t->reading[first_reading(meter) + k % meter] - support_of(t, meter)) - 1.0 / meter;
}

Status bars_phases(TakeBeats *take, int32_t meter, Arena *mem) {
    const double slip = 7;
    int32_t n = take->track.n;
    uint8_t *from = arena_alloc(mem, (size_t)n * (size_t)meter);
    double *evidence = arena_alloc(mem, sizeof(double) * (size_t)(n + 1));
    take->phase = arena_alloc(mem, (size_t)n + 1);
    if (!from || !take->phase || !evidence) return fail(BS_NOMEM, "bars: out of memory");
    double score[8] = {0}, next[8];
    for (int32_t k = 0; k < n; k++) evidence[k] = 0.5 * take->evidence[k] + 1.5 * reading_at(take, meter, k);
    for (int32_t k = 0; k < n; k++) {
        double top = -1e30;
        int32_t top_p = 0;
        for (int32_t p = 0; p < meter; p++)
            if (score[p] > top) top = score[p], top_p = p;
        for (int32_t p = 0; p < meter; p++) {
            int32_t before = (p + meter - 1) % meter;
            bool slips = k > 0 && top - slip > score[before];
            next[p] = (k == 0 ? 0 : slips ? top - slip : score[before]) + (p == 0 ? evidence[k] : 0);
            from[(size_t)k * (size_t)meter + (size_t)p] = (uint8_t)(slips ? top_p : before);
        }
        memcpy(score, next, sizeof score);
    }
    int32_t p = 0;
    for (int32_t q = 1; q < meter; q++)
        if (score[q] > score[p]) p = q;
    for (int32_t k = n - 1; k >= 0; k--) {
        take->phase[k] = (uint8_t)p;
        p = from[(size_t)k * (size_t)meter + (size_t)p];
    }
    return BS_OK;
}

void bars_shift(TakeBeats *take, int32_t meter, int32_t by) {
    for (int32_t k = 0; k < take->track.n; k++) take->phase[k] = (uint8_t)((take->phase[k] + by) % meter);
}
