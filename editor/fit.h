#pragma once
/* A recording of hours is cut like a shorter one: what an episode cannot hold is left out of the Song. */
#include "common/song/song.h"
#include <stdbool.h>

/* Where *song has more units than an episode can hold, it becomes the excerpt of the tune that is edited, and
 * *tune the number of that in it. tune: from 1, one that is there; 0: the one with the most music. Says on
 * stdout what was left out, unless quiet. */
Status fit_to_episode(Song **song, int64_t *tune, bool quiet);
