#pragma once
/* Rating: simulated raters compare and rate edits of every session in a folder, one judgment a line of a
 * .jsonl file (docs/formats.md, judgments.jsonl). A function of the truth files and the seed. */
#include "common/core/bytes.h"
#include "simulator/rater.h"

typedef struct RateOptions {
    const char *folder;                 /* with NAME.truth.json */
    const char *out;                    /* replaced whole */
    int32_t n_raters, n_edits, n_pairs; /* edits of each session; pairs that each of its raters compares */
    int32_t raters_a_session;
    uint64_t seed;
} RateOptions;

typedef struct RateReport {
    int32_t n_sessions, n_comparisons, n_ties, n_ratings;
    double tau_judge, tau_raters; /* mean Kendall's tau over sessions: with the judge, between two raters */
} RateReport;

Status rate(const RateOptions *options, RateReport *report);

/* One session's edits as its raters and the judge see them. */
enum { RATE_MAX_EDITS = 32, RATE_MAX_RATERS = 32 };
typedef struct Rated {
    int32_t n_edits, n_raters;
    int32_t raters[RATE_MAX_RATERS]; /* numbers in the population */
    Edit edits[RATE_MAX_EDITS];
    double judge[RATE_MAX_EDITS], feels[RATE_MAX_RATERS][RATE_MAX_EDITS];
} Rated;

/* Edits for the window of the truth file: the right one, and others from a little worse to chance. *out is
 * initialised here; rated_drop it. */
Status rate_session(Rated *out, const Truth *truth, const RateOptions *options);
void rated_drop(Rated *rated);
double rated_tau_judge(const Rated *rated);  /* mean over raters */
double rated_tau_raters(const Rated *rated); /* mean over pairs of raters */
