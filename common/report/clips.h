#pragma once
/* Clips: an Edit and its mixdown as pieces of files on the song's timeline, the way every editor on the
 * market sees it. What writes projects for other programs starts here.
 *
 * A piece never crosses the border of two files of the recording. Plain data; clips_drop frees it. */
#include "common/audio/mixdown.h"
#include "common/song/edit.h"

/* The recording as files, borrowed: as given, and where each lies on the timeline. */
typedef struct SourceList {
    int32_t n, sample_rate_hz, n_channels;
    const char *const *paths;
    const int64_t *start, *samples;
    int64_t n_samples; /* of the timeline */
} SourceList;

/* What people call a file of it: without folders; a sum of tracks ("FOLDER/" and a star) goes by its folder.
 */
const char *source_name(char out[4096], const char *path);

typedef struct Clip {
    int32_t segment, source;
    int64_t song_start, n_samples; /* in the song */
    int64_t source_start;          /* in its file */
    int64_t grid; /* from song_start to where the segment starts on the written grid, 0 in later pieces */
    int64_t fade_in,
        fade_out; /* overlapping: ramps inside the clip; abutting: ramp before its start, after its end */
    float correlation; /* of the ramp at its start */
} Clip;

typedef struct Clips {
    int32_t n;
    Clip *list;
} Clips;

/* CLIPS_OVERLAP: neighbours overlap for as long as both sound (REAPER); where the old one rings on under the
 * new one, the overlap is longer than the new one's fade. CLIPS_ABUT: they meet in the middle of each change
 * from one to the other, and what would ring on ends there (OpenTimelineIO, EDL). */
typedef enum ClipStyle { CLIPS_OVERLAP, CLIPS_ABUT } ClipStyle;
Status clips_cut(Clips *out, const Edit *edit, const MixPlan *plan, const SourceList *sources,
                 ClipStyle style);
void clips_drop(Clips *clips);
/* The file that holds sample `at` of the timeline. */
int32_t source_at(const SourceList *sources, int64_t at);
