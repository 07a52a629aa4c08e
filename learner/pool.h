#pragma once
/* Pool: accepted episodes that wait for their update, and which tickets will never come. Pure; owns episodes.
 */
#include "learner/batch.h"
#include "learner/curriculum.h"

typedef struct PoolItem {
    uint64_t id;
    Episode *episode; /* NULL: the ticket failed for good */
} PoolItem;

typedef struct Pool {
    PoolItem *items; /* by id */
    int32_t *chosen; /* room for capacity: places of items, ascending */
    int32_t n, capacity, n_chosen;
} Pool;

void pool_init(Pool *pool);
void pool_drop(Pool *pool);
Status pool_add(Pool *pool, uint64_t id, Episode *episode); /* takes the episode, also when it fails */
int32_t pool_episodes(const Pool *pool);

/* Chooses the items that make update u. lockstep: the tickets [u B, (u + 1) B). async: whole groups of the
 * stage's kind by lowest id, until there are `batch` episodes. Returns whether the update may start; `force`:
 * it may with what is there, since nothing more will come. */
bool pool_choose(Pool *pool, const Curriculum *c, uint64_t u, bool force);

/* Chooses those that update u can no longer use, async only: acted with weights older than u - max_lag, or of
 * a kind whose stages are over. Returns how many. */
int32_t pool_choose_too_old(Pool *pool, const Curriculum *c, uint64_t u);

/* Removes the chosen items. They go to out[] with their episodes (NULL: freed). */
void pool_take(Pool *pool, PoolItem *out);
