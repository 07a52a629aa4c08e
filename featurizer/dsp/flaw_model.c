/* y = sigmoid(b + sum_h v_h tanh(c_h + sum_i w_hi z_i)), z = inputs less their mean over their deviation,
 * clipped to -4..4. */
#include "featurizer/dsp/flaw_model.h"

#include <math.h>

#include "featurizer/dsp/flaw.h"
#include "featurizer/dsp/flaw_weights.inc"

_Static_assert((int)FLAW_WEIGHTS_INPUTS == (int)FLAW_INPUTS,
               "flaw_weights.inc is of another model: make train-flaw");

float flaw_model(const float *inputs) {
    float z[FLAW_INPUTS], y = flaw_out_bias;
    for (int i = 0; i < FLAW_INPUTS; i++) {
        float v = (inputs[i] - flaw_mean[i]) * flaw_scale[i];
        z[i] = v > 4 ? 4 : v < -4 ? -4 : v;
    }
    for (int h = 0; h < FLAW_WEIGHTS_HIDDEN; h++) {
        float sum = flaw_bias[h];
        for (int i = 0; i < FLAW_INPUTS; i++) sum += flaw_in[h][i] * z[i];
        y += flaw_out[h] * tanhf(sum);
    }
    return 1 / (1 + expf(-y));
}
