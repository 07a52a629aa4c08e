#pragma once
/* Trainer: the network, its optimiser, and one update. Owns them; borrows settings, songs and episodes.
 *
 * An update is a function of (weights, optimiser, episodes sorted by id, update number): minibatches, their
 * order and their micro-batches follow from ids alone. One thread. */
#include "common/nn/adamw.h"
#include "learner/batch.h"
#include "learner/curriculum.h"

#include "learner/loss.h"
#include "learner/settings.h"

typedef struct Trainer {
    const Settings *settings;
    SongBook *songs;
    PolicyLimits limits;
    PolicyNet *net;
    AdamW optimiser;
    float *reference; /* n_params: the imitation policy, frozen when reinforcement begins */
    bool has_reference;
    uint8_t *value_only; /* n_params: 1 in the value head */

    /* An update that is given up leaves no trace: what it started from. */
    float *kept_params, *kept_m, *kept_v;
    int64_t kept_step;
    bool kept_reference;

    /* For each step of the batch, in the order of the episodes given; grown to the largest batch seen. */
    size_t n_reserved;
    float *log_proximal, *values, *advantages, *returns, *log_reference;
    size_t *offset;  /* per episode: its first step above */
    int32_t *chosen; /* episodes of one minibatch */
    int32_t *group;  /* first episode of each group, + 1 at the end */
    int32_t *shuffled;
    int32_t max_episodes;

    /* One micro-batch, contiguous. */
    MicroPlan plan;
    MicroBuffer micro;
    uint8_t *micro_actions;
    float *micro_behaviour, *micro_proximal, *micro_advantages, *micro_returns, *micro_reference;
    float *heard; /* max_units x SONG_FEATURES: the song as imitation hears it */
} Trainer;

Status trainer_new(Trainer **out, const Settings *settings, SongBook *songs, const NnOps *ops);
void trainer_free(Trainer *t);
/* Episodes of 1..limit steps can be trained on. */
bool trainer_accepts(const Trainer *t, const Episode *e);

typedef struct UpdateInput {
    Stage stage;
    uint64_t update;
    bool fresh_optimiser; /* first update of a stage that starts with empty moments */
    float lr;
    Episode *const *episodes; /* sorted by id, all accepted by trainer_accepts; at most max_episodes */
    int32_t n_episodes;
    bool (*stop)(void *context); /* asked between micro-batches; may be NULL */
    void *stop_context;
} UpdateInput;

typedef struct UpdateStats {
    LossSums sums; /* over every step seen in every epoch */
    int64_t n_steps;
    double explained_variance, grad_norm; /* mean over optimiser steps, before the clip */
    int32_t n_optimiser_steps, n_nonfinite;
} UpdateStats;

/* BS_CLOSED when stop said so: the trainer is then as it was before the call. Steps of the optimiser whose
 * gradient is not finite are skipped and counted. */
Status trainer_update(Trainer *t, const UpdateInput *in, UpdateStats *stats);

/* The learning rate of update k of the n in its stage: rises over `warmup` n, then a cosine to a tenth. */
double learning_rate(double base, double warmup, uint64_t k, uint64_t n);
