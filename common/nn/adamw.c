/* AdamW with clipping by global norm: measured first, so that a step that is not finite changes nothing. */
#include "common/nn/adamw.h"
#include "common/nn/nn.h"
#include <math.h>
#include <stdlib.h>

Status adamw_init(AdamW *opt, size_t n_params) {
    *opt = (AdamW){.n_params = n_params};
    opt->m = calloc(n_params ? n_params : 1, sizeof *opt->m);
    opt->v = calloc(n_params ? n_params : 1, sizeof *opt->v);
    if (opt->m && opt->v) return BS_OK;
    adamw_drop(opt);
    return fail(BS_NOMEM, "optimiser state of %zu parameters", n_params);
}

void adamw_drop(AdamW *opt) {
    free(opt->m);
    free(opt->v);
    *opt = (AdamW){0};
}

Status adamw_step(AdamW *opt, float *params, const float *grads, const uint8_t *decay, const AdamWOptions *o,
                  float *grad_norm) {
    const NnOps *ops = nn_ops_cpu();
    double norm = sqrt(ops->sum_squares(grads, opt->n_params));
    if (grad_norm) *grad_norm = (float)norm;
    if (!isfinite(norm)) return fail(BS_NONFINITE, "the gradient is not finite: the step is left out");
    double factor =
        o->max_grad_norm > 0 && norm > (double)o->max_grad_norm ? (double)o->max_grad_norm / norm : 1;
    opt->step++;
    double c1 = 1 / (1 - pow((double)o->beta1, (double)opt->step));
    double c2 = 1 / (1 - pow((double)o->beta2, (double)opt->step));
    ops->adamw(params, opt->m, opt->v, grads, decay, opt->n_params, (float)factor, o->lr, o->beta1, o->beta2,
               o->eps, o->weight_decay, (float)c1, (float)c2);
    return BS_OK;
}
