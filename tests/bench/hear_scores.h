#pragma once
/* Sections, phrases and gaps of a Song against a simulated session's truth. For benches. */
#include "common/song/song.h"
#include "simulator/truth.h"
#include "tests/bench/marks.h"

enum { HEAR_MAX_EDGES = 8192 };

/* Where sections (or phrases: every four bars of a section) begin. */
static inline Score score_edges(const Song *s, const Truth *t, bool phrases, double within_s) {
    static double found[HEAR_MAX_EDGES], truth[HEAR_MAX_EDGES];
    int32_t n = 0, m = 0;
    for (int32_t u = 0; u < s->n_units && n < HEAR_MAX_EDGES; u++) {
        const SongUnit *x = &s->units[u], *before = u ? x - 1 : NULL;
        if (x->kind != UNIT_BEAT) continue;
        bool edge = !before || before->kind != UNIT_BEAT || before->take != x->take ||
                    (phrases ? before->phrase != x->phrase : before->section != x->section);
        if (edge) found[n++] = (double)x->start_sample / s->sample_rate_hz;
    }
    for (int32_t u = 0; u < t->n_units && m < HEAR_MAX_EDGES; u++) {
        const TruthUnit *x = &t->units[u], *before = u ? x - 1 : NULL;
        if (x->kind != UNIT_BEAT) continue;
        bool starts = !before || before->kind != UNIT_BEAT || before->take != x->take, edge = starts;
        if (!starts && x->slot != before->slot) {
            int32_t tune = truth_unit_tune(t, u), section = truth_slot_section(t, tune, x->slot);
            edge = section != truth_slot_section(t, tune, before->slot) || x->slot != before->slot + 1;
            if (phrases && section >= 0) edge |= (x->slot - t->sections[section].first_slot) % 4 == 0;
        }
        if (edge) truth[m++] = (double)x->start_sample / t->sample_rate_hz;
    }
    return marks_match(found, n, truth, m, within_s, NULL);
}

/* Seconds: hits = heard and true, found = heard, truth = true. */
typedef struct Seconds {
    Score gap, talk, music; /* talk: gaps in which somebody talks; heard is any gap there */
} Seconds;

static inline void add_seconds(Seconds *sum, const Song *s, const Truth *t) {
    double step = 0.02;
    for (double at = 0; at < (double)t->n_samples / t->sample_rate_hz - step; at += step) {
        const TruthUnit *x = &t->units[truth_unit_at(t, (int64_t)(at * t->sample_rate_hz))];
        const SongUnit *y = &s->units[song_unit_at(s, (int64_t)(at * s->sample_rate_hz))];
        bool gap = x->kind == UNIT_GAP, heard = y->kind == UNIT_GAP, talk = gap && x->what == WHAT_TALK;
        sum->gap.truth += gap * step, sum->gap.found += heard * step, sum->gap.hits += (gap && heard) * step;
        sum->talk.truth += talk * step, sum->talk.hits += (talk && heard) * step;
        bool music = x->kind == UNIT_BEAT, taken = y->kind == UNIT_BEAT || y->kind == UNIT_FREE;
        sum->music.truth += music * step, sum->music.found += taken * step;
        sum->music.hits += (music && taken) * step;
    }
}
