/* What the presence network reads: twenty series a tenth of a second apart, each in six views of the time
 * around, and seven numbers about the whole recording. */
#include <math.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"
#include "featurizer/dsp/presence.h"

typedef enum Series {
    S_LOUD, /* level against the loud passages, 10 dB = 1 */
    S_SOFT, /* against the soft ones */
    S_BAND, /* per band against its own loud passages */
    S_FLAT = S_BAND + ONSET_BANDS,
    S_ONSET,
    S_MOVED = S_ONSET + ONSET_BANDS,
    S_PROMINENT,
    S_PITCHED,  /* energy of partials against the level */
    S_PEAKED,   /* 1 - entropy of the chroma of a second */
    S_SYLLABLE, /* deviation of the level within a second, 10 dB = 1 */
    S_HOLES,    /* share of a second that is 25 dB under the loud passages */
    S_PULSE,    /* periodicity of the attacks within five seconds */
    S_AGAIN,    /* likeness of the harmonies of four seconds to those elsewhere */
    S_TIMBRE,   /* distance of the mel spectrum of a second from the mean of the loud passages, 10 dB = 1 */
} Series;
_Static_assert(S_TIMBRE + 1 == PRESENCE_SERIES, "one row for each series");

typedef struct Work {
    const Frames *f;
    int32_t n; /* blocks */
    float loud_db, soft_db;
    float *series[PRESENCE_SERIES]; /* [n] */
    double *sum, *square;           /* [n + 1] running sums of one series */
    Arena *mem;
} Work;

static int32_t clampi(int32_t x, int32_t lo, int32_t hi) { return x < lo ? lo : x > hi ? hi : x; }

static float mean_frames(const float *v, int32_t n, int32_t a, int32_t b) {
    double sum = 0;
    a = clampi(a, 0, n), b = clampi(b, 0, n);
    for (int32_t k = a; k < b; k++) sum += v[k];
    return b > a ? (float)(sum / (b - a)) : 0;
}

/* ---- levels, attacks, colour ---------------------------------------------------------------------- */

static Status measure_levels(Work *w) {
    const Frames *f = w->f;
    float *sorted = arena_alloc(w->mem, sizeof(float) * (size_t)f->n), band_loud[ONSET_BANDS];
    if (!sorted) return fail(BS_NOMEM, "presence: out of memory");
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        memcpy(sorted, f->band_db[g], sizeof(float) * (size_t)f->n);
        band_loud[g] = percentile_of(sorted, f->n, 0.8);
    }
    for (int32_t b = 0; b < w->n; b++) {
        int32_t a = b * PRESENCE_HOP, e = a + PRESENCE_HOP;
        float level = mean_frames(f->level_db, f->n, a, e);
        w->series[S_LOUD][b] = (level - w->loud_db) / 10;
        w->series[S_SOFT][b] = (level - w->soft_db) / 10;
        for (int32_t g = 0; g < ONSET_BANDS; g++) {
            w->series[S_BAND + g][b] = (mean_frames(f->band_db[g], f->n, a, e) - band_loud[g]) / 10;
            w->series[S_ONSET + g][b] = mean_frames(f->onset[g], f->n, a, e);
        }
        w->series[S_FLAT][b] = mean_frames(f->flatness, f->n, a, e);
        double sum = 0, square = 0;
        int32_t low = 0, from = clampi(a - 45, 0, f->n), to = clampi(e + 45, 0, f->n);
        for (int32_t k = from; k < to; k++) {
            float db = fmaxf(f->level_db[k], w->loud_db - 60);
            sum += db, square += (double)db * db;
            low += f->level_db[k] < w->loud_db - 25;
        }
        double mean = sum / (to - from), spread = square / (to - from) - mean * mean;
        w->series[S_SYLLABLE][b] = (float)(sqrt(spread > 0 ? spread : 0) / 10);
        w->series[S_HOLES][b] = (float)low / (float)(to - from);
    }
    return BS_OK;
}

static void measure_pitch(Work *w) {
    const Frames *f = w->f;
    const double wides = (double)PRESENCE_HOP * FRAME_HOP / WIDE_HOP;
    for (int32_t b = 0; b < w->n; b++) {
        int32_t at = clampi((int32_t)((b + 0.5) * wides), 0, f->n_wide - 1);
        float chroma[CHROMA] = {0}, all = 0;
        int32_t from = clampi(at - 10, 0, f->n_wide - 1), to = clampi(at + 11, 1, f->n_wide);
        for (int32_t k = from; k < to; k++)
            for (int32_t c = 0; c < CHROMA; c++) chroma[c] += f->chroma[(size_t)k * CHROMA + c];
        for (int32_t c = 0; c < CHROMA; c++) all += chroma[c];
        double entropy = 0;
        for (int32_t c = 0; c < CHROMA && all > 0; c++)
            if (chroma[c] > 0) entropy -= chroma[c] / all * log(chroma[c] / all);
        w->series[S_PEAKED][b] = all > 0 ? (float)(1 - entropy / log(CHROMA)) : 0;
        float level = mean_frames(f->level_db, f->n, b * PRESENCE_HOP - 45, b * PRESENCE_HOP + 55);
        w->series[S_PITCHED][b] = log10f(all / (float)(to - from) + 1e-6F) - level / 20;
        w->series[S_MOVED][b] = f->moved[at];
        w->series[S_PROMINENT][b] = f->prominent[at];
    }
}

static Status measure_timbre(Work *w) {
    const Frames *f = w->f;
    const double mels = (double)PRESENCE_HOP * FRAME_HOP / MEL_HOP;
    enum { GROUP = 4, GROUPS = MEL_BANDS / GROUP };
    float *colour = arena_alloc(w->mem, sizeof(float) * GROUPS * (size_t)w->n);
    if (!colour) return fail(BS_NOMEM, "presence: out of memory");
    double body[GROUPS] = {0}, weight = 0;
    for (int32_t b = 0; b < w->n; b++) {
        float *row = colour + (size_t)b * GROUPS, mean = 0;
        int32_t at = (int32_t)((b + 0.5) * mels), from = clampi(at - 21, 0, f->n_mel - 1);
        int32_t to = clampi(at + 22, 1, f->n_mel);
        memset(row, 0, sizeof(float) * GROUPS);
        for (int32_t k = from; k < to; k += 3)
            for (int32_t m = 0; m < MEL_BANDS; m++)
                row[m / GROUP] += fmaxf(f->log_mel[(size_t)k * MEL_BANDS + m], -90);
        for (int32_t g = 0; g < GROUPS; g++) mean += row[g] / GROUPS;
        float steps = (float)((to - from + 2) / 3) * GROUP;
        for (int32_t g = 0; g < GROUPS; g++) row[g] = (row[g] - mean) / steps;
        if (w->series[S_LOUD][b] < -0.8F) continue;
        for (int32_t g = 0; g < GROUPS; g++) body[g] += row[g];
        weight++;
    }
    for (int32_t b = 0; b < w->n; b++) {
        double sum = 0;
        for (int32_t g = 0; g < GROUPS; g++)
            sum += fabs(colour[(size_t)b * GROUPS + g] - (weight > 0 ? body[g] / weight : 0));
        w->series[S_TIMBRE][b] = (float)(sum / GROUPS / 10);
    }
    return BS_OK;
}

/* ---- pulse and recurrence -------------------------------------------------------------------------- */

/* Largest autocorrelation of the attacks of five seconds between 0.24 and 1.2 s, every half second. */
static Status measure_pulse(Work *w) {
    enum { HALF = 125, SHORT = 12, LONG = 60, EVERY = 5 };
    const Frames *f = w->f;
    int32_t n = f->n / 2;
    float *struck = arena_alloc(w->mem, sizeof(float) * ((size_t)n + 1));
    if (!struck) return fail(BS_NOMEM, "presence: out of memory");
    for (int32_t i = 0; i < n; i++) {
        struck[i] = 0;
        for (int32_t g = 0; g < ONSET_BANDS; g++)
            struck[i] += fmaxf(f->onset[g][2 * i], f->onset[g][2 * i + 1]);
    }
    for (int32_t b = 0; b < w->n; b++) {
        if (b % EVERY) {
            w->series[S_PULSE][b] = w->series[S_PULSE][b - 1];
            continue;
        }
        int32_t middle = (b + EVERY / 2) * PRESENCE_HOP / 2;
        int32_t from = clampi(middle - HALF, 0, n), to = clampi(middle + HALF, 0, n);
        float x[2 * HALF], mean = mean_frames(struck, n, from, to), none = 1e-3F, best = 0;
        for (int32_t i = from; i < to; i++) x[i - from] = struck[i] - mean, none += x[i - from] * x[i - from];
        for (int32_t lag = SHORT; lag <= LONG && lag < to - from; lag++) {
            float sum = 0;
            for (int32_t i = lag; i < to - from; i++) sum += x[i] * x[i - lag];
            if (sum > best) best = sum;
        }
        w->series[S_PULSE][b] = best / none;
    }
    return BS_OK;
}

/* For each half second the best mean cosine of eight of them with eight elsewhere, six seconds off or more;
 * diagonal by diagonal, so memory is linear. */
static Status measure_again(Work *w) {
    enum { STEP = 5, RUN = 8, NEAREST = 12 };
    const Frames *f = w->f;
    const double wides = (double)STEP * PRESENCE_HOP * FRAME_HOP / WIDE_HOP;
    int32_t n = (w->n + STEP - 1) / STEP;
    float *rows = arena_alloc(w->mem, sizeof(float) * CHROMA * (size_t)n);
    float *best = arena_alloc(w->mem, sizeof(float) * (size_t)n),
          *cosine = arena_alloc(w->mem, sizeof(float) * (size_t)n);
    if (!rows || !best || !cosine) return fail(BS_NOMEM, "presence: out of memory");
    for (int32_t i = 0; i < n; i++) {
        float *row = rows + (size_t)i * CHROMA, mean = 0, norm = 0;
        int32_t from = clampi((int32_t)(i * wides), 0, f->n_wide - 1),
                to = clampi((int32_t)((i + 1) * wides), 1, f->n_wide);
        memset(row, 0, sizeof(float) * CHROMA);
        for (int32_t k = from; k < to; k++)
            for (int32_t c = 0; c < CHROMA; c++) row[c] += f->chroma[(size_t)k * CHROMA + c];
        for (int32_t c = 0; c < CHROMA; c++) mean += row[c] / CHROMA;
        for (int32_t c = 0; c < CHROMA; c++) row[c] -= mean, norm += row[c] * row[c];
        norm = norm > 1e-12F ? 1 / sqrtf(norm) : 0;
        for (int32_t c = 0; c < CHROMA; c++) row[c] *= norm;
        best[i] = 0;
    }
    for (int32_t lag = NEAREST; lag + RUN <= n; lag++) {
        float sum = 0;
        for (int32_t i = 0; i + lag < n; i++) {
            const float *a = rows + (size_t)i * CHROMA, *b = a + (size_t)lag * CHROMA;
            float dot = 0;
            for (int32_t c = 0; c < CHROMA; c++) dot += a[c] * b[c];
            cosine[i] = dot;
            sum += dot - (i >= RUN ? cosine[i - RUN] : 0);
            if (i < RUN - 1) continue;
            int32_t at = i - RUN / 2;
            if (sum / RUN > best[at]) best[at] = sum / RUN;
            if (sum / RUN > best[at + lag]) best[at + lag] = sum / RUN;
        }
    }
    for (int32_t b = 0; b < w->n; b++) w->series[S_AGAIN][b] = best[b / STEP];
    return BS_OK;
}

/* ---- views ----------------------------------------------------------------------------------------- */

static float view(const double *sum, int32_t n, int32_t a, int32_t b) {
    a = clampi(a, 0, n - 1), b = clampi(b, a + 1, n);
    return (float)((sum[b] - sum[a]) / (b - a));
}

/* The block, a second, the two seconds before and after, ten seconds, the deviation within three. */
static void add_views(Work *w, int32_t s, float *inputs) {
    const float *v = w->series[s];
    w->sum[0] = w->square[0] = 0;
    for (int32_t b = 0; b < w->n; b++) {
        w->sum[b + 1] = w->sum[b] + v[b];
        w->square[b + 1] = w->square[b] + (double)v[b] * v[b];
    }
    for (int32_t b = 0; b < w->n; b++) {
        float *x = inputs + (size_t)b * PRESENCE_INPUTS + s * PRESENCE_VIEWS;
        float mean = view(w->sum, w->n, b - 15, b + 16);
        float spread = view(w->square, w->n, b - 15, b + 16) - mean * mean;
        x[0] = v[b];
        x[1] = view(w->sum, w->n, b - 5, b + 6);
        x[2] = view(w->sum, w->n, b - 20, b);
        x[3] = view(w->sum, w->n, b + 1, b + 21);
        x[4] = view(w->sum, w->n, b - 50, b + 51);
        x[5] = sqrtf(spread > 0 ? spread : 0);
    }
}

/* Means over the loud passages, and how much of the recording they are. */
static void add_whole(const Work *w, float *inputs) {
    static const Series of[] = {S_FLAT, S_PULSE, S_AGAIN, S_PROMINENT, S_PEAKED};
    float whole[7] = {(w->loud_db - w->soft_db) / 10, 0};
    int32_t loud = 0;
    for (int32_t b = 0; b < w->n; b++) {
        if (w->series[S_LOUD][b] < -0.8F) continue;
        loud++;
        for (int i = 0; i < 5; i++) whole[2 + i] += w->series[of[i]][b];
    }
    for (int i = 0; i < 5 && loud; i++) whole[2 + i] /= (float)loud;
    whole[1] = (float)loud / (float)w->n;
    for (int32_t b = 0; b < w->n; b++)
        memcpy(inputs + (size_t)b * PRESENCE_INPUTS + PRESENCE_SERIES * PRESENCE_VIEWS, whole, sizeof whole);
}

Status presence_inputs(Presence *p, const Frames *f, float loud_db, float soft_db, Arena *mem) {
    Status st = BS_OK;
    Work w = {.f = f,
              .n = (f->n + PRESENCE_HOP - 1) / PRESENCE_HOP,
              .loud_db = loud_db,
              .soft_db = soft_db,
              .mem = mem};
    p->n = w.n;
    p->inputs = arena_alloc(mem, sizeof(float) * PRESENCE_INPUTS * (size_t)w.n);
    w.sum = arena_alloc(mem, sizeof(double) * ((size_t)w.n + 1));
    w.square = arena_alloc(mem, sizeof(double) * ((size_t)w.n + 1));
    bool have = p->inputs && w.sum && w.square;
    for (int32_t s = 0; s < PRESENCE_SERIES; s++)
        have = have && (w.series[s] = arena_alloc(mem, sizeof(float) * (size_t)w.n));
    if (!have) return fail(BS_NOMEM, "presence: out of memory");
    TRY(measure_levels(&w));
    measure_pitch(&w);
    TRY(measure_timbre(&w));
    TRY(measure_pulse(&w));
    TRY(measure_again(&w));
    for (int32_t s = 0; s < PRESENCE_SERIES; s++) add_views(&w, s, p->inputs);
    add_whole(&w, p->inputs);
out:
    return st;
}
