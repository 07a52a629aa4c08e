/* What can be asked of a Truth, and what must hold in one. */
#include "simulator/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const flaw_names[FLAW_KINDS] = {"wrong notes", "late hits", "dropout",     "level jump",
                                            "clipped",     "breakdown", "false start", "sloppy timing",
                                            "talk over",   "other"};
const char *const what_names[WHAT_KINDS] = {"", "silence", "talk", "noise", "count-in", "tuning", "noodling"};

static Status check_count(const char *what, int32_t n, int32_t least, int32_t most) {
    if (n >= least && n <= most) return BS_OK;
    return fail(BS_TOO_BIG, "%d %s; %d to %d are allowed", n, what, least, most);
}

Status truth_new(Truth **out, TruthCounts n) {
    Status st = BS_OK;
    Truth *t = NULL;
    *out = NULL;
    TRY(check_count("units", n.n_units, 1, TRUTH_MAX_UNITS));
    TRY(check_count("takes", n.n_takes, 0, TRUTH_MAX_TAKES));
    TRY(check_count("tunes", n.n_tunes, 1, TRUTH_MAX_TUNES));
    TRY(check_count("sections", n.n_sections, 1, TRUTH_MAX_SECTIONS));
    TRY(check_count("flaws", n.n_flaws, 0, TRUTH_MAX_FLAWS));
    TRY(check_count("copies", n.n_copies, 0, TRUTH_MAX_COPIES));
    if (!(t = calloc(1, sizeof *t))) return fail(BS_NOMEM, "no memory for a truth");
    t->units = calloc((size_t)n.n_units, sizeof *t->units);
    t->takes = calloc((size_t)n.n_takes + 1, sizeof *t->takes);
    t->tunes = calloc((size_t)n.n_tunes, sizeof *t->tunes);
    t->sections = calloc((size_t)n.n_sections, sizeof *t->sections);
    t->flaws = calloc((size_t)n.n_flaws + 1, sizeof *t->flaws);
    t->copies = calloc((size_t)n.n_copies + 1, sizeof *t->copies);
    if (!t->units || !t->takes || !t->tunes || !t->sections || !t->flaws || !t->copies) {
        truth_free(t);
        return fail(BS_NOMEM, "no memory for a truth of %d units", n.n_units);
    }
    t->n_units = n.n_units;
    t->n_takes = n.n_takes;
    t->n_tunes = n.n_tunes;
    t->n_sections = n.n_sections;
    t->n_flaws = n.n_flaws;
    t->n_copies = n.n_copies;
    edit_init(&t->edit);
    *out = t;
out:
    return st;
}

void truth_free(Truth *t) {
    if (!t) return;
    free(t->units);
    free(t->takes);
    free(t->tunes);
    free(t->sections);
    free(t->flaws);
    free(t->copies);
    edit_drop(&t->edit);
    free(t);
}

static bool severity_ok(float s) { return s >= 0 && s <= 1; } /* false for NaN */

static Status check_beat(const Truth *t, int32_t u) {
    const TruthUnit *unit = &t->units[u];
    if (unit->take < 0) return fail(BS_CORRUPT, "unit %d: a beat must belong to a take", u);
    const TruthTune *tune = &t->tunes[truth_unit_tune(t, u)];
    if (unit->slot < 0 || unit->slot >= tune->n_slots)
        return fail(BS_CORRUPT, "unit %d: slot %d, but the form has %d bars", u, unit->slot, tune->n_slots);
    if (unit->phase >= tune->meter)
        return fail(BS_CORRUPT, "unit %d: phase %d in a meter of %d", u, unit->phase, tune->meter);
    if (unit->what != WHAT_UNKNOWN && unit->what != WHAT_TALK && unit->what != WHAT_NOISE)
        return fail(BS_CORRUPT, "unit %d: \"what\" of a beat is talk or noise over it", u);
    return BS_OK;
}

static Status check_units(const Truth *t) {
    for (int32_t u = 0; u < t->n_units; u++) {
        const TruthUnit *unit = &t->units[u];
        int64_t before = u ? t->units[u - 1].start_sample : -1;
        if ((u == 0 && unit->start_sample != 0) || unit->start_sample <= before ||
            unit->start_sample >= t->n_samples)
            return fail(BS_CORRUPT,
                        "unit %d starts at %lld: units must start at 0, ascend and end inside %lld", u,
                        (long long)unit->start_sample, (long long)t->n_samples);
        if (unit->kind >= UNIT_KINDS) return fail(BS_CORRUPT, "unit %d: unknown kind %d", u, unit->kind);
        if (unit->what >= WHAT_KINDS) return fail(BS_CORRUPT, "unit %d: unknown what %d", u, unit->what);
        if (!severity_ok(unit->flaw)) return fail(BS_CORRUPT, "unit %d: flaw must lie in 0..1", u);
        if (!severity_ok(unit->sustain)) return fail(BS_CORRUPT, "unit %d: sustain must lie in 0..1", u);
        if (unit->take < -1 || unit->take >= t->n_takes)
            return fail(BS_CORRUPT, "unit %d: take %d, but there are %d takes", u, unit->take, t->n_takes);
        if (unit->kind == UNIT_BEAT) {
            Status st = check_beat(t, u);
            if (st != BS_OK) return st;
        } else if (unit->slot != -1 || unit->phase != 0) {
            return fail(BS_CORRUPT, "unit %d: only beats have a slot and a phase", u);
        }
    }
    return BS_OK;
}

static Status check_tune(const Truth *t, int32_t k) {
    const TruthTune *tune = &t->tunes[k];
    if (tune->meter < 1 || tune->meter > TRUTH_MAX_METER)
        return fail(BS_CORRUPT, "tune %d: meter %d must lie in 1..%d", k, tune->meter, TRUTH_MAX_METER);
    if (tune->n_slots < 1 || tune->n_slots > TRUTH_MAX_SLOTS)
        return fail(BS_CORRUPT, "tune %d: a form of %d bars; 1 to %d are allowed", k, tune->n_slots,
                    TRUTH_MAX_SLOTS);
    if (!(tune->tempo_bpm >= 0 && tune->tempo_bpm < 1000))
        return fail(BS_CORRUPT, "tune %d: tempo must lie in 0..1000", k);
    int32_t before = k ? t->tunes[k - 1].first_section + t->tunes[k - 1].n_sections : 0, slot = 0;
    if (tune->first_section != before || tune->n_sections < 1 || tune->n_sections > t->n_sections - before)
        return fail(BS_CORRUPT, "tune %d: its sections must follow those of the tune before", k);
    for (int32_t s = before; s < before + tune->n_sections; s++) {
        const TruthSection *section = &t->sections[s];
        if (section->first_slot != slot || section->n_slots < 1 || section->n_slots > tune->n_slots - slot)
            return fail(BS_CORRUPT,
                        "tune %d, section %d must start at bar %d and stay inside the form's %d bars", k,
                        s - before, slot, tune->n_slots);
        slot += section->n_slots;
    }
    if (slot != tune->n_slots)
        return fail(BS_CORRUPT, "tune %d: sections cover %d of the form's %d bars", k, slot, tune->n_slots);
    return BS_OK;
}

static Status check_take(const Truth *t, int32_t k) {
    const TruthTake *take = &t->takes[k];
    if (take->first_sample < 0 || take->end_sample <= take->first_sample || take->end_sample > t->n_samples)
        return fail(BS_CORRUPT, "take %d: %lld..%lld does not lie in the recording", k,
                    (long long)take->first_sample, (long long)take->end_sample);
    if (!isfinite(take->tempo_bpm) || !isfinite(take->gain_db))
        return fail(BS_CORRUPT, "take %d: tempo and gain must be numbers", k);
    if (take->tune < 0 || take->tune >= t->n_tunes)
        return fail(BS_CORRUPT, "take %d: tune %d, but there are %d tunes", k, take->tune, t->n_tunes);
    return BS_OK;
}

static Status check_flaw(const Truth *t, int32_t f) {
    const TruthFlaw *flaw = &t->flaws[f];
    bool right = flaw->kind < FLAW_KINDS && flaw->take >= 0 && flaw->take < t->n_takes;
    int32_t n_slots = right ? t->tunes[t->takes[flaw->take].tune].n_slots : 0;
    if (!right || flaw->first_slot < 0 || flaw->n_slots < 1 || flaw->n_slots > n_slots - flaw->first_slot ||
        flaw->first_sample < 0 || flaw->end_sample < flaw->first_sample || flaw->end_sample > t->n_samples ||
        !severity_ok(flaw->severity))
        return fail(BS_CORRUPT, "flaw %d: kind, take, bars, samples or severity out of range", f);
    return BS_OK;
}

static Status check_copy(const Truth *t, int32_t c) {
    const TruthCopy *copy = &t->copies[c];
    if (copy->of_sample < 0 || copy->of_sample >= copy->first_sample ||
        copy->end_sample <= copy->first_sample || copy->end_sample > t->n_samples)
        return fail(BS_CORRUPT, "copy %d: must lie in the recording, after what it repeats", c);
    return BS_OK;
}

static Status check_job(const Truth *t) {
    if (t->tune < 0 || t->tune >= t->n_tunes)
        return fail(BS_CORRUPT, "the job edits tune %d, but there are %d tunes", t->tune, t->n_tunes);
    if (t->lo_samples < 0 || t->hi_samples < t->lo_samples)
        return fail(BS_CORRUPT, "the job's window must be 0 <= lo <= hi");
    for (int32_t i = 0; i < t->edit.n_segments; i++) {
        const EditSegment *s = &t->edit.segments[i];
        if (s->start_sample < 0 || s->end_sample <= s->start_sample || s->end_sample > t->n_samples)
            return fail(BS_CORRUPT, "segment %d of the edit does not lie in the recording", i);
    }
    return BS_OK;
}

Status truth_check(const Truth *t) {
    Status st = BS_OK;
    if (t->sample_rate_hz < 1000 || t->sample_rate_hz > 768000)
        return fail(BS_CORRUPT, "sample_rate %d must lie in 1000..768000", t->sample_rate_hz);
    if (t->n_samples < 1) return fail(BS_CORRUPT, "n_samples must be at least 1");
    if (t->n_tracks < 0 || t->n_tracks > TRUTH_MAX_TRACKS)
        return fail(BS_CORRUPT, "%d tracks; at most %d are allowed", t->n_tracks, TRUTH_MAX_TRACKS);
    for (int32_t k = 0; k < t->n_tunes; k++) TRY(check_tune(t, k));
    const TruthTune *last = &t->tunes[t->n_tunes - 1];
    if (last->first_section + last->n_sections != t->n_sections)
        return fail(BS_CORRUPT, "%d sections, but the tunes have %d", t->n_sections,
                    last->first_section + last->n_sections);
    for (int32_t k = 0; k < t->n_takes; k++) TRY(check_take(t, k));
    TRY(check_units(t));
    for (int32_t f = 0; f < t->n_flaws; f++) TRY(check_flaw(t, f));
    for (int32_t c = 0; c < t->n_copies; c++) TRY(check_copy(t, c));
    TRY(check_job(t));
out:
    return st;
}

int32_t truth_unit_at(const Truth *t, int64_t at) {
    int32_t lo = 0, hi = t->n_units - 1;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo + 1) / 2;
        if (t->units[mid].start_sample <= at)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

int32_t truth_tune_of(const Truth *t, int64_t first, int64_t end) {
    int64_t shared[TRUTH_MAX_TUNES] = {0}, most = 0;
    int32_t best = -1;
    for (int32_t k = 0; k < t->n_takes; k++) {
        const TruthTake *take = &t->takes[k];
        int64_t from = take->first_sample > first ? take->first_sample : first,
                to = take->end_sample < end ? take->end_sample : end;
        if (to > from) shared[take->tune] += to - from;
    }
    for (int32_t k = 0; k < t->n_tunes; k++)
        if (shared[k] > most) {
            most = shared[k];
            best = k;
        }
    return best;
}

int32_t truth_slot_section(const Truth *t, int32_t tune, int32_t slot) {
    const TruthTune *of = &t->tunes[tune];
    for (int32_t s = of->first_section; s < of->first_section + of->n_sections; s++)
        if (slot >= t->sections[s].first_slot && slot < t->sections[s].first_slot + t->sections[s].n_slots)
            return s;
    return -1;
}

static int by_length(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double truth_beat_samples(const Truth *t, int32_t tune) {
    int64_t *lengths = malloc((size_t)t->n_units * sizeof *lengths);
    int32_t n = 0;
    if (lengths)
        for (int32_t u = 0; u < t->n_units; u++)
            if (t->units[u].kind == UNIT_BEAT && truth_unit_tune(t, u) == tune)
                lengths[n++] = truth_unit_end(t, u) - t->units[u].start_sample;
    double median = 0.5 * t->sample_rate_hz;
    if (n > 0) {
        qsort(lengths, (size_t)n, sizeof *lengths, by_length);
        median = (double)lengths[n / 2];
    }
    free(lengths);
    return median;
}

bool truth_bar_at(const Truth *t, int32_t u) {
    if (u < 0 || u >= t->n_units || t->units[u].kind != UNIT_BEAT) return false;
    int32_t meter = t->tunes[truth_unit_tune(t, u)].meter;
    if (u + meter > t->n_units) return false;
    for (int32_t i = 0; i < meter; i++) {
        const TruthUnit *unit = &t->units[u + i];
        if (unit->kind != UNIT_BEAT || unit->phase != i || unit->take != t->units[u].take ||
            unit->slot != t->units[u].slot)
            return false;
    }
    return true;
}

void truth_best_flaws(const Truth *t, int32_t tune, float *best) {
    int32_t meter = t->tunes[tune].meter;
    for (int32_t s = 0; s < t->tunes[tune].n_slots; s++) best[s] = 2;
    for (int32_t u = 0; u < t->n_units; u++) {
        if (!truth_bar_at(t, u) || truth_unit_tune(t, u) != tune) continue;
        float sum = 0;
        for (int32_t i = 0; i < meter; i++) sum += t->units[u + i].flaw;
        sum /= (float)meter;
        if (sum < best[t->units[u].slot]) best[t->units[u].slot] = sum;
    }
}
