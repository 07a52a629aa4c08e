#pragma once
/* Repeats: which bars of a form are the same music, and the sections that follow from it. */
#include "featurizer/dsp/sections.h"

enum { LIKENESS_REACH = 256 }; /* bars further apart are not compared */

typedef struct Likeness {
    float *rows; /* [n x (LIKENESS_REACH + 1)]: bars i and i + lag */
    int32_t n;
    double common; /* median likeness of two bars: what says nothing */
} Likeness;

Status likeness_of_bars(Likeness *l, const Form *form, Arena *mem);
/* 0 outside the form or the reach. */
double likeness_at(const Likeness *l, int32_t i, int32_t j);

/* Cuts sections where music that comes back begins or ends, or where s->start says so for most of the bars
 * that are that music, and labels them: equal labels are the same music, bar by bar. A section that follows
 * itself is halved, because the labels of slots tell no bounds between equal neighbours. Fills start, label
 * and offset. */
Status repeats_cut(Sections *s, const Form *form, const Likeness *l, Arena *mem);
/* Bars from a, where a section begins, to the next one. */
int32_t section_length(const Sections *s, int32_t n_slots, int32_t a);
