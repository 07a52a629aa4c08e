#pragma once
/* The judge: 0 to 10 for any edit of a recording whose truth is known, for any tune and window.
 *
 * It knows nothing of the environment's rewards, and nothing is trained on it. What is wrong has a price
 * (judge_prices.def); prices add up to x over the parts, and score = 10 / (1 + x). Sections with one label
 * are the same music: the edit is read as the cheapest way through the form that its beats allow. Edges
 * within JUDGE_FREE_MS of the true ones cost nothing; equal takes tie. The right edit (right_edit.h) is the
 * minimum of x. */
#include "simulator/truth.h"

enum { JUDGE_VERSION = 3, JUDGE_FREE_MS = 40, JUDGE_HASH = 13 };

typedef enum JudgePart {
    JUDGE_CONTENT, /* flaws kept, against the best bar of the same music */
    JUDGE_GAPS,    /* talk, noise, silence, noodling, another tune kept */
    JUDGE_FORM,    /* bars in order, none halved, none missing or repeated without need */
    JUDGE_SEAMS,   /* the beat goes on over each cut, cuts on section and bar lines, no tempo jump, fades that
                      fit */
    JUDGE_LENGTH,  /* inside the window */
    JUDGE_EDGES,   /* starts and ends where the form does, or else on a section's edge */
    JUDGE_SOUND,   /* clicks, flams, cut notes, level steps: judge_ear.h; nothing where it was not listened to
                    */
    JUDGE_PARTS
} JudgePart;
extern const char *const judge_names[JUDGE_PARTS];

typedef struct JudgeScore {
    double score;               /* 0..10 */
    double faults[JUDGE_PARTS]; /* x of each part, 0 = nothing wrong */
    double gap_s;               /* seconds of gap kept */
    double flaw;                /* severity above the best, as a share of the length asked for */
    int32_t n_seams;
} JudgeScore;

/* edit: of the tune given, ranges of the recording at any samples inside it. BS_INVALID when it is empty or
 * leaves the recording, or when there is no such tune or window. */
Status judge(const Truth *truth, int32_t tune, const Edit *edit, int64_t lo_samples, int64_t hi_samples,
             JudgeScore *out);

/* Puts what was heard into the score: x of JUDGE_SOUND. */
void judge_add_sound(JudgeScore *score, double fault);

/* Twelve hex digits over version and price table: the name of this judge, in every table of results. */
void judge_hash(char out[JUDGE_HASH]);
