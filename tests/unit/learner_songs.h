#pragma once
/* A SongBook of made-up songs, for tests of the learner. */
#include "learner/songs.h"
#include "tests/unit/song_maker.h"

static inline Song *song_made_named(uint64_t seed, const SongMakeOptions *o) {
    Song *song = song_make(seed, o);
    ByteWriter w;
    bytes_init(&w, SONG_MAX_BYTES);
    if (!song || song_pack(song, &w) != BS_OK) abort(); /* gives it its hash */
    bytes_drop(&w);
    return song;
}

static inline void songs_made(SongBook *book, int n, uint64_t seed, const SongMakeOptions *o) {
    songs_init(book);
    for (int i = 0; i < n; i++)
        if (songs_add(book, song_made_named(seed + (uint64_t)i, o)) != BS_OK) abort();
    songs_sort(book);
}
