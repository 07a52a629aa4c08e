// needs: common/song
/* Song, Edit and Job parsers on arbitrary bytes: they refuse, or what they return is whole. */
#include "common/song/edit.h"
#include "common/song/job.h"
#include "common/song/song.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    Song *song;
    if (song_unpack(&song, bytes, n_bytes) == BS_OK) {
        BS_ASSERT(song_check(song) == BS_OK);
        song_free(song);
    }
    Edit edit;
    if (edit_unpack(&edit, bytes, n_bytes) == BS_OK) edit_drop(&edit);
    Job job;
    ByteReader r = reader_of(bytes, n_bytes);
    (void)job_unpack(&job, &r);
    return 0;
}
