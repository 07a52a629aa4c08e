#pragma once
/* Marks: what a musician wrote on a recording: KEEP and DROP, as labels of Audacity, cue points of a WAV file
 * or markers and regions of a REAPER project.
 *
 * A mark is one of KEEP or DROP when its text begins with that word, in whatever case ("keep this solo"). One
 * without a length reaches to the next mark of any text; its end is NAN when there is none. Times are seconds
 * of the recording. Plain data; marks_drop frees it. */
#include "common/report/rpp.h"

enum { MARKS_MAX = 65536 };

typedef enum MarkKind { MARK_OTHER, MARK_KEEP, MARK_DROP } MarkKind;

typedef struct Mark {
    double start_s, end_s;
    MarkKind kind;
} Mark;

typedef struct Marks {
    int32_t n, capacity;
    Mark *list;
} Marks;

void marks_drop(Marks *marks);
/* Each appends what it finds; errors name the file and the line. */
Status marks_labels(Marks *marks, const char *name, const void *bytes, size_t n_bytes);
Status marks_project(Marks *marks, const char *name, const RppProject *project, const SourceList *sources);
/* The cues of a WAV file (RIFF or RF64) that starts at offset_s; any other bytes hold none. */
Status marks_wav(Marks *marks, const void *bytes, size_t n_bytes, double offset_s);
/* A file of labels, or a REAPER project by its extension. */
Status marks_read(Marks *marks, const char *path, const SourceList *sources);
/* In order of time, points reaching to the next mark. Call it when all are in. */
void marks_settle(Marks *marks);
