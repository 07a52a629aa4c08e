/* Every voice is a loop over its own samples: oscillator, envelope, add. Phases are 32-bit counters that
 * wrap, so tuning never drifts. */
#include "simulator/synth.h"

#include "simulator/exact.h"

void synth_init(Synth *s, int32_t rate_hz) {
    s->rate_hz = rate_hz;
    for (int i = 0; i <= SYNTH_TABLE; i++) s->sine[i] = (float)exact_sin((double)i / SYNTH_TABLE);
}

static inline float sine_at(const Synth *s, uint32_t phase) {
    uint32_t i = phase >> 21;
    float f = (float)(phase & 0x1FFFFFu) * 0x1p-21f;
    return s->sine[i] + f * (s->sine[i + 1] - s->sine[i]);
}

static inline float noise(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return (float)(int32_t)x * 0x1p-31f;
}

static uint32_t noise_seed(uint64_t seed) {
    uint32_t x = (uint32_t)rng_mix(seed, 0x6e6f697365);
    return x ? x : 1;
}

/* One sample's factor of a decay to 1/e in `seconds`. */
static float decay_of(const Synth *s, double seconds) {
    return (float)exact_exp2(-1.4426950408889634 / (seconds * s->rate_hz));
}

static uint32_t step_of(const Synth *s, double hz) { return (uint32_t)(hz / s->rate_hz * 4294967296.0); }

typedef struct DrumShape {
    float seconds;              /* of sound */
    float tone_hz, sweep_hz;    /* body: falls from tone + sweep to tone */
    float sweep_s, body_s;      /* decays */
    float noise_s;              /* decay of the noise */
    float body, hiss, highpass; /* levels; share of lows taken out of the noise */
    float pan;
} DrumShape;

static const DrumShape shapes[DRUMS] = {
    [DRUM_KICK] = {0.40f, 48, 130, 0.030f, 0.110f, 0.004f, 1.00f, 0.30f, 0, 0},
    [DRUM_SNARE] = {0.32f, 185, 60, 0.020f, 0.070f, 0.075f, 0.40f, 0.55f, 0.6f, 0.1f},
    [DRUM_HAT] = {0.10f, 0, 0, 0.01f, 0.01f, 0.018f, 0, 0.34f, 1, -0.35f},
    [DRUM_OPEN_HAT] = {0.45f, 0, 0, 0.01f, 0.01f, 0.120f, 0, 0.30f, 1, -0.35f},
    [DRUM_CRASH] = {1.80f, 0, 0, 0.01f, 0.01f, 0.500f, 0, 0.34f, 1, 0.3f},
    [DRUM_TOM] = {0.45f, 95, 50, 0.060f, 0.140f, 0.010f, 0.80f, 0.15f, 0.3f, 0.25f},
    [DRUM_CLICK] = {0.06f, 1900, 0, 0.01f, 0.012f, 0.003f, 0.45f, 0.15f, 1, 0},
};

void synth_drum(const Synth *s, Bus *bus, Drum drum, int64_t at, float velocity, float tone, uint64_t seed) {
    const DrumShape *d = &shapes[drum];
    int64_t n = (int64_t)(d->seconds * (float)s->rate_hz);
    float tune = 0.9f + 0.2f * tone;
    float sweep_fall = decay_of(s, d->sweep_s), body_fall = decay_of(s, d->body_s);
    float noise_fall = decay_of(s, d->noise_s * tune);
    float body = d->body * velocity, hiss = d->hiss * velocity, sweep = d->sweep_hz * tune, low = 0;
    float to_step = 4294967296.0f / (float)s->rate_hz;
    float left = 0.5f * (1 - d->pan), right = 0.5f * (1 + d->pan);
    uint32_t phase = 0, state = noise_seed(seed);
    for (int64_t i = 0; i < n; i++, at++) {
        float white = noise(&state);
        low += 0.35f * (white - low);
        float out = body * sine_at(s, phase) + hiss * (white - d->highpass * low);
        phase += (uint32_t)((d->tone_hz * tune + sweep) * to_step);
        sweep *= sweep_fall;
        body *= body_fall;
        hiss *= noise_fall;
        if (at < 0 || at >= bus->n_samples) continue;
        bus->left[at] += left * out;
        bus->right[at] += right * out;
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

void synth_note(const Synth *s, Bus *bus, const Voice *v, int64_t at, int64_t length, double hz,
                float velocity) {
    int64_t release = (int64_t)(v->release_s * 5 * (float)s->rate_hz), n = length + release;
    if (at < 0 || length <= 0) return;
    if (at + n > bus->n_samples) n = bus->n_samples - at;
    uint32_t phase = 0, step = step_of(s, hz), wobble = 0, wobble_step = step_of(s, v->vibrato_hz);
    float depth = (float)(exact_exp2(v->vibrato_cents / 1200.0) - 1) * (float)step;
    float dt = (float)(hz / s->rate_hz), inverse = 1 / dt;
    float c = v->cutoff_hz * 6.2831853f / (float)s->rate_hz, smooth = c / (1 + c);
    float rise = 1 / (v->attack_s * (float)s->rate_hz + 1), fall = decay_of(s, v->decay_s);
    float let_go = decay_of(s, v->release_s), level = 0, over = 1 - v->sustain, held = 1, low = 0;
    float gain = v->gain * velocity, left = 0.5f * gain * (1 - v->pan), right = 0.5f * gain * (1 + v->pan);
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
        float out = low * (level < 1 ? level : v->sustain + over) * held;
        bus->left[at + i] += left * out;
        bus->right[at + i] += right * out;
        phase += step;
        if (depth != 0) {
            phase += (uint32_t)(int32_t)(depth * sine_at(s, wobble));
            wobble += wobble_step;
        }
    }
}

/* y = x + a y1 - b y2: a resonance at hz of the given width. */
typedef struct Resonator {
    float a, b, y1, y2;
} Resonator;

static void tune_resonator(const Synth *s, Resonator *r, double hz, double width_hz) {
    double radius = exact_exp2(-4.532360141827194 * width_hz / s->rate_hz); /* exp(-pi w / rate) */
    r->a = (float)(2 * radius * exact_cos(hz / s->rate_hz));
    r->b = (float)(radius * radius);
}
static inline float ring(Resonator *r, float x) {
    float y = x + r->a * r->y1 - r->b * r->y2;
    r->y2 = r->y1;
    r->y1 = y;
    return y;
}

void synth_talk(const Synth *s, Bus *bus, int64_t at, int64_t length, float level, uint64_t seed) {
    Rng r = rng_at(seed, 1);
    uint32_t state = noise_seed(seed), phase = 0;
    double voice_hz = rng_between(&r, 95, 210);
    float pan = (float)rng_between(&r, -0.6, 0.6);
    Resonator one = {0}, two = {0};
    if (at < 0) return;
    int64_t end = at + length < bus->n_samples ? at + length : bus->n_samples;
    while (at < end) {
        int64_t n = (int64_t)(rng_between(&r, 0.09, 0.26) * s->rate_hz);
        bool voiced = rng_f64(&r) < 0.75, silent = rng_f64(&r) < 0.15;
        tune_resonator(s, &one, rng_between(&r, 280, 850), 90);
        tune_resonator(s, &two, rng_between(&r, 900, 2400), 140);
        uint32_t step = step_of(s, voice_hz * rng_between(&r, 0.85, 1.2));
        float strength = silent ? 0 : level * (float)rng_between(&r, 0.5, 1), inverse = 1 / (float)n;
        for (int64_t i = 0; i < n && at < end; i++, at++) {
            float t = (float)i * inverse, shape = 4 * t * (1 - t), white = noise(&state);
            uint32_t before = phase;
            phase += step;
            float pulse = voiced ? (phase < before ? 12.0f : 0) + 0.05f * white : 0.6f * white;
            float out = strength * shape * 0.02f * (ring(&one, pulse) + 0.5f * ring(&two, pulse));
            bus->left[at] += 0.5f * (1 - pan) * out;
            bus->right[at] += 0.5f * (1 + pan) * out;
        }
    }
}
