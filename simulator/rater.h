#pragma once
/* Simulated raters: people who compare and rate edits, for learning from preferences. They are not the judge:
 * what they notice is counted differently (Traits), each has weights, blind spots, a harshness, noise and a
 * width of "no difference" of his own, and none of these numbers is the judge's. Everything is a function of
 * seeds. Pure. */
#include "common/core/rng.h"
#include "simulator/truth.h"

typedef enum Trait {
    TRAIT_WRONG,   /* wrong notes */
    TRAIT_TIMING,  /* late, missed and sloppy playing */
    TRAIT_HOLES,   /* dropouts, breakdowns, clipping, level */
    TRAIT_TALK,    /* pauses, talk, noise */
    TRAIT_JOLT,    /* the pulse stumbles at cuts */
    TRAIT_JUMP,    /* the music does not go on where it was */
    TRAIT_MISSING, /* parts of the tune are not there */
    TRAIT_SAME,    /* the same recording is heard again */
    TRAIT_LENGTH,  /* much shorter or longer than asked for */
    TRAIT_EDGES,   /* begins or ends in the middle of something */
    TRAITS
} Trait;
extern const char *const trait_names[TRAITS];

/* 0: nothing of it; 1: as bad as it gets. The edit lies inside the recording and is not empty. */
void traits_of(const Truth *truth, int32_t tune, const Edit *edit, int64_t lo_samples, int64_t hi_samples,
               double traits[TRAITS]);

typedef struct Rater {
    double weights[TRAITS]; /* 0 at a blind spot */
    double noise, tie, harsh;
} Rater;

/* Number `i` of a population. */
Rater rater_of(uint64_t population, int32_t i);
/* How it strikes him this time, 0 = flawless, worse is lower; draws from r. */
double rater_feels(const Rater *rater, const double traits[TRAITS], Rng *r);

typedef enum Choice { CHOICE_A, CHOICE_B, CHOICE_TIE } Choice;
extern const char *const choice_names[3];
Choice rater_prefers(const Rater *rater, double feels_a, double feels_b);
int rater_stars(const Rater *rater, double feels); /* 1 to 5 */

/* Kendall's tau-b of two lists; 0 where one of them is all ties. */
double kendall_tau(const double *a, const double *b, int32_t n);
