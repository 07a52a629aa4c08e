#pragma once
/* An edit from a file, whichever kind it is: our JSON or a REAPER project (.rpp), and what it says of its
 * origin. */
#include "common/report/clips.h"
#include "common/song/job.h"

typedef struct EditOrigin {
    int64_t more_samples;           /* what sounds before the first segment and after the last; -1 unknown */
    int64_t lo_samples, hi_samples; /* the window it was made for; 0, 0 unknown */
    int32_t tune;                   /* -1 unknown */
    char policy[64];                /* who cut it; "" unknown */
} EditOrigin;

/* The files of the recording that it was cut out of, as they are found from here: as written, else beside the
 * edit. malloc'ed, one block a name; free with edit_file_drop_sources. n may be 0: it does not say. */
Status edit_file_sources(const char *path, char ***paths, int32_t *n);
void edit_file_drop_sources(char **paths, int32_t n);

/* *out is initialised here; edit_drop it. origin may be NULL. A segment beyond the recording is refused. */
Status edit_file_read(Edit *out, const char *path, const SourceList *sources, EditOrigin *origin);
