#include "featurizer/dsp/edges.h"

#include <string.h>

static float usual_level(const TakeBeats *take, Arena *scratch) {
    float *levels = arena_alloc(scratch, sizeof(float) * (size_t)take->track.n);
    for (int32_t k = 0; levels && k < take->track.n; k++) levels[k] = take->measures[k].level_db;
    return levels ? median_of(levels, take->track.n) : 0;
}

/* Nothing is struck on the beat, and it is softer than most. Of beats alone in a last bar 45 were too many
 * and 42 right, and of last bars that lack a beat 37 broke off too early and 41 did not (160 sessions of seed
 * 616161); the bounds in edges_round part them, five errors to 67. */
static bool only_rings(const TakeBeats *take, int32_t beat, float usual_db, float softer_db) {
    const float struck = 0.1F;
    return take->track.strength[beat] < struck && take->measures[beat].level_db < usual_db - softer_db;
}

/* Median over the frames of a stretch: clicks of a count-in are silence. */
static float level_between(const Frames *f, double from_s, double to_s, Arena *scratch) {
    int32_t a = (int32_t)(from_s * FRAMES_PER_S), b = (int32_t)(to_s * FRAMES_PER_S);
    if (a < 0) a = 0;
    if (b > f->n) b = f->n;
    float *levels = b > a ? arena_alloc(scratch, sizeof(float) * (size_t)(b - a)) : NULL;
    if (!levels) return -100;
    memcpy(levels, f->level_db + a, sizeof(float) * (size_t)(b - a));
    return median_of(levels, b - a);
}

/* A beat more from time_s on, at the front (k = 0) or at the end (k = track.n). */
static Status add_beat(const Frames *f, TakeBeats *take, TakeBars *bars, int32_t k, double time_s,
                       Arena *mem) {
    BeatTrack *track = &take->track;
    const size_t n = (size_t)track->n, shift = k == 0;
    double *times = arena_alloc(mem, sizeof *times * (n + 2));
    float *strength = arena_alloc(mem, sizeof *strength * (n + 1)),
          *evidence = arena_alloc(mem, sizeof *evidence * (n + 1));
    Measure *measures = arena_alloc(mem, sizeof *measures * (n + 1));
    uint8_t *phase = arena_alloc(mem, n + 1);
    if (!times || !strength || !evidence || !measures || !phase)
        return fail(BS_NOMEM, "beats: out of memory");
    memcpy(times + shift, track->time_s, sizeof *times * (n + 1));
    memcpy(strength + shift, track->strength, sizeof *strength * n);
    memcpy(evidence + shift, take->evidence, sizeof *evidence * n);
    memcpy(measures + shift, take->measures, sizeof *measures * n);
    memcpy(phase + shift, take->phase, n);
    times[shift ? 0 : n + 1] = time_s;
    phase[k] = (uint8_t)(shift ? 0 : phase[n - 1] + 1);
    measure_span(f, times[k], times[k + 1], &measures[k]);
    *track = (BeatTrack){track->n + 1, times, strength, track->tempo_bpm, track->confidence};
    take->evidence = evidence;
    take->measures = measures;
    take->phase = phase;
    bars->bars[shift ? 0 : bars->n - 1].n_beats++;
    for (int32_t i = 1; shift && i < bars->n; i++) bars->bars[i].first_beat++;
    return BS_OK;
}

static void drop_first_beat(TakeBeats *take, TakeBars *bars) {
    take->track.n--;
    take->track.time_s++, take->track.strength++;
    take->evidence++, take->measures++, take->phase++;
    bars->n--, bars->bars++;
    for (int32_t i = 0; i < bars->n; i++) bars->bars[i].first_beat--;
}

Status edges_round(const Frames *f, TakeBeats *take, TakeBars *bars, int32_t meter, double from_s,
                   double to_s, Arena *mem) {
    const float fallen_db = 4.5F, falling_db = 1.5F, sounding_db = 10;
    Status st = BS_OK;
    Arena scratch;
    if (bars->n < 3 || take->track.tempo_bpm <= 0) return BS_OK;
    arena_init(&scratch, mem->max_bytes);
    const float usual_db = usual_level(take, &scratch);
    const int32_t last = take->track.n - 1;
    const double *time_s = take->track.time_s;
    const double before = 2 * time_s[0] - time_s[1], after = 2 * time_s[last + 1] - time_s[last];
    if (bars->bars[bars->n - 1].n_beats == 1 && take->phase[last] == 0) {
        if (only_rings(take, last, usual_db, fallen_db)) take->track.n--, bars->n--;
    } else if (take->phase[last] == meter - 2 && after <= to_s) {
        if (only_rings(take, last, usual_db, falling_db)) TRY(add_beat(f, take, bars, last + 1, after, mem));
    }
    if (bars->bars[0].n_beats == 1 && take->phase[0] == meter - 1) {
        if (only_rings(take, 0, usual_db, 0)) drop_first_beat(take, bars);
    } else if (take->phase[0] == 1 && before >= from_s) {
        if (level_between(f, before, time_s[0], &scratch) > usual_db - sounding_db)
            TRY(add_beat(f, take, bars, 0, before, mem));
    }
out:
    arena_drop(&scratch);
    return st;
}
