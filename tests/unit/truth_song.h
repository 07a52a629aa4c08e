#pragma once
/* A Song as a featurizer without faults would have heard a simulated session: units, takes, bars, slots,
 * sections and flaws as the truth has them; chords and colours by place in the form, a little off in every
 * performance. */
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/song/song.h"
#include "simulator/truth.h"

enum { TRUTH_SONG_MAX_UNIT_S = 2 }; /* units that are no beats are split to at most this */

static inline int32_t truth_song_pieces(const Truth *t, int32_t u) {
    if (t->units[u].kind == UNIT_BEAT) return 1;
    int64_t most = (int64_t)TRUTH_SONG_MAX_UNIT_S * t->sample_rate_hz;
    return (int32_t)((truth_unit_end(t, u) - t->units[u].start_sample + most - 1) / most);
}

static inline void truth_song_sound(SongUnit *x, const Truth *t, const TruthUnit *tu, int32_t label, Rng *r) {
    Rng piece = rng_at(t->seed * 1000 + (uint64_t)label, (uint64_t)(tu->slot % 4));
    Rng colour = rng_at(t->seed * 1000 + 500 + (uint64_t)label, tu->phase);
    int root = (int)rng_below(&piece, 12);
    for (int i = 0; i < SONG_CHROMA; i++) {
        int step = (i - root + 12) % 12;
        double c = step == 0 ? 1 : step == 7 ? 0.8 : step == 4 ? 0.7 : 0.08;
        c += 0.08 * rng_f64(r);
        if (rng_f64(r) < 0.6 * (double)tu->flaw) c = rng_f64(r);
        x->chroma[i] = (float)(c > 1 ? 1 : c);
    }
    for (int i = 0; i < SONG_TIMBRE; i++)
        x->timbre[i] = (float)(4 * rng_f64(&colour) - 2 + 0.5 * (rng_f64(r) - 0.5));
    x->loudness_db =
        (float)(-20 + t->takes[tu->take].gain_db + 2.5 * (label % 3) + rng_between(r, -0.5, 0.5));
    x->vocal = label % 3 ? 0.7f : 0.1f;
}

/* Bars, phrases of four bars and sections, counted through the session. */
static inline void truth_song_number(Song *s, const Truth *t) {
    int32_t bar = -1, phrase = -1, section = -1, last_slot = -1, last_section = -1, last_take = -1;
    for (int32_t u = 0; u < s->n_units; u++) {
        SongUnit *x = &s->units[u];
        x->bar = x->phrase = x->section = -1;
        if (x->take < 0 || (x->kind != UNIT_BEAT && x->kind != UNIT_FREE)) continue;
        int32_t tune = s->takes[x->take].tune, at = truth_slot_section(t, tune, x->slot);
        bool first = x->take != last_take, on = x->slot == last_slot + 1;
        if (first || x->slot != last_slot) {
            bar++;
            if (first || at != last_section || !on)
                section++, phrase++;
            else if ((x->slot - t->sections[at].first_slot) % 4 == 0)
                phrase++;
        }
        x->bar = bar;
        x->phrase = phrase;
        x->section = section;
        last_take = x->take;
        last_slot = x->slot;
        last_section = at;
    }
}

/* Returns owned; NULL when the truth is no Song's (too many units). */
static inline Song *truth_song(const Truth *t) {
    int32_t n_units = 0, n_slots = 0, n = 0;
    Song *s;
    for (int32_t u = 0; u < t->n_units; u++) n_units += truth_song_pieces(t, u);
    for (int32_t k = 0; k < t->n_tunes; k++) n_slots += t->tunes[k].n_slots;
    if (song_new(&s, 1, n_units, t->n_takes, t->n_tunes, n_slots) != BS_OK) return NULL;
    Rng r = rng_at(t->seed, 77);
    s->sample_rate_hz = t->sample_rate_hz;
    s->n_channels = 2;
    s->n_samples = t->n_samples;
    s->featurizer_version = 1;
    strcpy(s->sources[0].name, "session.wav");
    s->sources[0].n_samples = t->n_samples;
    for (int32_t k = 0; k < t->n_takes; k++)
        s->takes[k] =
            (SongTake){.first_unit = -1, .tune = t->takes[k].tune, .complete = t->takes[k].complete};
    for (int32_t u = 0; u < t->n_units; u++) {
        const TruthUnit *tu = &t->units[u];
        int64_t from = tu->start_sample, length = truth_unit_end(t, u) - from;
        for (int32_t k = 0, pieces = truth_song_pieces(t, u); k < pieces; k++, n++) {
            SongUnit *x = &s->units[n];
            bool played = tu->kind == UNIT_BEAT || tu->kind == UNIT_FREE;
            x->start_sample = from + length * k / pieces;
            x->kind = tu->kind;
            x->phase = tu->phase;
            x->take = tu->take;
            x->slot = tu->slot;
            x->flaw = tu->flaw;
            x->loudness_db = -50;
            x->music = played ? 0.95f : tu->kind == UNIT_TAIL ? 0.6f : 0.02f;
            if (tu->kind != UNIT_BEAT) continue;
            x->tempo_bpm = (float)(60.0 * t->sample_rate_hz / (double)length);
            int32_t section = truth_slot_section(t, t->takes[tu->take].tune, tu->slot);
            truth_song_sound(x, t, tu, t->takes[tu->take].tune * 10 + t->sections[section].label, &r);
        }
        if (tu->take < 0 || tu->kind == UNIT_TAIL) continue;
        SongTake *take = &s->takes[tu->take];
        if (take->first_unit < 0) take->first_unit = n - truth_song_pieces(t, u);
        take->n_units = n - take->first_unit;
        take->flaw += tu->flaw;
    }
    for (int32_t k = 0; k < t->n_takes; k++)
        if (s->takes[k].n_units > 0) s->takes[k].flaw /= (float)s->takes[k].n_units;
    for (int32_t k = 0, first = 0; k < t->n_tunes; first += t->tunes[k++].n_slots) {
        float bpm = (float)(60.0 * t->sample_rate_hz / truth_beat_samples(t, k));
        s->tunes[k] = (SongTune){t->tunes[k].meter, t->tunes[k].n_slots, bpm, first};
        for (int32_t slot = 0; slot < t->tunes[k].n_slots; slot++)
            s->slot_section[first + slot] = t->sections[truth_slot_section(t, k, slot)].label;
    }
    truth_song_number(s, t);
    return s;
}
