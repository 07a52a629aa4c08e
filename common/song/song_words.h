#pragma once
/* Words about a Song, the same wherever people read about it: in lists, on sheets, in reports. Texts go into
 * the caller's buffers, which are returned. */
#include "common/song/song.h"

/* 0 -> "A", 25 -> "Z", 26 -> "A1": how tunes and sections are called. */
enum { SONG_LETTER = 16 };
const char *song_letter(int32_t index, char out[SONG_LETTER]);
/* The label of the section that units [first, end) are: that of the first with a slot; -1 without. */
int32_t song_section_label(const Song *song, int32_t first, int32_t end);
/* The form of a tune, "A 1-8, B 9-16": bars from 1; cut with "..." where it does not fit. */
const char *song_form_text(const Song *song, int32_t tune, char *out, size_t n_out);
/* The slots a take covers, "1-16, 25-32", counted into *n_covered. */
const char *song_slots_text(const Song *song, int32_t take, char *out, size_t n_out, int32_t *n_covered);
/* How a take ends: "whole", "all but the last bar of 32", "breaks off in bar 14 of 32", "no pulse". */
enum { SONG_ENDING = 64 };
const char *song_ending_text(const Song *song, int32_t take, char out[SONG_ENDING]);
