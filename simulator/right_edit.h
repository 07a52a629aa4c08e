#pragma once
/* The right edit: the best answer to a window, from truth alone, by exact search.
 *
 * Objective: the judge's x (judge.h), which is a sum of prices over bars kept and joins made. Candidates: any
 * sequence of whole bars of the tune, joined at bar lines, that ends after any beat, with a length in the
 * window; each join has its right fade. No candidate has a lower x than what is returned.
 *
 * Why that is so: (1) a relaxed problem counts lengths in buckets and lets every segment be a bucket longer
 * or shorter than it is; every candidate has a path in it at the same price, so its cost to go, found
 * backward over (bar, place in the form, bucket), never exceeds the true one. (2) A best-first search over
 * (bar, place, exact length) with that bound never passes over a cheaper end (A*: Hart, Nilsson & Raphael
 * 1968). Prices are counted in whole ten-millionths, so ties are exact. */
#include "simulator/truth.h"

/* What joins may be used, for measuring what each is worth. A flag is a kind that is forbidden. */
typedef enum RightForbid {
    RIGHT_NO_LOOP = 1,        /* back inside one section */
    RIGHT_NO_REORDER = 2,     /* back across sections, or a bar from another place of the form */
    RIGHT_NO_LONG_FADE = 4,   /* fades of half a beat and more */
    RIGHT_NO_TAKE_CHANGE = 8, /* on in the form in another take */
    RIGHT_NO_CUT = 16         /* on past a part of the form */
} RightForbid;

typedef struct RightUse { /* joins of the edit found, by kind; fades beside them */
    int32_t n_loops, n_reorders, n_long_fades, n_take_changes, n_cuts;
    double fault;       /* x as the search counts it */
    int64_t n_expanded; /* states looked at */
    bool proved;        /* false: the search was cut short; the edit is good, and may not be the best */
} RightUse;

/* *out is initialised here; edit_drop it. Its length lies in [lo, hi]; BS_CONFLICT naming the nearest length
 * found when no candidate's does; BS_INVALID for a tune or window that is none. */
Status right_edit(const Truth *truth, int32_t tune, int64_t lo_samples, int64_t hi_samples, Edit *out);
Status right_edit_without(const Truth *truth, int32_t tune, int64_t lo_samples, int64_t hi_samples,
                          uint32_t forbidden, Edit *out, RightUse *use);
