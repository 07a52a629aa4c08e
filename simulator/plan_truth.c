/* Units follow the plan in order of time: pauses in parts of at most two seconds, beats, ring-out. */
#include "simulator/plan_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/pause.h"
#include "simulator/piece.h"
#include "simulator/right_edit.h"

typedef struct UnitList {
    TruthUnit units[TRUTH_MAX_UNITS];
    int32_t n;
} UnitList;

static TruthUnit *add_unit(UnitList *list, int64_t start, UnitKind kind, int32_t take) {
    TruthUnit *unit = &list->units[list->n < TRUTH_MAX_UNITS ? list->n++ : TRUTH_MAX_UNITS - 1];
    *unit = (TruthUnit){.start_sample = start, .kind = (uint8_t)kind, .take = (int16_t)take, .slot = -1};
    return unit;
}

/* In parts of at most 2 s. */
static void add_range(UnitList *list, int64_t start, int64_t samples, UnitKind kind, int32_t take,
                      TruthWhat what) {
    int64_t n = (samples + 2 * PLAN_RATE - 1) / (2 * PLAN_RATE);
    for (int64_t i = 0; i < n; i++) add_unit(list, start + samples * i / n, kind, take)->what = (uint8_t)what;
}

static void list_take(const Plan *p, UnitList *list, int32_t k) {
    const TakePlan *play = &p->takes[k].play;
    const TakeTimes *times = &p->takes[k].times;
    const Tune *t = &p->tunes[play->tune];
    for (int32_t b = 0; b < times->n_beats; b++) {
        TruthUnit *unit = add_unit(list, plan_beat_at(p, k, b), UNIT_BEAT, k);
        unit->slot = play->first_slot + b / t->meter;
        unit->phase = (uint8_t)(b % t->meter);
        unit->sustain = b ? tune_sustain(t, unit->slot, unit->phase) : 0; /* nothing rings into a take */
        for (int32_t f = 0; f < play->n_flaws; f++) {
            const TakeFlaw *flaw = &play->flaws[f];
            if (unit->slot < flaw->first_slot || unit->slot >= flaw->first_slot + flaw->n_slots) continue;
            if (flaw->severity > unit->flaw) unit->flaw = flaw->severity;
            if (flaw->kind == FLAW_TALK_OVER) unit->what = WHAT_TALK;
        }
    }
    add_range(list, plan_beat_at(p, k, times->n_beats), times->tail_samples, UNIT_TAIL, k, WHAT_UNKNOWN);
}

static void list_units(const Plan *p, UnitList *list) {
    for (int32_t k = 0, i = 0; k <= p->n_takes; k++) {
        for (; i < p->n_pauses && p->pauses[i].before == k; i++) {
            const PlanPause *pause = &p->pauses[i];
            UnitKind kind = pause->what == WHAT_NOODLING ? UNIT_FREE : UNIT_GAP;
            add_range(list, pause->at, pause->n_samples, kind, -1, (TruthWhat)pause->what);
        }
        if (k < p->n_takes) list_take(p, list, k);
    }
}

static void list_takes(const Plan *p, Truth *t) {
    int32_t n = 0, n_copies = 0;
    for (int32_t k = 0; k < p->n_takes; k++) {
        const PlanTake *take = &p->takes[k];
        const TakePlan *play = &take->play;
        const TakeTimes *times = &take->times;
        const Tune *tune = &p->tunes[play->tune];
        int64_t end = plan_beat_at(p, k, times->n_beats);
        t->takes[k] = (TruthTake){
            .first_sample = take->at, .end_sample = end, .tune = play->tune, .gain_db = play->gain_db};
        t->takes[k].complete =
            play->first_slot == 0 && play->end_slot == tune->n_slots && play->last_beats == tune->meter;
        t->takes[k].tempo_bpm = (float)(60.0 * PLAN_RATE * times->n_beats / times->at[times->n_beats]);
        for (int32_t f = 0; f < play->n_flaws; f++) {
            const TakeFlaw *flaw = &play->flaws[f];
            int32_t from = (flaw->first_slot - play->first_slot) * tune->meter;
            t->flaws[n++] = (TruthFlaw){.kind = flaw->kind,
                                        .take = k,
                                        .first_slot = flaw->first_slot,
                                        .n_slots = flaw->n_slots,
                                        .first_sample = plan_beat_at(p, k, from),
                                        .end_sample = plan_beat_at(p, k, from + flaw->n_slots * tune->meter),
                                        .severity = flaw->severity};
        }
        if (take->copy_of < 0) continue;
        t->copies[n_copies++] = (TruthCopy){.first_sample = take->at,
                                            .end_sample = end,
                                            .of_sample = plan_beat_at(p, take->copy_of, take->from)};
    }
}

static void list_tunes(const Plan *p, Truth *t) {
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_tunes; i++) {
        const Tune *tune = &p->tunes[i];
        TruthTune *to = &t->tunes[i];
        if (tune->piece)
            snprintf(to->name, sizeof to->name, "%s", tune->piece->name);
        else
            snprintf(to->name, sizeof to->name, "%s %d", tune->style, i + 1);
        if (!tune->piece) tune_key_name(tune, to->key);
        to->meter = tune->meter;
        to->n_slots = tune->n_slots;
        to->tempo_bpm = tune->tempo_bpm;
        to->first_section = n;
        to->n_sections = tune->n_sections;
        memcpy(&t->sections[n], tune->sections, (size_t)tune->n_sections * sizeof *t->sections);
        n += tune->n_sections;
    }
}

bool plan_has_part(const Plan *p, Part part) {
    for (int32_t i = 0; i < p->n_tunes; i++)
        for (int l = 0; l < TUNE_LABELS; l++)
            if (p->tunes[i].patterns[l].plays[part]) return true;
    for (int32_t i = 0; i < p->n_pauses; i++)
        if (pause_part(p, &p->pauses[i]) == part) return true;
    return part == PART_VOICE; /* hears talk over the playing */
}

Status plan_truth(Truth **out, const Plan *p, const char *name, bool tracks) {
    Status st = BS_OK;
    Truth *t = NULL;
    TruthCounts counts = {.n_takes = p->n_takes, .n_tunes = p->n_tunes};
    UnitList *list = calloc(1, sizeof *list);
    *out = NULL;
    if (!list) return fail(BS_NOMEM, "no memory for the truth of %s", name);
    list_units(p, list);
    counts.n_units = list->n;
    for (int32_t k = 0; k < p->n_takes; k++) {
        counts.n_flaws += p->takes[k].play.n_flaws;
        counts.n_copies += p->takes[k].copy_of >= 0;
    }
    for (int32_t i = 0; i < p->n_tunes; i++) counts.n_sections += p->tunes[i].n_sections;
    TRY(truth_new(&t, counts));
    snprintf(t->name, sizeof t->name, "%s", name);
    t->seed = p->seed;
    t->sample_rate_hz = PLAN_RATE;
    t->n_samples = p->n_samples;
    memcpy(t->units, list->units, (size_t)list->n * sizeof *t->units);
    list_tunes(p, t);
    list_takes(p, t);
    for (int part = 0; tracks && part < PARTS; part++)
        if (plan_has_part(p, (Part)part))
            snprintf(t->tracks[t->n_tracks++], sizeof t->tracks[0], "%s", part_names[part]);
    t->tune = p->tune;
    t->lo_samples = p->lo_samples;
    t->hi_samples = p->hi_samples;
    TRY(right_edit(t, t->tune, t->lo_samples, t->hi_samples, &t->edit));
    TRY(truth_check(t));
    *out = t;
    t = NULL;
out:
    truth_free(t);
    free(list);
    return st;
}
