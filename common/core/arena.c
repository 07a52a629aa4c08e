/* Arena: a list of blocks, each at least doubling, bump-allocated. */
#include "common/core/arena.h"

#include <stdlib.h>
#include <string.h>

struct ArenaBlock {
    ArenaBlock *next;
    size_t bytes, used;
};

enum { ALIGN = 64, FIRST_BLOCK = 1 << 12 };

void arena_init(Arena *a, size_t max_bytes) { *a = (Arena){.max_bytes = max_bytes}; }

void arena_drop(Arena *a) {
    for (ArenaBlock *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->used_bytes = 0;
}

void *arena_alloc(Arena *a, size_t bytes) {
    if (bytes > a->max_bytes) return NULL;
    size_t need = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (a->used_bytes + need > a->max_bytes) return NULL;
    if (!a->head || a->head->bytes - a->head->used < need) {
        size_t want = a->head ? a->head->bytes * 2 : FIRST_BLOCK;
        if (want < need + ALIGN) want = (need + ALIGN) * 2;
        want = (want + ALIGN - 1) & ~(size_t)(ALIGN - 1);
        ArenaBlock *b = aligned_alloc(ALIGN, want);
        if (!b) return NULL;
        b->next = a->head;
        b->bytes = want;
        b->used = ALIGN;
        a->head = b;
    }
    void *p = (char *)a->head + a->head->used;
    a->head->used += need;
    a->used_bytes += need;
    memset(p, 0, need);
    return p;
}
