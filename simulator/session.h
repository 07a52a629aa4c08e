#pragma once
/* Session: a whole rehearsal of one to three tunes with its truth. A function of (seed, length) alone. */
#include "simulator/plan.h"
#include "simulator/truth.h"

enum { SESSION_RATE = PLAN_RATE };

typedef struct Session {
    Truth *truth;   /* owned */
    float *samples; /* n_samples x 2, on the 16-bit grid: k / 32768 */
    int64_t n_samples;
    float *tracks[PARTS]; /* each n_samples, mono, on the same grid; NULL when they were not asked for, or
                             nobody plays the part */
} Session;

/* name: of the files. length_s: 20 to 1800. *out is initialised here; session_drop it. */
Status session_make(Session *out, const char *name, uint64_t seed, double length_s);
/* The same with a synchronous track for each part, as from a microphone close to it. */
Status session_make_tracks(Session *out, const char *name, uint64_t seed, double length_s);
/* A rehearsal of a finished recording: its sections again and again, stretched, spoilt, broken off. */
Status session_make_from(Session *out, const char *name, uint64_t seed, double length_s,
                         const struct Piece *piece);
/* The truth alone, without making the sound: the same as session_make's, a thousand times faster. */
Status session_truth(Truth **out, const char *name, uint64_t seed, double length_s);
void session_drop(Session *session);
