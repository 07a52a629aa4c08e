// needs: simulator
/* The truth parser on arbitrary bytes: it refuses, or what it returns is whole and can be judged. */
#include "simulator/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    Truth *truth;
    if (truth_parse(&truth, bytes, n_bytes) != BS_OK) return 0;
    BS_ASSERT(truth_check(truth) == BS_OK);
    JudgeScore score;
    if (truth->edit.n_segments > 0)
        BS_ASSERT(judge(truth, truth->tune, &truth->edit, truth->lo_samples, truth->hi_samples, &score) ==
                  BS_OK);
    truth_free(truth);
    return 0;
}
