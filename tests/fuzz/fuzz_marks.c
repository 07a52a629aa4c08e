// needs: common/report
/* Labels of Audacity and cues of a WAV file: any bytes make marks in order, or one line of error. */
#include "common/report/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    Marks marks = {0};
    if (marks_labels(&marks, "l.txt", bytes, n_bytes) != BS_OK) BS_ASSERT(error_text()[0] != 0);
    if (marks_wav(&marks, bytes, n_bytes, 1) != BS_OK) BS_ASSERT(error_text()[0] != 0);
    marks_settle(&marks);
    for (int32_t i = 0; i < marks.n; i++) {
        BS_ASSERT(marks.list[i].start_s >= 0);
        BS_ASSERT(!(marks.list[i].end_s < marks.list[i].start_s));
        BS_ASSERT(i == 0 || marks.list[i].start_s >= marks.list[i - 1].start_s);
    }
    marks_drop(&marks);
    return 0;
}
