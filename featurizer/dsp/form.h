#pragma once
/* Form: the bars of the piece as one list of slots, and which slot every bar of every take plays. */
#include "featurizer/dsp/bar_sound.h"

typedef struct Form {
    int32_t n_slots;
    BarSound *sounds; /* [n_slots] mean over the takes that play the slot */
    TakeBars *takes;  /* [n_takes] */
    double likeness;  /* mean likeness of bars to their slots, 0 when there is one take */
} Form;

/* Aligns all takes; mends their phases (all of takes[].phase may turn by a constant per take). Everything in
 * the arena. With no beats at all n_slots is 0. */
Status form_align(Form *form, TakeBeats *takes, int32_t n_takes, int32_t meter, Arena *mem);
/* Takes away slots at both ends that no bar plays any more. */
void form_trim(Form *form, int32_t n_takes);
