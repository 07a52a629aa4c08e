#pragma once
/* The judge's terms, shared with the search for the right edit, which minimises their sum.
 *
 * Positions count beats of a tune's form: slot * meter + phase; n_positions is its end. Slots at the same bar
 * of sections with one label are *alike*: the same music, so a bar of one may stand in for the other. A Form
 * is read only after form_init. Pure. */
#include "simulator/truth.h"

#define PRICE(name, price, text) static const double PRICE_##name __attribute__((unused)) = price;
#include "simulator/judge_prices.def"
#undef PRICE

typedef struct Form {
    const Truth *t; /* borrowed */
    int32_t tune, meter, n_slots, n_positions;
    int32_t *alike;       /* per slot: the next slot of the same music, in a ring */
    int32_t *section;     /* per slot: into Truth.sections */
    int32_t *before;      /* per position and the end: earlier positions that some take plays in whole bars */
    float *best;          /* per slot: lowest mean severity among whole bars of its music; 2 where none is */
    float *excess;        /* per unit: severity of its bar above that; 0 for what is no beat of the tune */
    double target;        /* samples: the middle of the window */
    double miss, repeat_; /* price of a beat of the form left out, and of one played again */
} Form;

/* BS_INVALID when there is no such tune or no such window. Always form_drop it. */
Status form_init(Form *form, const Truth *truth, int32_t tune, int64_t lo_samples, int64_t hi_samples);
void form_drop(Form *form);
int32_t form_position(const Form *form, int32_t unit); /* of a beat of the tune */

/* Price of going on at `to` where the music stands at `from`: a break of the form, and what it skips or
 * repeats. */
double form_jump_price(const Form *form, int32_t from, int32_t to);
/* Price of starting at a position: of the edge, and of what is missing before it; of ending there. */
double form_start_price(const Form *form, int32_t position, double *edge);
double form_end_price(const Form *form, int32_t position, double *edge);
/* Share of a seam's price for the place: 0 between section edges, .1 between bar lines, .25 inside a bar. */
double line_fault(const Form *form, int32_t from, int32_t to);
/* Share of a seam's price for the step in tempo between beats ending with unit a and starting with b. */
double tempo_fault(const Truth *t, int32_t a, int32_t b);
/* How wrong a join is, 0..1: sound rings over the seam as far as over both cuts, at the starts of units out
 * (not played on) and in; there a fade of a beat is right, elsewhere a short cut. -1: a cut that is at no
 * start. */
double join_fault(const Truth *t, int32_t out, int32_t in, Fade fade);
Fade right_fade(const Truth *t, int32_t out, int32_t in);
