#pragma once
/* Fade: which pair of gain curves explains best how one signal goes over into another.
 *
 * e = gA(t) a + gB(t) b + rest is judged by sums over short blocks. A block's cost is the logarithm of the
 * share of e that is left over: errors of mastering and of encoders grow with the level, so a loud block says
 * no more than a quiet one. Each block may have its own level within a decibel or two, and the level of each
 * signal follows the blocks on its own side: compression is no fade. Plain data, one thread. */
#include "featurizer/align/align.h"

enum { FADE_BLOCK = 16 }; /* samples */
/* SUM_HEARD: the power of e as it is heard, unweighted. */
typedef enum FadeSum { SUM_EE, SUM_AA, SUM_BB, SUM_EA, SUM_EB, SUM_AB, SUM_HEARD, FADE_SUMS } FadeSum;

/* Room for n_room blocks of FADE_BLOCK samples; `n` of them are in use. */
typedef struct FadeSearch {
    int64_t n, n_room;
    double hz;
    double pause;                /* power of e, as it is heard, that is nothing */
    double (*sums)[FADE_SUMS];   /* [n_room]; the caller fills them */
    double least;                /* share of e that is left over at best: what is below is as good */
    double level_a, level_b;     /* where each is alone */
    double *gain_a, *gain_b;     /* [n_room] by block: as the blocks before say; as those behind say */
    double *before_a, *before_b; /* [n_room + 1] cost before block k of a alone, of b alone */
    double (*wide)[FADE_SUMS];   /* the same in wide blocks, for the first look */
    double *wide_a, *wide_b;
    double tiny; /* power that is nothing */
} FadeSearch;

Status fade_search_open(FadeSearch *f, int64_t n_room, double hz);
void fade_search_close(FadeSearch *f);

/* Positions are blocks, fractions too. */
typedef struct FadeFound {
    double start, end, cost;
    FadeShape shape;
    double cut, cut_cost; /* and the best cut, at a block's edge */
} FadeFound;

/* a alone at first, b alone at last. */
FadeFound fade_find(FadeSearch *f, double least);

/* How many blocks the longest stretch between `from` and `to` has that the fade does not explain. */
int64_t fade_unlike(const FadeSearch *f, const FadeFound *fade, double from, double to);

/* Gains of both as measured, at ALIGN_CURVE even steps. */
void fade_measure(const FadeSearch *f, const FadeFound *fade, AlignJoin *join);
