#pragma once
/* PolicyActing: the same network, only forward, for actors: own fixed-order kernels, no allocation in a step.
 *
 * Each output is one chain of fused multiply-adds over k, so an episode's bits depend neither on the batch
 * it is in, nor on vector width, nor on the machine (any x86-64 with FMA). Weights are bf16, packed once. */
#include "common/model/policy_net.h"

typedef struct PolicyActing PolicyActing;

/* max_units, max_steps (of one episode), max_episodes side by side. */
Status policy_acting_new(PolicyActing **out, const PolicySpec *spec, PolicyLimits limits);
void policy_acting_free(PolicyActing *acting);
Status policy_acting_load(PolicyActing *acting, const void *safetensors, size_t n_bytes);

/* Encodes the song (once per song and weights) and starts n_episodes empty episodes. */
Status policy_acting_begin(PolicyActing *acting, const Song *song, int32_t n_episodes);
/* One step of the episodes listed: obs[i] of episode episodes[i]. Writes masked log-probabilities
 * (n x ENV_ACTIONS, -INFINITY where illegal) and values (n, may be NULL). */
Status policy_acting_step(PolicyActing *acting, int32_t n, const int32_t *episodes, const EnvObs *const *obs,
                          float *log_probs, float *values);
