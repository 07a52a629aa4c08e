#pragma once
/* The judge's prices, shared with the search for the right edit. Positions count beats of the form:
 * slot * meter + phase (+ share of the beat). Pure. */
#include "simulator/truth.h"

/* Each is what one unit of fault adds to x in 1 / (1 + x). */
#define PRICE_FLAW         5.0  /* mean severity above the best take's */
#define PRICE_GAP_S        1.5  /* a second of gap */
#define PRICE_MISSING      3.0  /* share of the form left out, or played again, without need */
#define PRICE_SECTION_JUMP 0.03 /* from a section's end to another section's start */
#define PRICE_BAR_JUMP     0.08 /* from bar line to bar line elsewhere */
#define PRICE_BEAT_JUMP    0.12 /* bars halved or doubled */
#define PRICE_SEAM         0.2  /* a seam that is wrong in every way */
#define PRICE_LENGTH       4.0  /* distance to the window as a share of its edge */
#define PRICE_EDGE_SECTION 0.04 /* start or end on a section's edge that is not the form's */
#define PRICE_EDGE_BAR     0.1  /* on a bar line inside a section */
#define PRICE_EDGE_BEAT    0.25 /* inside a bar */

/* Price of breaking the form between position `from` (where the music stands) and `to`; 0 when equal. */
double form_jump_price(const Truth *t, int32_t tune, int32_t from, int32_t to);
/* 0 on a section's edge, .1 on a bar line, .25 inside a bar: share of a seam's price. */
double line_fault(const Truth *t, int32_t tune, int32_t position);
/* Share of a seam's price for the step in tempo between beats ending with unit a and starting with b. */
double tempo_fault(const Truth *t, int32_t a, int32_t b);
/* Price of starting (form_edge 0) or ending (form_edge n_slots * meter) at `position`. */
double edge_price(const Truth *t, int32_t tune, int32_t position, int32_t form_edge);

/* What the window lets a song leave out or repeat, in beats of the form. */
typedef struct FormBudget {
    int32_t n_form; /* beats of the form that some take plays in whole bars */
    int32_t may_miss, may_repeat;
} FormBudget;
FormBudget form_budget(const Truth *t, int32_t tune, const float *best, int64_t lo_samples,
                       int64_t hi_samples);
