/* Gain follows the level block by block in decibels; between blocks it runs in a straight line. */
#include "simulator/strip.h"

#include "simulator/exact.h"

enum { BLOCK = 64 };

Biquad biquad_lowcut(int32_t rate_hz, float hz) {
    double w = (double)hz / rate_hz, c = exact_cos(w), alpha = exact_sin(w) * 0.70710678118654752,
           a0 = 1 + alpha;
    return (Biquad){.b0 = (float)((1 + c) / 2 / a0),
                    .b1 = (float)(-(1 + c) / a0),
                    .b2 = (float)((1 + c) / 2 / a0),
                    .a1 = (float)(-2 * c / a0),
                    .a2 = (float)((1 - alpha) / a0)};
}

Biquad biquad_bell(int32_t rate_hz, float hz, float db) {
    double w = (double)hz / rate_hz, c = exact_cos(w), alpha = exact_sin(w) / 1.6;
    double gain = exact_gain(0.5 * (double)db), a0 = 1 + alpha / gain;
    return (Biquad){.b0 = (float)((1 + alpha * gain) / a0),
                    .b1 = (float)(-2 * c / a0),
                    .b2 = (float)((1 - alpha * gain) / a0),
                    .a1 = (float)(-2 * c / a0),
                    .a2 = (float)((1 - alpha / gain) / a0)};
}

static double block_power(const Bus *bus, int64_t from, int64_t to) {
    float power = 0;
    for (int64_t i = from; i < to; i++)
        power += 0.5f * (bus->left[i] * bus->left[i] + bus->right[i] * bus->right[i]);
    return (double)power;
}

double music_power(const Bus *bus, int32_t rate_hz) {
    int64_t block = rate_hz / 20, n_blocks = bus->n_samples / block, n_loud = 0;
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

void squeeze(const Squeeze *how, Bus *bus, int32_t rate_hz) {
    double mean_db = 3.0102999566398120 * exact_log2(music_power(bus, rate_hz)), level_db = mean_db,
           block_s = (double)BLOCK / rate_hz;
    double rise = 1 - exact_exp2(-1.4427 * block_s / (double)how->attack_s);
    double fall = 1 - exact_exp2(-1.4427 * block_s / (double)how->release_s);
    double threshold = mean_db + (double)how->threshold_db, slope = 1 - 1 / (double)how->ratio;
    float before = 1;
    for (int64_t at = 0; at < bus->n_samples; at += BLOCK) {
        int64_t end = at + BLOCK < bus->n_samples ? at + BLOCK : bus->n_samples;
        double now = 3.0102999566398120 * exact_log2(block_power(bus, at, end) / BLOCK + 1e-12);
        level_db += (now > level_db ? rise : fall) * (now - level_db);
        double over = level_db - threshold;
        if (over < 0 && !how->lifts) over = 0;
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
