#pragma once
/* Picture: one edit drawn: the recording with its takes above, the song below, ribbons for what went where,
 * and the song's energy and tempo along its time. SVG that reads on a light and on a dark page. */
#include "editor/edit_work.h"

/* `number` (from 0) tells the songs of one page apart; -1: a file of its own. */
Status picture_put(ByteWriter *w, const EditWork *work, const EditedSong *s, int32_t number);
