/* SongBook: a sorted table with an LRU of environments on top. */
#include "learner/songs.h"

#include <stdlib.h>
#include <string.h>

void songs_init(SongBook *book) { *book = (SongBook){0}; }

static void entry_close(SongEntry *e) {
    env_free(e->env);
    env_song_free(e->es);
    e->env = NULL;
    e->es = NULL;
}

void songs_drop(SongBook *book) {
    for (int32_t i = 0; i < book->n; i++) {
        entry_close(&book->entries[i]);
        song_free(book->entries[i].song);
    }
    free(book->entries);
    *book = (SongBook){0};
}

Status songs_add(SongBook *book, Song *song) {
    Status st = BS_OK;
    for (int32_t i = 0; i < book->n && st == BS_OK; i++)
        if (hash_equal(&book->entries[i].song->hash, &song->hash))
            st = fail(BS_EXISTS, "song: it is here already");
    if (st == BS_OK && song->n_units > ENV_MAX_UNITS)
        st = fail(BS_UNSUPPORTED, "song: %d units, at most %d can be trained on", song->n_units,
                  ENV_MAX_UNITS);
    if (st == BS_OK && (song->n_tunes < 1 || song->n_takes < 1))
        st = fail(BS_UNSUPPORTED, "song: no take was found in it");
    if (st == BS_OK && book->n == book->capacity) {
        int32_t capacity = book->capacity ? 2 * book->capacity : 64;
        SongEntry *entries = realloc(book->entries, sizeof *entries * (size_t)capacity);
        if (entries) {
            book->entries = entries;
            book->capacity = capacity;
        } else {
            st = fail(BS_NOMEM, "songs: no room for %d", capacity);
        }
    }
    if (st == BS_OK)
        book->entries[book->n++] = (SongEntry){.song = song};
    else
        song_free(song);
    return st;
}

static int by_hash(const void *a, const void *b) {
    const SongEntry *x = a, *y = b;
    return memcmp(x->song->hash.bytes, y->song->hash.bytes, HASH_BYTES);
}

void songs_sort(SongBook *book) { qsort(book->entries, (size_t)book->n, sizeof *book->entries, by_hash); }

int32_t songs_find(const SongBook *book, const Hash *hash) {
    int32_t lo = 0, hi = book->n - 1;
    while (lo <= hi) {
        int32_t mid = lo + (hi - lo) / 2;
        int order = memcmp(book->entries[mid].song->hash.bytes, hash->bytes, HASH_BYTES);
        if (order == 0) return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid - 1;
    }
    return -1;
}

int32_t songs_max_units(const SongBook *book) {
    int32_t max = 1;
    for (int32_t i = 0; i < book->n; i++)
        if (book->entries[i].song->n_units > max) max = book->entries[i].song->n_units;
    return max;
}

static void make_room(SongBook *book) {
    while (book->n_open >= SONGS_OPEN) {
        SongEntry *oldest = NULL;
        for (int32_t i = 0; i < book->n; i++) {
            SongEntry *e = &book->entries[i];
            if (e->es && (!oldest || e->used < oldest->used)) oldest = e;
        }
        entry_close(oldest);
        book->n_open--;
    }
}

Status songs_env(SongBook *book, int32_t song, Env **env) {
    Status st = BS_OK;
    SongEntry *e = &book->entries[song];
    *env = NULL;
    if (!e->env) {
        make_room(book);
        TRY(env_song_new(&e->es, e->song));
        st = env_new(&e->env, e->es);
        if (st != BS_OK) {
            entry_close(e);
            return st;
        }
        book->n_open++;
    }
    e->used = ++book->uses;
    *env = e->env;
out:
    return st;
}
