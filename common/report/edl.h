#pragma once
/* CMX 3600: the edit decision list that every video editor reads. One event a clip on both audio channels,
 * time code of 30 frames a second without drop. What the format cannot say is rounded to frames (17 ms at
 * most); comments
 * ("* BANDSAW SAMPLES 44100 start end") hold the samples. A blend of two frames or more is a dissolve. */
#include "common/report/clips.h"

enum { EDL_FPS = 30 };

/* Refused: a recording or a song past 24 hours, which time code cannot name. */
Status edl_put(ByteWriter *w, const Edit *edit, const MixPlan *plan, const SourceList *sources,
               const char *title);
