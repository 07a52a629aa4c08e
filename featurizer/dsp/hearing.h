#pragma once
/* Hearing: all decisions about one recording, before they are written down as a Song. */
#include "featurizer/dsp/edge_cues.h"
#include "featurizer/dsp/form.h"
#include "featurizer/dsp/sections.h"
#include "featurizer/dsp/tunes.h"

/* A piece and the takes that play it. */
typedef struct HeardTune {
    int32_t meter, n_takes;
    int32_t *take_of; /* [n_takes] indices into Hearing.takes */
    double tempo_bpm; /* median over its takes; 0 when nothing has a pulse */
    Form form;        /* its takes are in the order of take_of */
    Sections sections;
} HeardTune;

typedef struct Hearing {
    Frames frames;
    TakeMap map;
    int32_t n_takes;
    TakeBeats *takes; /* [n_takes], one per region; track.n = 0: nothing to count, unlike in other takes of
                         the tune */
    int32_t *tune_of, *member; /* [n_takes] the tune, and the take's place in it */
    int32_t n_tunes;
    HeardTune tunes[TUNES_MAX];
} Hearing;

/* A stretch of the timeline as it will be a unit. */
typedef struct Stretch {
    double start_s;
    int32_t kind;       /* UnitKind */
    int32_t take, beat; /* beat: index into the take's track, -1 = no beat */
    int32_t bar, phrase, section, slot, phase;
} Stretch;

typedef struct Stretches {
    int32_t n;
    Stretch *list;
} Stretches;

/* `meter`: 0 to decide. stems: of files, in the arena; NULL to hear them in the mix. Everything in the arena;
 * borrows samples (mono, ANALYSIS_HZ). */
Status hear(Hearing *h, const float *samples, int64_t n_samples, int32_t meter, const StemLevels *stems,
            Arena *mem);
/* Everything up to the bars of each take: the form is still empty, and edges are as presence and the grid
 * give them. */
Status hear_bars(Hearing *h, const float *samples, int64_t n_samples, int32_t meter, const StemLevels *stems,
                 Arena *mem);
/* Take t, for edge_places. */
EdgeView hear_edges(const Hearing *h, int32_t t);
/* The timeline cut into units; starts rise strictly and the first is 0. */
Status stretches_cut(const Hearing *h, Stretches *out, Arena *mem);
