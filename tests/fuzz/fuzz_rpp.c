// needs: common/report
/* REAPER projects of other people: any bytes make a sound Edit, or one line of error. */
#include "common/report/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const char *const paths[] = {"a.wav", "b.wav"};
    static const int64_t starts[] = {0, 1000000}, lengths[] = {1000000, 500000};
    static const SourceList sources = {.n = 2,
                                       .sample_rate_hz = 44100,
                                       .n_channels = 2,
                                       .paths = paths,
                                       .start = starts,
                                       .samples = lengths,
                                       .n_samples = 1500000};
    RppProject project;
    Marks marks = {0};
    Edit edit;
    int64_t more;
    if (rpp_parse(&project, "x.rpp", bytes, n_bytes) != BS_OK) {
        BS_ASSERT(error_text()[0] != 0);
        return 0;
    }
    if (marks_project(&marks, "x.rpp", &project, &sources) == BS_OK) marks_settle(&marks);
    if (rpp_edit(&edit, "x.rpp", &project, &sources, &more) == BS_OK) {
        BS_ASSERT(edit.n_segments > 0 && more >= 0);
        for (int32_t i = 0; i < edit.n_segments; i++) {
            BS_ASSERT(edit.segments[i].start_sample >= 0 && edit.segments[i].end_sample <= sources.n_samples);
            BS_ASSERT(edit.segments[i].end_sample > edit.segments[i].start_sample);
        }
    }
    edit_drop(&edit);
    marks_drop(&marks);
    rpp_drop(&project);
    return 0;
}
