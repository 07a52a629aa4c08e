#include "featurizer/dsp/mlp.h"

#include <math.h>

float mlp_run(const Mlp *m, const float *inputs) {
    float z[MLP_MOST_INPUTS], y = m->out_bias;
    for (int i = 0; i < m->n_in; i++) {
        float v = (inputs[i] - m->mean[i]) * m->scale[i];
        z[i] = v > 4 ? 4 : v < -4 ? -4 : v;
    }
    for (int h = 0; h < m->n_hidden; h++) {
        const float *w = m->in + h * m->n_in;
        float sum = m->bias[h];
        for (int i = 0; i < m->n_in; i++) sum += w[i] * z[i];
        y += m->out[h] * tanhf(sum);
    }
    return y;
}
