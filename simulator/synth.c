/* Every voice is a loop over its own samples: oscillator, envelope, add. Phases are 32-bit counters that
 * wrap, so tuning never drifts. */
#include "simulator/synth.h"

#include "simulator/synth_parts.h"

void synth_init(Synth *s, int32_t rate_hz) {
    s->rate_hz = rate_hz;
    for (int i = 0; i <= SYNTH_TABLE; i++) s->sine[i] = (float)exact_sin((double)i / SYNTH_TABLE);
}

typedef struct DrumShape {
    float seconds;              /* of sound */
    float tone_hz, sweep_hz;    /* body: falls from tone + sweep to tone */
    float sweep_s, body_s;      /* decays */
    float noise_s;              /* decay of the noise */
    float body, hiss, highpass; /* levels; share of lows taken out of the noise */
} DrumShape;

static const DrumShape shapes[DRUMS] = {
    [DRUM_KICK] = {0.40f, 48, 130, 0.030f, 0.110f, 0.004f, 1.00f, 0.30f, 0},
    [DRUM_SNARE] = {0.32f, 185, 60, 0.020f, 0.070f, 0.075f, 0.40f, 0.55f, 0.6f},
    [DRUM_RIM] = {0.12f, 520, 300, 0.008f, 0.022f, 0.012f, 0.45f, 0.20f, 0.5f},
    [DRUM_TOM] = {0.45f, 95, 50, 0.060f, 0.140f, 0.010f, 0.80f, 0.15f, 0.3f},
    [DRUM_BRUSH] = {0.28f, 210, 30, 0.020f, 0.030f, 0.085f, 0.10f, 0.30f, 0.8f},
    [DRUM_HAT] = {0.10f, 0, 0, 0.01f, 0.01f, 0.018f, 0, 0.34f, 1},
    [DRUM_OPEN_HAT] = {0.45f, 0, 0, 0.01f, 0.01f, 0.120f, 0, 0.30f, 1},
    [DRUM_RIDE] = {0.60f, 2900, 0, 0.01f, 0.180f, 0.110f, 0.05f, 0.17f, 1},
    [DRUM_SHAKER] = {0.12f, 0, 0, 0.01f, 0.01f, 0.026f, 0, 0.16f, 1},
    [DRUM_CRASH] = {1.80f, 0, 0, 0.01f, 0.01f, 0.500f, 0, 0.34f, 1},
    [DRUM_CLICK] = {0.06f, 1900, 0, 0.01f, 0.012f, 0.003f, 0.45f, 0.15f, 1},
    [DRUM_THUMP] = {0.35f, 62, 40, 0.050f, 0.060f, 0.020f, 0.50f, 0.12f, 0},
};

void synth_drum(const Synth *s, const Line *line, Drum drum, int64_t at, float velocity, float tone,
                uint64_t seed) {
    const DrumShape *d = &shapes[drum];
    int64_t n = room_for(line, at, (int64_t)(d->seconds * (float)s->rate_hz));
    float tune = 0.9f + 0.2f * tone, *out = line->samples + (n > 0 ? at : 0);
    float body_fall = decay_of(s, d->body_s), noise_fall = decay_of(s, d->noise_s * tune);
    float body = d->body * velocity, hiss = d->hiss * velocity, low = 0;
    uint32_t state = noise_seed(seed);
    for (int64_t i = 0; i < n; i++) {
        float white = noise(&state);
        low += 0.35f * (white - low);
        out[i] += hiss * (white - d->highpass * low);
        hiss *= noise_fall;
    }
    if (body == 0) return;
    float sweep = d->sweep_hz * tune, sweep_fall = decay_of(s, d->sweep_s);
    float to_step = 4294967296.0f / (float)s->rate_hz;
    uint32_t phase = 0;
    for (int64_t i = 0; i < n; i++) {
        out[i] += body * sine_at(s, phase);
        phase += (uint32_t)((d->tone_hz * tune + sweep) * to_step);
        sweep *= sweep_fall;
        body *= body_fall;
    }
}

/* The correction that takes a saw's corner out; t and dt in cycles. */
static inline float blep(float t, float dt, float inverse) {
    if (t < dt) {
        t *= inverse;
        return t + t - t * t - 1;
    }
    if (t > 1 - dt) {
        t = (t - 1) * inverse;
        return t * t + t + t + 1;
    }
    return 0;
}

void synth_note(const Synth *s, const Line *line, const Voice *v, int64_t at, int64_t length, double hz,
                float velocity) {
    int64_t n = room_for(line, at, length + (int64_t)(v->release_s * 5 * (float)s->rate_hz));
    float *to = line->samples + (n > 0 ? at : 0), gain = v->gain * velocity;
    uint32_t phase = 0, step = step_of(s, hz), wobble = 0, wobble_step = step_of(s, v->vibrato_hz);
    float depth = (float)(exact_exp2(v->vibrato_cents / 1200.0) - 1) * (float)step;
    float dt = (float)(hz / s->rate_hz), inverse = 1 / dt;
    float c = v->cutoff_hz * 6.2831853f / (float)s->rate_hz, smooth = c / (1 + c);
    float rise = 1 / (v->attack_s * (float)s->rate_hz + 1), fall = decay_of(s, v->decay_s);
    float let_go = decay_of(s, v->release_s), level = 0, over = 1 - v->sustain, held = gain, low = 0;
    for (int64_t i = 0; i < n; i++) {
        float t = (float)(phase >> 8) * 0x1p-24f;
        float x = v->saw * (2 * t - 1 - blep(t, dt, inverse));
        for (uint32_t k = 0; k < SYNTH_PARTIALS; k++)
            if (v->partials[k] != 0) x += v->partials[k] * sine_at(s, phase * (k + 1));
        low += smooth * (x - low);
        if (level < 1)
            level += rise;
        else
            over *= fall;
        if (i >= length) held *= let_go;
        to[i] += low * (level < 1 ? level : v->sustain + over) * held;
        phase += step;
        if (depth != 0) {
            phase += (uint32_t)(int32_t)(depth * sine_at(s, wobble));
            wobble += wobble_step;
        }
    }
}

void synth_chime(const Synth *s, const Line *line, const Chime *c, int64_t at, int64_t length, double hz,
                 float velocity) {
    int64_t n = room_for(line, at, length + (int64_t)(c->release_s * 5 * (float)s->rate_hz));
    float *to = line->samples + (n > 0 ? at : 0);
    uint32_t phase = 0, other = 0, step = step_of(s, hz), other_step = step_of(s, hz * c->ratio);
    float index = c->index * velocity * 0x1p31f * 0.318f, rise = 1 / (0.002f * (float)s->rate_hz);
    float fall = decay_of(s, c->decay_s), let_go = decay_of(s, c->release_s);
    float dull = decay_of(s, c->index_decay_s), level = c->gain * velocity, grow = 0;
    for (int64_t i = 0; i < n; i++) {
        grow = grow < 1 ? grow + rise : 1;
        to[i] += grow * level * sine_at(s, phase + (uint32_t)(int64_t)(index * sine_at(s, other)));
        phase += step;
        other += other_step;
        index *= dull;
        level *= i < length ? fall : let_go;
    }
}
