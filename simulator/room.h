#pragma once
/* Room: what lies between the players and the file: reverberation, microphone, compressor or automatic gain,
 * a noise floor with hum, sometimes an overdriven input, mono, or a lossy recorder. */
#include "common/core/status.h"
#include "simulator/strip.h"
#include "simulator/synth.h"

typedef struct RoomPlan {
    float wet, decay, size; /* of the reverberation; size scales its delays */
    float noise_db;         /* floor, below full scale: hiss and rumble together */
    float rumble;           /* share of it that is rumble, 0..1: traffic, fans, steps next door */
    float unrest_db;        /* how far the floor wanders up and down */
    float hum_db, hum_hz;   /* mains and its third partial */
    float lowcut_hz, lowpass_hz;
    float peak_hz, peak_db; /* what the microphone likes */
    float level_db;         /* mean level of the music in the finished file */
    float drive_db;         /* past full scale, cut off hard; 0 for none */
    Squeeze squeeze;        /* compressor or automatic gain; ratio 0 for none */
    bool mono, mp3;
    uint64_t seed;
} RoomPlan;

void room_draw(RoomPlan *plan, uint64_t seed);
/* In place, all but the lossy recorder. The result stays within +-0.99. */
Status room_apply(const RoomPlan *plan, const Synth *synth, Bus *bus);
/* The reverberation alone, over one side (0 left, 1 right), in place. */
Status room_reverberate(const RoomPlan *plan, float *samples, int64_t n, int side);
/* n frames of two channels through an MP3 encoder and back, in place, sample for sample in place too. */
Status room_mp3(float *samples, int64_t n, int32_t rate_hz);
