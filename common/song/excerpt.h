#pragma once
/* Excerpt: a Song of hours as an episode can hold it: the takes of one tune, and what lies around them.
 *
 * The timeline stays that of the recording, so edits of an excerpt are edits of the recording. Each stretch
 * that is left out becomes one unit: a take of a tune of its own, the last, which no Job of another tune may
 * keep. Units, takes and tunes are counted anew, the tune is tune 0; people call them
 * as before (song_take_called). Where its takes have more units than
 * there is room for, the incomplete and then the most flawed are left out too. */
#include "common/song/song.h"

/* BS_TOO_BIG when not even one take fits. *n_left_out (may be NULL): takes of the tune that had no room.
 * Owned; packed once (hash set). */
Status song_excerpt(Song **out, const Song *song, int32_t tune, int32_t max_units, int32_t *n_left_out);

/* Does unit u stand for a stretch that was left out? */
bool song_unit_left_out(const Song *song, int32_t u);
