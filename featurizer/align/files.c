/* Aligning two files: decode, fold, align; what goes wrong is said of the edit's file. */
#include <stdlib.h>

#include "common/audio/audio.h"
#include "common/host/file.h"
#include "featurizer/align/exact.h"

enum { BLOCK = 16384 };

static Status read_folded(AudioReader *reader, const char *path, int16_t **out) {
    Status st = BS_OK;
    AudioInfo info = audio_info(reader);
    float *block = malloc(sizeof *block * BLOCK * (size_t)info.n_channels);
    int16_t *folded = malloc(sizeof *folded * (size_t)(info.n_samples + 1));
    if (!block || !folded)
        TRY(fail(BS_NOMEM, "%s: no memory for %lld samples", path, (long long)info.n_samples));
    for (int64_t at = 0, n = 0; at < info.n_samples; at += n) {
        TRY(audio_read_at(reader, at, BLOCK, block, &n));
        if (n == 0) TRY(fail(BS_IO, "%s: ends early", path));
        align_fold(block, n, info.n_channels, folded + at);
    }
    *out = folded;
    folded = NULL;
out:
    free(block);
    free(folded);
    return st;
}

Status align_files(const char *raw_path, const char *edit_path, Edit *out, AlignReport *report) {
    Status st = BS_OK;
    AudioReader *raw = NULL, *edit = NULL;
    int16_t *raw_samples = NULL, *edit_samples_ = NULL;
    edit_init(out);
    TRY(audio_open(&raw, &raw_path, 1));
    TRY(audio_open(&edit, &edit_path, 1));
    AudioInfo a = audio_info(raw), b = audio_info(edit);
    if (a.sample_rate_hz != b.sample_rate_hz)
        TRY(fail(BS_UNSUPPORTED, "%s: has %d Hz and the recording %d Hz; only exact copies are understood",
                 edit_path, b.sample_rate_hz, a.sample_rate_hz));
    if (a.n_channels != b.n_channels)
        TRY(fail(BS_UNSUPPORTED, "%s: has %d channels and the recording %d; only exact copies are understood",
                 edit_path, b.n_channels, a.n_channels));
    TRY(read_folded(raw, raw_path, &raw_samples));
    TRY(read_folded(edit, edit_path, &edit_samples_));
    st = align_exact(raw_samples, a.n_samples, edit_samples_, b.n_samples, a.sample_rate_hz, out, report);
    if (st != BS_OK) fail_in(st, "%s", edit_path);
out:
    free(raw_samples);
    free(edit_samples_);
    audio_close(raw);
    audio_close(edit);
    return st;
}
