#pragma once
/* Presence: how surely the band is playing, not talking, tuning, noodling or pausing.
 *
 * Every tenth of a second is described by what sounds around it: levels against the recording's own loud and
 * soft passages, fullness of the bands, attacks, noisiness, how pitched it is, syllables, pulse, and whether
 * the same harmonies are heard elsewhere in the recording, as in another take, a repeat or a restart. A small
 * network (tests/train/train_presence.c) says how likely it is music, and two states that last smooth it. */
#include "featurizer/dsp/frames.h"

enum {
    PRESENCE_HOP = 10, /* frames per block: a tenth of a second */
    PRESENCE_SERIES = 20,
    PRESENCE_VIEWS = 6,
    PRESENCE_INPUTS = PRESENCE_SERIES * PRESENCE_VIEWS + 7,
};

typedef struct Presence {
    int32_t n;     /* blocks; block b holds frames [b * PRESENCE_HOP, (b + 1) * PRESENCE_HOP) */
    float *inputs; /* [n x PRESENCE_INPUTS] what the network reads */
    float *odds;   /* [n] log-odds that a take sounds, block by block */
    float *music;  /* [n] posterior 0..1, of all blocks together */
    uint8_t *on;   /* [n] 1 on the likeliest path of states */
} Presence;

/* loud_db, soft_db: levels of the recording's loud and soft passages. Everything in the arena. */
Status presence_inputs(Presence *p, const Frames *f, float loud_db, float soft_db,
                       Arena *mem); /* n and inputs alone */
Status presence_find(Presence *p, const Frames *f, float loud_db, float soft_db, Arena *mem);
