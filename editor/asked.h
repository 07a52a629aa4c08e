#pragma once
/* Asked: what a person asks of an edit, in times of the recording, as a Job in units.
 *
 * --must and --never, labels KEEP and DROP, --start, --end, --lock, --prefer-take: each becomes ranges of
 * units; what contradicts another is refused naming both options before anything is cut. */
#include "common/report/clips.h"
#include "common/song/job.h"
#include "editor/edit_settings.h"

/* What must stay together: pieces of a locked edit. */
typedef struct Asked {
    Job job;
    int32_t n_locked;
    JobRange locked[JOB_MAX_RANGES];
    char options[256]; /* those that constrain: "--must, --no-loop" */
} Asked;

/* The job already has its window and tune. BS_INVALID for what is no time, BS_CONFLICT for what cannot be. */
Status asked_make(Asked *out, const EditSettings *set, const Song *song, const SourceList *sources,
                  const Job *job);
/* The most music that one tune has; what is edited where none is named. */
int32_t asked_tune(const Song *song);

/* "1:20-1:35.5,2:00-2:10": calls `each` for every range; errors name the option. */
Status asked_ranges(const char *option, const char *text,
                    Status (*each)(void *context, double from_s, double to_s), void *context);
