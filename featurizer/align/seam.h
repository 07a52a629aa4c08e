#pragma once
/* Seam: where one piece goes over into the next, and where a piece begins or ends in what is foreign.
 *
 * In the weighted signals of tone.h the edit is gA(t) a(t) + gB(t) b(t) + noise. Sums over short blocks
 * suffice to score any pair of gain curves, so the fade's place, length and shape are those of least error; a
 * cut is one unless a fade explains clearly more. Positions are samples of the edit. A Seamer belongs to one
 * thread and borrows what it was opened with. */
#include "featurizer/align/align.h"
#include "featurizer/align/tone.h"

typedef struct Seamer Seamer;
/* The runs say by how much levels vary. */
Status seamer_open(Seamer **out, Tone *tone, const Run *runs, int32_t n_runs, Pcm *raw, Pcm *edit);
void seamer_close(Seamer *s);

typedef struct SeamFit {
    double start, end; /* equal for a cut */
    AlignJoin join;
    double unlike; /* samples, of the longest stretch between the two that neither explains */
} SeamFit;

/* a leaves and b enters somewhere in [lo, hi), at most SEAM_MAX_S long. */
enum { SEAM_MAX_S = 12 };
Status seam_fit(Seamer *s, const Run *a, const Run *b, double lo, double hi, SeamFit *out);

/* How well r explains [lo, hi): one value of -log(1 - coherence^2) for every EDGE_BLOCK samples, into
 * `values` (room for (hi - lo) / EDGE_BLOCK), the power of the edit there, weighted, and as it is heard. */
enum { EDGE_BLOCK = 128 };
Status seam_explained(Seamer *s, const Run *r, double lo, double hi, float *values, float *power, float *loud,
                      int32_t *n);

/* What [lo, hi) costs at the best fade from a to b, or a alone where b is NULL; in the units of fade.h. */
Status seam_cost(Seamer *s, const Run *a, const Run *b, double lo, double hi, double *cost);

/* What r leaves over of the edit, at levels as they vary elsewhere: in [lo, hi), a share of the power there,
 * and in the margins from `from` and up to `to`, against the same power. r is tried up to `reach` samples of
 * the edit before and behind its line; `shift` is the best of these. At most SEAM_MAX_S are heard. */
typedef struct SeamRest {
    double inside, beside;
    int32_t shift;
} SeamRest;
Status seam_left_over(Seamer *s, const Run *r, double from, double lo, double hi, double to, int32_t reach,
                      SeamRest *rest);

/* To the sample where the signals are plain copies: the last place up to which r agrees around `near`
 * (forward), or the first from which it does. Elsewhere `near` itself. */
Status seam_exact_edge(Seamer *s, const Run *r, double near, bool forward, double *out);
