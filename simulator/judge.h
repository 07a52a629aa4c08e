#pragma once
/* The judge: 0 to 10 for any edit of a recording whose truth is known, for any window.
 *
 * It knows nothing of the environment's rewards. Every part is 1 / (1 + what is wrong), the score ten
 * times their product, so each kind of fault costs whatever else is good. Edges within JUDGE_FREE_MS of
 * the true ones cost nothing; equal takes tie. */
#include "simulator/truth.h"

enum { JUDGE_FREE_MS = 40 };

typedef enum JudgePart {
    JUDGE_CONTENT, /* flaws kept, against the best take of their slot */
    JUDGE_GAPS,    /* talk, noise, silence, noodling kept */
    JUDGE_FORM,    /* bars in order, none halved, none missing or repeated without need */
    JUDGE_SEAMS,   /* the beat goes on over each cut, cuts on section and bar lines, no tempo jump */
    JUDGE_LENGTH,  /* inside the window */
    JUDGE_EDGES,   /* starts and ends where the form does, or else on a section's edge */
    JUDGE_PARTS
} JudgePart;
extern const char *const judge_names[JUDGE_PARTS];

typedef struct JudgeScore {
    double score;              /* 0..10 */
    double parts[JUDGE_PARTS]; /* each 0..1, 1 = nothing wrong */
    double gap_s;              /* seconds of gap kept */
    double flaw;               /* mean severity above the best take's */
    int32_t n_seams;
} JudgeScore;

/* edit: of the tune given, ranges of the recording at any samples inside it. BS_INVALID when it is empty or
 * leaves the recording. */
Status judge(const Truth *truth, int32_t tune, const Edit *edit, int64_t lo_samples, int64_t hi_samples,
             JudgeScore *out);
