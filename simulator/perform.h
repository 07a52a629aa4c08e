#pragma once
/* Perform: one take of a tune, played anew: own tempo and drift, timing and velocity correlated within the
 * band and within each player, fills, voicings, ornaments, tuning, level and tone; with the flaws its plan
 * asks for. */
#include "common/core/status.h"
#include "simulator/tune.h"

enum { TAKE_MAX_FLAWS = 24, TAKE_MAX_BEATS = TUNE_MAX_SLOTS * 6 };

typedef struct TakeFlaw {
    uint8_t kind; /* FlawKind */
    int32_t first_slot, n_slots;
    float severity;
} TakeFlaw;

typedef struct TakePlan {
    uint64_t seed;
    int32_t tune;                             /* of the session */
    int32_t first_slot, end_slot;             /* bars played; the last may be broken off */
    int32_t last_beats;                       /* beats played of the last bar: meter when it is whole */
    float tempo_factor, gain_db, tilt, cents; /* tilt -1 dark .. 1 bright */
    int32_t n_flaws;
    TakeFlaw flaws[TAKE_MAX_FLAWS];
} TakePlan;

typedef struct TakeTimes {
    int32_t n_beats;
    double at[TAKE_MAX_BEATS + 1]; /* samples from the take's start; [n_beats] is the end of the last beat */
    float late_s[TAKE_MAX_BEATS + 1], loud[TAKE_MAX_BEATS + 1]; /* the band's own wander; loud: factor */
    int64_t tail_samples;                                       /* of ring-out after it */
} TakeTimes;

/* Where each part's sound goes; all may be the same bus. */
typedef struct Mix {
    Bus part[PARTS];
} Mix;
Mix mix_from(const Mix *mix, int64_t at, int64_t n_samples);

void take_times(TakeTimes *times, const Tune *tune, const TakePlan *plan, int32_t rate_hz);
/* Plays into a mix that begins at the take's first beat and holds its beats and tail. scratch has room for
 * as many samples. */
Status take_perform(const Tune *tune, const TakePlan *plan, const TakeTimes *times, const Synth *synth,
                    const Mix *mix, float *scratch);
/* Adds a mono line: pan -1 left .. 1 right. */
void bus_add(const Bus *bus, const float *line, float gain, float pan);
