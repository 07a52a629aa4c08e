#pragma once
/* Arena: one growing allocation with a maximum; everything in it is freed together.
 *
 * For contents whose shapes are known when they are made. Not thread safe. Blocks never move. */
#include "common/core/status.h"

typedef struct ArenaBlock ArenaBlock;
typedef struct Arena {
    ArenaBlock *head;
    size_t used_bytes, max_bytes;
} Arena;

void arena_init(Arena *a, size_t max_bytes);
void arena_drop(Arena *a);

/* Zeroed, 64-byte aligned; NULL when max_bytes would be passed or memory is out. */
void *arena_alloc(Arena *a, size_t bytes);
