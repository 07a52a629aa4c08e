#pragma once
/* Progress: a bar on a terminal, a plain line every few seconds elsewhere; both on stderr. */
#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
    const char *what;
    int64_t total, done;
    double started_s, shown_s;
    bool terminal, finished;
} Progress;

void progress_start(Progress *p, const char *what, int64_t total);
/* note: what is being done now, may be "" */
void progress_at(Progress *p, int64_t done, const char *note);
void progress_end(Progress *p, const char *note);
