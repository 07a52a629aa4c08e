#pragma once
/* Sections: which stretches of the form are one musical thought, and which of them are the same music. */
#include "featurizer/dsp/form.h"

typedef struct Sections {
    int32_t *label;  /* [n_slots] equal = the same music; counted from 0 by first appearance */
    uint8_t *start;  /* [n_slots] 1 where a section begins */
    uint8_t *phrase; /* [n_slots] 1 where a phrase begins; sections begin phrases */
    int32_t *offset; /* [n_slots] bars since the section's start */
} Sections;

Status sections_find(Sections *s, const Form *form, Arena *mem);
