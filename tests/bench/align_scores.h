#pragma once
/* How an alignment is judged against truth, for bench_align: places, seams, labels, what is foreign.
 *
 * A recording may hold the same sound at several places, and a seam between two equal sounds may lie anywhere
 * in them: nobody can tell. What differs from the truth in that way only (for the whole piece, or all the way
 * between the seam found and the true one, what differs lies 30 dB under what is heard) is called alike. It
 * is never counted as exact, but on its own, and errors are given with and without it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/align/align.h"
#include "tests/bench/align_material.h"

enum { SCORE_MAX_PIECES = 4096 };
static const double missed_ms = 1000;  /* what a seam that was not found counts */
static const double farthest_ms = 500; /* another seam */
static const double alike_db = -30;

typedef struct Errors {
    double *x;
    int n, room;
} Errors;

typedef struct Sums {
    int n_pieces, n_exact, n_alike, n_flagged, n_found_pieces; /* n_flagged: of those alike, known as ties */
    int n_labels, n_found_labels, n_right_labels, n_alike_labels;
    int n_missed; /* seams, that are not alike */
    double other_s, found_other_s, right_other_s;
    Errors seams, told,
        ends; /* ms from the truth: middle, and without those alike; ends, share of the fade */
    double cpu_s, raw_s;
    int n_failed;
} Sums;

/* What one edit is judged by. */
typedef struct Trial {
    const Alignment *a;
    const MatEdit *e;
    const Mat *raw;
    double scale;    /* samples of the edit's file in one of the truth's */
    int32_t covered; /* piece under something else, or -1 */
    bool verbose;
} Trial;

/* ---- sums -------------------------------------------------------------------------------------- */

static inline void errors_push(Errors *e, double x) {
    if (e->n == e->room) {
        e->room = 2 * e->room + 64;
        e->x = realloc(e->x, sizeof *e->x * (size_t)e->room);
        if (!e->x) abort();
    }
    e->x[e->n++] = x;
}

static inline void errors_add(Errors *to, const Errors *from) {
    for (int i = 0; i < from->n; i++) errors_push(to, from->x[i]);
}

static inline int errors_by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double errors_quantile(Errors *e, double q) {
    if (!e->n) return 0;
    qsort(e->x, (size_t)e->n, sizeof *e->x, errors_by_size);
    const int at = (int)(q * e->n);
    return e->x[at < e->n ? at : e->n - 1];
}

static inline void sums_add(Sums *to, const Sums *s) {
    to->n_pieces += s->n_pieces, to->n_exact += s->n_exact, to->n_alike += s->n_alike;
    to->n_flagged += s->n_flagged, to->n_found_pieces += s->n_found_pieces;
    to->n_labels += s->n_labels, to->n_found_labels += s->n_found_labels;
    to->n_right_labels += s->n_right_labels, to->n_alike_labels += s->n_alike_labels;
    to->n_missed += s->n_missed, to->n_failed += s->n_failed;
    to->other_s += s->other_s, to->found_other_s += s->found_other_s, to->right_other_s += s->right_other_s;
    to->cpu_s += s->cpu_s, to->raw_s += s->raw_s;
    errors_add(&to->seams, &s->seams);
    errors_add(&to->told, &s->told);
    errors_add(&to->ends, &s->ends);
}

static inline void sums_drop(Sums *s) {
    free(s->seams.x);
    free(s->told.x);
    free(s->ends.x);
    *s = (Sums){0};
}

/* ---- places ------------------------------------------------------------------------------------ */

static inline const AlignPiece *piece_at(const Alignment *a, double at) {
    for (int32_t i = 0; i < a->n_pieces; i++)
        if ((double)a->pieces[i].edit_start <= at && at < (double)a->pieces[i].edit_end) return &a->pieces[i];
    return NULL;
}

/* Of the recording, where the piece has the truth's sample `at`. */
static inline double place_of(const Trial *t, const AlignPiece *p, double at) {
    return (double)p->raw_start + p->rate * (at * t->scale - (double)p->edit_start);
}

/* How far apart n samples of the recording sound from `a` and from `b` on, against what is heard in the tenth
 * of a second around. */
static inline double apart_db(const Mat *raw, double a, double b, double n) {
    const int64_t x = llround(a), y = llround(b), around = MAT_RATE / 20, length = llround(n);
    double apart = 1e-20, power = 1e-20;
    for (int64_t t = -around; t < length + around; t++) {
        if (x + t < 0 || y + t < 0 || x + t >= raw->n || y + t >= raw->n) continue;
        const double p = raw->x[2 * (x + t)], q = raw->x[2 * (y + t)];
        power += 0.5 * (p * p + q * q);
        if (t >= 0 && t < length) apart += (p - q) * (p - q);
    }
    return 10 * log10(apart / power);
}

/* Does the piece found sound like the truth's from `from` to `to`, where the truth has sample `at` at
 * `place`? */
static inline double piece_apart_db(const Trial *t, const AlignPiece *p, double from, double to, double at,
                                    double place) {
    return apart_db(t->raw, place_of(t, p, from), place + from - at, to - from);
}

typedef enum Verdict { ELSEWHERE, ALIKE, EXACT } Verdict;

/* Of true piece i, by its middle; `apart` in dB. */
static inline Verdict judge_place(const Trial *t, int32_t i, const AlignPiece **piece, double *apart) {
    const MatPiece *x = &t->e->piece[i];
    const double from = (double)t->e->at[i], to = (double)t->e->at[i + 1], mid = (from + to) / 2;
    const AlignPiece *p = *piece = piece_at(t->a, mid * t->scale);
    *apart = 0;
    if (!p) return ELSEWHERE;
    if (fabs(place_of(t, p, mid) - ((double)x->raw_start + mid - from)) <= 1.5) return EXACT;
    const double rim = 0.1 * (to - from);
    *apart = piece_apart_db(t, p, from + rim, to - rim, from, (double)x->raw_start);
    return *apart <= alike_db ? ALIKE : ELSEWHERE;
}

static inline bool is_hidden(const Trial *t, int32_t i) {
    return t->e->piece[i].raw_start < 0 || i == t->covered;
}

static inline void score_pieces(const Trial *t, Sums *s, Verdict *verdicts) {
    for (int32_t i = 0; i < t->e->n; i++) {
        const AlignPiece *p;
        double apart;
        verdicts[i] = EXACT;
        if (is_hidden(t, i)) continue;
        verdicts[i] = judge_place(t, i, &p, &apart);
        s->n_pieces++;
        s->n_exact += verdicts[i] == EXACT;
        s->n_alike += verdicts[i] == ALIKE;
        s->n_flagged += verdicts[i] == ALIKE && p->tie;
        if (verdicts[i] == EXACT || !t->verbose) continue;
        const double mid = 0.5 * (double)(t->e->at[i] + t->e->at[i + 1]);
        if (!p)
            printf("#   piece %d at %.3f s: not found\n", i, (double)t->e->at[i] / MAT_RATE);
        else
            printf("#   piece %d at %.3f s: raw %.4f s, truth %.4f s, %.1f dB apart%s\n", i,
                   (double)t->e->at[i] / MAT_RATE, place_of(t, p, mid) / MAT_RATE,
                   ((double)t->e->piece[i].raw_start + mid - (double)t->e->at[i]) / MAT_RATE, apart,
                   p->tie ? ", flagged" : "");
    }
    s->n_found_pieces += t->a->n_pieces;
}

/* ---- seams ------------------------------------------------------------------------------------- */

/* Between true seam i and where it was found, does what was found sound like what is true? Where none was
 * found: do both pieces sound so in the one that was? */
static inline bool seam_is_alike(const Trial *t, int32_t i, double found) {
    const MatEdit *e = t->e;
    const double at = (double)e->at[i];
    double from = fmin(at, found), to = fmax(at, found);
    const double before = (double)e->piece[i - 1].raw_end, behind = (double)e->piece[i].raw_start;
    if (found >= 0) {
        const AlignPiece *p = piece_at(t->a, (from + to) / 2 * t->scale);
        return p && piece_apart_db(t, p, from, to, at, found > at ? behind : before) <= alike_db;
    }
    const AlignPiece *p = piece_at(t->a, at * t->scale);
    const double rim = MAT_RATE / 20;
    if (!p || (double)p->edit_start / t->scale > (double)e->at[i - 1] + rim ||
        (double)p->edit_end / t->scale < (double)e->at[i + 1] - rim)
        return false; /* a piece that begins or ends between is no sign that they sound alike */
    from = fmax((double)e->at[i - 1], (double)p->edit_start / t->scale);
    to = fmin((double)e->at[i + 1], (double)p->edit_end / t->scale);
    return piece_apart_db(t, p, from, at, at, before) <= alike_db &&
           piece_apart_db(t, p, at, to, at, behind) <= alike_db;
}

static inline void score_seams(const Trial *t, Sums *s) {
    const MatEdit *e = t->e;
    const double hz = t->a->edit_rate_hz;
    for (int32_t i = 1; i < e->n; i++) {
        if (is_hidden(t, i) || is_hidden(t, i - 1) || e->piece[i].raw_start == e->piece[i - 1].raw_end)
            continue;
        const double at = (double)e->at[i] * t->scale, half = 0.5 * (double)e->piece[i].fade * t->scale;
        const AlignJoin *join = NULL;
        double error = missed_ms, found = -1;
        for (int32_t k = 0; k < t->a->n_pieces; k++) {
            const AlignPiece *p = &t->a->pieces[k];
            const double mid = 0.5 * (double)(p->join.start + p->join.end), off = 1000 * fabs(mid - at) / hz;
            if (p->joined && off < fmin(error, farthest_ms))
                error = off, found = mid / t->scale, join = &p->join;
        }
        const bool alike = error > 0.05 && seam_is_alike(t, i, found);
        errors_push(&s->seams, error);
        if (!alike) errors_push(&s->told, error);
        s->n_missed += !join && !alike;
        if (half > 0)
            errors_push(&s->ends,
                        join ? (fabs((double)join->start - at + half) + fabs((double)join->end - at - half)) /
                                   (4 * half)
                             : 1);
        if (error > 2 && t->verbose)
            printf("#   seam %d at %.3f s: %s %.1f ms%s (law %d, raw %.3f -> %.3f)\n", i,
                   (double)e->at[i] / MAT_RATE, join ? "off by" : "missed", error, alike ? ", alike" : "",
                   e->piece[i].law, (double)e->piece[i - 1].raw_end / MAT_RATE,
                   (double)e->piece[i].raw_start / MAT_RATE);
    }
}

static inline void list_false_seams(const Trial *t) {
    for (int32_t k = 0; k < t->a->n_pieces; k++) {
        const AlignPiece *p = &t->a->pieces[k];
        double off = INFINITY;
        for (int32_t i = 0; i <= t->e->n; i++)
            off = fmin(off, fabs((double)p->edit_start / t->scale - (double)t->e->at[i]));
        if (off < 0.1 * MAT_RATE) continue;
        printf("#   false seam at %.3f s: raw %.4f -> %.4f, %.3f s long, score %.2f%s, %s of %.1f ms\n",
               (double)p->edit_start / t->scale / MAT_RATE, k ? (double)p[-1].raw_end / MAT_RATE : 0,
               (double)p->raw_start / MAT_RATE, (double)(p->edit_end - p->edit_start) / t->scale / MAT_RATE,
               (double)p->score, p->tie ? ", tie" : "", align_shape_names[p->join.shape],
               1000 * (double)(p->join.end - p->join.start) / t->a->edit_rate_hz);
    }
}

/* ---- labels ------------------------------------------------------------------------------------ */

typedef enum Label { LABEL_ON, LABEL_LOOP, LABEL_REORDER, LABEL_REUSE } Label;

/* What a person would call piece i: again, back to a place not yet used, back to one used before. */
static inline Label label_of(const int64_t (*range)[2], int i) {
    if (i == 0 || range[i][0] < 0 || range[i - 1][0] < 0 || range[i][0] >= range[i - 1][1] - MAT_RATE / 20)
        return LABEL_ON;
    if (llabs(range[i][0] - range[i - 1][0]) < MAT_RATE / 20) return LABEL_LOOP;
    for (int k = 0; k < i; k++)
        if (range[k][0] >= 0 && range[i][0] < range[k][1] && range[i][1] > range[k][0]) return LABEL_REUSE;
    return LABEL_REORDER;
}

/* Where a piece lies at another equal place, or one that the label rests on, a label that differs is neither
 * right nor wrong; it is counted on its own. */
static inline void score_labels(const Trial *t, const Verdict *verdicts, Sums *s) {
    static int64_t truth[MAT_MAX_PIECES][2], found[SCORE_MAX_PIECES][2];
    const Alignment *a = t->a;
    const MatEdit *e = t->e;
    const int32_t n_found = a->n_pieces < SCORE_MAX_PIECES ? a->n_pieces : SCORE_MAX_PIECES;
    bool alike_before = false; /* a piece before this one */
    int32_t next = 0;          /* the first piece found that no true seam has been near yet */
    for (int32_t i = 0; i < e->n; i++) truth[i][0] = e->piece[i].raw_start, truth[i][1] = e->piece[i].raw_end;
    for (int32_t k = 0; k < n_found; k++)
        found[k][0] = a->pieces[k].raw_start, found[k][1] = a->pieces[k].raw_end;
    for (int32_t i = 0; i <= e->n; i++) {
        const double at = i < e->n ? (double)e->at[i] * t->scale : INFINITY, near = 0.1 * a->edit_rate_hz;
        Label is = LABEL_ON;
        for (; next < n_found && (double)a->pieces[next].edit_start < at + near; next++) {
            const Label label =
                a->pieces[next].joined ? label_of((const int64_t(*)[2])found, next) : LABEL_ON;
            if (fabs((double)a->pieces[next].edit_start - at) < near)
                is = label;
            else if (label != LABEL_ON) {
                s->n_found_labels++;
                if (t->verbose)
                    printf("#   label at %.3f s: %d where no seam is\n",
                           (double)a->pieces[next].edit_start / t->scale / MAT_RATE, label);
            }
        }
        if (i == e->n) break;
        if (is_hidden(t, i) || (i && is_hidden(t, i - 1))) continue;
        const Label should = label_of((const int64_t(*)[2])truth, i);
        const bool near_alike = verdicts[i] == ALIKE || (i && verdicts[i - 1] == ALIKE);
        const bool rests =
            alike_before && (should == LABEL_REUSE || is == LABEL_REUSE); /* on any of those before */
        alike_before = alike_before || verdicts[i] == ALIKE;
        if (should != is && (near_alike || rests)) {
            s->n_alike_labels++;
            continue;
        }
        s->n_labels += should != LABEL_ON;
        s->n_found_labels += is != LABEL_ON;
        s->n_right_labels += should != LABEL_ON && is == should;
        if (should != is && t->verbose)
            printf("#   label of piece %d at %.3f s: %d, truth %d\n", i, (double)e->at[i] / MAT_RATE, is,
                   should);
    }
}

/* ---- what is foreign --------------------------------------------------------------------------- */

static inline double other_s(const Alignment *a, double from, double to) {
    double sum = 0;
    for (int32_t i = 0; i < a->n_others; i++) {
        double lo = fmax(from, (double)a->others[i].edit_start), hi = fmin(to, (double)a->others[i].edit_end);
        if (hi > lo) sum += hi - lo;
    }
    return sum / a->edit_rate_hz;
}

static inline void score_others(const Trial *t, Sums *s) {
    for (int32_t i = 0; i < t->e->n; i++) {
        if (!is_hidden(t, i)) continue;
        double from = (double)t->e->at[i] * t->scale, to = (double)t->e->at[i + 1] * t->scale;
        s->other_s += (to - from) / t->a->edit_rate_hz;
        s->right_other_s += other_s(t->a, from, to);
    }
    s->found_other_s += other_s(t->a, 0, (double)t->a->n_edit);
    for (int32_t i = 0; i < t->a->n_others && t->verbose; i++)
        printf("#   other at %.3f..%.3f s: %s\n", (double)t->a->others[i].edit_start / t->scale / MAT_RATE,
               (double)t->a->others[i].edit_end / t->scale / MAT_RATE,
               align_other_names[t->a->others[i].kind]);
}

static inline void score_trial(const Trial *t, Sums *s) {
    Verdict verdicts[MAT_MAX_PIECES];
    score_pieces(t, s, verdicts);
    score_seams(t, s);
    score_labels(t, verdicts, s);
    score_others(t, s);
    if (t->verbose) list_false_seams(t);
}

/* ---- printing ---------------------------------------------------------------------------------- */

static inline double share_of(double part, double whole) { return whole > 0 ? part / whole : 1; }
static inline double f_of(double right, double truth, double found) {
    return share_of(2 * right, truth + found);
}

static inline void print_sums(const char *name, Sums *s) {
    printf("align_%s_offsets_exact %.4f share\n", name, share_of(s->n_exact, s->n_pieces));
    printf("align_%s_offsets_alike %.4f share\n", name, (double)s->n_alike / (s->n_pieces + 1e-9));
    printf("align_%s_alike_flagged %.4f share_of_alike\n", name, share_of(s->n_flagged, s->n_alike));
    printf("align_%s_offsets_wrong %.4f share\n", name,
           (double)(s->n_pieces - s->n_exact - s->n_alike) / (s->n_pieces + 1e-9));
    printf("align_%s_pieces_found %.3f of_true\n", name, share_of(s->n_found_pieces, s->n_pieces));
    printf("align_%s_seam_error_median %.3f ms\n", name, errors_quantile(&s->seams, 0.5));
    printf("align_%s_seam_error_p95 %.3f ms\n", name, errors_quantile(&s->seams, 0.95));
    printf("align_%s_seam_error_p95_told_apart %.3f ms\n", name, errors_quantile(&s->told, 0.95));
    printf("align_%s_seams_alike %.4f share\n", name, 1 - share_of(s->told.n, s->seams.n));
    printf("align_%s_seams_missed %.4f share\n", name, (double)s->n_missed / (s->seams.n + 1e-9));
    if (s->ends.n) printf("align_%s_fade_ends_median %.3f of_length\n", name, errors_quantile(&s->ends, 0.5));
    printf("align_%s_labels_f %.3f F\n", name, f_of(s->n_right_labels, s->n_labels, s->n_found_labels));
    printf("align_%s_labels_alike %d of_%d\n", name, s->n_alike_labels, s->n_alike_labels + s->n_labels);
    if (s->other_s > 0)
        printf("align_%s_other_f %.3f F\n", name, f_of(s->right_other_s, s->other_s, s->found_other_s));
    else
        printf("align_%s_other_false %.4f share\n", name, share_of(s->found_other_s, s->raw_s));
    printf("align_%s_cpu %.4f of_recording\n", name, share_of(s->cpu_s, s->raw_s));
    fflush(stdout);
}

/* Without the drum machine, whose bars are equal. */
static inline void print_played(const char *name, Sums *s) {
    if (!s->n_pieces) return;
    printf("align_%s_played_offsets_exact %.4f share\n", name, share_of(s->n_exact, s->n_pieces));
    printf("align_%s_played_offsets_wrong %.4f share\n", name,
           (double)(s->n_pieces - s->n_exact - s->n_alike) / s->n_pieces);
    printf("align_%s_played_seam_error_p95 %.3f ms\n", name, errors_quantile(&s->seams, 0.95));
    printf("align_%s_played_labels_f %.3f F\n", name,
           f_of(s->n_right_labels, s->n_labels, s->n_found_labels));
}
