#pragma once
/* Songs of every shape and Jobs at random, for tests that play the environment: one take and many, several
 * tunes, partial takes, music without pulse, no form, gaps, songs of one to three units, of 4,096, units of a
 * few samples beside units of many seconds. Everything is a function of the seed. */
#include "common/song/job.h"
#include "tests/unit/song_maker.h"

static inline int64_t env_jobs_longest_unit(const Song *s) {
    int64_t x = 0;
    for (int32_t u = 0; u < s->n_units; u++)
        if (song_unit_samples(s, u) > x) x = song_unit_samples(s, u);
    return x;
}

/* One to three units: a take of beats or of free units, with or without a tail. */
static inline Song *env_jobs_tiny_song(Rng *r) {
    int32_t n = 1 + (int32_t)rng_below(r, 3);
    bool tail = n > 1 && rng_below(r, 2), beats = rng_below(r, 5) > 0;
    Song *s = NULL;
    if (song_new(&s, 1, n, 1, 1, 1) != BS_OK) return NULL;
    s->sample_rate_hz = SONG_MAKE_RATE;
    s->n_channels = 1;
    s->featurizer_version = 1;
    strcpy(s->sources[0].name, "tiny.wav");
    s->takes[0] = (SongTake){0, n - tail, 0, 0.1f, 1};
    s->tunes[0] = (SongTune){4, 1, 120, 0};
    for (int32_t u = 0; u < n; u++) {
        SongUnit *x = &s->units[u];
        bool music = u < n - tail;
        x->start_sample = s->n_samples;
        x->kind = (uint8_t)(!music ? UNIT_TAIL : beats ? UNIT_BEAT : UNIT_FREE);
        x->phase = (uint8_t)(music && beats ? u : 0);
        x->bar = x->phrase = x->section = music ? 0 : -1;
        x->slot = music && beats ? 0 : -1;
        x->loudness_db = -20;
        x->music = 0.9f;
        x->tempo_bpm = music && beats ? 120 : 0;
        x->chroma[u] = 1;
        s->n_samples += 1 + (int64_t)rng_below(r, rng_below(r, 2) ? 8000 : 20);
    }
    s->sources[0].n_samples = s->n_samples;
    return s;
}

/* Some units shrink to a few samples, some grow to many seconds. */
static inline void env_jobs_stretch(Song *s, Rng *r) {
    int64_t at = 0;
    for (int32_t u = 0; u < s->n_units; u++) {
        int64_t n = song_unit_samples(s, u);
        s->units[u].start_sample = at;
        uint32_t how = rng_below(r, 6);
        at += how < 2 ? 1 + (int64_t)rng_below(r, 60) : how == 2 ? n * (2 + (int64_t)rng_below(r, 12)) : n;
    }
    s->n_samples = s->sources[0].n_samples = at;
}

/* Returns owned. */
static inline Song *env_jobs_song(uint64_t seed) {
    Rng r = rng_at(seed, 1);
    SongMakeOptions o = {.takes = 2 + (int)rng_below(&r, 3),
                         .sections = 2 + (int)rng_below(&r, 4),
                         .bars_per_section = 2 + 2 * (int)rng_below(&r, 3),
                         .meter = rng_below(&r, 4) ? 4 : 3,
                         .tunes = rng_below(&r, 4) ? 1 : 2,
                         .max_gap_units = 1 + (int)rng_below(&r, 20),
                         .partial = rng_below(&r, 2),
                         .free_units = rng_below(&r, 3) == 0,
                         .no_slots = rng_below(&r, 6) == 0};
    switch (seed % 16) {
    case 3:
        return env_jobs_tiny_song(&r);
    case 5:
        o.takes = o.tunes = 1;
        break;
    case 7:
        o.takes = 9 + (int)rng_below(&r, 6);
        o.sections = 2;
        o.bars_per_section = 2;
        o.tunes = 1 + (int)rng_below(&r, 4);
        break;
    case 9:
        o.meter = rng_below(&r, 2) ? 7 : 1;
        break;
    case 11:
        o.meter = 3;
        if (seed % 128 == 11)
            o = (SongMakeOptions){
                .takes = 8, .sections = 17, .bars_per_section = 10, .meter = 3, .max_gap_units = 1};
        break;
    }
    Song *s = song_make(seed, &o);
    if (s && seed % 16 == 13) env_jobs_stretch(s, &r);
    return s;
}

static inline int32_t env_jobs_unit(const Song *s, int32_t tune, Rng *r) {
    for (int tries = 0; tries < 1000; tries++) {
        int32_t u = (int32_t)rng_below(r, (uint32_t)s->n_units);
        if (s->units[u].take >= 0 && s->takes[s->units[u].take].tune == tune) return u;
    }
    return 0;
}

static inline JobRange env_jobs_range(const Song *s, int32_t first, int32_t n) {
    return (JobRange){first, n <= s->n_units - first ? n : 1};
}

/* A window at random, as narrow as is allowed half of the time; with constraints that may conflict. */
static inline Job env_jobs_job(const Song *s, Rng *r, bool constrained) {
    Job job;
    job_init(&job, s);
    job.tune = (int32_t)rng_below(r, (uint32_t)s->n_tunes);
    int64_t width = env_jobs_longest_unit(s);
    if (rng_below(r, 2)) width += (int64_t)(rng_f64(r) * 0.2 * (double)s->n_samples);
    job.lo_samples = (int64_t)(rng_between(r, 0.0, 0.7) * rng_f64(r) * (double)s->n_samples);
    job.hi_samples = job.lo_samples + width;
    if (!constrained) return job;
    job.no_loop = rng_below(r, 3) == 0;
    job.no_reorder = rng_below(r, 3) == 0;
    job.n_must = (int32_t)rng_below(r, 4);
    for (int i = 0; i < job.n_must; i++) {
        int32_t u = env_jobs_unit(s, job.tune, r);
        job.must[i] = env_jobs_range(s, u, 1 + (int32_t)rng_below(r, 6));
    }
    job.n_never = (int32_t)rng_below(r, 3);
    for (int i = 0; i < job.n_never; i++) {
        int32_t u = (int32_t)rng_below(r, (uint32_t)s->n_units);
        job.never[i] = env_jobs_range(s, u, 1 + (int32_t)rng_below(r, 40));
    }
    if (rng_below(r, 3) == 0) job.start_unit = env_jobs_unit(s, job.tune, r);
    if (rng_below(r, 3) == 0) job.end_unit = env_jobs_unit(s, job.tune, r);
    return job;
}
