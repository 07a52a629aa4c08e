/* Losses over one masked log-softmax. With p = softmax(z) over the legal actions:
 *
 *     d log p_a / d z_k = [k = a] - p_k
 *     d H / d z_k       = -p_k (log p_k + H)
 *     d KL / d z_k      =  p_k (log p_k - log q_k - KL)
 */
#include "learner/loss.h"

#include <math.h>
#include <string.h>

static const float REFERENCE_SHARE = 0.98f; /* the rest is uniform, so that the KL is bounded */
static const double MAX_LOG_RATIO = 10;     /* exp of it is far outside any clip */

double masked_log_softmax(const float *logits, const uint8_t *mask, float *log_probs) {
    float top = -INFINITY;
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (mask[a] && logits[a] > top) top = logits[a];
    double sum = 0;
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (mask[a]) sum += exp((double)(logits[a] - top));
    double log_sum = top + log(sum), entropy = 0;
    for (int a = 0; a < ENV_ACTIONS; a++) {
        if (!mask[a]) {
            log_probs[a] = -INFINITY;
            continue;
        }
        double lp = logits[a] - log_sum;
        log_probs[a] = (float)lp;
        entropy -= exp(lp) * lp;
    }
    return entropy;
}

static int likeliest(const float *log_probs) {
    int best = 0;
    for (int a = 1; a < ENV_ACTIONS; a++)
        if (log_probs[a] > log_probs[best]) best = a;
    return best;
}

static int count_legal(const uint8_t *mask) {
    int n = 0;
    for (int a = 0; a < ENV_ACTIONS; a++) n += mask[a] != 0;
    return n;
}

void loss_imitation(int32_t n, const float *logits, const EnvObs *obs, const uint8_t *actions,
                    float smoothing, double scale, float *d_logits, LossSums *sums) {
    float lp[ENV_ACTIONS];
    for (int32_t i = 0; i < n; i++) {
        const uint8_t *mask = obs[i].mask;
        float *d = d_logits + (size_t)i * ENV_ACTIONS;
        masked_log_softmax(logits + (size_t)i * ENV_ACTIONS, mask, lp);
        double spread = (double)smoothing / count_legal(mask), loss = 0;
        for (int a = 0; a < ENV_ACTIONS; a++) {
            d[a] = 0;
            if (!mask[a]) continue;
            double wanted = spread + (a == actions[i] ? 1 - (double)smoothing : 0);
            loss -= wanted * lp[a];
            d[a] = (float)(scale * (exp(lp[a]) - wanted));
        }
        sums->imitation += loss;
        sums->n_correct += likeliest(lp) == actions[i];
        sums->n_steps += 1;
    }
}

void loss_value(int32_t n, const float *values, const float *returns, double scale, float *d_values,
                LossSums *sums) {
    for (int32_t i = 0; i < n; i++) {
        double error = (double)values[i] - returns[i];
        sums->value += 0.5 * error * error;
        d_values[i] = (float)(scale * error);
    }
}

/* KL(p || 0.98 reference + 0.02 uniform over the legal); its log-ratio per action into `log_ratio`. */
static double leash_kl(const float *lp, const float *log_reference, const uint8_t *mask, double *log_ratio) {
    double floor_p = (1 - (double)REFERENCE_SHARE) / count_legal(mask), kl = 0;
    for (int a = 0; a < ENV_ACTIONS; a++) {
        if (!mask[a]) continue;
        double q = (double)REFERENCE_SHARE * exp(log_reference[a]) + floor_p;
        log_ratio[a] = lp[a] - log(q);
        kl += exp(lp[a]) * log_ratio[a];
    }
    return kl;
}

void loss_ppo(int32_t n, const float *logits, const float *values, const EnvObs *obs, const PpoTargets *t,
              const PpoOptions *o, double scale, float *d_logits, float *d_values, LossSums *sums) {
    float lp[ENV_ACTIONS];
    double log_ratio[ENV_ACTIONS];
    for (int32_t i = 0; i < n; i++) {
        const uint8_t *mask = obs[i].mask;
        float *d = d_logits + (size_t)i * ENV_ACTIONS;
        int action = t->actions[i];
        double entropy = masked_log_softmax(logits + (size_t)i * ENV_ACTIONS, mask, lp);
        double step = lp[action] - (double)t->log_proximal[i];
        step = step > MAX_LOG_RATIO ? MAX_LOG_RATIO : step < -MAX_LOG_RATIO ? -MAX_LOG_RATIO : step;
        double ratio = exp(step), advantage = t->advantages[i];
        double weight = exp(fmin((double)t->log_proximal[i] - t->log_behaviour[i], MAX_LOG_RATIO));
        if (weight > o->max_behaviour_weight) weight = o->max_behaviour_weight;
        double clipped = fmin(fmax(ratio, 1 - o->clip), 1 + o->clip);
        bool flat = clipped * advantage < ratio * advantage; /* the clipped side is the minimum */
        double surrogate = flat ? clipped * advantage : ratio * advantage;
        double d_log_pi = flat ? 0 : -weight * ratio * advantage;
        double kl = 0;
        if (t->log_reference) kl = leash_kl(lp, t->log_reference + (size_t)i * ENV_ACTIONS, mask, log_ratio);
        for (int a = 0; a < ENV_ACTIONS; a++) {
            d[a] = 0;
            if (!mask[a]) continue;
            double p = exp(lp[a]);
            double g = d_log_pi * ((a == action) - p) + o->entropy * p * (lp[a] + entropy);
            if (t->log_reference) g += o->leash * p * (log_ratio[a] - kl);
            d[a] = (float)(scale * g);
        }
        sums->policy -= weight * surrogate;
        sums->entropy += entropy;
        sums->leash += kl;
        sums->approx_kl += ratio - 1 - step;
        sums->n_clipped += ratio < 1 - o->clip || ratio > 1 + o->clip;
        if (ratio > sums->max_ratio) sums->max_ratio = ratio;
        sums->n_steps += 1;
    }
    loss_value(n, values, t->returns, scale * o->value, d_values, sums);
}

void loss_sums_add(LossSums *to, const LossSums *from) {
    to->n_steps += from->n_steps;
    to->imitation += from->imitation;
    to->n_correct += from->n_correct;
    to->policy += from->policy;
    to->value += from->value;
    to->entropy += from->entropy;
    to->leash += from->leash;
    to->approx_kl += from->approx_kl;
    to->n_clipped += from->n_clipped;
    if (from->max_ratio > to->max_ratio) to->max_ratio = from->max_ratio;
}
