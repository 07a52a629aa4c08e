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

enum { WINDOW = 48, FEWEST = 12 }; /* beats */

static int32_t window_start(const TakeBeats *t, int32_t w) {
    return (int32_t)((int64_t)t->track.n * w / t->n_windows);
}

/* Readings by windows: a take may slip, and then the whole of it reads as nothing. */
static Status read_bars(TakeBeats *t, Arena *mem) {
    float cues[BARS_READINGS][BAR_CUES];
    t->n_windows = t->track.n < FEWEST || t->track.tempo_bpm <= 0 ? 0
                   : t->track.n < 2 * WINDOW                      ? 1
                                                                  : t->track.n / WINDOW;
    t->readings = arena_alloc(mem, sizeof *t->readings * (size_t)(t->n_windows + 1));
    if (!t->readings) return fail(BS_NOMEM, "bars: out of memory");
    for (int32_t w = 0; w < t->n_windows; w++) {
        int32_t first = window_start(t, w), end = window_start(t, w + 1);
        bars_cues(t, first, end - first, cues);
        for (int32_t i = 0; i < BARS_READINGS; i++) t->readings[w][i] = mlp_run(&meter_net, cues[i]);
    }
    return BS_OK;
}

Status bars_evidence(TakeBeats *takes, int32_t n_takes, Arena *mem) {
    Status st = BS_OK;
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
    for (int32_t t = 0; t < n_takes; t++) TRY(read_bars(&takes[t], mem));
out:
    return st;
}

double bars_support(const TakeBeats *take, int32_t meter, int32_t phase) {
    double sum = 0;
    for (int32_t k = 0; k < take->track.n; k++)
        sum += take->phase[k] % meter == phase ? take->evidence[k] : 0;
    return sum;
}

static int32_t first_reading(int32_t meter) { return meter == 3 ? 0 : meter == 4 ? 3 : 7; }

/* Log of the sum of a window's readings in one metre. */
static double support_of(const float *readings, int32_t meter) {
    double most = -1e30, sum = 0;
    const float *r = readings + first_reading(meter);
    for (int32_t p = 0; p < meter; p++) most = r[p] > most ? r[p] : most;
    for (int32_t p = 0; p < meter; p++) sum += exp(r[p] - most);
    return most + log(sum);
}

int32_t bars_meter(const TakeBeats *takes, int32_t n_takes) {
    double score[BARS_METERS] = {0, 1e-9, 0}; /* nothing heard: four */
    int32_t best = 1;
    for (int32_t t = 0; t < n_takes; t++)
        for (int32_t w = 0; w < takes[t].n_windows; w++) {
            double logit[BARS_METERS], most = -1e30, sum = 0;
            for (int32_t m = 0; m < BARS_METERS; m++) {
                logit[m] = support_of(takes[t].readings[w], bars_meters[m]);
                most = fmax(most, logit[m]);
            }
            for (int32_t m = 0; m < BARS_METERS; m++) sum += exp(logit[m] - most);
            for (int32_t m = 0; m < BARS_METERS; m++) /* no window is surer than one in a hundred errs */
                score[m] += log(exp(logit[m] - most) / sum + 0.01) *
                            (window_start(&takes[t], w + 1) - window_start(&takes[t], w));
        }
    for (int32_t m = 0; m < BARS_METERS; m++)
        if (score[m] > score[best]) best = m;
    return bars_meters[best];
}

/* How likely beat k is a downbeat by the readings around it, less what any beat is. */
static double reading_at(const TakeBeats *t, int32_t meter, int32_t k) {
    int32_t w = 0;
    if (!t->n_windows) return 0;
    while (k >= window_start(t, w + 1)) w++;
    const float *r = t->readings[w];
    int32_t place = (k - window_start(t, w)) % meter;
    return exp(r[first_reading(meter) + place] - support_of(r, meter)) - 1.0 / meter;
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
