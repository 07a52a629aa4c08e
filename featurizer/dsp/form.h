#pragma once
/* Form: the bars of the piece as one list of slots, and which slot every bar of every take plays. */
#include "featurizer/dsp/bars.h"

enum { FORM_MAX_METER = 6 };

typedef struct Bar {
    int32_t first_beat, n_beats; /* within its take; the first bar may be a pickup, the last cut short */
    int32_t slot;                /* -1: plays nothing of the form */
} Bar;

typedef struct TakeBars {
    Bar *bars;
    int32_t n;
} TakeBars;

/* What a bar sounds like, beat by beat; comparable between takes. */
typedef struct BarSound {
    float chroma[FORM_MAX_METER][CHROMA];   /* mean taken away, length 1 */
    float mel[FORM_MAX_METER][MEASURE_MEL]; /* against the take's mean spectrum, length 1 */
    float level[FORM_MAX_METER];            /* dB against the take's median */
    float vocal[FORM_MAX_METER];            /* vocal activity */
    int32_t n_beats;
} BarSound;

typedef struct Form {
    int32_t n_slots, reference; /* the take whose bars the form began as */
    BarSound *sounds;           /* [n_slots] mean over the takes that play the slot */
    TakeBars *takes;            /* [n_takes] */
    double likeness;            /* mean likeness of aligned bars, 0 when there is one take */
} Form;

/* -1..1; pickups and cut bars are compared beat by beat from the bar's phase on. */
float bar_likeness(const BarSound *a, const BarSound *b);

/* Aligns all takes; mends their phases (all of takes[].phase may turn by a constant per take). Everything in
 * the arena. With no beats at all n_slots is 0. */
Status form_align(Form *form, TakeBeats *takes, int32_t n_takes, int32_t meter, Arena *mem);

/* The aligner alone, for tests: slot per bar (-1 none) of a take against a form; returns the score. */
double form_align_bars(const BarSound *bars, int32_t n_bars, const BarSound *form, int32_t n_slots,
                       double floor_likeness, Arena *mem, int32_t *slots, Status *st);
