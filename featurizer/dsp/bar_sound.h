#pragma once
/* Bar sounds: the bars of a take, and what each sounds like, comparable between takes. */
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

/* Beat by beat, from the bar's first phase on. */
typedef struct BarSound {
    float chroma[FORM_MAX_METER][CHROMA];   /* mean taken away, length 1 */
    float mel[FORM_MAX_METER][MEASURE_MEL]; /* against the take's mean spectrum, length 1 */
    float level[FORM_MAX_METER];            /* dB against the take's median */
    float vocal[FORM_MAX_METER];            /* vocal activity */
    int32_t n_beats;
} BarSound;

/* -1.3..1; pickups and cut bars are compared beat by beat from the bar's phase on. */
float bar_likeness(const BarSound *a, const BarSound *b);
/* Cuts a take into bars by its phases and measures them. tb->bars and sounds have room for every beat. */
void bar_sounds_of(const TakeBeats *take, int32_t meter, TakeBars *tb, BarSound *sounds, Arena *scratch);
/* Mean of n bars, weighted: sums add up with bar_sound_add and are scaled in the end. */
void bar_sound_add(BarSound *sum, const BarSound *b);
void bar_sound_scale(BarSound *sum, int32_t n);
/* What a likeness must pass to count: between what any two bars of a take have in common and what the same
 * bar of two takes has, for which the best match of each bar elsewhere in the take stands in. */
double bar_sounds_floor(const BarSound *bars, int32_t n, Arena *scratch);
