/* A peak is the loudest of its neighbourhood in the spectrogram, so its place depends on nothing but what
 * lies around it. Each is paired with the next few peaks near it:
 *
 *     pair = first frequency (9 bits) | difference (7 bits) | frames between (5 bits)
 *
 * The recording's frames lie on one grid; the query's at four phases, so that one of them is near to it. */
#include "featurizer/align/landmark.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/stft.h"

enum {
    POINTS = 1024,
    HOP = 256,
    PHASES = HOP / LANDMARK_STEP,
    LOW_BIN = 8,    /* 86 Hz */
    HIGH_BIN = 420, /* 4.5 kHz */
    WIDE = 8,       /* neighbourhood of a peak: bins */
    LONG = 3,       /*                        : frames */
    ROWS = 2 * LONG + 1,
    FAN = 6, /* pairs a peak begins */
    MAX_GAP = 31,
    MAX_STEP = 63, /* bins */
    MAX_PEAKS = 64,
    RECENT = 256, /* peaks that may still begin pairs */
    N_PAIRS = 1 << 21,
    MOST = 400, /* places of one kind of pair that vote */
};

typedef struct Peak {
    int32_t frame, bin, n_pairs;
} Peak;

typedef struct Marks {
    Landmark *list;
    int64_t n, room;
} Marks;

static Status marks_push(Marks *m, uint32_t pair, int32_t at) {
    if (m->n == m->room) {
        int64_t room = m->room ? 2 * m->room : 4096;
        Landmark *more = realloc(m->list, (size_t)room * sizeof *more);
        if (!more) return fail(BS_NOMEM, "align: no memory for %lld landmarks", (long long)room);
        m->list = more;
        m->room = room;
    }
    m->list[m->n++] = (Landmark){pair, at};
    return BS_OK;
}

/* Row t of the spectrogram lives at rows[t % ROWS]; `highest` is its running maximum over bins. */
typedef struct Rows {
    float power[ROWS][HIGH_BIN], highest[ROWS][HIGH_BIN];
} Rows;

static void row_maxima(const float *x, float *out) {
    for (int b = LOW_BIN; b < HIGH_BIN; b++) {
        int from = b - WIDE < LOW_BIN ? LOW_BIN : b - WIDE,
            to = b + WIDE < HIGH_BIN ? b + WIDE : HIGH_BIN - 1;
        float top = 0;
        for (int k = from; k <= to; k++) top = x[k] > top ? x[k] : top;
        out[b] = top;
    }
}

static int32_t peaks_of(const Rows *r, int64_t frame, float least, Peak *out) {
    const float *x = r->power[frame % ROWS];
    int32_t n = 0;
    for (int b = LOW_BIN; b < HIGH_BIN && n < MAX_PEAKS; b++) {
        bool is_peak = x[b] > least;
        for (int64_t t = frame - LONG; t <= frame + LONG && is_peak; t++)
            is_peak = t < 0 || x[b] >= r->highest[t % ROWS][b];
        if (is_peak) out[n++] = (Peak){(int32_t)frame, b, 0};
    }
    return n;
}

/* Pairs of `peak` with those that came before it. */
static Status pair_up(Marks *m, Peak *recent, int64_t n_recent, Peak peak, int32_t phase) {
    Status st = BS_OK;
    int64_t from = n_recent > RECENT ? n_recent - RECENT : 0;
    for (int64_t i = n_recent - 1; i >= from; i--) {
        Peak *a = &recent[i % RECENT];
        int32_t gap = peak.frame - a->frame, step = peak.bin - a->bin;
        if (gap > MAX_GAP) break;
        if (gap < 1 || step < -MAX_STEP || step > MAX_STEP || a->n_pairs == FAN) continue;
        a->n_pairs++;
        uint32_t pair = (uint32_t)a->bin << 12 | (uint32_t)(step + 64) << 5 | (uint32_t)gap;
        TRY(marks_push(m, pair, a->frame * PHASES + phase));
    }
out:
    return st;
}

/* Landmarks of frames at samples phase * LANDMARK_STEP + k * HOP, appended. */
static Status collect(Marks *m, Stft *stft, const float *x, int64_t n, int32_t phase) {
    Status st = BS_OK;
    float power[POINTS / 2 + 1];
    Peak recent[RECENT], found[MAX_PEAKS];
    int64_t n_recent = 0, start = (int64_t)phase * LANDMARK_STEP;
    Rows *r = calloc(1, sizeof *r);
    if (!r) return fail(BS_NOMEM, "align: out of memory");
    int64_t n_frames = n > start ? stft_frames(stft, n - start) : 0;
    float loudest = 0;
    for (int64_t t = 0; t < n_frames + LONG; t++) {
        float *row = r->power[t % ROWS];
        memset(row, 0, sizeof r->power[0]);
        if (t < n_frames) {
            stft_power(stft, x + start, n - start, t, power);
            memcpy(row + LOW_BIN, power + LOW_BIN, sizeof *row * (HIGH_BIN - LOW_BIN));
        }
        row_maxima(row, r->highest[t % ROWS]);
        for (int b = LOW_BIN; b < HIGH_BIN; b++) loudest = row[b] > loudest ? row[b] : loudest;
        if (t < LONG) continue;
        int32_t n_found = peaks_of(r, t - LONG, 1e-8F * loudest + 1e-12F, found);
        for (int32_t i = 0; i < n_found; i++) TRY(pair_up(m, recent, n_recent, found[i], phase));
        for (int32_t i = 0; i < n_found; i++) recent[n_recent++ % RECENT] = found[i];
    }
out:
    free(r);
    return st;
}

static int by_time(const void *a, const void *b) {
    const Landmark *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->pair > y->pair) - (x->pair < y->pair);
}

static Status gather(const float *x, int64_t n, int32_t n_phases, Marks *m) {
    Status st = BS_OK;
    Stft *stft = NULL;
    TRY(stft_open(&stft, POINTS, HOP));
    for (int32_t p = 0; p < n_phases; p++) TRY(collect(m, stft, x, n, p));
out:
    stft_close(stft);
    return st;
}

Status landmarks_of(const float *x, int64_t n_samples, Landmark **out, int64_t *n) {
    Marks m = {0};
    Status st = gather(x, n_samples, PHASES, &m);
    if (st != BS_OK) {
        free(m.list);
        return st;
    }
    if (m.n) qsort(m.list, (size_t)m.n, sizeof *m.list, by_time);
    *out = m.list;
    *n = m.n;
    return BS_OK;
}

/* ---- the index --------------------------------------------------------------------------------- */

struct LandmarkIndex {
    int64_t n_samples;
    uint32_t *first; /* [N_PAIRS + 1]: places of pair p are places[first[p] .. first[p + 1]) */
    int32_t *places; /* in units of LANDMARK_STEP */
};

Status landmark_index_new(LandmarkIndex **out, const float *coarse, int64_t n_samples) {
    Status st = BS_OK;
    Marks m = {0};
    *out = NULL;
    LandmarkIndex *x = calloc(1, sizeof *x);
    if (!x) return fail(BS_NOMEM, "align: out of memory");
    x->n_samples = n_samples;
    if (n_samples / LANDMARK_STEP > INT32_MAX / 2)
        TRY(fail(BS_TOO_BIG, "align: a recording of %lld hours is too long",
                 (long long)(n_samples / 11025 / 3600)));
    TRY(gather(coarse, n_samples, 1, &m));
    x->first = calloc(N_PAIRS + 2, sizeof *x->first);
    x->places = malloc(sizeof *x->places * (size_t)(m.n + 1));
    if (!x->first || !x->places) TRY(fail(BS_NOMEM, "align: no memory for %lld landmarks", (long long)m.n));
    for (int64_t i = 0; i < m.n; i++) x->first[m.list[i].pair + 2]++;
    for (int64_t p = 2; p < N_PAIRS + 2; p++) x->first[p] += x->first[p - 1];
    for (int64_t i = 0; i < m.n; i++) x->places[x->first[m.list[i].pair + 1]++] = m.list[i].at;
    *out = x;
    x = NULL;
out:
    free(m.list);
    landmark_index_free(x);
    return st;
}

void landmark_index_free(LandmarkIndex *x) {
    if (!x) return;
    free(x->first);
    free(x->places);
    free(x);
}

/* ---- votes ------------------------------------------------------------------------------------- */

struct LandmarkQuery {
    const LandmarkIndex *index;
    int64_t n_bins, shift; /* bin of offset d (in steps): d + shift */
    float *votes;          /* [n_bins + 4] */
    int64_t *touched;
    int64_t n_touched, room;
};

Status landmark_query_new(LandmarkQuery **out, const LandmarkIndex *index, int64_t n_samples) {
    Status st = BS_OK;
    LandmarkQuery *q = calloc(1, sizeof *q);
    if (!q) return fail(BS_NOMEM, "align: out of memory");
    q->index = index;
    q->shift = n_samples / LANDMARK_STEP + 8;
    q->n_bins = q->shift + index->n_samples / LANDMARK_STEP + 16;
    q->votes = calloc((size_t)q->n_bins, sizeof *q->votes);
    q->room = 1 << 16;
    q->touched = malloc(sizeof *q->touched * (size_t)q->room);
    if (!q->votes || !q->touched)
        TRY(fail(BS_NOMEM, "align: no memory for %lld offsets", (long long)q->n_bins));
    *out = q;
    q = NULL;
out:
    landmark_query_free(q);
    return st;
}

void landmark_query_free(LandmarkQuery *q) {
    if (!q) return;
    free(q->votes);
    free(q->touched);
    free(q);
}

static void vote_for(LandmarkQuery *q, int64_t bin, float weight) {
    if (bin < 4 || bin >= q->n_bins - 4) return;
    if (q->votes[bin] == 0) {
        if (q->n_touched == q->room) return; /* a window never has so many that matter */
        q->touched[q->n_touched++] = bin;
    }
    q->votes[bin] += weight;
}

/* Two peaks of one offset fall into neighbouring bins. */
static float smooth(const LandmarkQuery *q, int64_t bin) {
    const float *v = q->votes + bin;
    return v[0] + 0.8F * (v[-1] + v[1]) + 0.4F * (v[-2] + v[2]);
}

int32_t landmark_vote(LandmarkQuery *q, const Landmark *marks, int64_t n,
                      int64_t offsets[LANDMARK_CANDIDATES], float votes[LANDMARK_CANDIDATES]) {
    const LandmarkIndex *x = q->index;
    int32_t n_out = 0;
    q->n_touched = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t from = x->first[marks[i].pair], to = x->first[marks[i].pair + 1];
        float weight = 1 / sqrtf((float)(to - from) + 1);
        uint32_t stride = (to - from) / MOST + 1;
        for (uint32_t k = from; k < to; k += stride)
            vote_for(q, (int64_t)x->places[k] - marks[i].at + q->shift, weight);
    }
    for (int64_t t = 0; t < q->n_touched; t++) {
        float v = smooth(q, q->touched[t]);
        int64_t offset = (q->touched[t] - q->shift) * LANDMARK_STEP;
        int32_t near = -1;
        for (int32_t i = 0; i < n_out && near < 0; i++)
            if (llabs(offsets[i] - offset) <= HOP) near = i;
        if (near >= 0 && votes[near] >= v) continue;
        if (near < 0 && n_out == LANDMARK_CANDIDATES && votes[n_out - 1] >= v) continue;
        int32_t at = near >= 0 ? near : n_out < LANDMARK_CANDIDATES ? n_out++ : n_out - 1;
        for (; at > 0 && votes[at - 1] < v; at--) {
            offsets[at] = offsets[at - 1];
            votes[at] = votes[at - 1];
        }
        offsets[at] = offset;
        votes[at] = v;
    }
    for (int64_t t = 0; t < q->n_touched; t++) q->votes[q->touched[t]] = 0;
    return n_out;
}
