#pragma once
/* Key: of every unit of a take, from its chroma, with the modulations inside the take. */
#include "common/core/arena.h"
#include "common/song/song.h"

/* Sets units[].key from units[].chroma; tails and what lies outside takes have none. */
Status keys_find(Song *song, Arena *mem);
