#pragma once
/* Describe: a Song in words for people and for other programs. */
#include <stdio.h>

#include "common/song/song.h"

/* "seconds<TAB>position-in-bar" a beat; 1 is the downbeat. */
void describe_beats(const Song *song, FILE *out);
/* One line a take: number, start, end, bars, slots covered, flaw, whether complete. */
void describe_takes(const Song *song, FILE *out);
