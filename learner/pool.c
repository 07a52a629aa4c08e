/* Pool: a sorted array; what is in it is bounded by the tickets out. */
#include "learner/pool.h"

#include <stdlib.h>
#include <string.h>

void pool_init(Pool *pool) { *pool = (Pool){0}; }

void pool_drop(Pool *pool) {
    for (int32_t i = 0; i < pool->n; i++) episode_free(pool->items[i].episode);
    free(pool->items);
    free(pool->chosen);
    *pool = (Pool){0};
}

Status pool_add(Pool *pool, uint64_t id, Episode *episode) {
    if (pool->n == pool->capacity) {
        int32_t capacity = pool->capacity ? 2 * pool->capacity : 256;
        PoolItem *items = realloc(pool->items, sizeof *items * (size_t)capacity);
        if (items) pool->items = items;
        int32_t *chosen = realloc(pool->chosen, sizeof *chosen * (size_t)capacity);
        if (chosen) pool->chosen = chosen;
        if (!items || !chosen) {
            episode_free(episode);
            return fail(BS_NOMEM, "pool: no room for %d episodes", capacity);
        }
        pool->capacity = capacity;
    }
    int32_t at = pool->n++;
    while (at > 0 && pool->items[at - 1].id > id) {
        pool->items[at] = pool->items[at - 1];
        at--;
    }
    pool->items[at] = (PoolItem){.id = id, .episode = episode};
    return BS_OK;
}

int32_t pool_episodes(const Pool *pool) {
    int32_t n = 0;
    for (int32_t i = 0; i < pool->n; i++) n += pool->items[i].episode != NULL;
    return n;
}

static bool choose_lockstep(Pool *pool, const Curriculum *c, uint64_t u, bool force) {
    for (int32_t i = 0; i < pool->n; i++)
        if (pool->items[i].id / c->batch == u) pool->chosen[pool->n_chosen++] = i;
    return force || pool->n_chosen == (int32_t)c->batch;
}

/* End of the group that starts at item i; *n_episodes counts what did not fail, *first is one of them. */
static int32_t group_end(const Pool *pool, int32_t i, int32_t *n_episodes, const Episode **first) {
    uint64_t group = pool->items[i].id / TICKET_GROUP;
    *n_episodes = 0;
    *first = NULL;
    for (; i < pool->n && pool->items[i].id / TICKET_GROUP == group; i++) {
        if (!pool->items[i].episode) continue;
        if (!*first) *first = pool->items[i].episode;
        ++*n_episodes;
    }
    return i;
}

bool pool_choose(Pool *pool, const Curriculum *c, uint64_t u, bool force) {
    pool->n_chosen = 0;
    if (c->mode == RUN_LOCKSTEP) return choose_lockstep(pool, c, u, force);
    PolicyKind kind = stage_kind(curriculum_stage(c, u));
    int32_t n_taken = 0, n_ahead = 0, n_episodes;
    const Episode *first;
    for (int32_t i = 0, end; i < pool->n && n_taken < (int32_t)c->batch; i = end) {
        end = group_end(pool, i, &n_episodes, &first);
        if (first && first->kind != kind) {
            n_ahead += n_episodes;
            continue;
        }
        if (!force && end - i < TICKET_GROUP) continue;
        for (int32_t k = i; k < end; k++) pool->chosen[pool->n_chosen++] = k;
        n_taken += n_episodes;
    }
    /* A whole batch that is ahead of its stage waits: this stage's tickets are used up. */
    return force || n_taken >= (int32_t)c->batch || n_ahead >= (int32_t)c->batch;
}

int32_t pool_choose_too_old(Pool *pool, const Curriculum *c, uint64_t u) {
    pool->n_chosen = 0;
    if (c->mode == RUN_LOCKSTEP) return 0;
    bool imitates = stage_imitates(curriculum_stage(c, u));
    for (int32_t i = 0; i < pool->n; i++) {
        const Episode *e = pool->items[i].episode;
        if (!e) continue;
        bool planned = !policy_needs_weights((PolicyKind)e->kind);
        if (planned ? !imitates : e->version + c->max_lag < u) pool->chosen[pool->n_chosen++] = i;
    }
    return pool->n_chosen;
}

void pool_take(Pool *pool, PoolItem *out) {
    int32_t kept = 0, next = 0;
    for (int32_t i = 0; i < pool->n; i++) {
        if (next < pool->n_chosen && pool->chosen[next] == i) {
            if (out)
                out[next] = pool->items[i];
            else
                episode_free(pool->items[i].episode);
            next++;
        } else {
            pool->items[kept++] = pool->items[i];
        }
    }
    pool->n = kept;
    pool->n_chosen = 0;
}
