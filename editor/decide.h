#pragma once
/* Decide: what is kept. One edit, or several that differ, under what was asked.
 *
 * A preference is a change of belief: the policy sees a Song in which a preferred take has fewer flaws, or
 * what earlier candidates kept has more; how good the result is, is always said by the Song as it was heard.
 */
#include "editor/asked.h"
#include "editor/cut.h"

typedef struct Decide {
    Policy *policy;
    Policy *sampler; /* draws where the policy is a network; NULL for others */
    const EnvSong *es;
    Env *env;
    const Asked *asked;
    int32_t prefer_take; /* -1: none */
    uint64_t seed;
} Decide;

enum { DECIDE_MAX = 16 };
/* Share of b (by length) that a does not have, 0..1: how different two edits are. */
double decide_distance(const Song *song, const Cut *a, const Cut *b);

/* Fills cuts[0..n): the best first, each at least a tenth different from those before. *n_made says how many
 * could be made; at least one when BS_OK. BS_CONFLICT naming the options when they cannot be met together. */
Status decide(const Decide *d, Cut *cuts, int32_t n, int32_t *n_made);
