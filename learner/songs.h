#pragma once
/* SongBook: the run's Songs, sorted by hash, and a bounded number of environments over them.
 *
 * Songs stay in memory and never change, so the link thread may read them while the compute thread trains;
 * environments (songs_env) belong to the compute thread. */
#include "common/env/env.h"

typedef struct SongEntry {
    Song *song; /* owned */
    EnvSong *es;
    Env *env;
    uint64_t used;
} SongEntry;

enum { SONGS_OPEN = 64 }; /* environments kept at a time; the one used longest ago makes room */

typedef struct SongBook {
    SongEntry *entries;
    int32_t n, capacity, n_open;
    uint64_t uses;
} SongBook;

void songs_init(SongBook *book);
void songs_drop(SongBook *book);

/* Takes the song, also when it fails. BS_EXISTS when it is there already; BS_UNSUPPORTED with the reason when
 * no episode can run on it. */
Status songs_add(SongBook *book, Song *song);
void songs_sort(SongBook *book);                            /* by hash; once, after the last songs_add */
int32_t songs_find(const SongBook *book, const Hash *hash); /* -1: not here; after songs_sort */
int32_t songs_max_units(const SongBook *book);

/* The environment of a song, borrowed until the next call with another song. */
Status songs_env(SongBook *book, int32_t song, Env **env);
