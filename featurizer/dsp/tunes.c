/* Takes are compared by their harmonies in steps of 0.65 s, with no need of beats: the best local alignment
 * (Smith and Waterman) that may run at half to twice the speed, in the two keys that the takes' mean chroma
 * make likeliest and in the same one. Likeness is taken against what any two moments of the two takes have in
 * common, so that pieces in one key are not one piece. Two rows of the table are kept, never the table.
 *
 * Takes join in order of likeness (average over what both sides hold, by length). */
#include "featurizer/dsp/tunes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 14, HALF_WINDOW = 14, MOST_STEPS = 1200 }; /* frames of WIDE_HOP; about 13 minutes of a take */

typedef struct Chords {
    int32_t n;
    float *v; /* [n x CHROMA], mean taken away, length 1 */
    float mean[CHROMA], mel[16];
} Chords;

static void unit_length(float *v, int32_t n) {
    double mean = 0, norm = 1e-9;
    for (int32_t i = 0; i < n; i++) mean += v[i] / n;
    for (int32_t i = 0; i < n; i++) v[i] -= (float)mean, norm += (double)v[i] * v[i];
    for (int32_t i = 0; i < n; i++) v[i] = (float)(v[i] / sqrt(norm));
}

static Status chords_of(const Frames *f, Region r, Chords *c, Arena *mem) {
    int32_t a = (int32_t)(frame_time(r.first) * ANALYSIS_HZ / WIDE_HOP),
            b = (int32_t)(frame_time(r.end) * ANALYSIS_HZ / WIDE_HOP);
    if (b > f->n_wide) b = f->n_wide;
    c->n = (b - a) / STEP;
    if (c->n > MOST_STEPS) c->n = MOST_STEPS;
    if (c->n < 0) c->n = 0;
    memset(c->mean, 0, sizeof c->mean);
    memset(c->mel, 0, sizeof c->mel);
    c->v = arena_alloc(mem, sizeof(float) * CHROMA * (size_t)(c->n + 1));
    if (!c->v) return fail(BS_NOMEM, "tunes: out of memory");
    for (int32_t i = 0; i < c->n; i++) {
        float *row = c->v + i * CHROMA;
        for (int32_t w = a + i * STEP + STEP / 2 - HALF_WINDOW; w < a + i * STEP + STEP / 2 + HALF_WINDOW;
             w++)
            for (int32_t k = 0; k < CHROMA && w >= a && w < b; k++)
                row[k] += sqrtf(f->chroma[(size_t)w * CHROMA + (size_t)k]);
        unit_length(row, CHROMA);
        for (int32_t k = 0; k < CHROMA; k++) c->mean[k] += row[k] / (float)c->n;
        int64_t m = ((int64_t)a + i * STEP) * WIDE_HOP / MEL_HOP;
        for (int32_t g = 0; g < 16 && m < f->n_mel; g++)
            for (int32_t k = 0; k < 8; k++)
                c->mel[g] += f->log_mel[(size_t)m * MEL_BANDS + (size_t)(8 * g + k)] / (float)(8 * c->n);
    }
    unit_length(c->mel, 16);
    return BS_OK;
}

static double like(const Chords *a, int32_t i, const Chords *b, int32_t j, int32_t turn) {
    const float *x = a->v + i * CHROMA, *y = b->v + j * CHROMA;
    float sum = 0;
    for (int32_t k = 0, l = turn; k < CHROMA; k++, l = l == CHROMA - 1 ? 0 : l + 1) sum += x[k] * y[l];
    return sum;
}

static double align(const Chords *a, const Chords *b, int32_t turn, Arena *mem, Status *st) {
    const double enough = 0.7, skew = 0.25;
    double mean = 0, square = 0, n = 0, best = 0;
    for (int32_t i = 0; i < a->n; i += 1 + a->n / 100)
        for (int32_t j = 0; j < b->n; j += 1 + b->n / 100) {
            double v = like(a, i, b, j, turn);
            mean += v, square += v * v, n++;
        }
    if (n < 1) return 0;
    mean /= n;
    double spread = sqrt(fmax(0, square / n - mean * mean));
    if (spread < 0.15) spread = 0.15;
    size_t width = (size_t)b->n + 2;
    double *rows = arena_alloc(mem, sizeof(double) * 3 * width);
    if (!rows) {
        *st = fail(BS_NOMEM, "tunes: out of memory");
        return 0;
    }
    double *two = rows, *one = rows + width, *now = rows + 2 * width;
    for (int32_t i = 0; i < a->n; i++) {
        for (int32_t j = 0; j < b->n; j++) {
            double z = (like(a, i, b, j, turn) - mean) / spread - enough, from = 0;
            z = z > 1.3 ? 1.3 : z < -2 ? -2 : z;
            if (j > 0) from = fmax(from, one[j - 1]);
            if (j > 1) from = fmax(from, one[j - 2] - skew);
            if (j > 0 && i > 1) from = fmax(from, two[j - 1] - skew);
            now[j] = fmax(0, from + z);
            if (now[j] > best) best = now[j];
        }
        double *t = two;
        two = one, one = now, now = t;
    }
    return best;
}

static TuneLikeness compare(const Chords *a, const Chords *b, double bpm_a, double bpm_b, Arena *mem,
                            Status *st) {
    TuneLikeness out = {0, 0.5F, 0, 0};
    double turned[CHROMA];
    bool tried[CHROMA] = {false};
    for (int32_t r = 0; r < CHROMA; r++) {
        turned[r] = r ? 0 : 0.1;
        for (int32_t k = 0; k < CHROMA; k++) turned[r] += a->mean[k] * b->mean[(k + r) % CHROMA];
    }
    double best = -1;
    for (int32_t round = 0; round < 3; round++) {
        int32_t r = 0;
        for (int32_t k = 1; k < CHROMA && round; k++)
            if (!tried[k] && (tried[r] || turned[k] > turned[r])) r = k;
        tried[r] = true;
        double v = align(a, b, r, mem, st) * (r ? 0.85 : 1); /* another key has to be worth it */
        if (v > best) best = v, out.turned = r;
    }
    int32_t shorter = a->n < b->n ? a->n : b->n;
    out.chords = shorter ? (float)(best / shorter) : 0;
    if (bpm_a > 0 && bpm_b > 0) {
        double octaves = log2(bpm_a / bpm_b);
        out.tempo = (float)fabs(octaves - floor(octaves + 0.5));
    }
    for (int32_t g = 0; g < 16; g++) out.sound += a->mel[g] * b->mel[g];
    return out;
}

TuneLikeness tunes_compare(const Frames *f, Region a, Region b, double bpm_a, double bpm_b, Arena *mem,
                           Status *st) {
    Chords x, y;
    TuneLikeness none = {0, 0.5F, 0, 0};
    *st = chords_of(f, a, &x, mem);
    if (*st == BS_OK) *st = chords_of(f, b, &y, mem);
    return *st == BS_OK ? compare(&x, &y, bpm_a, bpm_b, mem, st) : none;
}

/* Log-odds that two takes are of one piece. Takes of one piece keep its tempo within a few percent. */
static double odds(const TuneLikeness *l, int32_t shorter_steps) {
    double tempo = fmin(1, l->tempo / 0.12), sure = fmin(1, shorter_steps / 24.0);
    return (sure * (9 * (l->chords - 0.36)) + 1.6 * (0.35 - tempo) + 3 * (l->sound - 0.93)) *
               (0.35 + 0.65 * sure) +
           0.15;
}

Status tunes_group(const Frames *f, const Region *regions, const TakeBeats *takes, int32_t n_takes,
                   Arena *mem, int32_t *tune_of, int32_t *n_tunes) {
    Status st = BS_OK;
    Arena scratch;
    Chords *chords = arena_alloc(mem, sizeof(Chords) * (size_t)(n_takes + 1));
    double *pair = arena_alloc(mem, sizeof(double) * (size_t)(n_takes * n_takes + 1));
    if (!chords || !pair) return fail(BS_NOMEM, "tunes: out of memory");
    for (int32_t t = 0; t < n_takes; t++) {
        tune_of[t] = t;
        TRY(chords_of(f, regions[t], &chords[t], mem));
    }
    for (int32_t a = 0; a < n_takes; a++)
        for (int32_t b = a + 1; b < n_takes; b++) {
            arena_init(&scratch, mem->max_bytes);
            TuneLikeness l = compare(&chords[a], &chords[b], takes[a].track.n ? takes[a].track.tempo_bpm : 0,
                                     takes[b].track.n ? takes[b].track.tempo_bpm : 0, &scratch, &st);
            arena_drop(&scratch);
            TRY(st);
            double v =
                odds(&l, chords[a].n < chords[b].n ? chords[a].n : chords[b].n) + (b == a + 1 ? 0.25 : 0);
            pair[a * n_takes + b] = pair[b * n_takes + a] = v;
        }
    for (int32_t left = n_takes; left > 1;) {
        double best = -1e30;
        int32_t best_a = 0, best_b = 0;
        for (int32_t a = 0; a < n_takes; a++)
            for (int32_t b = a + 1; b < n_takes; b++) {
                if (tune_of[a] != a || tune_of[b] != b) continue; /* a group is called by its first take */
                double sum = 0, weight = 1e-9;
                for (int32_t i = 0; i < n_takes; i++)
                    for (int32_t j = 0; j < n_takes; j++) {
                        if (tune_of[i] != a || tune_of[j] != b) continue;
                        double w = (chords[i].n + 1.0) * (chords[j].n + 1.0);
                        sum += w * pair[i * n_takes + j], weight += w;
                    }
                if (sum / weight > best) best = sum / weight, best_a = a, best_b = b;
            }
        if (best < 0 && left <= TUNES_MAX) break;
        for (int32_t i = 0; i < n_takes; i++)
            if (tune_of[i] == best_b) tune_of[i] = best_a;
        left--;
    }
    *n_tunes = 0;
    for (int32_t t = 0; t < n_takes; t++) tune_of[t] = tune_of[t] == t ? (*n_tunes)++ : tune_of[tune_of[t]];
out:
    return st;
}
