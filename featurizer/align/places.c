/* Lines at a constant distance from the run's are compared with it by what they leave over of the edit, also
 * of what lies between it and its neighbours: of two equal bars, one is followed by what is heard next. Among
 * equals the cheapest path goes on where the last run was, or a little later. */
#include "featurizer/align/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PLACES = 16, FAR = 32 }; /* nearer places are one, samples */
static const double found_s = 0.4;  /* of a run, for finding the sample */
static const double as_good = 1.1;  /* of what is left over at best */
static const double copied = 1e-7;  /* left over, of a copy */
static const double same = 1e-3;    /* left over: nobody hears that it is not the same */
static const double back = 4;       /* steps backwards cost as much as e^4 s onwards */
enum { NEAR = 3 };                  /* samples: the track's distances are coarse */

static void add_place(int64_t distance[MAX_PLACES], int32_t *n, double further) {
    bool known = fabs(further) < FAR || *n == MAX_PLACES;
    for (int32_t k = 0; k < *n && !known; k++) known = fabs((double)distance[k] - further) < FAR;
    if (!known) distance[(*n)++] = llround(further);
}

/* Where stretches of the track that are in the run lie, or could lie, in samples from where the run does. */
static int32_t other_places(const Places *p, const Run *r, int64_t distance[MAX_PLACES]) {
    const Track *t = p->track;
    int32_t n = 0;
    for (int32_t i = 0; i < t->n_rivals; i++) {
        const Rival *x = &t->rivals[i];
        if (x->window < r->first_window || x->window > r->last_window) continue;
        const double path = t->cells[x->window][t->path[x->window]].raw;
        const double here = run_at(r, x->window * TRACK_HOP * p->hz / COARSE_HZ);
        add_place(distance, &n, path * p->raw_hz / COARSE_HZ - here);
        add_place(distance, &n, (path + x->further) * p->raw_hz / COARSE_HZ - here);
    }
    return n;
}

/* The run's place and the others, as distances from it; those that explain as much as the best come first. */
typedef struct Choice {
    int64_t distance[MAX_PLACES + 1];
    double left[MAX_PLACES + 1];
    int32_t n;
} Choice;

/* What is left over of [lo, hi) and of the margins around it, `*distance` further on in the recording;
 * *distance is moved to the best of its neighbours. */
static Status left_there(const Places *p, const Run *r, double from, double lo, double hi, double to,
                         int64_t *distance, double *left) {
    Status st = BS_OK;
    SeamRest rest;
    Run there = *r;
    there.raw = r->raw + (double)*distance;
    if (*distance) {
        TRY(seam_left_over(p->seamer, &there, lo, lo, hi, fmin(hi, lo + found_s * p->hz), NEAR, &rest));
        *distance += llround(rest.shift * r->rate);
        there.raw = r->raw + (double)*distance;
    }
    TRY(seam_left_over(p->seamer, &there, from, lo, hi, to, 0, &rest));
    *left = rest.inside + rest.beside;
out:
    return st;
}

/* The places of one range of the edit that are as good as any, or leave `enough` over or less. */
static Status equal_places(const Places *p, const Run *r, double from, double lo, double hi, double to,
                           double enough, Choice *c) {
    Status st = BS_OK;
    int64_t others[MAX_PLACES];
    const int32_t n = other_places(p, r, others);
    double least = INFINITY;
    *c = (Choice){.n = 1};
    if (!n) return BS_OK;
    c->distance[0] = 0;
    TRY(left_there(p, r, from, lo, hi, to, &c->distance[0], &c->left[0]));
    for (int32_t i = 0; i < n; i++) {
        c->distance[c->n] = others[i];
        TRY(left_there(p, r, from, lo, hi, to, &c->distance[c->n], &c->left[c->n]));
        c->n++;
    }
    for (int32_t i = 0; i < c->n; i++) least = fmin(least, c->left[i]);
    const int32_t n_all = c->n;
    c->n = 0;
    for (int32_t i = 0; i < n_all; i++)
        if (c->left[i] <= fmax(as_good * least, enough)) c->distance[c->n++] = c->distance[i];
out:
    return st;
}

/* What it costs to go over from line a to b: nothing on one line, else by how far it is. */
static double step_cost(const Places *p, const Run *a, int64_t a_moved, const Run *b, int64_t b_moved) {
    const double seam = (a->last + b->first) / 2;
    const double gap = run_at(b, seam) + (double)b_moved - run_at(a, seam) - (double)a_moved;
    if (fabs(gap) <= run_apart(a, b)) return 0;
    return (gap < 0 ? back : 0) + log(1 + fabs(gap) / p->raw_hz);
}

/* Viterbi over runs; their equal places are the states. */
static int32_t take_simplest(const Places *p, Run *runs, int32_t n, const Choice *choices,
                             int8_t (*from)[MAX_PLACES + 1]) {
    double now[MAX_PLACES + 1] = {0}, next[MAX_PLACES + 1];
    for (int32_t i = 1; i < n; i++) {
        for (int32_t k = 0; k < choices[i].n; k++) {
            next[k] = INFINITY;
            for (int32_t j = 0; j < choices[i - 1].n; j++) {
                const double cost = now[j] + step_cost(p, &runs[i - 1], choices[i - 1].distance[j], &runs[i],
                                                       choices[i].distance[k]);
                if (cost < next[k]) next[k] = cost, from[i][k] = (int8_t)j;
            }
        }
        memcpy(now, next, sizeof now);
    }
    int32_t k = 0, moved = 0;
    for (int32_t j = 1; j < choices[n - 1].n; j++)
        if (now[j] < now[k]) k = j;
    for (int32_t i = n - 1; i >= 0; i--) {
        runs[i].raw += (double)choices[i].distance[k];
        moved += choices[i].distance[k] != 0;
        k = from[i][k];
    }
    return moved;
}

Status places_choose(const Places *p, Run *runs, int32_t n, int32_t *moved) {
    Status st = BS_OK;
    const double hop = TRACK_HOP * p->hz / COARSE_HZ;
    Choice *choices = malloc(sizeof *choices * (size_t)(n + 1));
    int8_t(*from)[MAX_PLACES + 1] = calloc((size_t)n + 1, sizeof *from);
    if (!choices || !from) TRY(fail(BS_NOMEM, "align: no memory for %d pieces", n));
    for (int32_t i = 0; i < n; i++) {
        const Run *r = &runs[i];
        const double lo = r->first - hop / 4, hi = r->last + hop / 4;
        const double from_s = i ? fmin(lo, fmax(r[-1].last + hop / 4, lo - hop)) : lo - hop;
        const double to_s = i + 1 < n ? fmax(hi, fmin(r[1].first - hop / 4, hi + hop)) : hi + hop;
        TRY(equal_places(p, r, from_s, lo, hi, to_s, copied, &choices[i]));
    }
    *moved = n ? take_simplest(p, runs, n, choices, from) : 0;
out:
    free(choices);
    free(from);
    return st;
}

Status places_ties(const Places *p, const Run *r, AlignPiece *piece) {
    Status st = BS_OK;
    Choice c;
    const double half = fmin(0.02 * p->hz, 0.25 * (double)(piece->edit_end - piece->edit_start));
    const double lo = (double)piece->edit_start + half, hi = (double)piece->edit_end - half;
    TRY(equal_places(p, r, lo, lo, hi, hi, same, &c));
    for (int32_t i = 0; i < c.n && piece->n_alternatives < ALIGN_ALTERNATIVES; i++) {
        if (!c.distance[i]) continue;
        piece->alternatives[piece->n_alternatives++] = piece->raw_start + c.distance[i];
        piece->tie = 1;
    }
out:
    return st;
}
