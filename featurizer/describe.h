#pragma once
/* Describe: a Song in words for people and for other programs. */
#include <stdio.h>

#include "common/song/song.h"

/* "seconds<TAB>position-in-bar" a beat; 1 is the downbeat. */
void describe_beats(const Song *song, FILE *out);
/* A line of tunes with their forms, then one a take: tune, start, end, bars, slots covered of how many,
 * quality (1 - mean flaw), share of units likely clean, how it ends, and which bars of the form it plays. */
void describe_takes(const Song *song, FILE *out);
