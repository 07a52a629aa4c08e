/* Reverberation: four lowpassed feedback combs a channel, of incommensurate lengths (Schroeder 1962, Moorer
 * 1979), behind two early reflections. The microphone: a lowcut, one bell, a lowpass. Every step lets the
 * direct sound through without delay, so the truth stays exact to the sample. */
#include "simulator/room.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "simulator/exact.h"
#include "simulator/strip.h"

enum { COMBS = 4, MAX_DELAY = 4096 };
static const int32_t comb_delay[2][COMBS] = {{1116, 1277, 1422, 1617}, {1139, 1300, 1445, 1640}};

static void draw_dynamics(RoomPlan *plan, Rng *r) {
    double kind = rng_f64(r);
    Squeeze *q = &plan->squeeze;
    if (kind < 0.3) { /* squeezed a little, or a lot */
        q->threshold_db = (float)rng_between(r, -6, 3);
        q->ratio = (float)rng_between(r, 2, 6);
        q->attack_s = (float)rng_between(r, 0.005, 0.03);
        q->release_s = (float)rng_between(r, 0.08, 0.3);
    } else if (kind < 0.5) { /* a telephone's recorder: pauses come up */
        q->lifts = true;
        q->threshold_db = (float)rng_between(r, -16, -8);
        q->ratio = (float)rng_between(r, 1.5, 3);
        q->attack_s = (float)rng_between(r, 0.004, 0.03);
        q->release_s = (float)rng_between(r, 0.8, 2.5);
    }
}

void room_draw(RoomPlan *plan, uint64_t seed) {
    Rng r = rng_at(seed, 0x726f6f6d);
    /* one draw a statement: compilers choose the order inside one */
    *plan = (RoomPlan){.hum_db = -200, .hum_hz = 50, .seed = seed};
    plan->wet = (float)rng_between(&r, 0.01, 0.13);
    plan->decay = (float)rng_between(&r, 0.5, 0.82);
    plan->size = (float)rng_between(&r, 0.6, 1.8);
    plan->noise_db = (float)rng_between(&r, -72, -50);
    if (rng_f64(&r) < 0.3) plan->hum_db = (float)rng_between(&r, -66, -52);
    if (rng_f64(&r) < 0.3) plan->hum_hz = 60;
    plan->lowcut_hz = (float)rng_between(&r, 15, 110);
    plan->lowpass_hz = (float)rng_between(&r, 6000, 17000);
    plan->peak_hz = (float)exact_exp2(rng_between(&r, 7.6, 12.3)); /* 200 Hz to 5 kHz */
    plan->peak_db = (float)rng_between(&r, -6, 6);
    plan->level_db = (float)rng_between(&r, -22, -14);
    if (rng_f64(&r) < 0.08) plan->drive_db = (float)rng_between(&r, 3, 8);
    draw_dynamics(plan, &r);
    plan->mono = rng_f64(&r) < 0.25;
    plan->mp3 = rng_f64(&r) < 0.1;
    plan->rumble = (float)rng_between(&r, 0, 0.9);
    plan->unrest_db = (float)rng_between(&r, 0, 5);
}

/* ---- reverberation */
static void reverberate(const RoomPlan *plan, float *x, int64_t n, const int32_t lengths[COMBS],
                        float (*line)[MAX_DELAY]) {
    float damp[COMBS] = {0}, early[MAX_DELAY] = {0};
    int32_t at[COMBS] = {0}, delay[COMBS], here = 0;
    int32_t first = MAX_DELAY - (int32_t)(plan->size * (float)lengths[0] * 0.31f);
    int32_t second = MAX_DELAY - (int32_t)(plan->size * (float)lengths[2] * 0.53f);
    for (int c = 0; c < COMBS; c++) delay[c] = (int32_t)(plan->size * (float)lengths[c]);
    for (int64_t i = 0; i < n; i++) {
        float in = x[i], sum = 0;
        early[here] = in;
        float near = early[(here + first) % MAX_DELAY] + 0.7f * early[(here + second) % MAX_DELAY];
        here = (here + 1) % MAX_DELAY;
        for (int c = 0; c < COMBS; c++) {
            float *cell = &line[c][at[c]], out = *cell;
            damp[c] += 0.6f * (out - damp[c]);
            *cell = in + plan->decay * damp[c] + 1e-20f;
            if (++at[c] == delay[c]) at[c] = 0;
            sum += out;
        }
        x[i] = in + plan->wet * (sum + 1.6f * near);
    }
}

/* ---- microphone */
static void microphone(const RoomPlan *plan, const Synth *s, float *x, int64_t n) {
    float c = plan->lowpass_hz * 6.2831853f / (float)s->rate_hz, smooth = c / (1 + c), low = 0;
    Biquad cut = biquad_lowcut(s->rate_hz, plan->lowcut_hz);
    Biquad peak = biquad_bell(s->rate_hz, plan->peak_hz, plan->peak_db);
    for (int64_t i = 0; i < n; i++) {
        low += smooth * (biquad_next(&peak, biquad_next(&cut, x[i] + 1e-20f)) - low);
        x[i] = low;
    }
}

/* ---- recorder */
/* Straight up to 0.5, then bent softly towards 0.95. */
static inline float bend(float x) {
    float size = x < 0 ? -x : x, over = size - 0.5f;
    if (over <= 0) return x;
    size = 0.5f + 0.45f * over / (over + 0.45f);
    return x < 0 ? -size : size;
}
static inline float cut_off(float x) { return x > 0.99f ? 0.99f : x < -0.99f ? -0.99f : x; }

/* What a quiet room sounds like: hiss, and a rumble below 120 Hz, whose levels wander from second to second.
 */
typedef struct Noise {
    float hiss, rumble, gain, step; /* gain: the wander, on its way to the next second's */
    float low[2], lower[2];
    float unrest_db;
    int64_t second; /* samples until the wander turns */
    uint32_t state;
    Rng r;
} Noise;

static Noise noise_of(const RoomPlan *plan) {
    float level = 1.7f * (float)exact_gain((double)plan->noise_db);
    return (Noise){.hiss = level * sqrtf(1 - plan->rumble),
                   .rumble = 30 * level * sqrtf(plan->rumble), /* 6 dB more than hiss, where ears are dull */
                   .gain = 1,
                   .unrest_db = plan->unrest_db,
                   .state = (uint32_t)rng_mix(plan->seed, 7) | 1,
                   .r = rng_at(plan->seed, 0x756e72657374)};
}

static void noise_next(Noise *n, int32_t rate_hz, float out[2]) {
    if (n->second-- == 0) {
        float next = (float)exact_gain((double)n->unrest_db * exact_normal(&n->r) / 2);
        n->step = (next - n->gain) / (float)rate_hz;
        n->second = rate_hz;
    }
    n->gain += n->step;
    for (int c = 0; c < 2; c++) {
        n->state ^= n->state << 13;
        n->state ^= n->state >> 17;
        n->state ^= n->state << 5;
        float white = (float)(int32_t)n->state * 0x1p-31f;
        n->low[c] += 0.017f * (white - n->low[c]);
        n->lower[c] += 0.017f * (n->low[c] - n->lower[c]);
        out[c] = n->gain * (n->hiss * white + n->rumble * n->lower[c]);
    }
}

static void record(const RoomPlan *plan, const Synth *s, Bus *bus) {
    float hum = (float)exact_gain((double)plan->hum_db);
    float gain = (float)(exact_gain((double)plan->level_db) / sqrt(music_power(bus, s->rate_hz)));
    float drive = (float)exact_gain((double)plan->drive_db);
    uint32_t phase = 0, step = (uint32_t)((double)plan->hum_hz / s->rate_hz * 4294967296.0);
    Noise floor_noise = noise_of(plan);
    for (int64_t i = 0; i < bus->n_samples; i++) {
        float noise[2];
        noise_next(&floor_noise, s->rate_hz, noise);
        phase += step;
        float buzz = hum * (s->sine[phase >> 21] + 0.4f * s->sine[(phase * 3) >> 21]);
        float left = gain * bus->left[i] + noise[0] + buzz;
        float right = gain * bus->right[i] + noise[plan->mono ? 0 : 1] + buzz;
        bus->left[i] = drive > 1 ? cut_off(drive * left) : bend(left);
        bus->right[i] = drive > 1 ? cut_off(drive * right) : bend(right);
    }
}

Status room_reverberate(const RoomPlan *plan, float *samples, int64_t n, int side) {
    float(*line)[MAX_DELAY] = calloc(COMBS, sizeof *line);
    if (!line) return fail(BS_NOMEM, "no memory for the room");
    reverberate(plan, samples, n, comb_delay[side], line);
    free(line);
    return BS_OK;
}

Status room_apply(const RoomPlan *plan, const Synth *s, Bus *bus) {
    Status st = BS_OK;
    int64_t n = bus->n_samples;
    if (plan->mono)
        for (int64_t i = 0; i < n; i++) bus->left[i] = 0.5f * (bus->left[i] + bus->right[i]);
    TRY(room_reverberate(plan, bus->left, n, 0));
    microphone(plan, s, bus->left, n);
    if (plan->mono) {
        memcpy(bus->right, bus->left, (size_t)n * sizeof *bus->right);
    } else {
        TRY(room_reverberate(plan, bus->right, n, 1));
        microphone(plan, s, bus->right, n);
    }
    if (plan->squeeze.ratio > 0) squeeze(&plan->squeeze, bus, s->rate_hz);
    record(plan, s, bus);
out:
    return st;
}

Status room_mp3(float *samples, int64_t n, int32_t rate_hz) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    const char *temporary = getenv("TMPDIR");
    char folder[512], path[600] = "";
    int64_t n_read = 0;
    snprintf(folder, sizeof folder, "%s/bandsaw-mp3-XXXXXX", temporary && temporary[0] ? temporary : "/tmp");
    if (!mkdtemp(folder)) return fail(BS_IO, "%s: cannot make a folder for the MP3", folder);
    snprintf(path, sizeof path, "%s/a.mp3", folder);
    TRY(audio_save(path, samples, n, 2, rate_hz, 16));
    const char *paths[] = {path};
    TRY(audio_open(&reader, paths, 1));
    if (audio_info(reader).n_samples != n || audio_info(reader).n_channels != 2) {
        st = fail(BS_CORRUPT, "the MP3 library gives %lld of %lld samples back",
                  (long long)audio_info(reader).n_samples, (long long)n);
        goto out;
    }
    TRY(audio_read_at(reader, 0, n, samples, &n_read));
    for (int64_t i = 0; i < 2 * n; i++)
        samples[i] = samples[i] > 0.999f ? 0.999f : samples[i] < -0.999f ? -0.999f : samples[i];
out:
    audio_close(reader);
    unlink(path);
    rmdir(folder);
    return st;
}
