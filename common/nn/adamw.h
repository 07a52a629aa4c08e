#pragma once
/* AdamW over flat blocks (Loshchilov & Hutter 2019), with gradient clipping by global norm. */
#include "common/core/status.h"
#include <stdint.h>

typedef struct AdamW {
    size_t n_params;
    float *m, *v; /* owned; part of a checkpoint, with step */
    int64_t step;
} AdamW;

typedef struct AdamWOptions {
    float lr, beta1, beta2, eps, weight_decay, max_grad_norm; /* max_grad_norm 0: no clip */
} AdamWOptions;

Status adamw_init(AdamW *opt, size_t n_params);
void adamw_drop(AdamW *opt);
/* One step; decay[i] says where weight decay applies. *grad_norm gets the norm before the clip.
 * BS_NONFINITE when it is not finite: nothing is changed then. */
Status adamw_step(AdamW *opt, float *params, const float *grads, const uint8_t *decay, const AdamWOptions *o,
                  float *grad_norm);
