/* Reverberation: four lowpassed feedback combs a channel, of incommensurate lengths (Schroeder 1962, Moorer
 * 1979). Then microphone, level, noise, and a soft
 * limit: the floor lies under everything at the level asked for. */
#include "simulator/room.h"

#include <math.h>
#include <stdlib.h>

#include "simulator/exact.h"

enum { COMBS = 4, MAX_DELAY = 2048 };
static const int32_t comb_delay[2][COMBS] = {{1116, 1277, 1422, 1617}, {1139, 1300, 1445, 1640}};

void room_draw(RoomPlan *plan, uint64_t seed) {
    Rng r = rng_at(seed, 0x726f6f6d);
    /* one draw a statement: compilers choose the order inside one */
    *plan = (RoomPlan){.hum_db = -200, .seed = seed};
    plan->wet = (float)rng_between(&r, 0.02, 0.14);
    plan->decay = (float)rng_between(&r, 0.55, 0.8);
    plan->noise_db = (float)rng_between(&r, -68, -50);
    if (rng_f64(&r) < 0.3) plan->hum_db = (float)rng_between(&r, -66, -54);
    plan->lowpass_hz = (float)rng_between(&r, 7000, 16000);
    plan->level_db = (float)rng_between(&r, -19, -14);
    plan->mono = rng_f64(&r) < 0.2;
}

static void reverberate(const RoomPlan *plan, float *x, int64_t n, const int32_t delay[COMBS],
                        float (*line)[MAX_DELAY]) {
    float damp[COMBS] = {0};
    int32_t at[COMBS] = {0};
    for (int64_t i = 0; i < n; i++) {
        float in = x[i], sum = 0;
        for (int c = 0; c < COMBS; c++) {
            float *cell = &line[c][at[c]], out = *cell;
            damp[c] += 0.6f * (out - damp[c]);
            *cell = in + plan->decay * damp[c] + 1e-20f;
            if (++at[c] == delay[c]) at[c] = 0;
            sum += out;
        }
        x[i] = in + plan->wet * sum;
    }
}

static void lowpass(const RoomPlan *plan, const Synth *s, float *x, int64_t n) {
    float c = plan->lowpass_hz * 6.2831853f / (float)s->rate_hz, smooth = c / (1 + c), low = 0;
    for (int64_t i = 0; i < n; i++) {
        low += smooth * (x[i] - low);
        x[i] = low;
    }
}

/* Mean square over the blocks of 50 ms that are within 20 dB of the loudest. */
static double music_power(const Synth *s, const Bus *bus) {
    int64_t block = s->rate_hz / 20, n_loud = 0;
    double loudest = 0, sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t at = 0; at + block <= bus->n_samples; at += block) {
            double power = 0;
            for (int64_t i = at; i < at + block; i++)
                power += 0.5 * ((double)bus->left[i] * bus->left[i] + (double)bus->right[i] * bus->right[i]);
            if (pass == 0 && power > loudest) loudest = power;
            if (pass == 0 || power < 0.01 * loudest) continue;
            sum += power;
            n_loud++;
        }
    return n_loud ? sum / (double)(n_loud * block) : 1;
}

/* Straight up to 0.5, then bent softly towards 0.95. */
static inline float bend(float x) {
    float size = x < 0 ? -x : x, over = size - 0.5f;
    if (over <= 0) return x;
    size = 0.5f + 0.45f * over / (over + 0.45f);
    return x < 0 ? -size : size;
}

Status room_apply(const RoomPlan *plan, const Synth *s, Bus *bus) {
    float(*line)[MAX_DELAY] = calloc(2 * COMBS, sizeof *line);
    if (!line) return fail(BS_NOMEM, "no memory for the room");
    int64_t n = bus->n_samples;
    if (plan->mono)
        for (int64_t i = 0; i < n; i++) bus->left[i] = bus->right[i] = 0.5f * (bus->left[i] + bus->right[i]);
    reverberate(plan, bus->left, n, comb_delay[0], line);
    reverberate(plan, bus->right, n, comb_delay[plan->mono ? 0 : 1], line + COMBS);
    free(line);
    lowpass(plan, s, bus->left, n);
    lowpass(plan, s, bus->right, n);
    float floor_level = (float)exact_gain(plan->noise_db), hum = (float)exact_gain(plan->hum_db);
    float gain = (float)(exact_gain(plan->level_db) / sqrt(music_power(s, bus)));
    uint32_t state = (uint32_t)rng_mix(plan->seed, 7) | 1, phase = 0,
             step = (uint32_t)(50.0 / s->rate_hz * 4294967296.0);
    for (int64_t i = 0; i < n; i++) {
        float noise[2];
        for (int c = 0; c < 2; c++) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            noise[c] = floor_level * 1.7f * (float)(int32_t)state * 0x1p-31f;
        }
        phase += step;
        float buzz = hum * (s->sine[phase >> 21] + 0.4f * s->sine[(phase * 3) >> 21]);
        bus->left[i] = bend(gain * bus->left[i] + noise[0] + buzz);
        bus->right[i] = bend(gain * bus->right[i] + noise[plan->mono ? 0 : 1] + buzz);
    }
    return BS_OK;
}
