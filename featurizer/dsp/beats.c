/* Beat tracking as a semi-Markov chain over beats.
 *
 * A path is a list of beats; its score is what is heard at each beat minus what a change of the beat length
 * costs. Motion within a beat is deterministic, so the state is only (time of this beat, length of the beat
 * that led here):
 *     D[t][tau] = a(t) + max over tau' of D[t - tau][tau'] - w (ln tau / tau')^2
 * (the exact reduction of a bar-pointer model: Krebs, Boeck, Widmer, ISMIR 2015). */
#include "featurizer/dsp/beats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TAUS = 96, MAX_GAPS = 4096 };

Status beats_activation(const Frames *f, Arena *mem, float **activation) {
    static const float weight[ONSET_BANDS] = {0.35F, 0.2F, 0.3F, 0.15F};
    float *raw = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    float *a = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!raw || !a) return fail(BS_NOMEM, "beats: out of memory");
    for (int32_t g = 0; g < ONSET_BANDS; g++)
        for (int32_t k = 0; k < f->n; k++) raw[k] += weight[g] * f->onset[g][k];
    for (int32_t k = 0; k < f->n; k++) { /* a little blur, so that players need not agree to the frame */
        float l = k ? raw[k - 1] : 0, r = k + 1 < f->n ? raw[k + 1] : 0;
        a[k] = 0.25F * l + 0.5F * raw[k] + 0.25F * r;
    }
    *activation = a;
    return BS_OK;
}

/* Median distance of beats found from the last to the first, in frames. */
static int32_t period_of(const int32_t *found, int32_t m, int32_t otherwise) {
    float gaps[MAX_GAPS];
    int32_t n = 0;
    for (int32_t k = 0; k + 1 < m && n < MAX_GAPS; k++) gaps[n++] = (float)(found[k] - found[k + 1]);
    return n ? (int32_t)(median_of(gaps, n) + 0.5F) : otherwise;
}

Status beats_track(const float *activation, Region region, double bpm, Arena *mem, BeatTrack *track) {
    memset(track, 0, sizeof *track);
    int32_t n = region.end - region.first;
    double period = 60 * FRAMES_PER_S / bpm;
    int32_t low = (int32_t)floor(period / 1.22), high = (int32_t)ceil(period * 1.22), taus = high - low + 1;
    if (low < 8 || taus > MAX_TAUS || n < high + 2) return BS_OK;
    const double w = 350;
    /* scores of the last `high` frames; the back pointer of every state */
    float *score = arena_alloc(mem, sizeof(float) * (size_t)(high + 1) * (size_t)taus);
    uint8_t *back = arena_alloc(mem, (size_t)n * (size_t)taus);
    int32_t *found = arena_alloc(mem, sizeof(int32_t) * ((size_t)n / (size_t)low + 4));
    float cost[MAX_TAUS][MAX_TAUS], prior[MAX_TAUS];
    if (!score || !back || !found) return fail(BS_NOMEM, "beats: out of memory");
    for (int32_t i = 0; i < taus; i++) {
        double away = log((low + i) / period);
        prior[i] = (float)(3 * away * away);
        for (int32_t j = 0; j < taus; j++) {
            double change = log((double)(low + i) / (low + j));
            cost[i][j] = (float)(w * change * change);
        }
    }
    const float *a = activation + region.first;
    enum { START = 255 };
    float best_end = -1e30F;
    int32_t end_t = -1, end_i = 0;
    for (int32_t t = 0; t < n; t++) {
        float *row = score + (size_t)(t % (high + 1)) * (size_t)taus;
        for (int32_t i = 0; i < taus; i++) {
            int32_t from = t - (low + i);
            float best = 0;
            uint8_t pointer = START;
            if (from >= 0) {
                const float *old = score + (size_t)(from % (high + 1)) * (size_t)taus;
                int32_t reach = 2 + (low + i) / 12;
                best = -1e30F;
                for (int32_t j = i - reach < 0 ? 0 : i - reach; j <= i + reach && j < taus; j++) {
                    float v = old[j] - cost[i][j];
                    if (v > best) best = v, pointer = (uint8_t)j;
                }
            }
            row[i] = best + a[t] - prior[i] - 0.08F; /* every beat has to earn its place */
            back[(size_t)t * (size_t)taus + (size_t)i] = pointer;
            if (t >= n - high && row[i] > best_end) best_end = row[i], end_t = t, end_i = i;
        }
    }
    int32_t m = 0;
    for (int32_t t = end_t, i = end_i; t >= 0;) {
        found[m++] = t;
        uint8_t pointer = back[(size_t)t * (size_t)taus + (size_t)i];
        if (pointer == START) break;
        t -= low + i;
        i = pointer;
    }
    int32_t length = period_of(found, m, (int32_t)(period + 0.5)), late = 0;
    while (late + 2 < m && n - found[late] < 0.4 * length) late++; /* it begins where the band has stopped */
    found += late, m -= late;
    /* the grid goes on as far as the band plays, at the front heard or not */
    int32_t before = (found[m - 1] + length / 4) / length, after = (n - found[0] - length / 2) / length;
    if (before < 0 || m < 2) before = 0;
    if (after < 0 || m < 2) after = 0;
    while (after && frame_peak(a, n, found[0] + after * length, 3) < 0.12F)
        after--; /* what rings is no beat */
    track->n = m + before + after;
    track->time_s = arena_alloc(mem, sizeof(double) * ((size_t)track->n + 1));
    track->strength = arena_alloc(mem, sizeof(float) * (size_t)track->n);
    if (!track->time_s || !track->strength) return fail(BS_NOMEM, "beats: out of memory");
    for (int32_t k = 0; k < track->n; k++) {
        int32_t t = k < before       ? found[m - 1] - (before - k) * length
                    : k < before + m ? found[m - 1 - (k - before)]
                                     : found[0] + (k - before - m + 1) * length;
        track->time_s[k] = frame_time(region.first + t);
        track->strength[k] = frame_peak(a, n, t, 3);
    }
    double length_s = length / FRAMES_PER_S;
    track->tempo_bpm = 60 / length_s;
    track->time_s[track->n] = track->time_s[track->n - 1] + length_s;
    /* how far the beats stand out of what is between them: chance alone reaches two and a half */
    double on = 0, all = 1e-9, even = 0, heard = 0;
    for (int32_t k = 0; k < track->n; k++) on += track->strength[k] / track->n;
    for (int32_t t = found[m - 1]; t <= found[0]; t++) all += a[t] / (found[0] - found[m - 1] + 1);
    for (int32_t k = 0; k + 1 < track->n; k++)
        even += fabs(track->time_s[k + 1] - track->time_s[k] - length_s) < 0.06 * length_s;
    /* a beat is heard where it is strong, or, as a click of one pitch in one band, far above all else */
    for (int32_t k = 0; k < track->n; k++)
        heard += track->strength[k] > 0.25F || (double)track->strength[k] > 7 * all;
    double clear = (on / all - 2.2) / 2;
    clear = clear < 0 ? 0 : clear > 1 ? 1 : clear;
    track->confidence = track->n > 2 ? (float)(even / (track->n - 1) * heard / track->n * clear) : 0;
    if (track->n < 2) track->n = 0;
    return BS_OK;
}

Status beats_grid(const float *activation, Region region, Arena *mem, BeatTrack *track) {
    const double reach = 0.2; /* of a step: lines may move, and stay in order */
    int32_t n = (int32_t)((region.end - region.first) / FRAMES_PER_S + 0.5);
    memset(track, 0, sizeof *track);
    if (n < 1) n = 1;
    track->time_s = arena_alloc(mem, sizeof(double) * ((size_t)n + 1));
    track->strength = arena_alloc(mem, sizeof(float) * (size_t)n);
    if (!track->time_s || !track->strength) return fail(BS_NOMEM, "beats: out of memory");
    double step = (double)(region.end - region.first) / n;
    for (int32_t k = 0; k < n; k++) {
        double even = region.first + k * step;
        int32_t from = (int32_t)even, to = k ? (int32_t)(even + reach * step) : from, best = from;
        for (int32_t t = k ? (int32_t)(even - reach * step) : from; t <= to; t++)
            if (activation[t] > activation[best]) best = t;
        track->time_s[k] = frame_time(best);
        track->strength[k] = activation[best];
    }
    track->time_s[n] = frame_time(region.end);
    track->n = n;
    return BS_OK;
}

double beats_median_bpm(const BeatTrack *t) {
    float lengths[MAX_GAPS];
    int32_t n = 0, span = t->n < 9 ? t->n : 8;
    if (t->n < 1) return 0;
    for (int32_t k = 0; k + span <= t->n && n < MAX_GAPS; k++)
        lengths[n++] = (float)((t->time_s[k + span] - t->time_s[k]) / span);
    return 60 / (double)median_of(lengths, n);
}

/* Energy of the differenced signal over [at, at + n): attacks are broad-band, so the bass is kept out. */
static double attack_energy(const Frames *f, int64_t at, int64_t n) {
    double sum = 1e-9;
    for (int64_t i = at < 1 ? 1 : at; i < at + n && i < f->n_samples; i++) {
        double d = f->samples[i] - 0.9 * f->samples[i - 1];
        sum += d * d;
    }
    return sum;
}

void beats_refine(const Frames *f, BeatTrack *track) {
    enum { STEP = 22, REACH = 28, WINDOW = 8 }; /* a step is one ms */
    for (int32_t k = 0; k < track->n; k++) {
        int64_t centre = (int64_t)(track->time_s[k] * ANALYSIS_HZ + 0.5);
        double e[2 * REACH + 2 * WINDOW + 1];
        for (int32_t i = 0; i < 2 * REACH + 2 * WINDOW + 1; i++)
            e[i] = attack_energy(f, centre + (int64_t)(i - REACH - WINDOW) * STEP, STEP);
        double best = 0;
        int32_t at = 0;
        for (int32_t i = -REACH; i <= REACH; i++) {
            double before = 0, after = 0;
            for (int32_t j = 1; j <= WINDOW; j++) before += e[i + REACH + WINDOW - j];
            for (int32_t j = 0; j < WINDOW; j++) after += e[i + REACH + WINDOW + j];
            double rise = log(after / before) - 0.5 * (i / 14.0) * (i / 14.0);
            if (rise > best) best = rise, at = i;
        }
        if (best > 0.5) track->time_s[k] += at * (double)STEP / ANALYSIS_HZ;
    }
    for (int32_t k = 1; k < track->n; k++) /* two beats never fold over */
        if (track->time_s[k] < track->time_s[k - 1] + 0.1) track->time_s[k] = track->time_s[k - 1] + 0.1;
    if (track->n > 0 && track->time_s[track->n] < track->time_s[track->n - 1] + 0.1)
        track->time_s[track->n] = track->time_s[track->n - 1] + 60 / track->tempo_bpm;
    if (track->n > 0) frames_let_go(f, (int64_t)(track->time_s[track->n] * ANALYSIS_HZ));
}
