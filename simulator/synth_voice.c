/* Voices: a source of pulses and breath through resonances of the throat (Klatt 1980, parallel branch). */
#include "simulator/synth_parts.h"

static const float vowels[SYNTH_VOWELS][3] = {{730, 1090, 2440}, {530, 1840, 2480}, {270, 2290, 3010},
                                              {570, 840, 2410},  {300, 870, 2240},  {640, 1190, 2390}};

void synth_sing(const Synth *s, const Line *line, const Singer *g, int64_t at, int64_t length, double from_hz,
                double hz, int32_t vowel, float velocity, uint64_t seed) {
    int64_t release = (int64_t)(0.18f * (float)s->rate_hz), n = room_for(line, at, length + release);
    float *to = line->samples + (n > 0 ? at : 0);
    Resonator r[3] = {0};
    for (int f = 0; f < 3; f++) {
        double formant = (double)(vowels[vowel][f] * g->size);
        if (f == 0 && formant < 1.15 * hz) formant = 1.15 * hz; /* as singers do on high notes */
        tune_resonator(s, &r[f], formant, 70 + 40 * f);
    }
    uint32_t state = noise_seed(seed), phase = 0, wobble = 0, wobble_step = step_of(s, g->vibrato_hz);
    float step = (float)step_of(s, hz), glide = (float)step_of(s, from_hz) - step;
    float settle = decay_of(s, 0.035), depth = 0, fall = decay_of(s, 0.05);
    float deepest = (float)(exact_exp2(g->vibrato_cents / 1200.0) - 1) * step;
    float deepen = deepest / (0.4f * (float)s->rate_hz), rise = 1 / (0.045f * (float)s->rate_hz);
    float level = 0, breath = g->breath + 0.5f, calm = decay_of(s, 0.02), last = 0;
    float gain = 1.3f * g->gain * velocity;
    for (int64_t i = 0; i < n; i++) {
        uint32_t before = phase;
        phase += (uint32_t)(int32_t)(step + glide + depth * sine_at(s, wobble));
        wobble += wobble_step;
        glide *= settle;
        if (depth < deepest) depth += deepen;
        breath = g->breath + (breath - g->breath) * calm; /* a consonant at the start */
        float t = (float)(before >> 8) * 0x1p-24f;
        float source = 3 * (1 - 2 * t) + breath * noise(&state);
        float bright = source - 0.8f * last;
        last = source;
        if (i >= length)
            level *= fall;
        else if (level < 1)
            level += rise;
        float y = ring(&r[0], bright) + 0.55f * ring(&r[1], bright) + 0.25f * ring(&r[2], bright);
        to[i] += gain * level * y;
    }
}

void synth_talk(const Synth *s, const Line *line, int64_t at, int64_t length, float level, uint64_t seed) {
    Rng r = rng_at(seed, 1);
    uint32_t state = noise_seed(seed), phase = 0;
    double voice_hz = rng_between(&r, 95, 210);
    Resonator one = {0}, two = {0};
    int64_t end = at + room_for(line, at, length);
    while (at < end) {
        int64_t n = (int64_t)(rng_between(&r, 0.09, 0.26) * s->rate_hz);
        bool voiced = rng_f64(&r) < 0.75;
        bool silent = rng_f64(&r) < 0.15;
        tune_resonator(s, &one, rng_between(&r, 280, 850), 90);
        tune_resonator(s, &two, rng_between(&r, 900, 2400), 140);
        uint32_t step = step_of(s, voice_hz * rng_between(&r, 0.85, 1.2));
        float strength = silent ? 0 : level * (float)rng_between(&r, 0.5, 1), inverse = 1 / (float)n;
        for (int64_t i = 0; i < n && at < end; i++, at++) {
            float t = (float)i * inverse, shape = 4 * t * (1 - t), white = noise(&state);
            uint32_t before = phase;
            phase += step;
            float pulse = voiced ? (phase < before ? 12.0f : 0) + 0.05f * white : 0.6f * white;
            line->samples[at] += strength * shape * 5 * (ring(&one, pulse) + 0.5f * ring(&two, pulse));
        }
    }
}
