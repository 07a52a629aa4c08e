#pragma once
/* Track: where the edit lies in the recording from window to window, to about a millisecond.
 *
 * Landmarks propose places for each window, correlation scores them, and the cheapest path through windows
 * goes on where it was for nothing, pays for a jump, and may be nowhere. Signals are mono at COARSE_HZ.
 * Speeds: 1, and any other constant speed within 0.6 % that windows without a place are found to have. */
#include "common/core/status.h"
#include <stdint.h>

enum { TRACK_WINDOW = 4096, TRACK_HOP = 2048, TRACK_CELLS = 56, TRACK_SPEEDS = 4 };

typedef struct Cell {
    double raw; /* of the recording, at the window's middle, in coarse samples */
    float score;
    int8_t sign;
    uint8_t speed;
    uint8_t weak; /* windows since it was heard well */
    float line;   /* what it and the cells that it goes on from are worth, the far ones less */
} Cell;

/* Where a stretch of the path could lie as well: landmarks of all of it agree on that. */
typedef struct Rival {
    int32_t window; /* the stretch's first */
    double further; /* coarse samples of the recording, from where the path has it */
} Rival;

/* Window k has its middle at k * TRACK_HOP coarse samples of the edit. */
typedef struct Track {
    double speed[TRACK_SPEEDS]; /* coarse samples of the recording in one of the edit */
    int32_t n_speeds, n_windows;
    Cell (*cells)[TRACK_CELLS]; /* [n_windows] */
    int32_t *n_cells, *path;    /* [n_windows]; path: the cell chosen, -1 nowhere */
    uint8_t *quiet;             /* [n_windows] nothing to hear */
    Rival *rivals;              /* [n_rivals], by window */
    int32_t n_rivals;
    int sign; /* 1, or -1: the edit has the other polarity */
} Track;

Status track_find(Track *out, const float *raw, int64_t n_raw, const float *edit, int64_t n_edit);
void track_drop(Track *track);

/* Does cell b of a window go on where cell a of the window before left off? */
bool track_goes_on(const Track *t, const Cell *a, const Cell *b);
