#pragma once
/* Exact: which ranges of a recording an edit of it consists of, where their samples agree exactly.
 *
 * Blocks of the recording are known by a hash; a hash rolled over the edit finds them at any offset, and
 * what is found is verified and extended both ways (rsync's idea: Tridgell, "Efficient algorithms for
 * sorting and synchronization", 1999, chapter 3). Between two matches lies a seam: up to 60 ms a short
 * fade, up to half a second a longer one, split in the middle. Pure; borrows its inputs. */
#include "common/song/edit.h"

/* Samples as they are compared: all channels of a frame, each rounded to 16 bits, mixed into 16 bits.
 * Frames that are equal give equal numbers, and others differ but once in 65536. */
void align_fold(const float *frames, int64_t n, int32_t n_channels, int16_t *out);

typedef struct AlignReport {
    double matched;                         /* share of the edit that agrees exactly, 0..1 */
    int64_t unmatched_start, unmatched_end; /* of the edit: its longest range that was not found */
    int32_t n_seams;
} AlignReport;

/* `out` is initialised here. BS_UNSUPPORTED with one line when more than half a second in the edit's middle,
 * 2 s at its start or 8 s at its end (a fade-out) is not found. */
Status align_exact(const int16_t *raw, int64_t n_raw, const int16_t *edit, int64_t n_edit,
                   int32_t sample_rate_hz, Edit *out, AlignReport *report);

/* The same for two files. */
Status align_files(const char *raw_path, const char *edit_path, Edit *out, AlignReport *report);
