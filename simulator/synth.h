#pragma once
/* Synth: the instruments of the rehearsal room, added into a stereo bus sample by sample.
 *
 * Wavetable sine, band-limited saw (polyBLEP: Valimaki & Huovilainen 2007), noise from a xorshift, decays
 * by one multiply a sample: no libm, so every compiler makes the same bits. Read-only after synth_init;
 * threads may share it. What falls outside the bus is left out. */
#include <stdbool.h>
#include <stdint.h>

#include "common/core/rng.h"

typedef struct Bus {
    float *left, *right; /* n_samples each, borrowed */
    int64_t n_samples;
} Bus;

enum { SYNTH_TABLE = 2048, SYNTH_PARTIALS = 4 };

typedef struct Synth {
    int32_t rate_hz;
    float sine[SYNTH_TABLE + 1];
} Synth;
void synth_init(Synth *synth, int32_t rate_hz);

typedef enum Drum {
    DRUM_KICK,
    DRUM_SNARE,
    DRUM_HAT,
    DRUM_OPEN_HAT,
    DRUM_CRASH,
    DRUM_TOM,
    DRUM_CLICK,
    DRUMS
} Drum;
/* tone 0..1 tunes the drum; seed names the noise. */
void synth_drum(const Synth *synth, Bus *bus, Drum drum, int64_t at, float velocity, float tone,
                uint64_t seed);

typedef struct Voice {
    float saw, partials[SYNTH_PARTIALS]; /* levels of a saw and of the first sine partials */
    float cutoff_hz;                     /* one-pole lowpass over both */
    float attack_s, decay_s, sustain, release_s;
    float vibrato_cents, vibrato_hz;
    float gain, pan; /* pan -1 left .. 1 right */
} Voice;
/* length: until the release begins. */
void synth_note(const Synth *synth, Bus *bus, const Voice *voice, int64_t at, int64_t length, double hz,
                float velocity);

/* Speech-like noise: a pulse train through two resonators that move from syllable to syllable. */
void synth_talk(const Synth *synth, Bus *bus, int64_t at, int64_t length, float level, uint64_t seed);
