#pragma once
/* Repair: one change to an edit, and nothing else. Segments and seams are numbered from 1, as the summary and
 * the report print them; seam S joins segment S to segment S + 1. Several changes of one call all use the
 * numbers of the edit that is given. */
#include "common/song/edit.h"
#include "common/song/song.h"

typedef struct RepairOptions {
    const char *nudge; /* "2=+1,4=-0.5": beats later (earlier) on both sides of the seam */
    const char *swap;  /* "3=2": segment 3 from take 2 */
    const char *drop;  /* "3,5" */
} RepairOptions;

/* `best_take` says which take a segment without one is swapped to (from 0; -1: none plays it). */
typedef int32_t (*BestTake)(void *context, int32_t segment);

/* Any of the texts may be "". Errors name the option and what can be asked. *out is initialised here. */
Status repair(Edit *out, const Edit *edit, const Song *song, const RepairOptions *options, BestTake best_take,
              void *context);

/* The segment's bars in another take; false when that take does not play them from edge to edge. */
bool repair_counterpart(const Song *song, const EditSegment *segment, int32_t take, EditSegment *out);
