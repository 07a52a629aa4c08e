#pragma once
/* Shelf: the Songs an actor edits, unpacked, with their environment tables; the one used longest ago makes
 * room. One thread. */
#include "common/env/env.h"

enum { SHELF_SONGS = 32 };

typedef struct ShelfSong {
    Hash hash;
    Song *song; /* owned */
    EnvSong *es;
    uint64_t used;
} ShelfSong;

typedef struct Shelf {
    ShelfSong songs[SHELF_SONGS];
    int n;
    uint64_t uses;
} Shelf;

void shelf_drop(Shelf *shelf);
/* NULL: not here. Borrowed until the next shelf_put. */
const EnvSong *shelf_find(Shelf *shelf, const Hash *hash);
/* Unpacks a Song's bytes. `replaced` (may be NULL) is told before a song leaves, so that whoever keeps tables
 * over it lets go of them. */
typedef void (*ShelfReplaced)(void *context);
Status shelf_put(Shelf *shelf, const Hash *hash, const void *bytes, size_t n_bytes, ShelfReplaced replaced,
                 void *context, const EnvSong **es);
