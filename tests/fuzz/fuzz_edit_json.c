// needs: common/report
/* Edits that people wrote by hand: any bytes either make a sound Edit or one line of error. */
#include "common/edits/edit_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    Edit edit;
    if (edit_json_parse(&edit, "edit", bytes, n_bytes) != BS_OK) {
        BS_ASSERT(error_text()[0] != 0);
        return 0;
    }
    BS_ASSERT(edit.n_segments > 0);
    for (int32_t i = 0; i < edit.n_segments; i++) {
        BS_ASSERT(edit.segments[i].start_sample >= 0);
        BS_ASSERT(edit.segments[i].end_sample > edit.segments[i].start_sample);
        BS_ASSERT(edit.segments[i].fade < FADE_COUNT);
    }
    edit_drop(&edit);
    return 0;
}
