#pragma once
/* Truth: what a recording really holds, for simulated sessions and for any other recording that somebody
 * described by hand. The file format is docs/truth-format.md.
 *
 * Units partition the timeline like a Song's. Takes play one of the tunes; a *slot* is a bar of its tune's
 * form, a *bar* a whole bar of the form as one take plays it; bars are derived from the units. Plain data;
 * truth_read and truth_new return an owned Truth, free it with truth_free; it is read-only afterwards, so
 * threads may share it. */
#include "common/song/edit.h"

enum {
    TRUTH_VERSION = 2,
    TRUTH_NAME = 64,
    TRUTH_MAX_TUNES = SONG_MAX_TUNES,
    TRUTH_MAX_TRACKS = 32,
    TRUTH_MAX_COPIES = 4096,
    TRUTH_MAX_UNITS = SONG_MAX_UNITS,
    TRUTH_MAX_TAKES = SONG_MAX_TAKES,
    TRUTH_MAX_SECTIONS = 256,
    TRUTH_MAX_SLOTS = 1024,
    TRUTH_MAX_FLAWS = 4096,
    TRUTH_MAX_METER = 12,
    TRUTH_MAX_BYTES = 16 << 20,
};

typedef enum FlawKind {
    FLAW_WRONG_NOTES, /* lead or chord a semitone off */
    FLAW_LATE_HITS,   /* late or missed hits */
    FLAW_DROPOUT,     /* an instrument or all of them fall silent */
    FLAW_LEVEL_JUMP,
    FLAW_CLIPPED,
    FLAW_BREAKDOWN,     /* the take falls apart and stops */
    FLAW_FALSE_START,   /* stopped within the first bars */
    FLAW_SLOPPY_TIMING, /* nobody is with the others */
    FLAW_TALK_OVER,     /* somebody talks while the band plays */
    FLAW_OTHER,         /* anything else that a person marked */
    FLAW_KINDS
} FlawKind;
extern const char *const flaw_names[FLAW_KINDS];

/* What is heard in a unit beside its kind: of gaps and free units any, of beats talk or noise over the
 * playing. */
typedef enum TruthWhat {
    WHAT_UNKNOWN,
    WHAT_SILENCE,
    WHAT_TALK,
    WHAT_NOISE,
    WHAT_COUNT_IN,
    WHAT_TUNING,
    WHAT_NOODLING,
    WHAT_KINDS
} TruthWhat;
extern const char *const what_names[WHAT_KINDS]; /* "" for unknown */

typedef struct TruthUnit {
    int64_t start_sample; /* it ends where the next begins; the last ends at n_samples */
    uint8_t kind;         /* UnitKind */
    uint8_t what;         /* TruthWhat */
    uint8_t phase;        /* beat in the bar, 0 = downbeat; 0 unless kind is UNIT_BEAT */
    int16_t take;         /* -1 outside takes; a tail belongs to the take before it */
    int32_t slot;         /* bar of the form of its take's tune, -1 unless kind is UNIT_BEAT */
    float flaw;           /* severity 0..1 of the worst flaw heard here */
    float sustain;        /* 0..1: a sound rings across this unit's start and nothing is struck there, so the
                             right join here is a long centred fade and not a short cut */
} TruthUnit;

/* A piece that the session plays. Its sections are Truth.sections[first_section ..] and partition its slots.
 */
typedef struct TruthTune {
    char name[TRUTH_NAME], key[TRUTH_NAME]; /* key: "A minor" */
    int32_t meter, n_slots;
    float tempo_bpm; /* 0 where unknown */
    int32_t first_section, n_sections;
} TruthTune;

typedef struct TruthTake {
    int64_t first_sample, end_sample; /* its beats, without the tail */
    int32_t tune;
    uint8_t complete; /* plays the form from its first to its last bar */
    float tempo_bpm;  /* mean */
    float gain_db;    /* against the other takes; 0 where unknown */
} TruthTake;

typedef struct TruthSection {
    char name[TRUTH_NAME]; /* "verse 2" */
    int32_t label;         /* equal = the same music */
    int32_t first_slot, n_slots;
} TruthSection;

typedef struct TruthFlaw {
    uint8_t kind; /* FlawKind */
    int32_t take, first_slot, n_slots;
    int64_t first_sample, end_sample;
    float severity;
} TruthFlaw;

/* [first_sample, end_sample) repeats, sample for sample, what begins at of_sample: a loop pasted into the
 * raw. */
typedef struct TruthCopy {
    int64_t first_sample, end_sample, of_sample;
} TruthCopy;

typedef struct TruthCounts {
    int32_t n_units, n_takes, n_tunes, n_sections, n_flaws, n_copies;
} TruthCounts;

typedef struct Truth {
    char name[TRUTH_NAME];
    uint64_t seed;
    int32_t sample_rate_hz;
    int64_t n_samples;
    int32_t n_units, n_takes, n_tunes, n_sections, n_flaws, n_copies, n_tracks;
    TruthUnit *units;
    TruthTake *takes;
    TruthTune *tunes;
    TruthSection *sections; /* of all tunes, in order of tune and form */
    TruthFlaw *flaws;
    TruthCopy *copies;
    char tracks[TRUTH_MAX_TRACKS][TRUTH_NAME]; /* names of synchronous tracks */
    int32_t tune;                              /* the one that the Job drawn for this recording edits, */
    int64_t lo_samples, hi_samples;            /* its window, */
    Edit edit;                                 /* and the right edit for it */
} Truth;

/* n_units, n_tunes and n_sections are at least 1; all contents are zero. */
Status truth_new(Truth **out, TruthCounts counts);
void truth_free(Truth *truth);

/* BS_CORRUPT naming what is wrong unless: units start at 0, ascend and end inside n_samples; beats have a
 * take, a slot of its tune's form and a phase below the meter; each tune's sections partition its slots;
 * flaws name takes and slots; copies lie in the recording; 0 <= severities, sustain <= 1; the window and the
 * edit's segments lie in order. */
Status truth_check(const Truth *truth);

/* One clear line for a missing file, text that is no JSON, missing or wrong fields, a newer version. */
Status truth_read(Truth **out, const char *path);
Status truth_parse(Truth **out, const void *bytes, size_t n_bytes);
Status truth_write(const Truth *truth, const char *path);
Status truth_print(const Truth *truth, ByteWriter *w); /* the bytes that truth_write writes */

static inline int64_t truth_unit_end(const Truth *t, int32_t u) {
    return u + 1 < t->n_units ? t->units[u + 1].start_sample : t->n_samples;
}
/* The unit that holds sample `at`, 0 <= at < n_samples. */
int32_t truth_unit_at(const Truth *t, int64_t at);
/* The tune a unit's take plays; -1 outside takes. */
static inline int32_t truth_unit_tune(const Truth *t, int32_t u) {
    return t->units[u].take < 0 ? -1 : t->takes[t->units[u].take].tune;
}
/* The tune that most of [first, end) belongs to; -1 where no take is. */
int32_t truth_tune_of(const Truth *t, int64_t first_sample, int64_t end_sample);
/* The section (into Truth.sections) that a slot of a tune is in; -1 for slot -1. */
int32_t truth_slot_section(const Truth *t, int32_t tune, int32_t slot);
/* Median length of a tune's beats, in samples; half a second where there are none. */
double truth_beat_samples(const Truth *t, int32_t tune);
/* Per slot of a tune: the lowest mean severity among whole bars that play it, 2 where none does.
 * best has room for the tune's n_slots. */
void truth_best_flaws(const Truth *t, int32_t tune, float *best);
/* A whole bar starts here: u, u + 1, .. are the beats of one slot in one take, in order. */
bool truth_bar_at(const Truth *t, int32_t u);
