#pragma once
/* Projection: a person's edit, exact to the sample, as whole units of a Song.
 *
 * People cut a breath before the beat or a pickup before the bar, on both sides of a seam alike. So a seam
 * moves as one: both its sides by one distance is cheap, by unlike distances costs four times as much, for
 * that makes the beat stumble; and a bar that goes on is a little better than one that does not. The cheapest
 * edges for the whole edit are found at once. A piece too short for a unit of its own goes.
 *
 * Plain data; projection_drop frees the contents. */
#include "common/song/edit.h"

typedef struct Projection {
    int32_t *units;   /* [n] in the order they sound, as edit_from_units takes them */
    uint8_t *fades;   /* [n] */
    int32_t *segment; /* [n] of the edit as made, from which the unit comes */
    int32_t n;
    int32_t tune; /* that most of its units are of */
    Edit edit;    /* the same */
} Projection;

/* BS_NOT_FOUND when no unit is left, BS_INVALID when the edit is of another rate or reads past the end. */
Status projection_make(Projection *out, const Song *song, const Edit *made);
void projection_drop(Projection *projection);

/* What is lost: 1 - what both play in the same order, over the longer of the two. foreign_samples: of what
 * was made beside the segments, which the recording does not hold. */
Status projection_loss(const Edit *made, int64_t foreign_samples, const Edit *projected, double *loss);

/* How much a demonstration counts that loses so much: 1 - loss / 0.3, not below 0. */
double projection_weight(double loss);
