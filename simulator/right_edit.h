#pragma once
/* The right edit: the best answer to a window, from truth alone.
 *
 * A shortest path over (beat last kept, length so far): flaws cost against the best take of their slot,
 * seams cost little at section edges and more elsewhere, jumps in the form cost, uncut neighbours cost
 * nothing. The costs are the judge's, made additive; the few best ends are judged and the best is kept. */
#include "simulator/truth.h"

/* *out is initialised here; edit_drop it. Its length lies in [lo, hi] whenever whole beats allow it;
 * BS_CONFLICT naming the nearest length that can be met otherwise. */
Status right_edit(const Truth *truth, int32_t tune, int64_t lo_samples, int64_t hi_samples, Edit *out);
