/* Attacks and clicks are found in frames of a millisecond within 80 ms of the seam (or of the fade asked
 * for), levels in 400 ms on either side of it.
 *
 * e[f] is the mean square of the difference of neighbouring samples, which leaves hits and takes away bass;
 * an attack is a frame after which e is ATTACK_RATIO times what it was before. A click is judged by the
 * largest second difference: a jump of d in the waveform makes one of d, however loud the music. */
#include "simulator/judge_sound.h"

#include <math.h>
#include <string.h>

enum {
    NEAR_MS = 80,    /* of the seam: clicks and attacks */
    MARGIN_MS = 130, /* read beside that */
    MAX_FRAMES = 2 * (NEAR_MS + MARGIN_MS),
    MAX_ATTACKS = 32,
    BEFORE_MS = 8, /* compared at an attack */
    AFTER_MS = 6,
    SAME_MS = 4, /* one attack heard in two lines */
    FLAM_FROM_MS = 12,
    FLAM_TO_MS = 45,
    LEVEL_MS = 400,
    RAMP_BEFORE_MS = 65, /* a short cut lies within these of the seam */
    RAMP_AFTER_MS = 45,
};
#define ATTACK_RATIO  6.0
#define EQUAL_RATIO   16.0 /* attacks further apart than 12 dB are no flam */
#define CLICK_RATIO   3.0
#define CLICK_LEAST   0.004 /* of full scale */
#define SILENCE       1e-10
#define LEVEL_FREE_DB 2.5
#define LEVEL_MOST_DB 10.0

/* A line in frames; frame 0 is MARGIN_MS + NEAR_MS before the seam. */
typedef struct Frames {
    int32_t n;
    double e[MAX_FRAMES], jump[MAX_FRAMES];
    int32_t n_attacks, attacks[MAX_ATTACKS];
} Frames;

static int32_t in_samples(const SeamLines *l, int32_t ms) { return ms * (l->rate_hz / 1000); }

static float at(const SeamLines *l, const float *line, int32_t i) {
    return i >= 0 && i < l->n_samples ? line[i] : 0;
}

static void find_frames(const SeamLines *l, const float *line, Frames *f) {
    const int32_t ms = l->rate_hz / 1000, first = l->seam - in_samples(l, NEAR_MS + MARGIN_MS);
    f->n = MAX_FRAMES;
    for (int32_t k = 0; k < f->n; k++) {
        double e = 0, jump = 0;
        for (int32_t i = first + k * ms; i < first + (k + 1) * ms; i++) {
            double d = (double)at(l, line, i) - (double)at(l, line, i - 1),
                   dd = (double)at(l, line, i + 1) - (double)at(l, line, i) - d;
            e += d * d;
            if (fabs(dd) > jump) jump = fabs(dd);
        }
        f->e[k] = e / ms;
        f->jump[k] = jump;
    }
}

static double mean(const double *x, int32_t first, int32_t n) {
    double sum = 0;
    for (int32_t i = first; i < first + n; i++) sum += x[i];
    return sum / n;
}

static double most(const double *x, int32_t first, int32_t n) {
    double best = 0;
    for (int32_t i = first; i < first + n; i++)
        if (x[i] > best) best = x[i];
    return best;
}

static double rise(const Frames *f, int32_t k) {
    return (mean(f->e, k, AFTER_MS) + SILENCE) / (mean(f->e, k - BEFORE_MS, BEFORE_MS) + SILENCE);
}

/* Steepest rises within NEAR_MS of the seam, none less than 20 dB below the loudest sound there. */
static void find_attacks(Frames *f) {
    double loudest = 0;
    for (int32_t k = BEFORE_MS; k + AFTER_MS < f->n; k++) {
        double e = mean(f->e, k, AFTER_MS);
        if (e > loudest) loudest = e;
    }
    for (int32_t k = MARGIN_MS; k < f->n - MARGIN_MS && f->n_attacks < MAX_ATTACKS; k++) {
        double r = rise(f, k);
        bool peak = r >= ATTACK_RATIO && mean(f->e, k, AFTER_MS) > 0.01 * loudest + SILENCE;
        for (int32_t i = k - SAME_MS; i <= k + SAME_MS && peak; i++)
            peak = i < k ? rise(f, i) < r : rise(f, i) <= r;
        if (peak) f->attacks[f->n_attacks++] = k;
    }
}

static bool has_attack(const Frames *f, int32_t k, int32_t within) {
    for (int32_t i = 0; i < f->n_attacks; i++)
        if (f->attacks[i] - k <= within && k - f->attacks[i] <= within) return true;
    return false;
}

static bool hears_click(const Frames *song, const Frames *a, const Frames *b) {
    for (int32_t k = MARGIN_MS; k < song->n - MARGIN_MS; k++) {
        double own = most(a->jump, k - 3, 7), other = most(b->jump, k - 3, 7),
               beside = (mean(song->jump, k - 12, 10) + mean(song->jump, k + 3, 10)) / 2;
        if (other > own) own = other;
        if (beside > own) own = beside;
        if (song->jump[k] > CLICK_LEAST && song->jump[k] > CLICK_RATIO * own) return true;
    }
    return false;
}

static bool hears_flam(const Frames *song, const Frames *a, const Frames *b) {
    for (int32_t i = 0; i + 1 < song->n_attacks; i++) {
        const int32_t x = song->attacks[i], y = song->attacks[i + 1];
        if (y - x < FLAM_FROM_MS || y - x > FLAM_TO_MS) continue;
        double first = mean(song->e, x, AFTER_MS), second = mean(song->e, y, AFTER_MS);
        if (first > EQUAL_RATIO * second || second > EQUAL_RATIO * first) continue;
        bool played = (has_attack(a, x, SAME_MS) && has_attack(a, y, SAME_MS)) ||
                      (has_attack(b, x, SAME_MS) && has_attack(b, y, SAME_MS));
        if (!played) return true;
    }
    return false;
}

/* An attack of B just before or after the seam that the song has not, and no other in its place. */
static bool loses_attack(const Frames *song, const Frames *b) {
    for (int32_t i = 0; i < b->n_attacks; i++) {
        const int32_t k = b->attacks[i], from_seam = k - NEAR_MS - MARGIN_MS;
        if (from_seam < -30 || from_seam > 60 || has_attack(song, k, 25)) continue;
        if (mean(song->e, k, 15) < 0.25 * mean(b->e, k, 15)) return true;
    }
    return false;
}

/* An attack of A that the song has, and of which nothing is left after ten milliseconds. */
static bool chops_attack(const Frames *song, const Frames *a) {
    for (int32_t i = 0; i < a->n_attacks; i++) {
        const int32_t k = a->attacks[i];
        if (!has_attack(song, k, SAME_MS)) continue;
        if (mean(song->e, k + 15, 45) < 0.05 * mean(a->e, k + 15, 45)) return true;
    }
    return false;
}

static double level_db(const SeamLines *l, const float *line, int32_t first, int32_t n) {
    double sum = 0;
    for (int32_t i = first; i < first + n; i++) sum += (double)at(l, line, i) * (double)at(l, line, i);
    return 10 * log10(sum / n + SILENCE);
}

/* Level `ms` after the seam less level `ms` before it; room is left for the ramp. */
static double step_db(const SeamLines *l, const float *line, int32_t ms) {
    const int32_t before = l->seam - (l->fade_samples ? l->fade_samples / 2 : in_samples(l, RAMP_BEFORE_MS)),
                  after = l->seam + (l->fade_samples ? l->fade_samples / 2 : in_samples(l, RAMP_AFTER_MS)),
                  n = in_samples(l, ms);
    return level_db(l, line, after, n) - level_db(l, line, before - n, n);
}

static bool stops_dead(const SeamLines *l) {
    const int32_t n = in_samples(l, 45), before = l->seam - in_samples(l, RAMP_BEFORE_MS);
    return level_db(l, l->song, before - n, n) > -50 && step_db(l, l->song, 45) < -15 &&
           step_db(l, l->a, 45) > -6 && step_db(l, l->b, 45) > -9;
}

static double level_step(const SeamLines *l) {
    const int32_t side = l->fade_samples / 2 + in_samples(l, LEVEL_MS + RAMP_BEFORE_MS);
    if (l->seam < side || l->n_samples - l->seam < side) return 0; /* too short to have a level */
    double song = step_db(l, l->song, LEVEL_MS), a = step_db(l, l->a, LEVEL_MS),
           b = step_db(l, l->b, LEVEL_MS), low = fmin(0, fmin(a, b)), high = fmax(0, fmax(a, b)),
           over = song > high  ? song - high
                  : song < low ? low - song
                               : 0;
    return over <= LEVEL_FREE_DB ? 0 : fmin(over - LEVEL_FREE_DB, LEVEL_MOST_DB);
}

SeamSound seam_listen(const SeamLines *l) {
    Frames song = {0}, a = {0}, b = {0};
    find_frames(l, l->song, &song);
    find_frames(l, l->a, &a);
    find_frames(l, l->b, &b);
    SeamSound heard = {.click = hears_click(&song, &a, &b), .level_db = level_step(l)};
    if (l->fade_samples)
        return heard; /* in a long fade the lines sound together: attacks of both are right */
    find_attacks(&song);
    find_attacks(&a);
    find_attacks(&b);
    heard.flam = hears_flam(&song, &a, &b);
    heard.cut_note = loses_attack(&song, &b) || chops_attack(&song, &a) || stops_dead(l);
    return heard;
}
