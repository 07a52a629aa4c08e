/* Tempo of a piece: candidates by autocorrelation, the octave by what a metre looks like.
 *
 * A pulse at the right level is heard on every beat and less between beats, and all its beats weigh about
 * the same. Half the tempo leaves strong attacks between beats; twice the tempo makes every second beat
 * weak; chords change every three or four beats more often than every two. So each candidate is tracked and
 * scored
 *     heard on beats + contrast against what lies between - unevenness of alternate beats
 *     - snare between beats + harmonic rhythm - mild log-normal prior
 * summed over takes by length. The prior spans an octave either way around 110 BPM and only breaks ties. */
#include <math.h>
#include <string.h>

#include "featurizer/dsp/beats.h"
#include "featurizer/dsp/chroma.h"

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

static double hit(const Frames *f, int32_t band, double time_s) {
    double v = frame_peak(f->onset[band], f->n, time_s * FRAMES_PER_S, 3);
    return v > 1.2 ? 1.2 : v;
}

/* Accent of kick, snare and harmony at a time, without the hats that divide beats. */
static double accent(const Frames *f, double time_s) {
    return 0.40 * hit(f, 0, time_s) + 0.22 * hit(f, 1, time_s) + 0.30 * hit(f, 2, time_s) +
           0.08 * hit(f, 3, time_s);
}

/* A snare or clap sounds in the middle and at the top at once. */
static double snare(const Frames *f, double time_s) { return fmin(hit(f, 2, time_s), hit(f, 3, time_s)); }

static double share(double a, double b) { return (a - b) / (a + b + 0.05); }

/* Every how many beats the harmony moves: the least of 2, 3, 4, 6, 8 that explains it nearly as well as any.
 * 0 when it does not move. */
static int32_t harmonic_period(const Frames *f, const BeatTrack *t, Arena *mem) {
    static const int32_t periods[] = {2, 3, 4, 6, 8};
    double strength[5] = {0}, most = 0;
    float *chroma = arena_alloc(mem, sizeof(float) * CHROMA * (size_t)(t->n + 1));
    float *moved = arena_alloc(mem, sizeof(float) * (size_t)(t->n + 1));
    if (!chroma || !moved || t->n < 12) return 0;
    double mean = 0;
    for (int32_t k = 0; k < t->n; k++) {
        int32_t a = (int32_t)ceil(t->time_s[k] * ANALYSIS_HZ / WIDE_HOP),
                b = (int32_t)ceil(t->time_s[k + 1] * ANALYSIS_HZ / WIDE_HOP);
        for (int32_t w = a; w < b && w < f->n_wide; w++)
            for (int32_t c = 0; c < CHROMA; c++) chroma[k * CHROMA + c] += f->chroma[(size_t)w * CHROMA + c];
        if (k) moved[k] = 1 - chroma_likeness(chroma + (k - 1) * CHROMA, chroma + k * CHROMA);
        mean += moved[k] / t->n;
    }
    for (int32_t p = 0; p < 5; p++)
        for (int32_t phase = 0; phase < periods[p]; phase++) {
            double on = 0;
            int32_t n = 0;
            for (int32_t k = phase; k < t->n; k += periods[p]) on += moved[k], n++;
            double v =
                n ? (on / n - mean) * sqrt(n) : 0; /* what chance gives does not grow with fewer beats */
            if (v > strength[p]) strength[p] = v;
        }
    for (int32_t p = 0; p < 5; p++)
        if (strength[p] > most) most = strength[p];
    for (int32_t p = 0; p < 5; p++)
        if (most > 0.2 && strength[p] > 0.9 * most) return periods[p];
    return 0;
}

static double level_score(const Frames *f, const BeatTrack *t, Arena *mem) {
    double on = 0, mid = 0, third = 0, even[2] = {0}, snare_on = 0, snare_mid = 0;
    int32_t n = t->n;
    for (int32_t k = 0; k < n; k++) {
        double at = t->time_s[k], length = t->time_s[k + 1] - at, a = accent(f, at);
        on += a / n;
        even[k % 2] += 2 * a / n;
        mid += accent(f, at + length / 2) / n;
        third += (accent(f, at + length / 3) + accent(f, at + 2 * length / 3)) / (2 * n);
        snare_on += snare(f, at) / n;
        snare_mid += snare(f, at + length / 2) / n;
    }
    double octaves = log2(t->tempo_bpm / 110), snares = share(snare_on, snare_mid);
    int32_t h = harmonic_period(f, t, mem);
    double contrast = share(on, mid > third ? mid : third), uneven = fabs(share(even[0], even[1]));
    double harmony = h == 3 || h == 4 ? 0.3 : h == 2 ? -0.1 : 0;
    return on + contrast - 1.3 * uneven + 0.3 * fmin(0, snares) + harmony - 0.3 * octaves * octaves;
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
                sum += length * level_score(f, &track, &scratch);
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
