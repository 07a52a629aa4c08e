#pragma once
/* Detail: one beat at a finer grain than Measure, for comparing takes of the same music. */
#include "featurizer/dsp/frames.h"

enum { DETAIL_HALVES = 2, DETAIL_CELLS = 12 }; /* cells divide a beat into triplets and sixteenths */

typedef struct Detail {
    float pitch[DETAIL_HALVES][PITCHES];    /* mean magnitude by semitone; scaled later by deviation_scale */
    float onset[DETAIL_CELLS][ONSET_BANDS]; /* largest onset strength in the cell */
    float band_db[DETAIL_HALVES][ONSET_BANDS]; /* mean level */
} Detail;

void detail_span(const Frames *f, double start_s, double end_s, Detail *out);
