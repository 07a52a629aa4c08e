#pragma once
/* OpenTimelineIO: an Edit as one audio track of clips, with a transition where two blend. Times are integer
 * samples at the recording's rate. The clips meet in the middle of each ramp; the written grid stands in the
 * metadata
 * ("bandsaw": {"version": 1, "segments": [...]}, as in the JSON of an edit). */
#include "common/report/clips.h"

Status otio_put(ByteWriter *w, const Edit *edit, const MixPlan *plan, const SourceList *sources,
                const char *title);
