#pragma once
/* Stem levels: how loud each stem is, how much is struck in it, and whether somebody sings, every 46 ms.
 *
 * Heard in the mix: every second frame of its spectrum is shared out (stem_mask.h) and no sound is made of
 * it. Or measured in stems that are there. Whether somebody sings is said by a small network (tests/train/
 * train_voice.c) on what the vocals' share looks like; of stems that are there, by the vocals' own level. */
#include "common/core/arena.h"
#include "common/song/song.h"

enum {
    STEM_LEVEL_HOP = 1024, /* samples at ANALYSIS_HZ */
    STEM_BANDS = 8,
    VOICE_SERIES = 8,
    VOICE_VIEWS = 4,
    VOICE_INPUTS = VOICE_SERIES * VOICE_VIEWS,
};

typedef struct StemLevels {
    int32_t n;           /* frame k is around sample k * STEM_LEVEL_HOP */
    float *power[STEMS]; /* [n] mean square */
    float *onset[STEMS]; /* [n] rise of the levels in STEM_BANDS bands, octaves of power */
    float *voice;        /* [n] likelihood 0..1 that somebody sings or talks */
    float *voice_inputs; /* [n x VOICE_INPUTS] what says so; NULL of stems that were there */
} StemLevels;

struct Frames;
/* In the samples of the frames. Everything in the arena. */
Status stem_levels_hear(StemLevels *l, const struct Frames *f, Arena *mem);
/* Of mono signals at ANALYSIS_HZ, n_samples each. A stem that is NULL is silent. mix: their sum, or what they
 * were made of. */
Status stem_levels_measure(StemLevels *l, const float *const stems[STEMS], const float *mix,
                           int64_t n_samples, Arena *mem);
