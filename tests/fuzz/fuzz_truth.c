// needs: simulator
/* The truth parser on arbitrary bytes: it refuses, or what it returns is whole, can be judged and rated, and
 * has a right edit inside the window or none. */
#include "simulator/judge.h"
#include "simulator/rater.h"
#include "simulator/right_edit.h"

static void find_right_edit(const Truth *t) {
    Edit edit;
    if (right_edit(t, t->tune, t->lo_samples, t->hi_samples, &edit) == BS_OK) {
        BS_ASSERT(edit_samples(&edit) >= t->lo_samples && edit_samples(&edit) <= t->hi_samples);
        edit_drop(&edit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    Truth *truth;
    if (truth_parse(&truth, bytes, n_bytes) != BS_OK) return 0;
    BS_ASSERT(truth_check(truth) == BS_OK);
    JudgeScore score;
    if (truth->edit.n_segments > 0 && truth->hi_samples > 0) { /* a truth may name no window */
        double traits[TRAITS];
        BS_ASSERT(judge(truth, truth->tune, &truth->edit, truth->lo_samples, truth->hi_samples, &score) ==
                  BS_OK);
        traits_of(truth, truth->tune, &truth->edit, truth->lo_samples, truth->hi_samples, traits);
        if (truth->n_units < 64) find_right_edit(truth);
    }
    truth_free(truth);
    return 0;
}
