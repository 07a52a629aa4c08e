#pragma once
/* Tone: what was done to the sound on the way from the recording to the edit, as one linear filter and what
 * is left over. A seam is then sought in signals to which the same was done.
 *
 * From cross-spectra over all pieces (Bendat and Piersol, "Random Data", chapter 6): the filter Sxy / Sxx,
 * the rest Syy - |Sxy|^2 / Sxx; and a second filter 1 / sqrt(rest), so that errors count by how unlikely they
 * are. Signals are at the edit's rate, the recording read along a run's line. */
#include "featurizer/align/line.h"

typedef struct Tone Tone;
Status tone_learn(Tone **out, const Run *runs, int32_t n_runs, Pcm *raw, Pcm *edit);
void tone_free(Tone *tone);

float tone_gain(const Tone *tone);     /* of the loudest path, with its sign */
float tone_ratio_db(const Tone *tone); /* explained over not */
bool tone_plain(const Tone *tone);     /* the filter is a gain and nothing is left over */

/* Both [n] from signals with TONE_MARGIN more samples on either side: what the recording would sound like in
 * the edit, and the edit, both weighted. */
enum { TONE_MARGIN = 1280 };
void tone_of_raw(Tone *tone, const float *raw, int64_t n, float *out);
void tone_of_edit(Tone *tone, const float *edit, int64_t n, float *out);
