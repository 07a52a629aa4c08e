#pragma once
/* An Edit as Audacity labels: one line a segment, "start<TAB>end<TAB>text", seconds of the song with six
 * decimals. Open the song, then File > Import > Labels. */
#include "common/song/edit.h"

/* song may be NULL: then takes are not named. lead_in_samples: what the song has before its first segment. */
Status labels_put(ByteWriter *w, const Edit *edit, const Song *song, int64_t lead_in_samples);

/* "1:03.2", or "1:02:03.2" from an hour on; returns buf. */
enum { TIME_TEXT = 32 };
const char *time_text(double seconds, char buf[TIME_TEXT]);
const char *time_text_whole(double seconds, char buf[TIME_TEXT]); /* "1:03" */
/* Distance of the ticks on an axis of time: a round one, so that there are at most `most`. */
double time_step(double span_s, int32_t most);
