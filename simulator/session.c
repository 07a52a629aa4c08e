/* A rehearsal: which takes are played and how far, what goes wrong in them, what fills the pauses. All of it
 * is planned before a sample is made, so that truth is what was planned. */
#include "simulator/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/exact.h"
#include "simulator/perform.h"
#include "simulator/right_edit.h"
#include "simulator/room.h"

typedef struct Pause {      /* before a take, or after the last */
    double gap_s, noodle_s; /* silence and talk; then music without pulse */
    bool talk, count_in;
} Pause;

typedef struct Plan {
    Tune tune;
    RoomPlan room;
    int32_t n_takes;
    TakePlan takes[SESSION_MAX_TAKES];
    TakeTimes times[SESSION_MAX_TAKES];
    Pause pauses[SESSION_MAX_TAKES + 1];
    int64_t take_at[SESSION_MAX_TAKES]; /* first sample of each take */
    int64_t n_samples;
} Plan;

/* ---- planning */
static double bar_seconds(const Tune *t) { return 60.0 * t->meter / t->tempo_bpm; }

static void add_flaw(TakePlan *take, FlawKind kind, int32_t first, int32_t n, double severity) {
    if (take->n_flaws == TAKE_MAX_FLAWS) return;
    if (first + n > take->end_slot) n = take->end_slot - first;
    take->flaws[take->n_flaws++] =
        (TakeFlaw){.kind = (uint8_t)kind, .first_slot = first, .n_slots = n, .severity = (float)severity};
}

static void draw_flaws(TakePlan *take, Rng *r, bool broken) {
    int32_t bars = take->end_slot - take->first_slot;
    int32_t n = rng_f64(r) < 0.05 ? 0 : 1 + (int32_t)rng_below(r, (uint32_t)(1 + bars / 4));
    if (bars < 4) n = 0;
    for (int32_t i = 0; i < n; i++) {
        FlawKind kind = (FlawKind)rng_below(r, FLAW_BREAKDOWN);
        int32_t first = take->first_slot + (int32_t)rng_below(r, (uint32_t)bars);
        int32_t over = 1 + (int32_t)rng_below(r, 2);
        add_flaw(take, kind, first, over, rng_between(r, 0.25, 1));
    }
    if (broken) {
        int32_t over = bars > 3 ? 1 + (int32_t)rng_below(r, 2) : 1;
        add_flaw(take, FLAW_BREAKDOWN, take->end_slot - over, over, rng_between(r, 0.8, 1));
    }
}

static void add_take(Plan *p, Rng *r, int32_t first, int32_t end, bool broken) {
    TakePlan *take = &p->takes[p->n_takes++];
    *take = (TakePlan){.first_slot = first, .end_slot = end, .last_beats = p->tune.meter};
    take->tempo_factor = (float)rng_between(r, 0.96, 1.04);
    take->gain_db = (float)rng_between(r, -2, 2);
    take->tilt = (float)rng_between(r, -0.5, 0.5);
    take->seed = rng_u64(r);
    if (broken) take->last_beats = 1 + (int32_t)rng_below(r, (uint32_t)p->tune.meter);
    draw_flaws(take, r, broken);
}

static void draw_takes(Plan *p, Rng *r, double length_s) {
    const Tune *t = &p->tune;
    double bar_s = bar_seconds(t), pause_s = 4.5, left_s = length_s - 2,
           form_s = t->n_slots * bar_s + pause_s;
    if (rng_f64(r) < 0.85) {
        add_take(p, r, 0, t->n_slots, false);
        left_s -= form_s;
    } else { /* no take is complete: the form is there in two overlapping parts */
        int32_t from = t->sections[t->n_sections / 2].first_slot,
                to = from + t->sections[t->n_sections / 2].n_slots;
        add_take(p, r, 0, to, true);
        p->takes[0].last_beats = t->meter;
        add_take(p, r, from, t->n_slots, false);
        left_s -= (t->n_slots + to - from) * bar_s + 2 * pause_s;
    }
    while (left_s > bar_s + pause_s && p->n_takes < SESSION_MAX_TAKES) {
        int32_t room = (int32_t)((left_s - pause_s) / bar_s), before = p->n_takes;
        double kind = rng_f64(r);
        if (room >= t->n_slots && (kind < 0.6 || p->n_takes == 1)) {
            add_take(p, r, 0, t->n_slots, false);
        } else if (kind < 0.5 && t->n_sections > 2) { /* "from the chorus", as far as time allows */
            int32_t section = 1 + (int32_t)rng_below(r, (uint32_t)(t->n_sections - 1));
            int32_t first = t->sections[section].first_slot, end = t->n_slots;
            if (end - first > room) end = first + room;
            add_take(p, r, first, end, end < t->n_slots || rng_f64(r) < 0.2);
        } else { /* abandoned: a false start or a breakdown on the way */
            int32_t most = room < t->n_slots - 1 ? room : t->n_slots - 1;
            int32_t end = rng_f64(r) < 0.5 && most > 3 ? 1 + (int32_t)rng_below(r, 3) : most;
            add_take(p, r, 0, end < 1 ? 1 : end, true);
        }
        const TakePlan *take = &p->takes[before];
        left_s -= (take->end_slot - take->first_slot) * bar_s + pause_s;
    }
    for (int32_t i = p->n_takes - 1; i > 0; i--) {
        int32_t j = (int32_t)rng_below(r, (uint32_t)(i + 1));
        TakePlan swap = p->takes[i];
        p->takes[i] = p->takes[j];
        p->takes[j] = swap;
    }
}

static int64_t samples_of(double seconds) { return (int64_t)(seconds * SESSION_RATE + 0.5); }

static void draw_pauses(Plan *p, Rng *r) {
    for (int32_t k = 0; k <= p->n_takes; k++) {
        Pause *pause = &p->pauses[k];
        bool outer = k == 0 || k == p->n_takes;
        pause->gap_s = outer ? rng_between(r, 0.6, 2) : rng_between(r, 1, 3.5);
        pause->talk = rng_f64(r) < 0.55;
        if (k > 0 && k < p->n_takes && rng_f64(r) < 0.3) pause->noodle_s = rng_between(r, 1, 2.5);
        pause->count_in = k < p->n_takes && rng_f64(r) < 0.5;
    }
    int64_t at = 0;
    for (int32_t k = 0; k <= p->n_takes; k++) {
        const Pause *pause = &p->pauses[k];
        at += samples_of(pause->gap_s) + samples_of(pause->noodle_s);
        if (k == p->n_takes) break;
        take_times(&p->times[k], &p->tune, &p->takes[k], SESSION_RATE);
        if (pause->count_in) at += (int64_t)(p->times[k].at[1] * p->tune.meter);
        p->take_at[k] = at;
        at += (int64_t)p->times[k].at[p->times[k].n_beats] + p->times[k].tail_samples;
    }
    p->n_samples = at;
}

/* ---- sound */
static void fade_end(Bus *bus, int64_t n) {
    for (int64_t i = 0; i < n && i < bus->n_samples; i++) {
        float g = (float)i / (float)n;
        bus->left[bus->n_samples - 1 - i] *= g;
        bus->right[bus->n_samples - 1 - i] *= g;
    }
}

static void noodle(const Plan *p, const Synth *s, Bus *bus, Rng *r, int64_t at, int64_t n) {
    const TuneBar *bar = &p->tune.bars[LABEL_VERSE][0];
    bool lead = rng_f64(r) < 0.6;
    for (int64_t end = at + n; at < end;) {
        int64_t length = samples_of(rng_between(r, 0.08, 0.7));
        if (length > end - at) length = end - at;
        int32_t pitch = lead ? 62 + (int32_t)rng_below(r, 22) : bar->bass + (int32_t)rng_below(r, 13);
        synth_note(s, bus, lead ? &p->tune.lead : &p->tune.bass, at, length * 4 / 5, exact_hz(pitch),
                   (float)rng_between(r, 0.3, 0.8));
        at += length;
    }
}

static void sound_pause(const Plan *p, const Synth *s, Bus *bus, Rng *r, int32_t k, int64_t at) {
    const Pause *pause = &p->pauses[k];
    int64_t gap = samples_of(pause->gap_s), silence = gap / 6;
    if (pause->talk) {
        float level = (float)rng_between(r, 0.06, 0.2);
        synth_talk(s, bus, at + silence, gap - 2 * silence, level, rng_u64(r));
    }
    at += gap;
    if (pause->noodle_s > 0) noodle(p, s, bus, r, at, samples_of(pause->noodle_s));
    at += samples_of(pause->noodle_s);
    for (int32_t b = 0; pause->count_in && b < p->tune.meter; b++)
        synth_drum(s, bus, DRUM_CLICK, at + (int64_t)(p->times[k].at[1] * b), 0.8f, p->tune.kit_tone,
                   rng_u64(r));
}

/* The recorder's input is driven past full scale for the bars of the flaw. */
static void overload(const Plan *p, Bus *bus, int32_t k, const TakeFlaw *flaw) {
    const TakePlan *take = &p->takes[k];
    const TakeTimes *times = &p->times[k];
    int32_t from = (flaw->first_slot - take->first_slot) * p->tune.meter,
            to = from + flaw->n_slots * p->tune.meter;
    if (from >= times->n_beats) return;
    int64_t first = p->take_at[k] + (int64_t)times->at[from];
    int64_t end = p->take_at[k] + (int64_t)times->at[to < times->n_beats ? to : times->n_beats];
    float drive = 2.5f + 6 * flaw->severity, limit = 0.99f, ramp = SESSION_RATE / 100;
    for (int64_t i = first; i < end; i++) {
        float in = (float)(i - first) / ramp, out = (float)(end - i) / ramp, share = in < out ? in : out;
        float gain = 1 + (drive - 1) * (share < 1 ? share : 1), left = gain * bus->left[i],
              right = gain * bus->right[i];
        bus->left[i] = left > limit ? limit : left < -limit ? -limit : left;
        bus->right[i] = right > limit ? limit : right < -limit ? -limit : right;
    }
}

static Status render(const Plan *p, Session *out, uint64_t seed) {
    Status st = BS_OK;
    Synth synth;
    Rng r = rng_at(seed, 0x7061757365);
    size_t n = (size_t)p->n_samples;
    Bus bus = {
        .left = calloc(n, sizeof(float)), .right = calloc(n, sizeof(float)), .n_samples = p->n_samples};
    out->samples = malloc(2 * n * sizeof(float));
    if (!bus.left || !bus.right || !out->samples) {
        st = fail(BS_NOMEM, "no memory for %.0f s of sound", (double)p->n_samples / SESSION_RATE);
        goto out;
    }
    synth_init(&synth, SESSION_RATE);
    for (int32_t k = 0, at = 0; k <= p->n_takes; k++) {
        if (k < p->n_takes) {
            int64_t length = (int64_t)p->times[k].at[p->times[k].n_beats] + p->times[k].tail_samples;
            Bus take = {
                .left = bus.left + p->take_at[k], .right = bus.right + p->take_at[k], .n_samples = length};
            take_perform(&p->tune, &p->takes[k], &p->times[k], &synth, &take);
            fade_end(&take, SESSION_RATE / 4);
        }
        sound_pause(p, &synth, &bus, &r, k, at);
        if (k < p->n_takes)
            at = (int32_t)(p->take_at[k] + (int64_t)p->times[k].at[p->times[k].n_beats] +
                           p->times[k].tail_samples);
    }
    TRY(room_apply(&p->room, &synth, &bus));
    for (int32_t k = 0; k < p->n_takes; k++)
        for (int32_t f = 0; f < p->takes[k].n_flaws; f++)
            if (p->takes[k].flaws[f].kind == FLAW_CLIPPED) overload(p, &bus, k, &p->takes[k].flaws[f]);
    for (size_t i = 0; i < n; i++) {
        out->samples[2 * i] = (float)floor(bus.left[i] * 32767.0f + 0.5f) / 32768.0f;
        out->samples[2 * i + 1] = (float)floor(bus.right[i] * 32767.0f + 0.5f) / 32768.0f;
    }
    out->n_samples = p->n_samples;
out:
    free(bus.left);
    free(bus.right);
    return st;
}

/* ---- truth */
typedef struct UnitList {
    TruthUnit units[TRUTH_MAX_UNITS];
    int32_t n;
} UnitList;

static void add_unit(UnitList *list, int64_t start, UnitKind kind, int32_t take) {
    if (list->n < TRUTH_MAX_UNITS)
        list->units[list->n++] =
            (TruthUnit){.start_sample = start, .kind = (uint8_t)kind, .take = (int16_t)take, .slot = -1};
}

/* In parts of at most 2 s. */
static void add_range(UnitList *list, int64_t start, int64_t end, UnitKind kind, int32_t take) {
    int64_t n = (end - start + 2 * SESSION_RATE - 1) / (2 * SESSION_RATE);
    for (int64_t i = 0; i < n; i++) add_unit(list, start + (end - start) * i / n, kind, take);
}

static float beat_flaw(const TakePlan *take, int32_t slot) {
    float worst = 0;
    for (int32_t f = 0; f < take->n_flaws; f++) {
        const TakeFlaw *flaw = &take->flaws[f];
        if (slot >= flaw->first_slot && slot < flaw->first_slot + flaw->n_slots && flaw->severity > worst)
            worst = flaw->severity;
    }
    return worst;
}

static int64_t beat_at(const Plan *p, int32_t k, int32_t beat) {
    const TakeTimes *times = &p->times[k];
    return p->take_at[k] + (int64_t)times->at[beat < times->n_beats ? beat : times->n_beats];
}

static void list_units(const Plan *p, UnitList *list) {
    int64_t at = 0;
    for (int32_t k = 0; k <= p->n_takes; k++) {
        const Pause *pause = &p->pauses[k];
        int64_t gap = samples_of(pause->gap_s), noodling = samples_of(pause->noodle_s);
        add_range(list, at, at + gap, UNIT_GAP, -1);
        add_range(list, at + gap, at + gap + noodling, UNIT_FREE, -1);
        if (k == p->n_takes) break;
        add_range(list, at + gap + noodling, p->take_at[k], UNIT_GAP, -1);
        for (int32_t b = 0; b < p->times[k].n_beats; b++) {
            add_unit(list, beat_at(p, k, b), UNIT_BEAT, k);
            TruthUnit *unit = &list->units[list->n - 1];
            unit->slot = p->takes[k].first_slot + b / p->tune.meter;
            unit->phase = (uint8_t)(b % p->tune.meter);
            unit->flaw = beat_flaw(&p->takes[k], unit->slot);
        }
        int64_t end = beat_at(p, k, p->times[k].n_beats);
        at = end + p->times[k].tail_samples;
        add_range(list, end, at, UNIT_TAIL, k);
    }
}

static void list_takes(const Plan *p, Truth *t) {
    int32_t n = 0;
    for (int32_t k = 0; k < p->n_takes; k++) {
        const TakePlan *take = &p->takes[k];
        const TakeTimes *times = &p->times[k];
        t->takes[k] = (TruthTake){.first_sample = p->take_at[k],
                                  .end_sample = beat_at(p, k, times->n_beats),
                                  .complete = take->first_slot == 0 && take->end_slot == p->tune.n_slots &&
                                              take->last_beats == p->tune.meter,
                                  .gain_db = take->gain_db};
        t->takes[k].tempo_bpm = (float)(60.0 * SESSION_RATE * times->n_beats / times->at[times->n_beats]);
        for (int32_t f = 0; f < take->n_flaws; f++) {
            const TakeFlaw *flaw = &take->flaws[f];
            int32_t from = (flaw->first_slot - take->first_slot) * p->tune.meter;
            t->flaws[n++] = (TruthFlaw){.kind = flaw->kind,
                                        .take = k,
                                        .first_slot = flaw->first_slot,
                                        .n_slots = flaw->n_slots,
                                        .first_sample = beat_at(p, k, from),
                                        .end_sample = beat_at(p, k, from + flaw->n_slots * p->tune.meter),
                                        .severity = flaw->severity};
        }
    }
}

/* Form once, shorter, or longer; the window holds a bar and 6 % at least. */
static void draw_job(const Plan *p, Truth *t, Rng *r) {
    double form_s = p->tune.n_slots * bar_seconds(&p->tune), kind = rng_f64(r);
    double target_s = form_s * (kind < 0.45   ? 1
                                : kind < 0.85 ? rng_between(r, 0.4, 0.9)
                                              : rng_between(r, 1.1, 1.5));
    double wide_s = 0.06 * target_s > bar_seconds(&p->tune) ? 0.06 * target_s : bar_seconds(&p->tune);
    t->lo_samples = samples_of(target_s - wide_s);
    t->hi_samples = samples_of(target_s + wide_s);
}

static Status write_truth(const Plan *p, const char *name, uint64_t seed, Truth **out) {
    Status st = BS_OK;
    Truth *t = NULL;
    Rng r = rng_at(seed, 0x6a6f62);
    int32_t n_flaws = 0;
    UnitList *list = calloc(1, sizeof *list);
    if (!list) return fail(BS_NOMEM, "no memory for the truth of %s", name);
    list_units(p, list);
    for (int32_t k = 0; k < p->n_takes; k++) n_flaws += p->takes[k].n_flaws;
    TRY(truth_new(&t, (TruthCounts){.n_units = list->n,
                                    .n_takes = p->n_takes,
                                    .n_tunes = 1,
                                    .n_sections = p->tune.n_sections,
                                    .n_flaws = n_flaws}));
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->tunes[0].name, sizeof t->tunes[0].name, "%s", name);
    tune_key_name(&p->tune, t->tunes[0].key);
    t->seed = seed;
    t->sample_rate_hz = SESSION_RATE;
    t->n_samples = p->n_samples;
    t->tunes[0].meter = p->tune.meter;
    t->tunes[0].tempo_bpm = p->tune.tempo_bpm;
    t->tunes[0].n_slots = p->tune.n_slots;
    t->tunes[0].n_sections = p->tune.n_sections;
    memcpy(t->units, list->units, (size_t)list->n * sizeof *t->units);
    memcpy(t->sections, p->tune.sections, (size_t)t->n_sections * sizeof *t->sections);
    list_takes(p, t);
    draw_job(p, t, &r);
    TRY(right_edit(t, t->tune, t->lo_samples, t->hi_samples, &t->edit));
    TRY(truth_check(t));
    *out = t;
    t = NULL;
out:
    truth_free(t);
    free(list);
    return st;
}

static Status draw_plan(Plan **out, uint64_t seed, double length_s) {
    if (!(length_s >= 20 && length_s <= 1800))
        return fail(BS_INVALID, "a session of %g s; 20 to 1800 are allowed", length_s);
    Plan *p = calloc(1, sizeof *p);
    if (!p) return fail(BS_NOMEM, "no memory for a session");
    Rng r = rng_at(seed, 0x73657373696f6e);
    tune_compose(&p->tune, seed, length_s * rng_between(&r, 0.28, 0.38));
    room_draw(&p->room, seed);
    draw_takes(p, &r, length_s);
    draw_pauses(p, &r);
    *out = p;
    return BS_OK;
}

Status session_truth(Truth **out, const char *name, uint64_t seed, double length_s) {
    *out = NULL;
    Plan *p;
    Status st = draw_plan(&p, seed, length_s);
    if (st != BS_OK) return st;
    st = write_truth(p, name, seed, out);
    free(p);
    return st;
}

Status session_make(Session *out, const char *name, uint64_t seed, double length_s) {
    *out = (Session){0};
    Plan *p;
    Status st = draw_plan(&p, seed, length_s);
    if (st != BS_OK) return st;
    TRY(render(p, out, seed));
    TRY(write_truth(p, name, seed, &out->truth));
out:
    free(p);
    if (st != BS_OK) session_drop(out);
    return st;
}

void session_drop(Session *s) {
    truth_free(s->truth);
    free(s->samples);
    *s = (Session){0};
}
