/* Lines at a constant distance from the run's are compared with it by what they leave over of the edit. */
#include "featurizer/align/places.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_PLACES = 24, MAX_SEEN = 64 };
static const double judged_s = 6;                 /* of a run at most */
static const double found_s = 0.4;                /* of it, for finding the sample */
static const double better = 0.95, as_good = 1.1; /* of what is left over here */
static const double same = 1e-3;                  /* left over: nobody hears that it is not the same */

/* Places that windows of the run know of as well, at a constant distance. */
static int32_t other_places(const Places *p, const Run *r, int64_t distance[MAX_PLACES]) {
    struct {
        double off;
        int32_t n;
    } seen[MAX_SEEN];
    int32_t n_seen = 0, n_windows = 0, n = 0;
    const Track *t = p->track;
    for (int32_t k = r->first_window; k <= r->last_window; k++) {
        if (t->path[k] < 0 || t->quiet[k]) continue;
        const Cell *own = &t->cells[k][t->path[k]];
        n_windows++;
        for (int32_t c = 0; c < t->n_cells[k]; c++) {
            const Cell *x = &t->cells[k][c];
            if (x == own || x->speed != own->speed || x->score < 0.85F * own->score) continue;
            const double off = x->raw - own->raw;
            int32_t i = 0;
            while (i < n_seen && fabs(seen[i].off - off) > 3) i++;
            if (i == MAX_SEEN) continue;
            if (i == n_seen) seen[n_seen++].off = off, seen[i].n = 0;
            seen[i].n++;
        }
    }
    for (int32_t i = 0; i < n_seen && n < MAX_PLACES; i++)
        if (seen[i].n >= 0.7 * n_windows) distance[n++] = llround(seen[i].off * p->raw_hz / COARSE_HZ);
    return n;
}

static Status left_here(const Places *p, const Run *r, double length_s, double *left) {
    const double hop = TRACK_HOP * p->hz / COARSE_HZ, from = r->first - hop / 4, to = r->last + hop / 4;
    return seam_left_over(p->seamer, r, from, fmin(to, from + length_s * p->hz), left);
}

/* The same `*distance` further on in the recording; the track's distances are coarse, so *distance is moved
 * to the best of its neighbours. */
static Status left_there(const Places *p, const Run *r, int64_t *distance, double *left) {
    Status st = BS_OK;
    const int64_t given = *distance;
    Run there = *r;
    double least = INFINITY;
    for (int64_t shift = -3; shift <= 3; shift++) {
        there.raw = r->raw + (double)(given + shift);
        TRY(left_here(p, &there, found_s, left));
        if (*left < least) least = *left, *distance = given + shift;
    }
    there.raw = r->raw + (double)*distance;
    TRY(left_here(p, &there, judged_s, left));
out:
    return st;
}

Status places_settle(const Places *p, Run *r) {
    Status st = BS_OK;
    int64_t distance[MAX_PLACES], move = 0;
    double least, left;
    const int32_t n = other_places(p, r, distance);
    if (!n) return BS_OK;
    TRY(left_here(p, r, judged_s, &least));
    least *= better;
    for (int32_t k = 0; k < n; k++) {
        TRY(left_there(p, r, &distance[k], &left));
        if (left < least) least = left, move = distance[k];
    }
    r->raw += (double)move;
out:
    return st;
}

Status places_ties(const Places *p, const Run *r, AlignPiece *piece) {
    Status st = BS_OK;
    int64_t distance[MAX_PLACES];
    double here, left;
    const int32_t n = other_places(p, r, distance);
    if (!n) return BS_OK;
    TRY(left_here(p, r, judged_s, &here));
    for (int32_t i = 0; i < n && piece->n_alternatives < ALIGN_ALTERNATIVES; i++) {
        if (llabs(distance[i]) < 8) continue;
        TRY(left_there(p, r, &distance[i], &left));
        if (left > fmax(as_good * here, same)) continue;
        piece->alternatives[piece->n_alternatives++] = piece->raw_start + distance[i];
        piece->tie = 1;
    }
out:
    return st;
}
