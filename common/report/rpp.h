#pragma once
/* REAPER projects (.RPP): an Edit to go on working with, and the way back from what a person made of it.
 *
 * Written: one track (or one a synchronous track, items grouped) with one item a segment; items overlap for
 * as long as they are blended. An item's snap offset is where its first beat starts on the grid, so dragging
 * an item snaps by the beat; under the kept take lie the other takes of the same bars. A tempo point stands
 * at every bar. A blend that begins after the beat leaves its place in the item's notes. The marker END says
 * where the last beat ends: what the last item has after it rings out. The project's notes name the files of
 * the recording in order, and the synchronous tracks, which play instead.
 *
 * Read: items of the first track that has any, muted ones left out, in the order of their positions; each
 * plays its selected take from its snap offset on until the next item's. Text after a version of REAPER that
 * is newer than the one described here reads the same: lines that are not known are passed over. */
#include "common/report/clips.h"
#include "common/song/song.h"

enum { RPP_MAX_ITEMS = EDIT_MAX_SEGMENTS, RPP_MAX_BYTES = 256 << 20 };

/* ---- writing */

/* A synchronous track: a name, and its file for each file of the recording. */
typedef struct RppTrack {
    const char *name;
    const char *const *paths; /* sources->n */
} RppTrack;

/* Appends the project to `w`. song may be NULL: then there are no other takes and no tempo map. No tracks:
 * one track of the recording itself. `folder` is where the project will lie: files below or beside it are
 * named relative to it. */
Status rpp_put(ByteWriter *w, const Edit *edit, const MixPlan *plan, const SourceList *sources,
               const Song *song, const RppTrack *tracks, int32_t n_tracks, const char *title,
               const char *folder);

/* ---- reading */

typedef struct RppItem {
    double position_s, length_s, snap_s, offset_s; /* offset into the file of the take that is selected */
    double beat_s;    /* in the file: where its first beat is, when the item begins after it */
    double fade_in_s; /* as set, or as REAPER made it of an overlap; 0: none */
    int32_t track, n_takes;
    bool muted;
    double rate; /* play rate */
    char *file;  /* owned; NULL: the item has no audio */
} RppItem;

typedef struct RppMarker {
    double at_s, end_s; /* equal without a region */
    int32_t id;
    bool region;
    char *name; /* owned */
} RppMarker;

typedef struct RppTempo {
    double at_s, bpm;
} RppTempo;

typedef struct RppProject {
    RppItem *items;
    RppMarker *markers;
    RppTempo *tempo; /* the first at 0 */
    char **files;    /* of the recording, from the notes */
    char **tracks;   /* files as long as the recording, from the notes */
    int32_t n_items, n_markers, n_tempo, n_files, n_tracks;
} RppProject;

/* Where a marker of a project of the recording lies on the recording's timeline: as the item that plays there
 * says; unmoved where none does. */
double rpp_recording_time(const RppProject *project, const char *name, const SourceList *sources,
                          double at_s);

/* One line of error names the line of the file. *out is initialised here; rpp_drop it. */
Status rpp_parse(RppProject *out, const char *name, const void *bytes, size_t n_bytes);
Status rpp_read(RppProject *out, const char *path);
void rpp_drop(RppProject *project);

/* The items as an Edit of the recording. A file is recognised by its path, else by its name alone. Refused,
 * naming the place: a gap, an item of no length, two items that play at once, a play rate other than 1, a
 * file that is not of the recording. *more_samples gets what sounds before the first segment and after the
 * last. */
Status rpp_edit(Edit *out, const char *name, const RppProject *project, const SourceList *sources,
                int64_t *more_samples);
