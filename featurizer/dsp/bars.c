/* Downbeats without training: harmony changes, bass enters and the kick falls on them; the snare does not.
 *
 * Each cue is standardised over the piece, so what a recording lacks (no drums, one chord) drops out by
 * itself. The metre is the period whose best phase stands out most, with the likeness of beats that lie one
 * and two bars apart as a second witness. */
#include "featurizer/dsp/bars.h"

#include <math.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"

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
    return BS_OK;
}

double bars_support(const TakeBeats *take, int32_t meter, int32_t phase) {
    double sum = 0;
    for (int32_t k = 0; k < take->track.n; k++)
        sum += take->phase[k] % meter == phase ? take->evidence[k] : 0;
    return sum;
}

/* Likeness of beats `lag` apart, by what is struck and what sounds. */
static double likeness_at(const TakeBeats *t, int32_t lag, int64_t *count) {
    double sum = 0;
    for (int32_t k = 0; k + lag < t->track.n; k++) {
        const Measure *a = &t->measures[k], *b = &t->measures[k + lag];
        double apart = 0;
        for (int32_t g = 0; g < ONSET_BANDS; g++) apart += fabs(a->hit[g] - b->hit[g]) / 4;
        sum += 0.5 * chroma_likeness(a->chroma, b->chroma) - apart;
        ++*count;
    }
    return sum;
}

int32_t bars_meter(const TakeBeats *takes, int32_t n_takes) {
    double score[5] = {0};
    for (int32_t m = 3; m <= 4; m++) {
        double z = 0, like = 0;
        int64_t n = 0, pairs = 0;
        for (int32_t t = 0; t < n_takes; t++) {
            double best = -1e30;
            for (int32_t p = 0; p < m; p++) {
                double on = 0, off = 0;
                int32_t n_on = 0, n_off = 0;
                for (int32_t k = 0; k < takes[t].track.n; k++)
                    if (k % m == p)
                        on += takes[t].evidence[k], n_on++;
                    else
                        off += takes[t].evidence[k], n_off++;
                if (n_on && n_off && on / n_on - off / n_off > best) best = on / n_on - off / n_off;
            }
            if (best > -1e30) z += best * takes[t].track.n, n += takes[t].track.n;
            for (int32_t lag = m; lag <= 2 * m; lag += m) like += likeness_at(&takes[t], lag, &pairs);
        }
        score[m] = (n ? z / (double)n * 0.5 : 0) + (pairs ? like / (double)pairs * 1.5 : 0);
    }
    return score[3] > score[4] + 0.02 ? 3 : 4;
}

Status bars_phases(TakeBeats *take, int32_t meter, Arena *mem) {
    const double slip = 7;
    int32_t n = take->track.n;
    uint8_t *from = arena_alloc(mem, (size_t)n * (size_t)meter);
    take->phase = arena_alloc(mem, (size_t)n + 1);
    if (!from || !take->phase) return fail(BS_NOMEM, "bars: out of memory");
    double score[8] = {0}, next[8];
    for (int32_t k = 0; k < n; k++) {
        double top = -1e30;
        int32_t top_p = 0;
        for (int32_t p = 0; p < meter; p++)
            if (score[p] > top) top = score[p], top_p = p;
        for (int32_t p = 0; p < meter; p++) {
            int32_t before = (p + meter - 1) % meter;
            bool slips = k > 0 && top - slip > score[before];
            next[p] = (k == 0 ? 0 : slips ? top - slip : score[before]) + (p == 0 ? take->evidence[k] : 0);
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
