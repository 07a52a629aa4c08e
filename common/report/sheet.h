#pragma once
/* Sheet: everything that was heard in a recording, on one page a musician can read: waveform, takes and where
 * they break off, sections, phrases, bars of the form, key, loudness, stems, and where something is likely
 * wrong. */
#include "common/song/song.h"

typedef struct Sheet {
    const Song *song;
    const char *title;
    int32_t n_peaks; /* the timeline in even pieces; 0: no waveform */
    const float *low, *high;
} Sheet;

/* An SVG, lines of time under each other like staves. Whole or untouched. */
Status sheet_write(const char *path, const Sheet *sheet);
