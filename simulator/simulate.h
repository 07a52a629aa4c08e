#pragma once
/* Simulate: n sessions into a folder, on several threads; the bytes do not depend on how many. */
#include "common/core/status.h"
#include <stdint.h>

typedef struct SimulateOptions {
    const char *folder;          /* made when missing */
    int32_t n_songs, first_song; /* song0001 ... when first_song is 1 */
    uint64_t seed;
    double length_s;
    const struct Pieces *pieces; /* finished recordings to make sessions of; NULL: tunes are composed */
    int32_t n_jobs;
    bool edits, tracks, force; /* NAME_edit.wav; NAME_tracks/PART.wav; overwrite what is there */
    bool master;               /* NAME_edit.wav as somebody would hand it out, not as it was cut */
} SimulateOptions;

/* Writes NAME_raw.wav, NAME_edit.wav, NAME_tracks/ and NAME.truth.json for each song, truth last. progress
 * (may be NULL) is called from one thread at a time. BS_EXISTS naming the file unless force;
 * BS_INVALID for tracks of finished recordings, which have none. */
typedef void (*SimulateProgress)(void *context, int32_t n_done, const char *name);
Status simulate(const SimulateOptions *options, SimulateProgress progress, void *context);
