#pragma once
/* Stem mask: the share of every bin that belongs to drums, bass, vocals and the rest.
 *
 * A network with committed weights (tests/train/train_stems.c) reads the cues of a bin and says four shares
 * that sum to 1. A stem that it does not find better than the mix itself on sessions kept out of the fit has
 * no mask: what would be its share is left to the rest. */
#include "common/song/song.h"
#include "featurizer/dsp/stem_cues.h"

enum { STEM_HIDDEN_MOST = 48 };
#define STEM_LEAST_GAIN_DB 0.5F /* over the mix, for a stem to have a mask */

/* softmax_s(c_s + sum_h v_sh max(0, b_h + sum_i w_hi z_i)), z: cues less their mean over their deviation. */
typedef struct StemNet {
    int n_hidden;              /* a multiple of 4 */
    const float *mean, *scale; /* [STEM_CUES]; inputs are clipped to +-4 deviations */
    const float *in, *bias;    /* [n_hidden x STEM_CUES], [n_hidden] */
    const float *out;          /* [STEMS x n_hidden] */
    const float *out_bias;     /* [STEMS] */
    float gain_db[STEMS];      /* of signal-to-distortion ratio over the mix, on sessions kept out */
} StemNet;
extern const StemNet stem_net;

/* cues: as stem_cues_make writes them; shares: [STEMS x STEM_BINS], of n_bins bins (a multiple of 16). */
void stem_mask(const StemNet *net, const float *cues, int32_t n_bins, float *shares);
