/* Everybody waits for the others in his own way. */
#include "simulator/pause.h"

#include <string.h>

#include "simulator/exact.h"

typedef struct Idle {
    const Synth *synth;
    const Tune *tune;
    Line line;
    Rng r;
} Idle;

static int64_t samples_of(const Idle *idle, double seconds) {
    return (int64_t)(seconds * idle->synth->rate_hz);
}

static void noodle(Idle *o, Part part) {
    const TuneBar *bar = &o->tune->bars[LABEL_VERSE][0];
    int64_t end = o->line.n_samples;
    for (int64_t at = 0; at < end;) {
        int64_t length = samples_of(o, rng_between(&o->r, 0.08, 0.7)), sounding = length * 4 / 5;
        if (length > end - at) length = end - at;
        float velocity = (float)rng_between(&o->r, 0.3, 0.8);
        uint64_t noise = rng_u64(&o->r);
        double hz = exact_hz(part == PART_BASS ? bar->bass + (int32_t)rng_below(&o->r, 13)
                                               : 55 + (int32_t)rng_below(&o->r, 24));
        if (part == PART_DRUMS)
            synth_drum(o->synth, &o->line, (Drum)(noise % (DRUM_RIDE + 1)), at, velocity, o->tune->kit_tone,
                       noise);
        else if (part == PART_GUITAR)
            synth_pluck(o->synth, &o->line, &o->tune->guitar, at, sounding, hz, velocity, noise);
        else
            synth_note(o->synth, &o->line, part == PART_BASS ? &o->tune->bass : &o->tune->lead, at, sounding,
                       hz, velocity);
        at += length;
    }
}

/* A string plucked again and again until it is right, then the next. */
static void tune_up(Idle *o) {
    static const int32_t strings[6] = {40, 45, 50, 55, 59, 64};
    int32_t string = (int32_t)rng_below(&o->r, 6);
    double off = rng_between(&o->r, -0.5, 0.5);
    for (int64_t at = 0; at < o->line.n_samples; at += samples_of(o, rng_between(&o->r, 0.35, 0.9))) {
        uint64_t noise = rng_u64(&o->r);
        synth_pluck(o->synth, &o->line, &o->tune->guitar, at, samples_of(o, 0.8),
                    exact_hz(strings[string] + off), 0.5f, noise);
        off *= 0.5;
        if (off < 0.04 && off > -0.04) {
            string = (string + 1) % 6;
            off = rng_between(&o->r, -0.5, 0.5);
        }
    }
}

/* Steps, stands, cables. */
static void fumble(Idle *o) {
    for (int64_t at = 0; at < o->line.n_samples; at += samples_of(o, rng_between(&o->r, 0.08, 0.5))) {
        static const Drum kinds[] = {DRUM_THUMP, DRUM_THUMP, DRUM_BRUSH, DRUM_CLICK, DRUM_SHAKER};
        Drum kind = kinds[rng_below(&o->r, 5)];
        float velocity = (float)rng_between(&o->r, 0.05, 0.35);
        uint64_t noise = rng_u64(&o->r);
        synth_drum(o->synth, &o->line, kind, at, velocity, 0.5f, noise);
    }
}

static bool in_band(const Tune *t, Part part) {
    for (int l = 0; l < TUNE_LABELS; l++)
        if (t->patterns[l].plays[part]) return true;
    return false;
}

static const Tune *tune_around(const Plan *p, const PlanPause *pause) {
    int32_t next = pause->before < p->n_takes ? pause->before : p->n_takes - 1;
    return &p->tunes[p->takes[next].play.tune];
}

Part pause_part(const Plan *p, const PlanPause *pause) {
    static const Part noodlers[] = {PART_LEAD, PART_BASS, PART_GUITAR, PART_DRUMS};
    switch (pause->what) {
    case WHAT_NOISE:
    case WHAT_COUNT_IN:
        return PART_DRUMS;
    case WHAT_TUNING:
        return PART_GUITAR;
    case WHAT_NOODLING:
        for (uint64_t i = pause->seed; i < pause->seed + 4; i++)
            if (in_band(tune_around(p, pause), noodlers[i % 4])) return noodlers[i % 4];
        return PART_GUITAR;
    default:
        return PART_VOICE;
    }
}

void pause_sound(const Plan *p, const PlanPause *pause, const Synth *s, const Mix *mix, float *scratch) {
    int32_t next = pause->before < p->n_takes ? pause->before : p->n_takes - 1;
    const PlanTake *take = &p->takes[next];
    Idle o = {.synth = s, .tune = tune_around(p, pause), .r = rng_at(pause->seed, 0x7061757365)};
    o.line = (Line){.samples = scratch, .n_samples = pause->n_samples};
    Part part = pause_part(p, pause);
    float gain = 1;
    memset(scratch, 0, (size_t)pause->n_samples * sizeof *scratch);
    switch (pause->what) {
    case WHAT_TALK: {
        float level = (float)rng_between(&o.r, 0.06, 0.5);
        synth_talk(s, &o.line, 0, pause->n_samples, level, rng_u64(&o.r));
    } break;
    case WHAT_NOISE:
        fumble(&o);
        break;
    case WHAT_TUNING:
        gain = 0.6f;
        tune_up(&o);
        break;
    case WHAT_NOODLING:
        gain = (float)rng_between(&o.r, 0.5, 1);
        noodle(&o, part);
        break;
    case WHAT_COUNT_IN:
        for (int32_t b = 0; b < o.tune->meter; b++) {
            uint64_t noise = rng_u64(&o.r);
            synth_drum(s, &o.line, DRUM_CLICK, (int64_t)(take->times.at[1] * b), 0.8f, o.tune->kit_tone,
                       noise);
        }
        break;
    default:
        return;
    }
    int64_t fade =
        pause->n_samples < s->rate_hz / 20 ? pause->n_samples : s->rate_hz / 20; /* hands on strings */
    for (int64_t i = 0; i < fade; i++) scratch[pause->n_samples - 1 - i] *= (float)i / (float)fade;
    Mix at = mix_from(mix, pause->at, pause->n_samples);
    bus_add(&at.part[part], scratch, gain, (float)rng_between(&o.r, -0.5, 0.5));
}
