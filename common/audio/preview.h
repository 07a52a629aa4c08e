#pragma once
/* Preview: sound small enough to lie inside a page: MP3 of a constant bit rate, in memory. A song keeps up to
 * two channels at 112 kbit/s; a sketch has one, at 56. Rates below 32 kHz or that MP3 does not have become
 * 44.1 kHz. One thread uses a preview. */
#include "common/core/bytes.h"
#include "common/core/status.h"

typedef enum PreviewKind { PREVIEW_SONG, PREVIEW_SKETCH } PreviewKind;

typedef struct Preview Preview;
/* BS_UNSUPPORTED where libsndfile was built without MP3. */
Status preview_open(Preview **out, int32_t rate_hz, int32_t n_channels, PreviewKind kind);
/* n frames of n_channels floats; a MixSink. */
Status preview_add(void *preview, const float *samples, int64_t n_samples);
/* Appends the MP3 to `out`. */
Status preview_finish(Preview *p, ByteWriter *out);
void preview_close(Preview *p); /* NULL is fine */

int64_t preview_bytes(PreviewKind kind, double seconds); /* what it will be, within some 2 kB */
