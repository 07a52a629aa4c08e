#pragma once
/* Stems: a mix taken apart into drums, bass, vocals and the rest, as a stream.
 *
 * Every bin of the mix's spectrum is shared out (stem_mask.h) and the shares are turned back into sound; the
 * rest is the mix less the other three, so the four sum to the mix to rounding (1e-6). Channels share one
 * mask, found on their mean. Memory does not grow with length. One thread uses a splitter; the same samples
 * give the same stems however they are pushed. */
#include "featurizer/dsp/stem_mask.h"

typedef struct StemSplitter StemSplitter;
/* Receives n frames of every stem (interleaved), in order, all that was pushed and no more. */
typedef Status (*StemSink)(void *context, const float *const stems[STEMS], int64_t n);
/* loud: of the recording, see StemLoud. net: &stem_net. */
Status stems_open(StemSplitter **out, int32_t rate_hz, int32_t n_channels, float loud, const StemNet *net,
                  StemSink sink, void *context);
Status stems_push(StemSplitter *s, const float *samples, int64_t n);
Status stems_finish(StemSplitter *s); /* the end: what is still inside comes out */
void stems_close(StemSplitter *s);    /* NULL is fine */
