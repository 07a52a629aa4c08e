/* What can be asked of a Truth, and what must hold in one. */
#include "simulator/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const flaw_names[FLAW_KINDS] = {"wrong notes", "late hits", "dropout", "level jump",
                                            "clipped",     "breakdown", "other"};

Status truth_new(Truth **out, int32_t n_units, int32_t n_takes, int32_t n_sections, int32_t n_flaws) {
    *out = NULL;
    if (n_units < 1 || n_units > TRUTH_MAX_UNITS)
        return fail(BS_TOO_BIG, "%d units; 1 to %d are allowed", n_units, TRUTH_MAX_UNITS);
    if (n_takes < 0 || n_takes > TRUTH_MAX_TAKES)
        return fail(BS_TOO_BIG, "%d takes; at most %d are allowed", n_takes, TRUTH_MAX_TAKES);
    if (n_sections < 1 || n_sections > TRUTH_MAX_SECTIONS)
        return fail(BS_TOO_BIG, "%d sections; 1 to %d are allowed", n_sections, TRUTH_MAX_SECTIONS);
    if (n_flaws < 0 || n_flaws > TRUTH_MAX_FLAWS)
        return fail(BS_TOO_BIG, "%d flaws; at most %d are allowed", n_flaws, TRUTH_MAX_FLAWS);
    Truth *t = calloc(1, sizeof *t);
    if (!t) return fail(BS_NOMEM, "no memory for a truth of %d units", n_units);
    t->units = calloc((size_t)n_units, sizeof *t->units);
    t->takes = calloc((size_t)n_takes + 1, sizeof *t->takes);
    t->sections = calloc((size_t)n_sections, sizeof *t->sections);
    t->flaws = calloc((size_t)n_flaws + 1, sizeof *t->flaws);
    if (!t->units || !t->takes || !t->sections || !t->flaws) {
        truth_free(t);
        return fail(BS_NOMEM, "no memory for a truth of %d units", n_units);
    }
    t->n_units = n_units;
    t->n_takes = n_takes;
    t->n_sections = n_sections;
    t->n_flaws = n_flaws;
    edit_init(&t->edit);
    *out = t;
    return BS_OK;
}

void truth_free(Truth *t) {
    if (!t) return;
    free(t->units);
    free(t->takes);
    free(t->sections);
    free(t->flaws);
    edit_drop(&t->edit);
    free(t);
}

static bool severity_ok(float s) { return s >= 0 && s <= 1; } /* false for NaN */

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
        if (!severity_ok(unit->flaw)) return fail(BS_CORRUPT, "unit %d: flaw must lie in 0..1", u);
        if (unit->take < -1 || unit->take >= t->n_takes)
            return fail(BS_CORRUPT, "unit %d: take %d, but there are %d takes", u, unit->take, t->n_takes);
        if (unit->kind == UNIT_BEAT) {
            if (unit->take < 0) return fail(BS_CORRUPT, "unit %d: a beat must belong to a take", u);
            if (unit->slot < 0 || unit->slot >= t->n_slots)
                return fail(BS_CORRUPT, "unit %d: slot %d, but the form has %d bars", u, unit->slot,
                            t->n_slots);
            if (unit->phase >= t->meter)
                return fail(BS_CORRUPT, "unit %d: phase %d in a meter of %d", u, unit->phase, t->meter);
        } else if (unit->slot != -1 || unit->phase != 0) {
            return fail(BS_CORRUPT, "unit %d: only beats have a slot and a phase", u);
        }
    }
    return BS_OK;
}

Status truth_check(const Truth *t) {
    if (t->sample_rate_hz < 1000 || t->sample_rate_hz > 768000)
        return fail(BS_CORRUPT, "sample_rate %d must lie in 1000..768000", t->sample_rate_hz);
    if (t->n_samples < 1) return fail(BS_CORRUPT, "n_samples must be at least 1");
    if (t->meter < 1 || t->meter > TRUTH_MAX_METER)
        return fail(BS_CORRUPT, "meter %d must lie in 1..%d", t->meter, TRUTH_MAX_METER);
    if (t->n_slots < 1 || t->n_slots > TRUTH_MAX_SLOTS)
        return fail(BS_CORRUPT, "a form of %d bars; 1 to %d are allowed", t->n_slots, TRUTH_MAX_SLOTS);
    if (!(t->tempo_bpm >= 0 && t->tempo_bpm < 1000)) return fail(BS_CORRUPT, "tempo must lie in 0..1000");
    int32_t slot = 0;
    for (int32_t s = 0; s < t->n_sections; s++) {
        const TruthSection *section = &t->sections[s];
        if (section->first_slot != slot || section->n_slots < 1 || section->n_slots > t->n_slots - slot)
            return fail(BS_CORRUPT, "section %d must start at bar %d and stay inside the form's %d bars", s,
                        slot, t->n_slots);
        slot += section->n_slots;
    }
    if (slot != t->n_slots)
        return fail(BS_CORRUPT, "sections cover %d of the form's %d bars", slot, t->n_slots);
    for (int32_t k = 0; k < t->n_takes; k++) {
        const TruthTake *take = &t->takes[k];
        if (take->first_sample < 0 || take->end_sample <= take->first_sample ||
            take->end_sample > t->n_samples)
            return fail(BS_CORRUPT, "take %d: %lld..%lld does not lie in the recording", k,
                        (long long)take->first_sample, (long long)take->end_sample);
        if (!isfinite(take->tempo_bpm) || !isfinite(take->gain_db))
            return fail(BS_CORRUPT, "take %d: tempo and gain must be numbers", k);
    }
    Status st = check_units(t);
    if (st != BS_OK) return st;
    for (int32_t f = 0; f < t->n_flaws; f++) {
        const TruthFlaw *flaw = &t->flaws[f];
        if (flaw->kind >= FLAW_KINDS || flaw->take < 0 || flaw->take >= t->n_takes || flaw->first_slot < 0 ||
            flaw->n_slots < 1 || flaw->n_slots > t->n_slots - flaw->first_slot || flaw->first_sample < 0 ||
            flaw->end_sample < flaw->first_sample || flaw->end_sample > t->n_samples ||
            !severity_ok(flaw->severity))
            return fail(BS_CORRUPT, "flaw %d: kind, take, bars, samples or severity out of range", f);
    }
    if (t->lo_samples < 0 || t->hi_samples < t->lo_samples)
        return fail(BS_CORRUPT, "the job's window must be 0 <= lo <= hi");
    for (int32_t i = 0; i < t->edit.n_segments; i++) {
        const EditSegment *s = &t->edit.segments[i];
        if (s->start_sample < 0 || s->end_sample <= s->start_sample || s->end_sample > t->n_samples)
            return fail(BS_CORRUPT, "segment %d of the edit does not lie in the recording", i);
    }
    return BS_OK;
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

int32_t truth_slot_section(const Truth *t, int32_t slot) {
    for (int32_t s = 0; s < t->n_sections; s++)
        if (slot >= t->sections[s].first_slot && slot < t->sections[s].first_slot + t->sections[s].n_slots)
            return s;
    return -1;
}

static int by_length(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double truth_beat_samples(const Truth *t) {
    int64_t *lengths = malloc((size_t)t->n_units * sizeof *lengths);
    int32_t n = 0;
    if (lengths)
        for (int32_t u = 0; u < t->n_units; u++)
            if (t->units[u].kind == UNIT_BEAT) lengths[n++] = truth_unit_end(t, u) - t->units[u].start_sample;
    double median = 0.5 * t->sample_rate_hz;
    if (n > 0) {
        qsort(lengths, (size_t)n, sizeof *lengths, by_length);
        median = (double)lengths[n / 2];
    }
    free(lengths);
    return median;
}

bool truth_bar_at(const Truth *t, int32_t u) {
    if (u < 0 || u + t->meter > t->n_units) return false;
    for (int32_t i = 0; i < t->meter; i++) {
        const TruthUnit *unit = &t->units[u + i];
        if (unit->kind != UNIT_BEAT || unit->phase != i || unit->take != t->units[u].take ||
            unit->slot != t->units[u].slot)
            return false;
    }
    return true;
}

void truth_best_flaws(const Truth *t, float *best) {
    for (int32_t s = 0; s < t->n_slots; s++) best[s] = 2;
    for (int32_t u = 0; u < t->n_units; u++) {
        if (!truth_bar_at(t, u)) continue;
        float sum = 0;
        for (int32_t i = 0; i < t->meter; i++) sum += t->units[u + i].flaw;
        sum /= (float)t->meter;
        if (sum < best[t->units[u].slot]) best[t->units[u].slot] = sum;
    }
}
