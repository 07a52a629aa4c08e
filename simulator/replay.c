/* Time is stretched by repeating or leaving out short pieces of sound where they fit best (WSOLA: Verhelst &
 * Roelands 1993), anew from every beat: a *grain* is read from each of a row of places and the grains are
 * crossfaded into each other. The grain at a beat is read from the beat of the recording itself, so attacks
 * stay on the sample; the others move by up to 6 ms for the best fit. Reading a grain slower or faster moves
 * its pitch. Late and sloppy beats are read from beside their place. */
#include "simulator/replay.h"

#include "simulator/exact.h"
#include "simulator/piece.h"
#include "simulator/players.h"
#include "simulator/room.h"

enum { GRAIN = 1024, REACH = 256, STEP = 8, SPARSE = 4 };

typedef struct Grain {
    double at, speed; /* place in the excerpt that sounds at `out`; samples read per sample written */
    int64_t out;
} Grain;

typedef struct Replay {
    const Excerpt *e;
    const float *side;
    const Line *line;
} Replay;

static float sample_at(const Excerpt *e, const float *side, double at) {
    int64_t i = (int64_t)at;
    if (at < 0 || i + 1 >= e->n) return 0;
    float f = (float)(at - (double)i);
    return side[i] + f * (side[i + 1] - side[i]);
}

static float both_at(const Excerpt *e, double at) {
    return sample_at(e, e->side[0], at) + sample_at(e, e->side[1], at);
}

/* How alike the sound going on from `here` and that before `next` are, over the n samples that cross. */
static double likeness(const Excerpt *e, double here, double speed, double next, int64_t n) {
    double dot = 0, power = 1e-9;
    for (int64_t i = 0; i < n; i += SPARSE) {
        double a = (double)both_at(e, here + speed * (double)i),
               b = (double)both_at(e, next + speed * (double)(i - n));
        dot += a * b;
        power += b * b;
    }
    return dot > 0 ? dot * dot / power : 0;
}

static void fit(const Excerpt *e, const Grain *before, Grain *g) {
    double best = -1, wanted = g->at;
    for (int32_t off = -REACH; off <= REACH; off += STEP) {
        double like = likeness(e, before->at, before->speed, wanted + off, g->out - before->out);
        if (like > best) {
            best = like;
            g->at = wanted + off;
        }
    }
}

static void cross(const Replay *r, const Grain *a, const Grain *b) {
    int64_t n = b->out - a->out;
    for (int64_t i = 0; i < n && a->out + i < r->line->n_samples; i++) {
        float w = (float)i / (float)n;
        r->line->samples[a->out + i] = (1 - w) * sample_at(r->e, r->side, a->at + a->speed * (double)i) +
                                       w * sample_at(r->e, r->side, b->at + b->speed * (double)(i - n));
    }
}

/* From one beat to the next. */
static void play_beat(const Replay *r, Grain first, Grain last) {
    int64_t n = last.out - first.out, n_grains = (n + GRAIN - 1) / GRAIN;
    Grain before = first;
    for (int64_t k = 1; k <= n_grains; k++) {
        double share = (double)k / (double)n_grains;
        Grain g = last;
        if (k < n_grains) {
            g = (Grain){.at = first.at + share * (last.at - first.at), .speed = first.speed};
            g.out = first.out + n * k / n_grains;
            fit(r->e, &before, &g);
        }
        cross(r, &before, &g);
        before = g;
    }
}

/* Where the recording is read for beat b of the take, and how fast. */
static Grain grain_at(const Tune *t, const TakePlan *plan, const TakeTimes *times, Rng *r, int32_t b) {
    const Excerpt *e = t->excerpt;
    int32_t of_tune = plan->first_slot * t->meter + b, slot = plan->first_slot + b / t->meter;
    double place = t->piece->beats[t->first_bar * t->meter + of_tune] - e->beat_offset;
    double cents = (double)plan->cents, shift = 0;
    /* one draw a statement: each beat draws the same numbers, whatever its flaws */
    double wrong = rng_f64(r), up = rng_f64(r), late = rng_f64(r), by = rng_f64(r), sloppy = exact_normal(r);
    float severity = b < times->n_beats ? flaw_at(plan, slot, FLAW_WRONG_NOTES) : 0;
    if (severity > 0 && wrong < 0.35 + 0.6 * (double)severity) cents += up < 0.5 ? 100 : -100;
    severity = b < times->n_beats ? flaw_at(plan, slot, FLAW_LATE_HITS) : 0;
    if (severity > 0 && late < 0.3 + 0.5 * (double)severity)
        shift = 0.03 + by * (0.02 + 0.09 * (double)severity);
    severity = b < times->n_beats ? flaw_at(plan, slot, FLAW_SLOPPY_TIMING) : 0;
    shift += 0.04 * (double)severity * sloppy;
    return (Grain){
        .at = place - shift * PIECE_RATE, .speed = exact_exp2(cents / 1200), .out = (int64_t)times->at[b]};
}

/* The last beat ends: what rings of the piece's own end, or the band stops dead. */
static void play_end(const Replay *r, Grain last, int64_t n, bool rings) {
    int64_t stop = rings ? n : PIECE_RATE * 8 / 100;
    for (int64_t i = 0; i < n && i < stop && last.out + i < r->line->n_samples; i++)
        r->line->samples[last.out + i] =
            (1 - (float)i / (float)stop) * sample_at(r->e, r->side, last.at + last.speed * (double)i);
}

Status replay_take(const Tune *t, const TakePlan *plan, const TakeTimes *times, const Line *line, int side) {
    Replay r = {.e = t->excerpt, .side = t->excerpt->side[side], .line = line};
    Rng draws = rng_at(plan->seed, 0x7265706c6179), where = rng_at(plan->seed, 0x73706f74);
    bool rings = r.e->ends_piece && plan->end_slot == t->n_slots && plan->last_beats == t->meter;
    Grain here = grain_at(t, plan, times, &draws, 0);
    for (int32_t b = 0; b < times->n_beats; b++) {
        Grain next = grain_at(t, plan, times, &draws, b + 1);
        play_beat(&r, here, next);
        here = next;
    }
    play_end(&r, here, times->tail_samples, rings);
    for (int32_t i = 0; i < PIECE_RATE / 200 && i < line->n_samples; i++) /* out of silence */
        line->samples[i] *= (float)i / (PIECE_RATE / 200);
    RoomPlan room = {0}; /* the microphone stands elsewhere for every take */
    room.wet = (float)rng_between(&where, 0.02, 0.15);
    room.decay = (float)rng_between(&where, 0.6, 0.82);
    room.size = (float)rng_between(&where, 0.6, 1.8);
    return room_reverberate(&room, line->samples, line->n_samples, side);
}
