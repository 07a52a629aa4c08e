#pragma once
/* Chroma: energy per pitch class from spectral peaks, against the recording's own tuning. */
#include "featurizer/dsp/frames.h"

/* Fills f->chroma, f->pitch, f->moved, f->prominent and f->tuning from f->samples. */
Status chroma_measure(Frames *f);
/* Cosine of two chroma vectors after their means are taken away; 0 where one is flat. -1..1. */
float chroma_likeness(const float *a, const float *b);
