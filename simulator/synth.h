#pragma once
/* Synth: the instruments of the rehearsal room. Each function adds one note or hit into a line.
 *
 * Wavetable sine, band-limited saw (polyBLEP: Valimaki & Huovilainen 2007), plucked string (Karplus & Strong
 * 1983), two-operator FM (Chowning 1973), a singer of pulses through formants, noise from a xorshift, decays
 * by one multiply a sample: no libm, so every compiler makes the same bits. Read-only after synth_init;
 * threads may share it. What falls outside the line is left out; nothing begins before its first sample. */
#include <stdbool.h>
#include <stdint.h>

#include "common/core/rng.h"

typedef struct Line { /* one player, mono */
    float *samples;   /* borrowed */
    int64_t n_samples;
} Line;
typedef struct Bus {
    float *left, *right; /* n_samples each, borrowed */
    int64_t n_samples;
} Bus;

enum { SYNTH_TABLE = 2048, SYNTH_PARTIALS = 4, SYNTH_VOWELS = 6 };

typedef struct Synth {
    int32_t rate_hz;
    float sine[SYNTH_TABLE + 1];
} Synth;
void synth_init(Synth *synth, int32_t rate_hz);

typedef enum Drum {
    DRUM_KICK,
    DRUM_SNARE,
    DRUM_RIM,
    DRUM_TOM,
    DRUM_BRUSH,
    DRUM_HAT,
    DRUM_OPEN_HAT,
    DRUM_RIDE,
    DRUM_SHAKER,
    DRUM_CRASH,
    DRUM_CLICK, /* sticks */
    DRUM_THUMP, /* no drum: somebody touches a stand */
    DRUMS
} Drum;
/* tone 0..1 tunes the drum; seed names the noise. */
void synth_drum(const Synth *synth, const Line *line, Drum drum, int64_t at, float velocity, float tone,
                uint64_t seed);

typedef struct Voice {                   /* oscillators through one lowpass */
    float saw, partials[SYNTH_PARTIALS]; /* levels of a saw and of the first sine partials */
    float cutoff_hz;                     /* one-pole lowpass over both */
    float attack_s, decay_s, sustain, release_s;
    float vibrato_cents, vibrato_hz;
    float gain;
} Voice;
/* length: until the release begins. */
void synth_note(const Synth *synth, const Line *line, const Voice *voice, int64_t at, int64_t length,
                double hz, float velocity);

typedef struct String {
    float decay_s, bright, damp_s, gain; /* bright 0..1; damp_s: how fast it dies once let go */
} String;
void synth_pluck(const Synth *synth, const Line *line, const String *string, int64_t at, int64_t length,
                 double hz, float velocity, uint64_t seed);

typedef struct Chime { /* FM: electric and struck keys */
    float ratio, index, index_decay_s, decay_s, release_s, gain;
} Chime;
void synth_chime(const Synth *synth, const Line *line, const Chime *chime, int64_t at, int64_t length,
                 double hz, float velocity);

typedef struct Singer {
    float size; /* of the throat: scales the formants, .85 long .. 1.2 short */
    float vibrato_cents, vibrato_hz, breath, gain;
} Singer;
/* Glides in from from_hz; vowel < SYNTH_VOWELS. */
void synth_sing(const Synth *synth, const Line *line, const Singer *singer, int64_t at, int64_t length,
                double from_hz, double hz, int32_t vowel, float velocity, uint64_t seed);

/* Speech-like noise: a pulse train through two resonators that move from syllable to syllable. */
void synth_talk(const Synth *synth, const Line *line, int64_t at, int64_t length, float level, uint64_t seed);
