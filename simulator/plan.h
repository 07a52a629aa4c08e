#pragma once
/* Plan: everything that happens in a rehearsal, before a sample is made. The truth and the sound are both
 * made from it, so truth is what was planned. A function of (seed, length) alone. */
#include "simulator/perform.h"
#include "simulator/room.h"

enum { PLAN_MAX_TUNES = 3, PLAN_MAX_TAKES = 60, PLAN_MAX_PAUSES = 512, PLAN_RATE = 44100 };

/* What a session is about; each asks for other moves of whoever edits it. */
typedef enum Rehearsal {
    REHEARSE_RUNS,  /* the form again and again, with restarts */
    REHEARSE_PARTS, /* sections in any order */
    REHEARSE_FLY,   /* a section fails in every run; it was played alone */
    REHEARSE_IDEA   /* a short idea that is to become a longer piece */
} Rehearsal;

typedef struct PlanTake {
    TakePlan play;
    TakeTimes times;
    int64_t at;            /* first sample */
    int32_t copy_of, from; /* >= 0: a paste of that take from its beat `from` on */
} PlanTake;

typedef struct PlanPause { /* one thing that happens between takes */
    int64_t at, n_samples;
    uint8_t what;   /* TruthWhat */
    int32_t before; /* the take that follows, n_takes after the last */
    uint64_t seed;
} PlanPause;

typedef struct Plan {
    uint64_t seed;
    Rehearsal rehearsal;
    int32_t n_tunes, n_takes, n_pauses, tune; /* tune: of the Job */
    Tune tunes[PLAN_MAX_TUNES];
    PlanTake takes[PLAN_MAX_TAKES];
    PlanPause pauses[PLAN_MAX_PAUSES]; /* in order of time */
    RoomPlan room;
    int64_t n_samples, lo_samples, hi_samples;
} Plan;

/* length_s: 20 to 1800. Owned; free() it. */
Status plan_draw(Plan **out, uint64_t seed, double length_s);
/* The same of one tune that is a run of sections of a finished recording. Borrows the piece. */
Status plan_draw_from(Plan **out, uint64_t seed, double length_s, const struct Piece *piece);

/* The sample where beat b of take k begins; b = n_beats: where its last beat ends. */
int64_t plan_beat_at(const Plan *plan, int32_t k, int32_t b);
static inline int64_t plan_take_samples(const Plan *plan, int32_t k) { /* with its tail */
    const TakeTimes *t = &plan->takes[k].times;
    return (int64_t)t->at[t->n_beats] + t->tail_samples;
}
