#pragma once
/* Steps: one progress bar over work of several steps, each of which says its own share from 0 to 1. */
#include "common/host/progress.h"

typedef struct Steps {
    Progress bar;
    bool shown;
    double done, part; /* of the whole: before this step, and in it */
} Steps;

void steps_start(Steps *s, const char *what, bool shown);
void steps_next(Steps *s, double part);
/* What featurize_files, mix_render and the like call; `steps` is a Steps. */
void steps_at(void *steps, double share);
void steps_end(Steps *s, bool well); /* not well: ends the line that an error cut short */
