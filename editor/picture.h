#pragma once
/* Picture: one edit drawn: the recording with its takes above, the song below, ribbons for what went where,
 * and the song's energy and tempo along its time. SVG that reads on a light and on a dark page. */
#include "editor/edit_work.h"

/* `number` (from 0) tells the songs of one page apart; -1: a file of its own. */
Status picture_put(ByteWriter *w, const EditWork *work, const EditedSong *s, int32_t number);
/* The colour, 0 to 7, that a take has in it: the edit's takes in order; -1: the edit has nothing of it. */
int32_t picture_colour(const Song *song, const Edit *edit, int32_t take);
