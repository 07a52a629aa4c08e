#pragma once
/* Room: what lies between the players and the file: reverberation, a noise floor with hum, a dull or bright
 * microphone, sometimes mono. Works in place. */
#include "common/core/status.h"
#include "simulator/synth.h"

typedef struct RoomPlan {
    float wet, decay; /* of the reverberation */
    float noise_db;   /* floor, below full scale */
    float hum_db;     /* 50 Hz and its third partial */
    float lowpass_hz;
    float level_db; /* mean level of the music in the finished file */
    bool mono;
    uint64_t seed;
} RoomPlan;

void room_draw(RoomPlan *plan, uint64_t seed);
/* The result stays within +-0.95. */
Status room_apply(const RoomPlan *plan, const Synth *synth, Bus *bus);
