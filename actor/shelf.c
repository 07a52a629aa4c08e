/* Shelf: an array small enough to search. */
#include "actor/shelf.h"

static void entry_drop(ShelfSong *s) {
    env_song_free(s->es);
    song_free(s->song);
    *s = (ShelfSong){0};
}

void shelf_drop(Shelf *shelf) {
    for (int i = 0; i < shelf->n; i++) entry_drop(&shelf->songs[i]);
    shelf->n = 0;
}

const EnvSong *shelf_find(Shelf *shelf, const Hash *hash) {
    for (int i = 0; i < shelf->n; i++) {
        if (!hash_equal(&shelf->songs[i].hash, hash)) continue;
        shelf->songs[i].used = ++shelf->uses;
        return shelf->songs[i].es;
    }
    return NULL;
}

static ShelfSong *place_for_one(Shelf *shelf, ShelfReplaced replaced, void *context) {
    if (shelf->n < SHELF_SONGS) return &shelf->songs[shelf->n++];
    ShelfSong *oldest = &shelf->songs[0];
    for (int i = 1; i < shelf->n; i++)
        if (shelf->songs[i].used < oldest->used) oldest = &shelf->songs[i];
    if (replaced) replaced(context);
    entry_drop(oldest);
    return oldest;
}

Status shelf_put(Shelf *shelf, const Hash *hash, const void *bytes, size_t n_bytes, ShelfReplaced replaced,
                 void *context, const EnvSong **es) {
    Status st = BS_OK;
    ShelfSong made = {.hash = *hash};
    *es = NULL;
    TRY(song_unpack(&made.song, bytes, n_bytes));
    TRY(env_song_new(&made.es, made.song));
    made.used = ++shelf->uses;
    *place_for_one(shelf, replaced, context) = made;
    *es = made.es;
    return BS_OK;
out:
    entry_drop(&made);
    return st;
}
