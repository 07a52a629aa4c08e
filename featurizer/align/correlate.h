#pragma once
/* Correlate: how alike a window and a piece of recording are, and by how much they are displaced.
 *
 * Cross-correlation of spectra that were flattened first (Knapp and Carter, "The generalized correlation
 * method for estimation of time delay", 1976), normalised, so that 1 is a copy up to level and equaliser and
 * chance is a few hundredths. A Correlator belongs to one thread. */
#include "common/core/status.h"
#include <stdint.h>

typedef struct Likeness {
    float score;        /* 0..1 */
    float signed_score; /* below 0: alike with the sign reversed */
    double lag;         /* of the window in the piece against its middle, in samples, between samples too */
} Likeness;

typedef struct Correlator Correlator;
/* Windows of n_window samples, sought up to n_lags to either side. */
Status correlator_open(Correlator **out, int32_t n_window, int32_t n_lags);
void correlator_close(Correlator *c);

void correlator_hear(Correlator *c, const float *window); /* [n_window] */
/* piece: [n_window + 2 n_lags]; lags up to `reach`, at most n_lags, are compared. sign 1 or -1 asks for one
 * polarity, 0 for the better one. */
Likeness correlator_find(Correlator *c, const float *piece, int sign, int32_t reach);
