#pragma once
/* Pcm: one recording as the aligner reads it: mono, in two ways.
 *
 * The whole of it at COARSE_HZ, for searching: a Mono, so that memory does not grow with hours (mono.h says
 * how). And any piece of it at its own rate or resampled on the fly, for measuring. One thread
 * uses a Pcm. */
#include "common/audio/audio.h"

enum { COARSE_HZ = 11025 };

typedef struct Pcm Pcm;
/* Several files in order are one recording. Errors name the file. */
Status pcm_open(Pcm **out, const char *const *paths, int32_t n_paths);
void pcm_close(Pcm *pcm);
AudioInfo pcm_info(const Pcm *pcm);
const char *pcm_path(const Pcm *pcm); /* of the first file */

/* All of it at COARSE_HZ; silence would be all zeros. */
const float *pcm_coarse(const Pcm *pcm, int64_t *n_samples);

/* out[i] = what lies at sample at + i * step, zero outside. Exact where at and step are whole numbers and
 * step is 1; else a windowed sinc of 64 taps, with its edge below the lower of the two rates. */
Status pcm_read(Pcm *pcm, double at, double step, int64_t n, float *out);
