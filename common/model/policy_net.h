#pragma once
/* PolicyNet: the policy and value network, in training. Forward and backward are written once over NnOps.
 *
 * A bidirectional transformer encodes a Song's units once per (Song, weights); a causal transformer
 * decodes the steps of each episode: input = encodings at playhead and last kept unit, last action, step
 * vector. One logit per action, a sum of head scores (kind, span, count, fade; pointers = decoder state
 * against the target's encoding and features). One masked log-softmax serves sampling, PPO, imitation and
 * DPO. One value head. Parameters are one flat fp32 block with names; all memory is allocated by _new.
 * One thread uses a PolicyNet. */
#include "common/env/env.h"
#include "common/nn/nn.h"

typedef struct PolicySpec {
    int32_t d_model, n_encoder_layers, n_decoder_layers, head_dim, ff_mult;
} PolicySpec;

/* "tiny" (tests), "small" (d=128, 4+2, the default), "base", "large"; BS_NOT_FOUND names the nearest. */
Status policy_spec_named(PolicySpec *out, const char *name);
bool policy_spec_equal(const PolicySpec *a, const PolicySpec *b);

/* A micro-batch: steps of whole episodes, all on one Song. Borrowed by the calls below. */
typedef struct PolicyBatch {
    const Song *song; /* n_units x SONG_FEATURES; at most limits.max_units */
    int32_t n_episodes, n_steps;
    const int32_t *episode_start; /* n_episodes + 1 offsets into steps */
    const EnvObs *obs;            /* n_steps */
} PolicyBatch;

typedef struct PolicyLimits {
    int32_t max_units, max_steps, max_episodes; /* of one micro-batch */
} PolicyLimits;

typedef struct PolicyNet PolicyNet;

Status policy_net_new(PolicyNet **out, const NnOps *ops, const PolicySpec *spec, PolicyLimits limits,
                      uint64_t seed);
void policy_net_free(PolicyNet *net);
const PolicySpec *policy_net_spec(const PolicyNet *net);

size_t policy_net_n_params(const PolicyNet *net);
Real *policy_net_params(PolicyNet *net); /* n_params, flat; the optimiser writes here */
Real *policy_net_grads(PolicyNet *net);  /* n_params, flat; backward adds, the optimiser clears */
/* 1 where weight decay applies (matrices), else 0. */
const uint8_t *policy_net_decay(const PolicyNet *net);

/* logits: n_steps x ENV_ACTIONS, values: n_steps (value may be NULL). Keeps what backward needs. */
Status policy_net_forward(PolicyNet *net, const PolicyBatch *batch, Real *logits, Real *values);
/* After the forward of the same batch: adds to grads. d_values may be NULL. */
Status policy_net_backward(PolicyNet *net, const PolicyBatch *batch, const Real *d_logits,
                           const Real *d_values);

/* Safetensors with the spec in its metadata. save: bf16 is what is served, fp32 what a checkpoint keeps.
 * load checks names, shapes, finiteness; BS_VERSION when the spec or feature counts differ. */
Status policy_net_save(const PolicyNet *net, bool bf16, ByteWriter *out);
Status policy_net_load(PolicyNet *net, const void *safetensors, size_t n_bytes);
/* The spec inside safetensors bytes. */
Status policy_spec_read(PolicySpec *out, const void *safetensors, size_t n_bytes);
