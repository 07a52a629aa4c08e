#pragma once
/* Takes: where music is played without interruption, between pauses with silence, noise or talk. */
#include "featurizer/dsp/frames.h"

enum { TAKES_MAX = 256 };

typedef struct Region {
    int32_t first, end; /* frames [first, end) in which music sounds, ring-out excluded */
    int32_t ring_end;   /* frame at which the last sound has died away */
} Region;

typedef struct TakeMap {
    int32_t n;
    Region regions[TAKES_MAX];
    float *music; /* [frames] likelihood 0..1 that a take is sounding */
    float *odds;  /* [frames] its log-odds by what is heard around the frame alone */
    float loud_db, threshold_db;
} TakeMap;

/* Levels of the recording's loud and soft passages. BS_INVALID for silence. */
Status takes_levels(const Frames *f, Arena *mem, float *loud_db, float *soft_db);
/* Thresholds follow the recording's own levels. n may be 0: nothing here is music. BS_INVALID for silence. */
Status takes_find(TakeMap *map, const Frames *f, Arena *mem);
