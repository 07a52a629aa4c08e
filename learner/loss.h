#pragma once
/* Losses: imitation, PPO and value, each with its gradient on logits and values. Pure; the caller's buffers.
 *
 * All are sums over the steps given times `scale`; with scale = 1 / (steps of the whole minibatch) the
 * gradients of micro-batches add up to that of the mean. Illegal actions have probability, entropy and
 * gradient 0: they are selected away, never added or multiplied. */
#include "common/env/env.h"

/* log_probs[a] = logits[a] - log sum over legal exp; -INFINITY where mask is 0. Returns the entropy. */
double masked_log_softmax(const float *logits, const uint8_t *mask, float *log_probs);

/* Sums over steps; divide by n_steps. */
typedef struct LossSums {
    double n_steps;
    double imitation, n_correct;          /* cross-entropy; steps whose likeliest action is the label */
    double policy, value, entropy, leash; /* surrogate, 1/2 squared error, entropy, KL to the reference */
    double approx_kl, n_clipped;          /* (r - 1) - log r against the proximal policy */
    double max_ratio;                     /* largest pi / pi_prox: no sum */
} LossSums;

/* Cross-entropy against (1 - smoothing) on the label and smoothing spread over the legal actions. */
void loss_imitation(int32_t n, const float *logits, const EnvObs *obs, const uint8_t *actions,
                    float smoothing, double scale, float *d_logits, LossSums *sums);

/* 1/2 (V - R)^2, no clip. */
void loss_value(int32_t n, const float *values, const float *returns, double scale, float *d_values,
                LossSums *sums);

typedef struct PpoOptions {
    float clip, max_behaviour_weight, entropy, leash, value;
} PpoOptions;

/* What the start of the update fixed for each of n steps. */
typedef struct PpoTargets {
    const uint8_t *actions;
    const float *log_behaviour, *log_proximal; /* of the action */
    const float *advantages, *returns;
    const float *log_reference; /* n x ENV_ACTIONS of the imitation policy; NULL: no leash */
} PpoTargets;

/* Decoupled PPO (Hilton, Cobbe, Schulman 2022), per step:
 *
 *     r = pi / pi_prox      w = min(pi_prox / pi_behaviour, max) without gradient
 *     -w min(r A, clip(r, 1 - c, 1 + c) A) - entropy H(pi) + leash KL(pi || 0.98 reference + 0.02 uniform)
 *     + value 1/2 (V - R)^2
 */
void loss_ppo(int32_t n, const float *logits, const float *values, const EnvObs *obs,
              const PpoTargets *targets, const PpoOptions *options, double scale, float *d_logits,
              float *d_values, LossSums *sums);

void loss_sums_add(LossSums *to, const LossSums *from);
