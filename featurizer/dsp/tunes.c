/* Takes are compared by their harmonies in steps of 0.65 s, with no need of beats: the best local alignment
 * (Smith and Waterman) that may run at half to twice the speed, in the two keys that the takes' mean chroma
 * make likeliest and in the same one. Likeness is taken against what any two moments of the two takes have in
 * common, so that pieces in one key are not one piece. Two rows of the table are kept, never the table.
 *
 * Takes join in order of likeness (average over what both sides hold, by length). */
#include "featurizer/dsp/tunes.h"
#include "featurizer/dsp/tunes_weights.inc"

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

static void compare(const Chords *a, const Chords *b, float *cues, Arena *mem, Status *st) {
    double turned[CHROMA], best = -1, untuned = 0;
    bool tried[CHROMA] = {false};
    int32_t turn = 0, shorter = a->n < b->n ? a->n : b->n, longer = a->n < b->n ? b->n : a->n;
    for (int32_t r = 0; r < CHROMA; r++) {
        turned[r] = r ? 0 : 0.1;
        for (int32_t k = 0; k < CHROMA; k++) turned[r] += a->mean[k] * b->mean[(k + r) % CHROMA];
    }
    for (int32_t round = 0; round < 3; round++) {
        int32_t r = 0;
        for (int32_t k = 1; k < CHROMA && round; k++)
            if (!tried[k] && (tried[r] || turned[k] > turned[r])) r = k;
        tried[r] = true;
        double v = align(a, b, r, mem, st) / (shorter + 1e-3);
        if (!round) untuned = v;
        if (v * (r ? 0.85 : 1) > best) best = v * (r ? 0.85 : 1), turn = r; /* another key must be worth it */
    }
    double sure = fmin(1, shorter / 24.0), sound = 0;
    for (int32_t g = 0; g < 16; g++) sound += a->mel[g] * b->mel[g];
    cues[0] = (float)best;
    cues[1] = (float)(best * sure);
    cues[2] = (float)untuned;
    cues[3] = turn != 0;
    cues[4] = (float)turned[turn];
    cues[5] = (float)sound;
    cues[6] = (float)log(shorter + 1.0);
    cues[7] = (float)log((longer + 1.0) / (shorter + 1.0));
    cues[8] = (float)(untuned * sure);
    cues[9] = (float)turned[0];
}

static Status all_chords(const Frames *f, const Region *regions, int32_t n_takes, Arena *mem, Chords **out) {
    Status st = BS_OK;
    *out = arena_alloc(mem, sizeof(Chords) * (size_t)(n_takes + 1));
    if (!*out) return fail(BS_NOMEM, "tunes: out of memory");
    for (int32_t t = 0; t < n_takes; t++) TRY(chords_of(f, regions[t], &(*out)[t], mem));
out:
    return st;
}

static Status cues_of_pairs(const Chords *chords, const TempoBelief *beliefs, int32_t n_takes, Arena *mem,
                            float (*cues)[TUNE_CUES]) {
    Status st = BS_OK;
    Arena scratch;
    for (int32_t a = 0; a < n_takes; a++)
        for (int32_t b = a + 1; b < n_takes; b++, cues++) {
            arena_init(&scratch, mem->max_bytes);
            compare(&chords[a], &chords[b], *cues, &scratch, &st);
            arena_drop(&scratch);
            TRY(st);
            (*cues)[10] = (float)log(0.02 + tempo_agreement(&beliefs[a], &beliefs[b]));
            (*cues)[11] = 1 / (float)(b - a);
            (*cues)[12] = tempo_compare(&beliefs[a], &beliefs[b], &(*cues)[13], &(*cues)[14]);
        }
out:
    return st;
}

Status tunes_cues(const Frames *f, const Region *regions, const TempoBelief *beliefs, int32_t n_takes,
                  Arena *mem, float (*cues)[TUNE_CUES]) {
    Status st = BS_OK;
    Chords *chords;
    TRY(all_chords(f, regions, n_takes, mem, &chords));
    TRY(cues_of_pairs(chords, beliefs, n_takes, mem, cues));
out:
    return st;
}

/* Joins the two groups that are likeliest one, as long as that is likelier than not. */
static void join_groups(const double *pair, const Chords *chords, int32_t n_takes, int32_t *tune_of) {
    for (int32_t left = n_takes; left > 1; left--) {
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
    }
}

/* Groups are called by their first take; numbers them by how long they are played, the longest 0. */
static int32_t number_groups(const Region *regions, int32_t n_takes, int32_t *tune_of) {
    int64_t length[TAKES_MAX] = {0};
    int32_t number[TAKES_MAX], n = 0;
    for (int32_t t = 0; t < n_takes; t++) length[tune_of[t]] += regions[t].end - regions[t].first;
    for (int32_t best = 0; best >= 0;) {
        best = -1;
        for (int32_t t = 0; t < n_takes; t++)
            if (length[t] > 0 && (best < 0 || length[t] > length[best])) best = t;
        if (best >= 0) number[best] = n++, length[best] = 0;
    }
    for (int32_t t = 0; t < n_takes; t++) tune_of[t] = number[tune_of[t]];
    return n;
}

/* Log-odds that two takes are of one piece. In training a piece has one tempo and one key; that it is played
 * in others is believed where the harmonies go together nearly all the way, which two pieces do not: of their
 * pairs one in a hundred comes to .39 (rows of train_tunes). */
static double likeness_of(const float *cues) {
    double said = mlp_run(&tunes_net, cues);
    return cues[1] > 0.55F ? fmax(said, 0.5) : said;
}

Status tunes_group(const Frames *f, const Region *regions, const TempoBelief *beliefs, int32_t n_takes,
                   Arena *mem, int32_t *tune_of, int32_t *n_tunes) {
    Status st = BS_OK;
    Chords *chords;
    size_t n_pairs = (size_t)n_takes * (size_t)n_takes;
    double *pair = arena_alloc(mem, sizeof(double) * (n_pairs + 1));
    float(*cues)[TUNE_CUES] = arena_alloc(mem, sizeof *cues * (n_pairs / 2 + 1));
    if (!pair || !cues) return fail(BS_NOMEM, "tunes: out of memory");
    TRY(all_chords(f, regions, n_takes, mem, &chords));
    TRY(cues_of_pairs(chords, beliefs, n_takes, mem, cues));
    for (int32_t a = 0, p = 0; a < n_takes; a++) {
        tune_of[a] = a;
        for (int32_t b = a + 1; b < n_takes; b++, p++)
            pair[a * n_takes + b] = pair[b * n_takes + a] = likeness_of(cues[p]);
    }
    join_groups(pair, chords, n_takes, tune_of);
    *n_tunes = number_groups(regions, n_takes, tune_of);
out:
    return st;
}
