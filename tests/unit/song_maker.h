#pragma once
/* Synthetic Songs for tests: a form of sections played in several takes, each performed anew, with gaps
 * between them, mistakes in some bars and a tail after each. No audio: the Song is what a featurizer would
 * have heard. Everything is a function of (seed, options). Borrowed by tests of any folder that links
 * common/song. */
#include <string.h>

#include "common/core/rng.h"
#include "common/song/song.h"

typedef struct SongMakeOptions {
    int takes;            /* default 3 */
    int sections;         /* of the form, default 4; labels go A B A C ... */
    int bars_per_section; /* default 4 */
    int meter;            /* default 4 */
    int tunes;            /* default 1; takes are dealt out in turn */
    int max_gap_units;    /* before each take, default 8 */
    double flawed_bars;   /* share of bars played wrong, default 0.12 */
    bool partial;         /* takes after the first may hold some sections only */
    bool free_units;      /* an introduction without pulse at some takes */
    bool no_slots;        /* the form is not known */
    bool same_level;      /* no dynamics */
} SongMakeOptions;

enum { SONG_MAKE_MAX_UNITS = 8192, SONG_MAKE_RATE = 8000 };

typedef struct SongMaker {
    SongUnit units[SONG_MAKE_MAX_UNITS];
    SongTake takes[SONG_MAX_TAKES];
    int32_t n_units, n_takes, bar, phrase, section;
    int64_t at;
    Rng rng;
} SongMaker;

static inline SongUnit *song_maker_unit(SongMaker *m, UnitKind kind, int take, double length_s) {
    if (m->n_units == SONG_MAKE_MAX_UNITS) return &m->units[m->n_units - 1];
    SongUnit *u = &m->units[m->n_units++];
    memset(u, 0, sizeof *u);
    u->start_sample = m->at;
    u->kind = (uint8_t)kind;
    u->take = (int16_t)take;
    u->bar = u->phrase = u->section = u->slot = -1;
    u->loudness_db = kind == UNIT_GAP ? -55 : -30;
    u->music = kind == UNIT_GAP ? 0.02f : kind == UNIT_TAIL ? 0.6f : 0.95f;
    int64_t n = (int64_t)(length_s * SONG_MAKE_RATE);
    m->at += n > 1 ? n : 1;
    return u;
}

/* The chord and colour of a beat of the piece, with this performance's own deviation. */
static inline void song_maker_sound(SongMaker *m, SongUnit *u, int label, int bar, int phase, double wrong) {
    Rng piece = rng_at(0x50 + (uint64_t)label, (uint64_t)(bar % 4));
    int root = (int)rng_below(&piece, 12);
    for (int i = 0; i < SONG_CHROMA; i++) {
        int step = (i - root + 12) % 12;
        double x = step == 0 ? 1 : step == 7 ? 0.8 : step == 4 ? 0.7 : 0.08;
        if (phase == 2 && step == 9) x = 0.5;
        x += 0.08 * rng_f64(&m->rng);
        if (rng_f64(&m->rng) < wrong) x = rng_f64(&m->rng);
        u->chroma[i] = (float)(x > 1 ? 1 : x);
    }
    Rng colour = rng_at(0x90 + (uint64_t)label, (uint64_t)phase);
    for (int i = 0; i < SONG_TIMBRE; i++)
        u->timbre[i] =
            (float)(4 * rng_f64(&colour) - 2 + 0.5 * (rng_f64(&m->rng) - 0.5) + wrong * rng_f64(&m->rng));
}

static inline void song_maker_take(SongMaker *m, const SongMakeOptions *o, int take, int tune) {
    int first = 0, last = o->sections;
    if (o->partial && take >= o->tunes && rng_below(&m->rng, 2)) {
        first = (int)rng_below(&m->rng, (uint32_t)o->sections);
        last = first + 1 + (int)rng_below(&m->rng, (uint32_t)(o->sections - first));
    }
    int n_gap = 1 + (int)rng_below(&m->rng, (uint32_t)o->max_gap_units);
    for (int i = 0; i < n_gap; i++) song_maker_unit(m, UNIT_GAP, -1, rng_between(&m->rng, 0.3, 1.9));
    SongTake *t = &m->takes[m->n_takes++];
    t->first_unit = m->n_units;
    t->tune = tune;
    t->complete = last == o->sections;
    if (o->free_units && rng_below(&m->rng, 2))
        for (int i = 0; i < 3; i++) song_maker_unit(m, UNIT_FREE, take, rng_between(&m->rng, 0.5, 1.5));
    double bpm = rng_between(&m->rng, 112, 118) * (tune ? 1.3 : 1), level = rng_between(&m->rng, -1, 1);
    double flaws = 0;
    for (int s = first; s < last; s++, m->section++) {
        int label = s % 2 == 0 ? 0 : (s / 2) % 3 + 1;
        for (int b = 0; b < o->bars_per_section; b++, m->bar++) {
            if (b && b % 4 == 0) m->phrase++;
            bool wrong = rng_f64(&m->rng) < o->flawed_bars;
            for (int k = 0; k < o->meter; k++) {
                double local = bpm * rng_between(&m->rng, 0.985, 1.015);
                SongUnit *u = song_maker_unit(m, UNIT_BEAT, take, 60 / local);
                u->phase = (uint8_t)k;
                u->bar = m->bar;
                u->phrase = m->phrase;
                u->section = m->section;
                u->slot = o->no_slots ? -1 : s * o->bars_per_section + b;
                u->tempo_bpm = (float)local;
                u->flaw = (float)(wrong ? rng_between(&m->rng, 0.6, 0.95) : rng_between(&m->rng, 0.02, 0.15));
                u->loudness_db = (float)(-20 + level + (o->same_level ? 0 : label * 2.5 + 0.5 * (double)s) +
                                         (k == 0) + rng_between(&m->rng, -0.5, 0.5));
                u->vocal = label ? 0.7f : 0.1f;
                flaws += u->flaw;
                song_maker_sound(m, u, label + 8 * tune, b, k, wrong ? 0.6 : 0);
            }
        }
        m->phrase++;
    }
    t->n_units = m->n_units - t->first_unit;
    t->flaw = (float)(flaws / t->n_units);
    song_maker_unit(m, UNIT_TAIL, take, rng_between(&m->rng, 0.5, 1.8));
}

static inline void song_maker_features(Song *s) {
    for (int32_t u = 0; u < s->n_units; u++) {
        float *row = s->features + (size_t)u * SONG_FEATURES;
        memcpy(row + FEATURE_CHROMA, s->units[u].chroma, sizeof s->units[u].chroma);
        for (int i = 0; i < 12; i++) row[FEATURE_MEL + i] = s->units[u].timbre[i];
        row[FEATURE_LOUDNESS] = (s->units[u].loudness_db + 25) / 10;
        row[FEATURE_VOCAL] = s->units[u].vocal;
        row[FEATURE_KIND + s->units[u].kind] = 1;
        row[FEATURE_FLAW] = s->units[u].flaw;
        row[FEATURE_BAR_PHASE] = s->units[u].phase == 0;
    }
}

/* Returns owned: song_free. NULL only when the options ask for more than a Song may hold. */
static inline Song *song_make(uint64_t seed, const SongMakeOptions *options) {
    SongMakeOptions o = {0};
    if (options) o = *options;
    if (!o.takes) o.takes = 3;
    if (!o.sections) o.sections = 4;
    if (!o.bars_per_section) o.bars_per_section = 4;
    if (!o.meter) o.meter = 4;
    if (!o.tunes) o.tunes = 1;
    if (!o.max_gap_units) o.max_gap_units = 8;
    if (o.flawed_bars == 0) o.flawed_bars = 0.12;
    static _Thread_local SongMaker maker;
    SongMaker *m = &maker;
    memset(m, 0, sizeof *m);
    m->rng = rng_at(seed, 0x736f6e67);
    for (int t = 0; t < o.takes; t++) song_maker_take(m, &o, t, t % o.tunes);
    int32_t slots = o.no_slots ? 0 : o.sections * o.bars_per_section;
    Song *s = NULL;
    if (song_new(&s, 1, m->n_units, m->n_takes, o.tunes, slots * o.tunes) != BS_OK) return NULL;
    s->sample_rate_hz = SONG_MAKE_RATE;
    s->n_channels = 1;
    s->n_samples = m->at;
    s->featurizer_version = 1;
    strcpy(s->sources[0].name, "made.wav");
    s->sources[0].n_samples = m->at;
    memcpy(s->units, m->units, sizeof *s->units * (size_t)m->n_units);
    memcpy(s->takes, m->takes, sizeof *s->takes * (size_t)m->n_takes);
    for (int t = 0; t < o.tunes; t++) {
        s->tunes[t] = (SongTune){o.meter, slots, t ? 150 : 115, t * slots};
        for (int32_t k = 0; k < slots; k++) {
            int section = k / o.bars_per_section;
            s->slot_section[t * slots + k] = section % 2 == 0 ? 0 : (section / 2) % 3 + 1;
        }
    }
    song_maker_features(s);
    return s;
}

static inline int32_t song_made_bar(const Song *s, int32_t take, int32_t slot) { /* first unit, or -1 */
    for (int32_t i = 0; i < s->takes[take].n_units; i++) {
        int32_t u = s->takes[take].first_unit + i;
        if (s->units[u].slot == slot && s->units[u].kind == UNIT_BEAT) return u;
    }
    return -1;
}

static inline float song_made_bar_flaw(const Song *s, int32_t u) {
    float sum = 0;
    int32_t n = 0;
    for (int32_t v = u; v < s->n_units && s->units[v].bar == s->units[u].bar; v++, n++)
        sum += s->units[v].flaw;
    return sum / (float)n;
}

/* The edit a person would make of slots [first, end) of tune 0: every bar from a take that plays it well,
 * with as few changes of take as that allows, and rather between takes of like tempo; with the tail where
 * it ends a take. Returns the number of units. Dynamic programming over slots and takes. */
enum { SONG_MADE_MAX_SLOTS = 128, SONG_MADE_MAX_TAKES = 16 };

static inline double song_made_change(const Song *s, int32_t a, int32_t b) {
    double x = s->units[a].tempo_bpm / s->units[b].tempo_bpm;
    return 1 + 20 * (x > 1 ? x - 1 : 1 / x - 1);
}

static inline int32_t song_made_right(const Song *s, int32_t first, int32_t end, int32_t *units,
                                      uint8_t *fades, int32_t max) {
    static _Thread_local double cost[SONG_MADE_MAX_SLOTS + 1][SONG_MADE_MAX_TAKES];
    static _Thread_local int8_t from[SONG_MADE_MAX_SLOTS + 1][SONG_MADE_MAX_TAKES];
    int32_t n_takes = s->n_takes < SONG_MADE_MAX_TAKES ? s->n_takes : SONG_MADE_MAX_TAKES, n = 0;
    const double never = 1e9;
    if (end - first > SONG_MADE_MAX_SLOTS || end <= first) return 0;
    for (int32_t slot = first; slot < end; slot++)
        for (int32_t t = 0; t < n_takes; t++) {
            double *c = &cost[slot - first][t];
            int32_t u = s->takes[t].tune == 0 ? song_made_bar(s, t, slot) : -1;
            *c = u < 0 ? never : song_made_bar_flaw(s, u) > 0.3f ? 12 : song_made_bar_flaw(s, u);
            if (u < 0 || slot == first) continue;
            double best = never;
            for (int32_t k = 0; k < n_takes; k++) {
                int32_t v = song_made_bar(s, k, slot - 1);
                double x = cost[slot - first - 1][k] + (k == t || v < 0 ? 0 : song_made_change(s, v, u));
                if (x < best) {
                    best = x;
                    from[slot - first][t] = (int8_t)k;
                }
            }
            *c += best;
        }
    int32_t take = 0, path[SONG_MADE_MAX_SLOTS];
    for (int32_t t = 1; t < n_takes; t++)
        if (cost[end - first - 1][t] < cost[end - first - 1][take]) take = t;
    for (int32_t slot = end - 1; slot >= first; slot--) {
        path[slot - first] = take;
        take = from[slot - first][take];
    }
    for (int32_t slot = first; slot < end; slot++) {
        int32_t u = song_made_bar(s, path[slot - first], slot);
        for (int32_t v = u; u >= 0 && v < s->n_units && s->units[v].bar == s->units[u].bar && n < max; v++) {
            fades[n] = 0;
            units[n++] = v;
        }
    }
    if (n > 0 && n < max && units[n - 1] + 1 < s->n_units && s->units[units[n - 1] + 1].kind == UNIT_TAIL) {
        fades[n] = 0;
        units[n] = units[n - 1] + 1;
        n++;
    }
    return n;
}
