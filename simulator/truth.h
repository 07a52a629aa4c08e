#pragma once
/* Truth: what a recording really holds, for simulated sessions and for any other recording that somebody
 * described by hand. The file format is docs/truth-format.md.
 *
 * Units partition the timeline like a Song's. A *bar* here is a whole bar of the form as one take plays
 * it; bars are derived from the units. Plain data; truth_read and truth_new return an owned Truth, free
 * it with truth_free; it is read-only afterwards, so threads may share it. */
#include "common/song/edit.h"

enum {
    TRUTH_VERSION = 1,
    TRUTH_NAME = 64,
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
    FLAW_BREAKDOWN, /* the take falls apart and stops */
    FLAW_OTHER,     /* anything else that a person marked */
    FLAW_KINDS
} FlawKind;
extern const char *const flaw_names[FLAW_KINDS];

typedef struct TruthUnit {
    int64_t start_sample; /* it ends where the next begins; the last ends at n_samples */
    uint8_t kind;         /* UnitKind */
    uint8_t phase;        /* beat in the bar, 0 = downbeat; 0 unless kind is UNIT_BEAT */
    int16_t take;         /* -1 outside takes; a tail belongs to the take before it */
    int32_t slot;         /* bar of the form, -1 unless kind is UNIT_BEAT */
    float flaw;           /* severity 0..1 of the worst flaw heard here */
} TruthUnit;

typedef struct TruthTake {
    int64_t first_sample, end_sample; /* its beats, without the tail */
    uint8_t complete;                 /* plays the form from its first to its last bar */
    float tempo_bpm;                  /* mean */
    float gain_db;                    /* against the other takes; 0 where unknown */
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

typedef struct Truth {
    char name[TRUTH_NAME], key[TRUTH_NAME]; /* key: "A minor" */
    uint64_t seed;
    int32_t sample_rate_hz, meter, n_slots;
    int64_t n_samples;
    float tempo_bpm;
    int32_t n_units, n_takes, n_sections, n_flaws;
    TruthUnit *units;
    TruthTake *takes;
    TruthSection *sections; /* in form order; they partition the slots */
    TruthFlaw *flaws;
    int64_t lo_samples, hi_samples; /* the window of the Job drawn for this recording */
    Edit edit;                      /* the right edit for that Job */
} Truth;

Status truth_new(Truth **out, int32_t n_units, int32_t n_takes, int32_t n_sections, int32_t n_flaws);
void truth_free(Truth *truth);

/* BS_CORRUPT naming what is wrong unless: units start at 0, ascend and end inside n_samples; beats have a
 * take, a slot of the form and a phase below the meter; sections partition the slots; flaws name takes and
 * slots; 0 <= severities <= 1; the window and the edit's segments lie in order. */
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
/* The section a slot is in; -1 for slot -1. */
int32_t truth_slot_section(const Truth *t, int32_t slot);
/* Median length of a beat, in samples; half a second where there are no beats. */
double truth_beat_samples(const Truth *t);
/* Per slot: the lowest mean severity among whole bars that play it, 2 where none does.
 * best has room for n_slots. */
void truth_best_flaws(const Truth *t, float *best);
/* Whole bars start here: units u .. u + meter - 1 are the beats of one slot in one take, in order. */
bool truth_bar_at(const Truth *t, int32_t u);
