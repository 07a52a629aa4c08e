#pragma once
/* Perform: one take of a tune, played anew: own tempo and drift, correlated timing, velocity, fills,
 * ornaments, level and tone; with the flaws its plan asks for. */
#include "simulator/tune.h"

enum { TAKE_MAX_FLAWS = 12, TAKE_MAX_BEATS = TUNE_MAX_SLOTS * 4 };

typedef struct TakeFlaw {
    uint8_t kind; /* FlawKind */
    int32_t first_slot, n_slots;
    float severity;
} TakeFlaw;

typedef struct TakePlan {
    uint64_t seed;
    int32_t first_slot, end_slot;      /* bars played; the last may be broken off */
    int32_t last_beats;                /* beats played of the last bar: meter when it is whole */
    float tempo_factor, gain_db, tilt; /* tilt -1 dark .. 1 bright */
    int32_t n_flaws;
    TakeFlaw flaws[TAKE_MAX_FLAWS];
} TakePlan;

typedef struct TakeTimes {
    int32_t n_beats;
    double at[TAKE_MAX_BEATS + 1]; /* samples from the take's start; [n_beats] is the end of the last beat */
    int64_t tail_samples;          /* of ring-out after it */
} TakeTimes;

void take_times(TakeTimes *times, const Tune *tune, const TakePlan *plan, int32_t rate_hz);
/* Plays into a bus that begins at the take's first beat and holds its beats and tail, all zero before. */
void take_perform(const Tune *tune, const TakePlan *plan, const TakeTimes *times, const Synth *synth,
                  Bus *bus);
