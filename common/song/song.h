#pragma once
/* Song: what the featurizer heard, and all that the rest of the system knows of a recording.
 *
 * A Song is plain data in one block, named by the hash of its packed bytes. *Units* partition the
 * timeline: beats inside takes, free units (music without pulse), gaps (silence, talk, noise,
 * count-in), a tail after each take. *Takes* are uninterrupted performances, *tunes* are takes of the
 * same piece, and *slots* are bar positions in a tune's form: units of different takes with the same
 * (slot, phase) play the same beat of the piece. Bars, phrases and sections never cross a take.
 *
 * song_unpack returns a block owned by the caller (song_free); it never changes afterwards, so any
 * number of threads may read it. */
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/hash.h"
#include "common/core/status.h"

enum {
    SONG_VERSION = 3, /* 1 had no key, tuning and loudness: read with 0, 0 and SONG_SILENT_LUFS; 2 no stems */
    SONG_MAX_UNITS = 16384, /* in a session */
    SONG_MAX_TAKES = 256,
    SONG_MAX_TUNES = 32,
    SONG_MAX_SOURCES = 64,
    SONG_MAX_SLOTS = 4096, /* in one tune */
    SONG_MAX_BYTES = 64 << 20,
    SONG_CHROMA = 12,
    SONG_TIMBRE = 12,
    SONG_NAME_BYTES = 256,
    SONG_KEYS = 24,
};
#define SONG_SILENT_LUFS -70.0F
#define SONG_SILENT_DB   -80.0F /* floor of a unit's levels */

/* Who plays. */
typedef enum Stem { STEM_DRUMS, STEM_BASS, STEM_VOCALS, STEM_OTHER, STEMS } Stem;
extern const char *const stem_names[STEMS]; /* "drums" .. "other" */

typedef enum UnitKind { UNIT_BEAT, UNIT_FREE, UNIT_GAP, UNIT_TAIL, UNIT_KINDS } UnitKind;

/* Columns of Song.features: FEATURE_MEL is the first column of the row named MEL, and so on. */
enum {
#define FEATURE(name, width, text) FEATURE_##name, FEATURE_##name##_LAST = FEATURE_##name + (width)-1,
#include "common/song/features.def"
#undef FEATURE
    SONG_FEATURES
};

/* A file of the recording on the timeline, in order; sources touch and cover 0..n_samples. */
typedef struct SongSource {
    char name[SONG_NAME_BYTES]; /* file name as given, relative to the session's folder */
    int64_t start_sample, n_samples;
    Hash pcm; /* of the decoded samples */
} SongSource;

typedef struct SongUnit {
    int64_t start_sample; /* it ends where the next begins; the last ends at Song.n_samples */
    uint8_t kind;         /* UnitKind, the likeliest; the likelihoods are features */
    uint8_t phase;        /* beat in the bar, 0 = downbeat; 0 outside takes */
    int16_t take;         /* -1 outside takes; a tail belongs to the take before it */
    int32_t bar;          /* bars, phrases and sections: counted through the session, -1 outside takes; */
    int32_t phrase;       /*   units of one bar (phrase, section) are adjacent and share the number */
    int32_t section;
    int32_t slot; /* bar of the tune's form, -1 where the unit has none */

    /* What the environment's rewards read, in plain units. */
    float loudness_db;         /* mean level, dB relative to full scale, floor -80 */
    float tempo_bpm;           /* local tempo; 0 where there is none */
    float flaw;                /* likelihood 0..1 that something is wrong here */
    float music;               /* likelihood 0..1 that this is music of a take, not gap or talk */
    float vocal;               /* vocal activity 0..1 */
    float chroma[SONG_CHROMA]; /* largest = 1, all 0 in silence */
    uint8_t key;               /* 1..12: C..B major, 13..24: C..B minor, 0: none */
    float stem_db[STEMS];      /* mean level of each stem, dB relative to full scale, floor -80 */
    float timbre[SONG_TIMBRE]; /* cosine transform of the log-mel spectrum, coefficients 1..12 */
} SongUnit;

typedef struct SongTake {
    int32_t first_unit, n_units; /* its beats and free units, without the tail */
    int32_t tune;
    float flaw;       /* mean over its units */
    uint8_t complete; /* 1 when it reaches the end of the form */
} SongTake;

typedef struct SongTune {
    int32_t meter;              /* beats in a bar */
    int32_t n_slots;            /* bars of the form */
    float tempo_bpm;            /* median over its takes */
    int32_t first_slot_section; /* into Song.slot_section: n_slots entries */
} SongTune;

typedef struct Song {
    int32_t sample_rate_hz, n_channels;
    int64_t n_samples; /* length of the timeline, per channel */
    uint32_t featurizer_version;
    float tuning_cents;      /* of the recording against A = 440 Hz, -50..50 */
    float loudness_lufs;     /* of all of it, ITU-R BS.1770; SONG_SILENT_LUFS: silent or not known */
    float loudness_range_lu; /* EBU Tech 3342 */
    Hash stems;              /* of the samples of the stems that were there; zero: heard in the mix */
    int32_t n_sources, n_units, n_takes, n_tunes, n_slot_sections;
    SongSource *sources;
    SongUnit *units;
    SongTake *takes;
    SongTune *tunes;
    int32_t *take_called, *tune_called; /* numbers for people, see song_take_called; not packed */
    int32_t *slot_section;              /* per tune, per slot: the section label (equal = the same music) */
    float *features;                    /* n_units x SONG_FEATURES, row-major */
    Hash hash;                          /* of the packed bytes; set by song_pack and song_unpack */
} Song;

/* A zeroed Song with room for the counts given; BS_INVALID past a limit above. */
Status song_new(Song **out, int32_t n_sources, int32_t n_units, int32_t n_takes, int32_t n_tunes,
                int32_t n_slot_sections);
void song_free(Song *song);

/* BS_CORRUPT with a reason unless every invariant named above holds. Pack and unpack both call it. */
Status song_check(const Song *song);

/* Layout in docs/formats.md. song_pack appends to `w` and sets song->hash. */
Status song_pack(Song *song, ByteWriter *w);
Status song_unpack(Song **out, const void *bytes, size_t n_bytes);

static inline int64_t song_unit_end(const Song *s, int32_t u) {
    return u + 1 < s->n_units ? s->units[u + 1].start_sample : s->n_samples;
}
static inline int64_t song_unit_samples(const Song *s, int32_t u) {
    return song_unit_end(s, u) - s->units[u].start_sample;
}
/* The numbers by which people call takes and tunes: from 1 by their place, but in an excerpt those of the
 * recording; 0: stands for what was left out. In take_called 0 means by its place, SONG_NO_NUMBER left out.
 */
enum { SONG_NO_NUMBER = -1 };
int32_t song_take_called(const Song *s, int32_t take);
int32_t song_tune_called(const Song *s, int32_t tune);
int32_t song_take_numbered(const Song *s, int64_t number); /* -1: there is none */
/* "A minor"; "" for 0. */
enum { SONG_KEY_TEXT = 16 };
const char *song_key_name(uint8_t key, char out[SONG_KEY_TEXT]);
/* The unit that holds sample `at` (0 <= at < n_samples). */
int32_t song_unit_at(const Song *s, int64_t at);

typedef struct FeatureRow {
    const char *name, *text;
    int column, width;
} FeatureRow;
extern const FeatureRow song_feature_rows[];
extern const int song_n_feature_rows;
