#pragma once
/* Tune: a piece of music as it is written: style, key, form, chords, patterns and melodies per section label.
 *
 * Sections of one label are the same music. A bar of the form is a *slot*. A beat is a quarter in 3/4 and
 * 4/4 and an eighth in 6/8, so its meter is 6. Plain data of fixed size. */
#include "simulator/synth.h"
#include "simulator/truth.h"

enum {
    TUNE_MAX_SECTIONS = 12,
    TUNE_MAX_SLOTS = 96,
    TUNE_BARS = 4,
    TUNE_NOTES = 10,
    TUNE_STEPS = 16, /* of a bar: four a quarter */
    TUNE_MAX_BPM = 215
};

typedef enum SectionLabel {
    LABEL_INTRO,
    LABEL_VERSE,
    LABEL_CHORUS,
    LABEL_BRIDGE,
    LABEL_OUTRO,
    LABEL_LIFT, /* the last chorus, moved up */
    TUNE_LABELS
} SectionLabel;

typedef enum Part { PART_DRUMS, PART_BASS, PART_GUITAR, PART_KEYS, PART_LEAD, PART_VOICE, PARTS } Part;
extern const char *const part_names[PARTS];

typedef struct TuneNote {
    float beat, beats; /* start in the bar, length */
    int8_t pitch;      /* MIDI */
    float velocity;
} TuneNote;

typedef struct TuneLine {
    int32_t n_notes;
    TuneNote notes[TUNE_NOTES];
} TuneLine;

typedef struct TuneBar {
    int8_t chord[4];    /* MIDI pitches in the middle: root, third, fifth, and seventh or root above */
    int8_t bass, fifth; /* low root, and the fifth beside it */
    TuneLine lead, sung;
} TuneBar;

typedef enum Held { HELD_NOT, HELD_SECTIONS, HELD_PHRASES } Held;
typedef enum KeysRole { KEYS_CHORDS, KEYS_ARPEGGIO, KEYS_PAD } KeysRole;
typedef enum GuitarRole { GUITAR_STRUM, GUITAR_PICK, GUITAR_POWER } GuitarRole;

typedef struct TunePattern { /* per label; velocity per step, 0 = nothing */
    float kick[TUNE_STEPS], snare[TUNE_STEPS], hat[TUNE_STEPS], bass[TUNE_STEPS], guitar[TUNE_STEPS];
    float keys[TUNE_STEPS];
    int8_t bass_step[TUNE_STEPS]; /* 0 root, 1 fifth, 2 octave */
    uint8_t snare_drum, hat_drum; /* Drum */
    uint8_t open_hat;             /* the last off-beat of half a bar is open */
    bool plays[PARTS];
    float energy; /* level of the whole section, 0..1 */
} TunePattern;

typedef struct Tune {
    const char *style;
    int32_t tonic; /* 0..11 */
    uint8_t minor;
    uint8_t held; /* Held: what ends in a held chord, and nothing is struck where the next begins */
    int32_t meter, n_sections, n_slots, steps, steps_a_beat;
    float tempo_bpm;
    float swing, swing_sixteenths; /* where the off-beat lies: .5 straight .. .68 */
    float drift, scatter;          /* 1 as most bands */
    TruthSection sections[TUNE_MAX_SECTIONS];
    int32_t slot_section[TUNE_MAX_SLOTS];
    TuneBar bars[TUNE_LABELS][TUNE_BARS];
    TunePattern patterns[TUNE_LABELS];
    KeysRole keys_role;
    GuitarRole guitar_role;
    Voice bass, pad, lead;
    Chime chime;
    String guitar;
    Singer singer;
    bool plucked_bass, organ; /* organ: the keys play `pad` in chords */
    float drive;              /* of the guitar's amplifier, 0 clean */
    float kit_tone, levels[PARTS];
    /* Of a tune that a finished recording plays, else NULL: its piece (piece.h), the bar of it that is slot
     * 0, and the sound, once it is read. Its labels are numbers of sections; it has no bars of its own. */
    const struct Piece *piece;
    int32_t first_bar;
    const struct Excerpt *excerpt;
} Tune;

/* Writes a piece whose form lasts about form_s seconds. held: see above. brief: two or three sections only,
 * an idea for a song. */
void tune_compose(Tune *tune, uint64_t seed, double form_s, bool held, bool brief);
/* The bar of music a slot plays, and its label. */
const TuneBar *tune_bar(const Tune *tune, int32_t slot, int32_t *label);
/* The first or the last bar of its section. */
bool tune_first_bar(const Tune *tune, int32_t slot);
bool tune_last_bar(const Tune *tune, int32_t slot);
/* The tune holds a chord into this bar, out of it. */
bool tune_holds_into(const Tune *tune, int32_t slot);
bool tune_holds_out_of(const Tune *tune, int32_t slot);
/* The step of a bar is silent in this slot because of that. */
bool tune_held_back(const Tune *tune, int32_t slot, int32_t step);
/* 0..1: how far a sound rings across the start of this beat with nothing struck there. */
float tune_sustain(const Tune *tune, int32_t slot, int32_t phase);
void tune_key_name(const Tune *tune, char out[TRUTH_NAME]);
double tune_bar_s(const Tune *tune);
