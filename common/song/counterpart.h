#pragma once
/* Counterpart: the same bars of a tune in another take. What an editor means by "take 2 there". */
#include "common/song/song.h"

/* The unit of `take` that plays the same beat of the form as unit u, -1 when none does. */
int32_t song_counterpart(const Song *song, int32_t u, int32_t take);

/* The units of `take` that play what units [first, end) of one take play: from the counterpart of the first
 * unit to that of the last. Units without a place in the form at the edges (a pickup, a tail) are matched by
 * their distance from the nearest that has one. False when the take does not play it from edge to edge. */
bool song_counterpart_range(const Song *song, int32_t first, int32_t end, int32_t take, int32_t *other_first,
                            int32_t *other_end);
