/* Candidates by autocorrelation: the strongest periods and what is related to them; then each is tracked,
 * described and scored. The cues of several regions are averaged by their lengths before they are scored. */
#include <math.h>
#include <string.h>

#include "featurizer/dsp/mlp.h"
#include "featurizer/dsp/slips.h"
#include "featurizer/dsp/tempo.h"
#include "featurizer/dsp/tempo_weights.inc"

enum { MAX_LAG = 900, PERIODS = TEMPO_PERIODS, GRID = 160 };

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

void tempo_shift(const Frames *f, const float *activation, BeatTrack *t, int32_t quarters) {
    if (quarters == 0 || t->n < 2) return;
    for (int32_t k = 0; k < t->n; k++) t->time_s[k] += quarters * (t->time_s[k + 1] - t->time_s[k]) / 4;
    t->n--;
    for (int32_t k = 0; k < t->n; k++)
        t->strength[k] = frame_peak(activation, f->n, t->time_s[k] * FRAMES_PER_S, 3);
}

static Status copy_track(const BeatTrack *from, Arena *mem, BeatTrack *to) {
    *to = *from;
    to->time_s = arena_alloc(mem, sizeof(double) * ((size_t)from->n + 1));
    to->strength = arena_alloc(mem, sizeof(float) * ((size_t)from->n + 1));
    if (!to->time_s || !to->strength) return fail(BS_NOMEM, "tempo: out of memory");
    memcpy(to->time_s, from->time_s, sizeof(double) * ((size_t)from->n + 1));
    memcpy(to->strength, from->strength, sizeof(float) * (size_t)from->n);
    return BS_OK;
}

/* Adds region r's cues for the period to all phases of the beat. */
static Status add_cues(const Frames *f, const float *activation, Region r,
                       TempoCandidate phases[TEMPO_SHIFTS], double weight[TEMPO_SHIFTS],
                       double tempo[TEMPO_SHIFTS], Arena *mem) {
    Status st = BS_OK;
    Arena scratch;
    BeatTrack track, shifted;
    float cues[TEMPO_CUES];
    arena_init(&scratch, mem->max_bytes);
    TRY(beats_track(activation, r, phases[0].bpm, &scratch, &track));
    for (int32_t shift = 0; shift < TEMPO_SHIFTS && track.n > 3; shift++) {
        TRY(copy_track(&track, &scratch, &shifted));
        tempo_shift(f, activation, &shifted, shift);
        TRY(tempo_cues(f, activation, &shifted, cues));
        double length = shifted.time_s[shifted.n] - shifted.time_s[0];
        for (int32_t i = 0; i < TEMPO_CUES; i++) phases[shift].cues[i] += (float)(length * cues[i]);
        tempo[shift] += length * shifted.tempo_bpm;
        weight[shift] += length;
    }
out:
    arena_drop(&scratch);
    return st;
}

/* A beat may lie beside what is tracked, but not where next to nothing is struck: such a phase stays listed,
 * for the network learns from it, with a score that nothing chooses. */
static const double unstruck = -100;

static bool is_struck(const float *shifted, const float *tracked) {
    return shifted[TEMPO_HEARD] >= 0.05F * tracked[TEMPO_HEARD];
}

/* Two periods near each other may have been tracked to one. */
static bool is_listed(const TempoCandidate *list, int32_t n, double bpm) {
    for (int32_t c = 0; c < n; c++)
        if (fabs(log(list[c].bpm / bpm)) < 0.015) return true;
    return false;
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
        TempoCandidate phases[TEMPO_SHIFTS] = {{0}};
        double weight[TEMPO_SHIFTS] = {0}, tempo[TEMPO_SHIFTS] = {0};
        if (periods[c] < BEATS_MIN_BPM || periods[c] > BEATS_MAX_BPM) continue;
        for (int32_t shift = 0; shift < TEMPO_SHIFTS; shift++)
            phases[shift].bpm = periods[c], phases[shift].shift = shift;
        for (int32_t r = 0; r < n_chosen; r++)
            TRY(add_cues(f, activation, chosen[r], phases, weight, tempo, mem));
        if (weight[0] <= 0 || is_listed(list, *n, tempo[0] / weight[0])) continue;
        for (int32_t shift = 0; shift < TEMPO_SHIFTS; shift++) {
            if (weight[shift] <= 0) continue;
            for (int32_t i = 0; i < TEMPO_CUES; i++) phases[shift].cues[i] /= (float)weight[shift];
            phases[shift].bpm = tempo[shift] / weight[shift];
            phases[shift].score = is_struck(phases[shift].cues, phases[0].cues)
                                      ? mlp_run(&tempo_net, phases[shift].cues)
                                      : unstruck;
            list[(*n)++] = phases[shift];
        }
    }
out:
    return st;
}

Status tempo_believe(const Frames *f, const float *activation, const Region *regions, int32_t n_regions,
                     Arena *mem, TempoBelief *belief) {
    TempoCandidate list[TEMPO_CANDIDATES];
    int32_t n;
    double most = -1e30, sum = 0, own = 0;
    Status st = tempo_candidates(f, activation, regions, n_regions, mem, list, &n);
    belief->n = 0;
    for (int32_t c = 0; c < n && st == BS_OK; c++) most = fmax(most, list[c].score);
    for (int32_t c = 0; c < n && st == BS_OK; c++) sum += exp(list[c].score - most);
    for (int32_t c = 0; c < n && st == BS_OK; c++) {
        if (c == 0 || list[c].shift == 0) {
            belief->bpm[belief->n] = list[c].bpm;
            belief->share[belief->n++] = own = 0;
        }
        double share = exp(list[c].score - most) / sum;
        belief->share[belief->n - 1] += share;
        if (share > own || list[c].shift == 0)
            own = share, memcpy(belief->groove[belief->n - 1], list[c].cues, sizeof *belief->groove);
    }
    return st;
}

double tempo_agreement(const TempoBelief *a, const TempoBelief *b) {
    double sum = 0;
    if (!a->n || !b->n) return 0.15;
    for (int32_t i = 0; i < a->n; i++)
        for (int32_t j = 0; j < b->n; j++) {
            double octaves = fabs(log2(a->bpm[i] / b->bpm[j]));
            sum +=
                octaves < 0.2 ? a->share[i] * b->share[j] * (octaves < 0.1 ? 1 : (0.2 - octaves) / 0.1) : 0;
        }
    return sum;
}

bool tempo_compare(const TempoBelief *a, const TempoBelief *b, float *octaves, float *groove) {
    double most = 0;
    *octaves = 0.1F, *groove = 0.15F;
    for (int32_t i = 0; i < a->n; i++)
        for (int32_t j = 0; j < b->n; j++) {
            double apart = fabs(log2(a->bpm[i] / b->bpm[j]));
            if (apart > 0.1 || a->share[i] * b->share[j] <= most) continue;
            most = a->share[i] * b->share[j];
            *octaves = (float)apart, *groove = 0;
            for (int32_t k = 0; k < TEMPO_GROOVE; k++)
                *groove += fabsf(a->groove[i][k] - b->groove[j][k]) / TEMPO_GROOVE;
        }
    return most > 0;
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

/* Beats that were put later may leave room for one before them. */
static Status add_first(const Frames *f, const float *activation, Region region, Arena *mem, BeatTrack *t) {
    if (t->n < 2) return BS_OK;
    double length = t->time_s[1] - t->time_s[0], at = t->time_s[0] - length;
    if (at < 0 || at < frame_time(region.first) - 0.25 * length) return BS_OK;
    BeatTrack longer = *t;
    longer.n = t->n + 1;
    longer.time_s = arena_alloc(mem, sizeof(double) * ((size_t)longer.n + 1));
    longer.strength = arena_alloc(mem, sizeof(float) * (size_t)longer.n);
    if (!longer.time_s || !longer.strength) return fail(BS_NOMEM, "tempo: out of memory");
    memcpy(longer.time_s + 1, t->time_s, sizeof(double) * ((size_t)t->n + 1));
    memcpy(longer.strength + 1, t->strength, sizeof(float) * (size_t)t->n);
    longer.time_s[0] = at;
    longer.strength[0] = frame_peak(activation, f->n, at * FRAMES_PER_S, 3);
    *t = longer;
    return BS_OK;
}

Status tempo_track(const Frames *f, const float *activation, Region region, double bpm, Arena *mem,
                   BeatTrack *track) {
    Status st = BS_OK;
    float cues[TEMPO_CUES], tracked[TEMPO_CUES] = {0};
    BeatTrack first, shifted;
    double best = -1e30;
    TRY(beats_track(activation, region, bpm, mem, &first));
    TRY(slips_mend(activation, region.end, &first, mem));
    *track = first;
    for (int32_t shift = 0; shift < TEMPO_SHIFTS && first.n >= 8; shift++) {
        TRY(copy_track(&first, mem, &shifted));
        tempo_shift(f, activation, &shifted, shift);
        TRY(tempo_cues(f, activation, &shifted, cues));
        if (shift == 0) memcpy(tracked, cues, sizeof tracked);
        if (!is_struck(cues, tracked)) continue;
        double score = mlp_run(&tempo_net, cues) + (shift ? 0 : 0.5);
        if (score > best) best = score, *track = shifted;
    }
    TRY(add_first(f, activation, region, mem, track));
out:
    return st;
}
