#pragma once
/* A small network with committed weights: y = b + sum_h v_h tanh(c_h + sum_i w_hi z_i), where z are the
 * inputs less their mean over their deviation, clipped to -4..4. Weights are made by tests/train. */

typedef struct Mlp {
    int n_in, n_hidden;
    const float *mean, *scale; /* [n_in] */
    const float *in;           /* [n_hidden x n_in] */
    const float *bias, *out;   /* [n_hidden] */
    float out_bias;
} Mlp;

enum { MLP_MOST_INPUTS = 256 };

float mlp_run(const Mlp *m, const float *inputs);
