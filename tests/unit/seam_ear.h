#pragma once
/* An ear for seams: counts flams and clicks in a song beside the lines of the recording that were joined. It
 * shares no code and no threshold with common/audio.
 *
 * Attacks: four bands, each the magnitude of a second-order resonator, smoothed over 1.5 ms; an attack is
 * where the level of a band over what it was 4 to 16 ms before stands out, in dB, and is largest within 7 ms.
 * A flam: two attacks 8 to 60 ms apart of which neither line holds both. A click: a second difference twice
 * as large as any that the lines have around there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    EAR_HZ = 44100,
    EAR_MS = 44, /* samples */
    EAR_BANDS = 4,
    EAR_WINDOW_MS = 300, /* listened to, the seam in the middle */
    EAR_MAX_ATTACKS = 64,
    EAR_CLEAR_DB = 9,
    EAR_FAINT_DB = 5,
};

typedef struct EarAttacks {
    int n;
    double at_ms[EAR_MAX_ATTACKS], level_db[EAR_MAX_ATTACKS], rise_db[EAR_MAX_ATTACKS];
} EarAttacks;

/* Level of a band each millisecond, dB. */
static inline void ear_band(const float *x, int64_t n, double hz, double *level_db) {
    const double r = exp(-M_PI * hz / 3 / EAR_HZ), w = 2 * M_PI * hz / EAR_HZ,
                 smooth = 1 - exp(-1 / (0.0015 * EAR_HZ));
    const double a1 = -2 * r * cos(w), a2 = r * r, gain = (1 - r * r) / 2;
    double x1 = 0, x2 = 0, y1 = 0, y2 = 0, power = 0;
    for (int64_t i = 0; i < n; i++) {
        const double y = gain * (x[i] - x2) - a1 * y1 - a2 * y2;
        x2 = x1;
        x1 = x[i];
        y2 = y1;
        y1 = y;
        power += smooth * (y * y - power);
        if (i % EAR_MS == EAR_MS - 1) level_db[i / EAR_MS] = 10 * log10(power + 1e-9);
    }
}

/* Attacks of least_db and more in a window of EAR_WINDOW_MS, from 60 ms in to 30 ms before its end. */
static inline void ear_attacks(const float *x, double least_db, EarAttacks *found) {
    static const double hz[EAR_BANDS] = {160, 900, 3500, 9000};
    double level[EAR_BANDS][EAR_WINDOW_MS], novelty[EAR_WINDOW_MS] = {0}, loud[EAR_WINDOW_MS];
    for (int b = 0; b < EAR_BANDS; b++) ear_band(x, (int64_t)EAR_WINDOW_MS * EAR_MS, hz[b], level[b]);
    for (int t = 16; t < EAR_WINDOW_MS - 8; t++) {
        double most = -90;
        for (int b = 0; b < EAR_BANDS; b++) {
            double before = -90;
            for (int k = 4; k <= 16; k++) before = fmax(before, level[b][t - k]);
            for (int k = 0; k < 8; k++) most = fmax(most, level[b][t + k]);
            if (level[b][t] > -55) novelty[t] = fmax(novelty[t], level[b][t] - fmax(before, -60));
        }
        loud[t] = most;
    }
    found->n = 0;
    for (int t = 60; t < EAR_WINDOW_MS - 30; t++) {
        if (novelty[t] < least_db || found->n == EAR_MAX_ATTACKS) continue;
        bool peak = true;
        for (int k = -7; k <= 7; k++)
            peak &= k == 0 || novelty[t + k] < novelty[t] || (k > 0 && novelty[t + k] == novelty[t]);
        if (!peak) continue;
        found->at_ms[found->n] = t;
        found->level_db[found->n] = loud[t];
        found->rise_db[found->n++] = novelty[t];
    }
}

static inline bool ear_has(const EarAttacks *a, double at_ms, double within_ms) {
    for (int i = 0; i < a->n; i++)
        if (fabs(a->at_ms[i] - at_ms) <= within_ms) return true;
    return false;
}

static inline bool ear_pair(double t, double u, double level_t, double level_u) {
    return u - t >= 8 && u - t <= 60 && fabs(level_t - level_u) <= 15;
}

/* Did one line alone play both? */
static inline bool ear_natural(const EarAttacks *a, const EarAttacks *b, double t, double u) {
    return (ear_has(a, t, 5) && ear_has(a, u, 5)) || (ear_has(b, t, 5) && ear_has(b, u, 5));
}

/* Pairs of attacks that only the seam made: heard in the song, one of them before the ramp is over, or known
 * from the lines, for the second hit of two is covered by the first: one of A before most of the ramp is
 * over, and one of B after it began. None that is 15 dB softer than the loudest near the seam. [from, to):
 * the ramp. */
static inline int ear_flams(const EarAttacks *song, const EarAttacks *a, const EarAttacks *b,
                            const EarAttacks *own_a, const EarAttacks *own_b, double from_ms, double to_ms) {
    int n = 0;
    const double length = fmax(to_ms - from_ms, 1e-3), gone = from_ms + 0.75 * length,
                 come = from_ms + 0.25 * length;
    double loudest = -90;
    for (int i = 0; i < song->n; i++) loudest = fmax(loudest, song->level_db[i]);
    for (int i = 0; i < song->n; i++)
        for (int j = i + 1; j < song->n; j++) {
            const double t = song->at_ms[i], u = song->at_ms[j], lt = song->level_db[i],
                         lu = song->level_db[j];
            if (fmin(lt, lu) < loudest - 15 || t > to_ms + 4 || u < from_ms) continue;
            n += ear_pair(t, u, lt, lu) && !ear_natural(own_a, own_b, t, u);
        }
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++) {
            const double t = a->at_ms[i], u = b->at_ms[j], lt = a->level_db[i], lu = b->level_db[j];
            if (fmin(lt, lu) < loudest - 15) continue;
            n += t < gone && u > come && !ear_natural(own_a, own_b, fmin(t, u), fmax(t, u)) &&
                 (ear_pair(t, u, lt, lu) || ear_pair(u, t, lu, lt));
        }
    return n;
}

/* By how much, in ms, the 20 ms of x around sample `at` are those of b: the lag of the best correlation
 * within 15 ms. 1e9: nothing alike. */
static inline double ear_lag(const float *x, const float *b, int64_t at) {
    double best = 0.5, lag = 1e9, bb = 1e-12;
    const int64_t n = 20 * EAR_MS, from = at - 2 * EAR_MS;
    for (int64_t i = 0; i < n; i++) bb += (double)b[from + i] * b[from + i];
    for (int64_t k = -15 * EAR_MS; k <= 15 * EAR_MS; k++) {
        double xb = 0, xx = 1e-12;
        for (int64_t i = 0; i < n; i++) {
            xb += (double)x[from + k + i] * b[from + i];
            xx += (double)x[from + k + i] * x[from + k + i];
        }
        if (xb / sqrt(xx * bb) > best) {
            best = xb / sqrt(xx * bb);
            lag = (double)k / EAR_MS;
        }
    }
    return lag;
}

/* Largest second difference of [from, to). */
static inline double ear_edge(const float *x, int64_t from, int64_t to) {
    double most = 0;
    for (int64_t i = from; i < to; i++) most = fmax(most, fabs((double)x[i - 1] - 2.0 * x[i] + x[i + 1]));
    return most;
}

typedef struct EarReport {
    int n_seams, flams, clicks;
    int n_attacks;   /* of the new line, struck at the seam */
    int late, lost;  /* of these: heard 3 to 15 ms away; not heard there */
    double worst_ms; /* of those heard */
    int n_levels;    /* fades between lines of about one level, where nothing is struck */
    double level_db; /* sum of how far the level deviates inside them */
} EarReport;

static inline double ear_power(const float *x, int64_t from, int64_t to) {
    double sum = 1e-12;
    for (int64_t i = from; i < to; i++) sum += (double)x[i] * x[i] / (double)(to - from);
    return 10 * log10(sum);
}

/* x: the song; a, b: what the two lines would have played at the same places; of each n samples, the seam in
 * the middle. The ramp covers [from, to). */
static inline void ear_listen(EarReport *r, const float *x, const float *a, const float *b, int64_t n,
                              int64_t from, int64_t to) {
    const int64_t begin = n / 2 - (int64_t)EAR_WINDOW_MS * EAR_MS / 2, margin = 2 * EAR_MS;
    EarAttacks heard, of_a, of_b, own_a, own_b; /* own: with what may be covered */
    ear_attacks(x + begin, EAR_CLEAR_DB, &heard);
    ear_attacks(a + begin, EAR_CLEAR_DB, &of_a);
    ear_attacks(b + begin, EAR_CLEAR_DB, &of_b);
    ear_attacks(a + begin, EAR_FAINT_DB, &own_a);
    ear_attacks(b + begin, EAR_FAINT_DB, &own_b);
    r->n_seams++;
    const double from_ms = (double)(from - begin) / EAR_MS, to_ms = (double)(to - begin) / EAR_MS;
    r->flams += ear_flams(&heard, &of_a, &of_b, &own_a, &own_b, from_ms, to_ms) > 0;
    const double usual = fmax(ear_edge(a, from - 2 * margin, to + 2 * margin),
                              ear_edge(b, from - 2 * margin, to + 2 * margin));
    r->clicks += ear_edge(x, from - margin, to + margin) > 2 * usual + 5e-4;
    int struck = -1; /* the attack that the seam is at: the steepest */
    for (int i = 0; i < of_b.n; i++) {
        const double off = of_b.at_ms[i] - EAR_WINDOW_MS / 2;
        if (off >= -25 && off <= 45 && of_b.rise_db[i] >= 12 &&
            (struck < 0 || of_b.rise_db[i] > of_b.rise_db[struck]))
            struck = i;
    }
    if (struck >= 0) {
        const double lag = fabs(ear_lag(x, b, begin + (int64_t)of_b.at_ms[struck] * EAR_MS));
        r->n_attacks++;
        r->lost += lag > 15;
        r->late += lag > 3 && lag <= 15;
        if (lag <= 15) r->worst_ms = fmax(r->worst_ms, lag);
    }
    if (heard.n || of_a.n || of_b.n || to <= from) return;
    const double level_a = ear_power(a, from, to), level_b = ear_power(b, from, to);
    if (fabs(level_a - level_b) > 3 || level_a < -60) return;
    r->n_levels++;
    r->level_db += fabs(ear_power(x, from, to) - (level_a + level_b) / 2);
}
