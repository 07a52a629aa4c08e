/* Tempo of a piece: candidates by autocorrelation, the octave by what a metre looks like.
 *
 * A pulse at the right level is heard on every beat and less between beats, and all its beats weigh about
 * the same. Half the tempo leaves strong attacks between beats; twice the tempo makes every second beat
 * weak. So each candidate is tracked and scored
 *     heard on beats + contrast against midpoints - unevenness of alternate beats - mild log-normal prior
 * summed over takes by length. The prior spans an octave either way around 110 BPM and only breaks ties. */
#include <math.h>
#include <string.h>

#include "featurizer/dsp/beats.h"

enum { MAX_LAG = 900, CANDIDATES = 10, GRID = 160 };

static double grid_bpm(double g) { return 50 * pow(2, g * 2.3 / GRID); } /* 50..246 */

/* Adds the region's autocorrelation, weighted by its length. */
static void add_autocorrelation(const float *a, int32_t n, double *acf) {
    double mean = 0;
    for (int32_t k = 0; k < n; k++) mean += a[k];
    mean /= n > 0 ? n : 1;
    double own[MAX_LAG];
    for (int32_t lag = 0; lag < MAX_LAG; lag++) {
        float sum = 0;
        const float m = (float)mean;
        for (int32_t k = 0; k + lag < n; k++) sum += (a[k] - m) * (a[k + lag] - m);
        own[lag] = n > lag ? sum : 0;
    }
    if (own[0] <= 0) return;
    for (int32_t lag = 0; lag < MAX_LAG; lag++)
        acf[lag] += n > 2 * lag ? own[lag] / own[0] * n / (n - lag) * n : 0;
}

static double acf_near(const double *acf, double lag, double reach) {
    int32_t a = (int32_t)floor(lag - reach), b = (int32_t)ceil(lag + reach);
    double best = -1e30;
    for (int32_t i = a < 0 ? 0 : a; i <= b && i < MAX_LAG; i++)
        if (acf[i] > best) best = acf[i];
    return best > 0 ? best : 0;
}

static int32_t pick_candidates(const double *acf, double *bpm) {
    double comb[GRID];
    for (int32_t g = 0; g < GRID; g++) {
        double lag = 60 * FRAMES_PER_S / grid_bpm(g), sum = 0;
        for (int32_t h = 1; h <= 4; h++) sum += acf_near(acf, h * lag, 0.5 + 0.006 * h * lag) / 4;
        comb[g] = sum;
    }
    int32_t n = 0;
    while (n < 4) {
        int32_t best = -1;
        for (int32_t g = 0; g < GRID; g++)
            if (comb[g] > 0 && (best < 0 || comb[g] > comb[best])) best = g;
        if (best < 0) break;
        bpm[n++] = grid_bpm(best);
        for (int32_t g = best - 6; g <= best + 6; g++)
            if (g >= 0 && g < GRID) comb[g] = 0;
    }
    static const double relation[] = {2, 0.5, 3, 1.0 / 3, 1.5, 2.0 / 3};
    int32_t peaks = n < 2 ? n : 2;
    for (int32_t p = 0; p < peaks; p++)
        for (size_t r = 0; r < sizeof relation / sizeof *relation && n < CANDIDATES; r++) {
            double v = bpm[p] * relation[r];
            bool fresh = v >= BEATS_MIN_BPM && v <= BEATS_MAX_BPM;
            for (int32_t i = 0; i < n; i++) fresh = fresh && fabs(log(v / bpm[i])) > 0.06;
            if (fresh) bpm[n++] = v;
        }
    return n;
}

/* Accent of kick, snare and harmony at a time, without the hats that divide beats. */
static double accent(const Frames *f, double time_s) {
    double frame = time_s * FRAMES_PER_S, sum = 0;
    static const double weight[ONSET_BANDS] = {0.40, 0.22, 0.30, 0.08};
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        double v = frame_peak(f->onset[g], f->n, frame, 3);
        sum += weight[g] * (v > 1.2 ? 1.2 : v);
    }
    return sum;
}

static double level_score(const Frames *f, const BeatTrack *t) {
    double on = 0, mid = 0, third = 0, even[2] = {0};
    int32_t n = t->n;
    for (int32_t k = 0; k < n; k++) {
        double a = accent(f, t->time_s[k]), length = t->time_s[k + 1] - t->time_s[k];
        on += a / n;
        even[k % 2] += 2 * a / n;
        mid += accent(f, t->time_s[k] + length / 2) / n;
        third += (accent(f, t->time_s[k] + length / 3) + accent(f, t->time_s[k] + 2 * length / 3)) / (2 * n);
    }
    double between = mid > third ? mid : third;
    double contrast = (on - between) / (on + between + 1e-6);
    double uneven = fabs(even[0] - even[1]) / (even[0] + even[1] + 1e-6);
    double octaves = log2(t->tempo_bpm / 110);
    return 1.2 * on + 1.0 * contrast - 1.5 * uneven - 0.25 * octaves * octaves;
}

Status beats_tempo(const Frames *f, const float *activation, const TakeMap *map, Arena *mem, double *bpm) {
    Status st = BS_OK;
    double acf[MAX_LAG] = {0}, candidates[CANDIDATES];
    *bpm = 0;
    for (int32_t r = 0; r < map->n; r++)
        add_autocorrelation(activation + map->regions[r].first, map->regions[r].end - map->regions[r].first,
                            acf);
    int32_t n = pick_candidates(acf, candidates);
    double best = -1e30;
    for (int32_t c = 0; c < n; c++) {
        double sum = 0, weight = 0, tempo = 0;
        if (candidates[c] < BEATS_MIN_BPM || candidates[c] > BEATS_MAX_BPM) continue;
        for (int32_t r = 0; r < map->n; r++) {
            Arena scratch;
            BeatTrack track;
            arena_init(&scratch, mem->max_bytes);
            st = beats_track(activation, map->regions[r], candidates[c], &scratch, &track);
            double length = track.n > 0 ? track.time_s[track.n] - track.time_s[0] : 0;
            if (st == BS_OK && length > 0) {
                sum += length * level_score(f, &track);
                tempo += length * track.tempo_bpm;
                weight += length;
            }
            arena_drop(&scratch);
            if (st != BS_OK) return st;
        }
        if (weight > 0 && sum / weight > best) {
            best = sum / weight;
            *bpm = tempo / weight;
        }
    }
    return st;
}
