#pragma once
/* Stem cues: what of a spectrum tells who plays, for every bin of every frame.
 *
 * A tone is a ridge along time and keeps its phase; a hit is a ridge along frequency (Fitzgerald: "Harmonic/
 * percussive separation using median filtering", DAFx 2010); a voice is a tone whose phase does not keep, for
 * it glides and sways; and the partials of a voice or of a bass lie at multiples of one pitch. Frames come in
 * one by one and cues are asked for once STEM_REACH later ones are in, so that memory does not grow. One
 * thread uses it. */
#include "common/core/status.h"
#include <stdint.h>

enum {
    STEM_BINS = 928, /* up to 10 kHz; above, bins do as those below them */
    STEM_REACH = 8,  /* frames to come that a frame's cues read */
    STEM_CUES = 19,
    STEM_CUE_KEEP_NEAR = 5, /* rows that others read: how well phases keep their pace around a bin, */
    STEM_CUE_VOICED = 16,   /* and how clear the swaying pitch is, the same for all bins of a frame */
};

/* Points of the transform at a rate: about 10.8 Hz a bin. A multiple of 64; a hop is a quarter of it. */
int32_t stem_fft(int32_t rate_hz);

/* How loud the loud passages of a recording are, from blocks of its mono mix: the root mean square that one
 * in five of its pieces of 50 ms exceeds. */
typedef struct StemLoud {
    int32_t rate_hz, n_in_piece;
    double sum;
    float *power; /* [n] of the pieces */
    int64_t n, room;
} StemLoud;
Status stem_loud_add(StemLoud *l, const float *mono, int64_t n); /* starts as {.rate_hz = ...} */
float stem_loud_end(StemLoud *l);                                /* frees what it holds */

typedef struct StemCues StemCues;
/* loud: of the recording, see StemLoud. */
Status stem_cues_open(StemCues **out, int32_t rate_hz, float loud);
void stem_cues_close(StemCues *c);         /* NULL is fine */
int32_t stem_cues_bins(const StemCues *c); /* at most STEM_BINS, a multiple of 16 */
/* The next frame: a Hann window's spectrum of stem_fft points, [stem_cues_bins] at least. */
void stem_cues_push(StemCues *c, const float (*spectrum)[2]);
/* Cues of frame `frame`, one row a cue, [STEM_CUES x STEM_BINS]; STEM_REACH later frames were pushed (silent
 * ones after the end) and fewer than 16. */
void stem_cues_make(StemCues *c, int64_t frame, float *cues);
