#include "featurizer/dsp/flaw_model.h"

#include <math.h>

#include "common/core/status.h"
#include "featurizer/dsp/flaw.h"
#include "featurizer/dsp/flaw_weights.inc"

float flaw_model(const float *inputs) {
    BS_ASSERT(flaw_net.n_in == FLAW_INPUTS); /* else the weights are of another model: make train-flaw */
    return 1 / (1 + expf(-mlp_run(&flaw_net, inputs)));
}
