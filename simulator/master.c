#include "simulator/master.h"

#include <math.h>

#include "simulator/exact.h"

static const float air_hz = 9000, straight = 0.7f, ceiling = 0.89f;

void master_draw(Master *m, uint64_t seed) {
    Rng r = rng_at(seed, 0x6d6173746572);
    *m = (Master){0};
    m->lowcut_hz = (float)rng_between(&r, 18, 40);
    m->body_hz = (float)exact_exp2(rng_between(&r, 7.6, 11.6)); /* 200 Hz to 3 kHz */
    m->body_db = (float)rng_between(&r, -2, 2);
    m->air_db = (float)rng_between(&r, -1, 2.5);
    m->glue.threshold_db = (float)rng_between(&r, -3, 4);
    m->glue.ratio = (float)rng_between(&r, 1.3, 2.5);
    m->glue.attack_s = (float)rng_between(&r, 0.01, 0.03);
    m->glue.release_s = (float)rng_between(&r, 0.1, 0.4);
    m->level_db = (float)rng_between(&r, -18, -13);
}

/* Straight up to a level, then bent softly towards the ceiling. */
static float bend(float x) {
    float size = fabsf(x), over = size - straight, room = ceiling - straight;
    if (over <= 0) return x;
    size = straight + room * over / (over + room);
    return x < 0 ? -size : size;
}

void master_apply(const Master *m, Bus *bus, int32_t rate_hz) {
    float *side[2] = {bus->left, bus->right};
    for (int c = 0; c < 2; c++) {
        Biquad cut = biquad_lowcut(rate_hz, m->lowcut_hz);
        Biquad body = biquad_bell(rate_hz, m->body_hz, m->body_db);
        Biquad air = biquad_bell(rate_hz, air_hz, m->air_db);
        for (int64_t i = 0; i < bus->n_samples; i++)
            side[c][i] = biquad_next(&air, biquad_next(&body, biquad_next(&cut, side[c][i] + 1e-20f)));
    }
    squeeze(&m->glue, bus, rate_hz);
    float gain = (float)(exact_gain((double)m->level_db) / sqrt(music_power(bus, rate_hz)));
    for (int c = 0; c < 2; c++)
        for (int64_t i = 0; i < bus->n_samples; i++) side[c][i] = bend(gain * side[c][i]);
}
