/* Reverberation: four lowpassed feedback combs a channel, of incommensurate lengths (Schroeder 1962, Moorer
 * 1979), behind two early reflections. The microphone: a lowcut, one bell, a lowpass (Bristow-Johnson's
 * biquads). Gain follows the level block by block in decibels. Every step lets the direct sound through
 * without delay, so the truth stays exact to the sample. */
#include "simulator/room.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "simulator/exact.h"

enum { COMBS = 4, MAX_DELAY = 4096, BLOCK = 64 };
static const int32_t comb_delay[2][COMBS] = {{1116, 1277, 1422, 1617}, {1139, 1300, 1445, 1640}};

static void draw_dynamics(RoomPlan *plan, Rng *r) {
    double kind = rng_f64(r);
    if (kind < 0.3) { /* squeezed a little, or a lot */
        plan->dynamics = DYNAMICS_COMPRESSOR;
        plan->threshold_db = (float)rng_between(r, -6, 3);
        plan->ratio = (float)rng_between(r, 2, 6);
        plan->attack_s = (float)rng_between(r, 0.005, 0.03);
        plan->release_s = (float)rng_between(r, 0.08, 0.3);
    } else if (kind < 0.5) { /* a telephone's recorder: pauses come up */
        plan->dynamics = DYNAMICS_AUTOMATIC;
        plan->threshold_db = (float)rng_between(r, -16, -8);
        plan->ratio = (float)rng_between(r, 1.5, 3);
        plan->attack_s = (float)rng_between(r, 0.004, 0.03);
        plan->release_s = (float)rng_between(r, 0.8, 2.5);
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
typedef struct Biquad {
    float b0, b1, b2, a1, a2;
} Biquad;

static Biquad lowcut(const Synth *s, float hz) { /* Butterworth highpass */
    double w = (double)hz / s->rate_hz, c = exact_cos(w), alpha = exact_sin(w) * 0.70710678118654752,
           a0 = 1 + alpha;
    return (Biquad){(float)((1 + c) / 2 / a0), (float)(-(1 + c) / a0), (float)((1 + c) / 2 / a0),
                    (float)(-2 * c / a0), (float)((1 - alpha) / a0)};
}
static Biquad bell(const Synth *s, float hz, float db) {
    double w = (double)hz / s->rate_hz, c = exact_cos(w), alpha = exact_sin(w) / 1.6;
    double gain = exact_gain(0.5 * (double)db), a0 = 1 + alpha / gain;
    return (Biquad){(float)((1 + alpha * gain) / a0), (float)(-2 * c / a0), (float)((1 - alpha * gain) / a0),
                    (float)(-2 * c / a0), (float)((1 - alpha / gain) / a0)};
}

static void microphone(const RoomPlan *plan, const Synth *s, float *x, int64_t n) {
    float c = plan->lowpass_hz * 6.2831853f / (float)s->rate_hz, smooth = c / (1 + c), low = 0;
    Biquad cut = lowcut(s, plan->lowcut_hz), peak = bell(s, plan->peak_hz, plan->peak_db);
    float u1 = 0, u2 = 0, v1 = 0, v2 = 0;
    for (int64_t i = 0; i < n; i++) {
        float in = x[i] + 1e-20f, y = cut.b0 * in + u1; /* transposed direct form II */
        u1 = cut.b1 * in - cut.a1 * y + u2;
        u2 = cut.b2 * in - cut.a2 * y;
        float z = peak.b0 * y + v1;
        v1 = peak.b1 * y - peak.a1 * z + v2;
        v2 = peak.b2 * y - peak.a2 * z;
        low += smooth * (z - low);
        x[i] = low;
    }
}

/* ---- level */
static double block_power(const Bus *bus, int64_t from, int64_t to) {
    float power = 0;
    for (int64_t i = from; i < to; i++)
        power += 0.5f * (bus->left[i] * bus->left[i] + bus->right[i] * bus->right[i]);
    return (double)power;
}

/* Mean square over the blocks of 50 ms that are not 10 dB below the mean of all: pauses do not count, and a
 * few loud blocks do not say what the music is. */
static double music_power(const Synth *s, const Bus *bus) {
    int64_t block = s->rate_hz / 20, n_blocks = bus->n_samples / block, n_loud = 0;
    double all = 0, sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < n_blocks; k++) {
            double power = block_power(bus, k * block, (k + 1) * block);
            if (pass == 0) all += power;
            if (pass == 0 || power * (double)n_blocks < 0.1 * all) continue;
            sum += power;
            n_loud++;
        }
    return n_loud && sum > 0 ? sum / (double)(n_loud * block) : 1;
}

static void squeeze(const RoomPlan *plan, const Synth *s, Bus *bus) {
    if (plan->dynamics == DYNAMICS_NONE) return;
    double mean_db = 3.0102999566398120 * exact_log2(music_power(s, bus)), level_db = mean_db,
           block_s = (double)BLOCK / s->rate_hz;
    double rise = 1 - exact_exp2(-1.4427 * block_s / (double)plan->attack_s);
    double fall = 1 - exact_exp2(-1.4427 * block_s / (double)plan->release_s);
    double threshold = mean_db + (double)plan->threshold_db, slope = 1 - 1 / (double)plan->ratio;
    float before = 1;
    for (int64_t at = 0; at < bus->n_samples; at += BLOCK) {
        int64_t end = at + BLOCK < bus->n_samples ? at + BLOCK : bus->n_samples;
        double now = 3.0102999566398120 * exact_log2(block_power(bus, at, end) / BLOCK + 1e-12);
        level_db += (now > level_db ? rise : fall) * (now - level_db);
        double over = level_db - threshold;
        if (over < 0 && plan->dynamics == DYNAMICS_COMPRESSOR) over = 0;
        if (over < -12) over = -12; /* as far as automatic gain goes up */
        float gain = (float)exact_gain(-slope * over), step = (gain - before) / BLOCK;
        for (int64_t i = at; i < end; i++) {
            before += step;
            bus->left[i] *= before;
            bus->right[i] *= before;
        }
        before = gain;
    }
}

/* Straight up to 0.5, then bent softly towards 0.95. */
static inline float bend(float x) {
    float size = x < 0 ? -x : x, over = size - 0.5f;
    if (over <= 0) return x;
    size = 0.5f + 0.45f * over / (over + 0.45f);
    return x < 0 ? -size : size;
}
static inline float cut_off(float x) { return x > 0.99f ? 0.99f : x < -0.99f ? -0.99f : x; }

static void record(const RoomPlan *plan, const Synth *s, Bus *bus) {
    float floor_level = 1.7f * (float)exact_gain((double)plan->noise_db),
          hum = (float)exact_gain((double)plan->hum_db);
    float gain = (float)(exact_gain((double)plan->level_db) / sqrt(music_power(s, bus)));
    float drive = (float)exact_gain((double)plan->drive_db);
    uint32_t state = (uint32_t)rng_mix(plan->seed, 7) | 1, phase = 0;
    uint32_t step = (uint32_t)((double)plan->hum_hz / s->rate_hz * 4294967296.0);
    for (int64_t i = 0; i < bus->n_samples; i++) {
        float noise[2];
        for (int c = 0; c < 2; c++) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            noise[c] = floor_level * (float)(int32_t)state * 0x1p-31f;
        }
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
    squeeze(plan, s, bus);
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
