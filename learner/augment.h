#pragma once
/* Augment: the same Song heard a little differently, so that imitation learns from what a song has in common
 * with others and not from what names it.
 *
 * The key is transposed (CHROMA turns by 0..11 semitones) and the standardised columns get normal noise. What
 * the environment computes from the Song (menus, masks, seam terms) stays as it is. A function of
 * (song, key); the caller's memory. */
#include "common/song/song.h"

/* out: n_units x SONG_FEATURES. noise: deviation, in standard deviations of a column. */
void augment_features(const Song *song, uint64_t key, double noise, float *out);
