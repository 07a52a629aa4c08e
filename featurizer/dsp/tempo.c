/* Candidates by autocorrelation: the strongest periods and what is related to them; then each is tracked,
 * described and scored. The cues of several regions are averaged by their lengths before they are scored. */
#include <math.h>
#include <string.h>

#include "featurizer/dsp/mlp.h"
#include "featurizer/dsp/tempo.h"
#include "featurizer/dsp/tempo_weights.inc"

enum { MAX_LAG = 900, PERIODS = TEMPO_CANDIDATES / 2, GRID = 160 };

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
    while (n < 6) {
        int32_t best = -1;
        for (int32_t g = 0; g < GRID; g++)
            if (comb[g] > 0 && (best < 0 || comb[g] > comb[best])) best = g;
        if (best < 0) break;
        bpm[n++] = grid_bpm(best);
        for (int32_t g = best - 6; g <= best + 6; g++)
            if (g >= 0 && g < GRID) comb[g] = 0;
    }
    static const double relation[] = {2, 0.5, 3, 1.0 / 3, 1.5, 2.0 / 3, 4, 0.25, 4.0 / 3, 0.75};
    int32_t peaks = n < 3 ? n : 3;
    for (int32_t p = 0; p < peaks; p++)
        for (size_t r = 0; r < sizeof relation / sizeof *relation && n < PERIODS; r++) {
            double v = bpm[p] * relation[r];
            bool fresh = v >= BEATS_MIN_BPM && v <= BEATS_MAX_BPM;
            for (int32_t i = 0; i < n; i++) fresh = fresh && fabs(log(v / bpm[i])) > 0.06;
            if (fresh) bpm[n++] = v;
        }
    return n;
}

static const double most_s = 360;

/* The longest regions, as far as they are needed; their indices in `chosen`. */
static int32_t choose_regions(const Region *regions, int32_t n, Region *chosen) {
    bool used[TAKES_MAX] = {false};
    double sum_s = 0;
    int32_t m = 0;
    while (m < n && sum_s < most_s) {
        int32_t best = -1;
        for (int32_t r = 0; r < n; r++)
            if (!used[r] &&
                (best < 0 || regions[r].end - regions[r].first > regions[best].end - regions[best].first))
                best = r;
        double length_s = (regions[best].end - regions[best].first) / FRAMES_PER_S;
        if (m && length_s < 4) break;
        used[best] = true;
        chosen[m] = regions[best];
        if (sum_s + length_s > most_s)
            chosen[m].end = chosen[m].first + (int32_t)((most_s - sum_s) * FRAMES_PER_S);
        sum_s += length_s;
        m++;
    }
    return m;
}

void tempo_shift_half(const Frames *f, const float *activation, BeatTrack *t) {
    for (int32_t k = 0; k < t->n; k++) t->time_s[k] = (t->time_s[k] + t->time_s[k + 1]) / 2;
    t->n--;
    for (int32_t k = 0; k < t->n; k++)
        t->strength[k] = frame_peak(activation, f->n, t->time_s[k] * FRAMES_PER_S, 3);
}

/* Adds region r's cues for the period to both sides of the beat. */
static Status add_cues(const Frames *f, const float *activation, Region r, TempoCandidate pair[2],
                       double weight[2], double tempo[2], Arena *mem) {
    Status st = BS_OK;
    Arena scratch;
    BeatTrack track;
    float cues[TEMPO_CUES];
    arena_init(&scratch, mem->max_bytes);
    TRY(beats_track(activation, r, pair[0].bpm, &scratch, &track));
    for (int32_t late = 0; late < 2 && track.n > 3; late++) {
        if (late) tempo_shift_half(f, activation, &track);
        TRY(tempo_cues(f, activation, &track, cues));
        double length = track.time_s[track.n] - track.time_s[0];
        for (int32_t i = 0; i < TEMPO_CUES; i++) pair[late].cues[i] += (float)(length * cues[i]);
        tempo[late] += length * track.tempo_bpm;
        weight[late] += length;
    }
out:
    arena_drop(&scratch);
    return st;
}

Status tempo_candidates(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                        Arena *mem, TempoCandidate *list, int32_t *n) {
    Status st = BS_OK;
    double acf[MAX_LAG] = {0}, periods[PERIODS];
    Region chosen[TAKES_MAX];
    int32_t n_chosen = choose_regions(regions, n_regions, chosen);
    *n = 0;
    for (int32_t r = 0; r < n_chosen; r++)
        add_autocorrelation(activation + chosen[r].first, chosen[r].end - chosen[r].first, acf);
    int32_t n_periods = pick_candidates(acf, periods);
    for (int32_t c = 0; c < n_periods; c++) {
        TempoCandidate pair[2] = {{.bpm = periods[c]}, {.bpm = periods[c], .late = true}};
        double weight[2] = {0}, tempo[2] = {0};
        if (periods[c] < BEATS_MIN_BPM || periods[c] > BEATS_MAX_BPM) continue;
        for (int32_t r = 0; r < n_chosen; r++)
            TRY(add_cues(f, activation, chosen[r], pair, weight, tempo, mem));
        for (int32_t late = 0; late < 2; late++) {
            if (weight[late] <= 0) continue;
            for (int32_t i = 0; i < TEMPO_CUES; i++) pair[late].cues[i] /= (float)weight[late];
            pair[late].bpm = tempo[late] / weight[late];
            pair[late].score = mlp_run(&tempo_net, pair[late].cues);
            list[(*n)++] = pair[late];
        }
    }
out:
    return st;
}

Status beats_tempo(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                   Arena *mem, double *bpm) {
    TempoCandidate list[TEMPO_CANDIDATES];
    int32_t n;
    Status st = tempo_candidates(f, activation, regions, n_regions, mem, list, &n);
    double best = -1e30;
    *bpm = 0;
    for (int32_t c = 0; c < n && st == BS_OK; c++)
        if (list[c].score > best) best = list[c].score, *bpm = list[c].bpm;
    return st;
}

Status tempo_track(const Frames *f, const float *activation, Region region, double bpm, Arena *mem,
                   BeatTrack *track) {
    Status st = BS_OK;
    float cues[TEMPO_CUES];
    BeatTrack late;
    TRY(beats_track(activation, region, bpm, mem, track));
    if (track->n < 8) return BS_OK;
    late = *track;
    late.time_s = arena_alloc(mem, sizeof(double) * ((size_t)track->n + 1));
    late.strength = arena_alloc(mem, sizeof(float) * (size_t)track->n);
    if (!late.time_s || !late.strength) return fail(BS_NOMEM, "tempo: out of memory");
    memcpy(late.time_s, track->time_s, sizeof(double) * ((size_t)track->n + 1));
    tempo_shift_half(f, activation, &late);
    TRY(tempo_cues(f, activation, track, cues));
    double here = mlp_run(&tempo_net, cues);
    TRY(tempo_cues(f, activation, &late, cues));
    if (mlp_run(&tempo_net, cues) > here + 0.5) *track = late;
out:
    return st;
}
