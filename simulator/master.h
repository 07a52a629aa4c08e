#pragma once
/* Master: what is done to a finished edit before anybody hears it: a little tone, a slow bus compressor, and
 * level, with peaks bent below full scale. Without delay, so what is where stays exact to the sample. */
#include "simulator/strip.h"

typedef struct Master {
    float lowcut_hz;
    float body_hz, body_db, air_db; /* bells: one anywhere, one at 9 kHz */
    Squeeze glue;
    float level_db; /* mean level of the music afterwards */
} Master;

void master_draw(Master *master, uint64_t seed);
/* In place. The result stays within +-0.89 (-1 dB). */
void master_apply(const Master *master, Bus *bus, int32_t rate_hz);
