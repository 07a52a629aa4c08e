#pragma once
/* Styles: how a band of some kind plays. The composer draws one and writes patterns in its manner. */
#include "simulator/tune.h"

typedef enum Feel {
    FEEL_ROCK,
    FEEL_HALF_TIME,
    FEEL_PUNK,
    FEEL_SHUFFLE,
    FEEL_FUNK,
    FEEL_DISCO,
    FEEL_JAZZ,
    FEEL_WALTZ,
    FEEL_SIX,
    FEEL_BALLAD,
    FEEL_FOLK,   /* no kit, or next to none */
    FEEL_AMBIENT /* pads and a slow lead */
} Feel;

typedef struct Style {
    const char *name;
    Feel feel;
    float weight;         /* how often */
    float bpm_lo, bpm_hi; /* of the written beat */
    int8_t meter;
    float swing_lo, swing_hi; /* of eighths; of sixteenths where the feel is funk */
    float drift, scatter;
    float chance[PARTS]; /* that the band has this player */
    KeysRole keys;       /* most often */
    GuitarRole guitar;
    float drive;
} Style;

/* held: only styles in which a band may hold a chord over a section's edge. */
const Style *style_draw(Rng *r, bool held);
/* Fills the pattern of one label. The tune's meter, tempo and parts are set. */
void style_pattern(const Style *style, const Tune *tune, TunePattern *pattern, Rng *r, int32_t label,
                   const bool band[PARTS]);
/* The instruments themselves. */
void style_voices(const Style *style, Tune *tune, Rng *r);
