#pragma once
/* Tune: a piece of music as it is written: key, form, chords, patterns and a melody per section label.
 *
 * Sections of one label are the same music. A bar of the form is a *slot*. Plain data of fixed size. */
#include "simulator/synth.h"
#include "simulator/truth.h"

enum {
    TUNE_MAX_SECTIONS = 12,
    TUNE_MAX_SLOTS = 96,
    TUNE_LABELS = 5,
    TUNE_BARS = 4,
    TUNE_NOTES = 10,
    TUNE_STEPS = 16
};

typedef enum SectionLabel { LABEL_INTRO, LABEL_VERSE, LABEL_CHORUS, LABEL_BRIDGE, LABEL_OUTRO } SectionLabel;

typedef struct TuneNote {
    float beat, beats; /* start in the bar, length */
    int8_t pitch;      /* MIDI */
    float velocity;
} TuneNote;

typedef struct TuneBar {
    int8_t root, third, fifth, bass; /* MIDI pitches of the chord, in the middle; of the bass, low */
    int32_t n_notes;
    TuneNote notes[TUNE_NOTES]; /* the lead */
} TuneBar;

typedef struct TunePattern {                                    /* per label */
    float kick[TUNE_STEPS], snare[TUNE_STEPS], hat[TUNE_STEPS]; /* velocity per sixteenth, 0 = no hit */
    float bass[TUNE_STEPS];                                     /* velocity where a bass note starts */
    int32_t bass_octave_step; /* sixteenth that jumps up an octave, -1 none */
    int32_t chord_beats;      /* length of one chord stroke */
    float energy;             /* level of the whole section, 0..1 */
    uint8_t lead, open_hat;
} TunePattern;

typedef struct Tune {
    int32_t tonic; /* 0..11 */
    uint8_t minor;
    int32_t meter, n_sections, n_slots;
    float tempo_bpm;
    TruthSection sections[TUNE_MAX_SECTIONS];
    int32_t slot_section[TUNE_MAX_SLOTS];
    TuneBar bars[TUNE_LABELS][TUNE_BARS];
    TunePattern patterns[TUNE_LABELS];
    Voice bass, chords, lead;
    float kit_tone;
} Tune;

/* Writes a piece whose form lasts about form_s seconds. */
void tune_compose(Tune *tune, uint64_t seed, double form_s);
/* The bar of music a slot plays, and its label. */
const TuneBar *tune_bar(const Tune *tune, int32_t slot, int32_t *label);
void tune_key_name(const Tune *tune, char out[TRUTH_NAME]);
