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
    float peak; /* of the finished file, 0..1 */
    bool mono;
    uint64_t seed;
} RoomPlan;

void room_draw(RoomPlan *plan, uint64_t seed);
Status room_apply(const RoomPlan *plan, const Synth *synth, Bus *bus);
