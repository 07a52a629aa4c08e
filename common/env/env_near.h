#pragma once
/* Private to common/env: the cheapest change of an edit's seams after which each can be made by some action.
 *
 * The edit is runs of units that follow each other; a way is one change of one seam. What is legal is asked
 * of a model of single seams here (menus, cuts, loops, reorders); who calls plays the result and strikes out
 * the way at which that stops. One thread; near_drop frees the contents. */
#include "common/env/env_state.h"

typedef struct Run {
    int32_t first, end; /* units [first, end) */
    uint8_t fade;       /* that joins it to the run before */
} Run;

/* How one run is left and another entered; between them there may be runs that are left out. */
typedef struct Way {
    int32_t leave, enter;   /* the run before ends there, the run behind begins there */
    int32_t least;          /* where the run behind ends at least: what the action appends */
    int32_t back, back_end; /* of REORDER: the run behind ends there, and then it goes on there; else -1 */
    int32_t reach;          /* of LOOP: where the run before begins at most */
    int32_t cost, total;    /* in halves of a unit: of this seam; of the cheapest way up to here */
    int32_t from, before;   /* run before, and the way into it; -1 */
    uint8_t fade;
    bool only_back; /* no action of its own: only as the end of a REORDER */
    bool struck;
} Way;

typedef struct Near {
    const EnvSong *es;
    int32_t start_anchor;
    Run *runs;
    int32_t n_runs;
    Way *ways;
    int32_t *first_way; /* n_runs + 1: of the ways into each run */
} Near;

Status near_new(Near *near, const Env *env, const int32_t *units, const uint8_t *fades, int32_t n);
void near_drop(Near *near);

/* The cheapest ways that are not struck out: path[i] into the i-th run that is kept, *n of them (room for
 * n_runs). BS_NOT_FOUND when there are none. */
Status near_find(Near *near, int32_t *path, int32_t *n);
/* The run that a way leads into. */
int32_t near_run(const Near *near, int32_t way);
