#pragma once
/* Align: which ranges of a recording an edit of it consists of, to the sample where the edit allows it.
 *
 * Works through level, equaliser, compression, limiting, a little reverberation, MP3, conversion of rate and
 * channels, reversed polarity and constant speeds within 0.6 %. What is not in the recording, or is covered
 * by something else, is an AlignOther with its range: nothing is guessed. How it is found: track.h (where,
 * to a millisecond), line.h (to a fraction of a sample), tone.h (what was done to the sound), seam.h (where
 * one piece goes over into the next). Plain data; align_drop frees the contents. */
#include "common/song/edit.h"

enum { ALIGN_ALTERNATIVES = 8, ALIGN_CURVE = 9 };

/* The shapes a fade is compared with: gain of what enters at share s of the fade; what leaves mirrors it. */
typedef enum FadeShape {
    SHAPE_CUT,    /* none */
    SHAPE_LINEAR, /* s */
    SHAPE_POWER,  /* s / sqrt(s^2 + (1 - s)^2) */
    SHAPE_SINE,   /* sin(pi s / 2) */
    SHAPE_COSINE, /* (1 - cos(pi s)) / 2 */
    SHAPE_DIP,    /* out, then in: max(0, 2 s - 1) */
    FADE_SHAPES
} FadeShape;
extern const char *const align_shape_names[FADE_SHAPES];

typedef struct AlignJoin {
    int64_t start, end;                           /* of the edit; equal for a cut */
    uint8_t shape;                                /* FadeShape */
    float leave[ALIGN_CURVE], enter[ALIGN_CURVE]; /* gains as measured, at even steps from start to end */
} AlignJoin;

typedef struct AlignPiece {
    int64_t edit_start, edit_end; /* of the edit; at seams the middle of the fade */
    int64_t raw_start, raw_end;   /* of the recording */
    double rate;                  /* samples of the recording in one of the edit */
    double ppm;                   /* of speed, against the two sample rates */
    float gain;                   /* against the recording; below 0: reversed polarity */
    float score;                  /* 0..1: how surely this is the place */
    uint8_t joined;               /* touches the piece before it; then `join` says how */
    uint8_t tie;                  /* the recording holds the same elsewhere */
    int32_t n_alternatives;
    int64_t alternatives[ALIGN_ALTERNATIVES]; /* raw_start there */
    AlignJoin join;
} AlignPiece;

typedef enum OtherKind { OTHER_UNKNOWN, OTHER_SILENCE, OTHER_COVERED, OTHER_KINDS } OtherKind;
extern const char *const align_other_names[OTHER_KINDS];

typedef struct AlignOther {
    int64_t edit_start, edit_end;
    uint8_t kind; /* OtherKind; COVERED: the recording is there, under something else */
} AlignOther;

typedef struct Alignment {
    int32_t raw_rate_hz, edit_rate_hz;
    int64_t n_raw, n_edit;
    int32_t n_pieces, n_others;
    AlignPiece *pieces;
    AlignOther *others;
    float matched;  /* share of the edit that is in pieces and in no OTHER */
    float ratio_db; /* what the recording explains of the edit, over what it does not */
    uint8_t plain;  /* samples of the edit are samples of the recording, up to a gain */
} Alignment;

/* Files as they are: several raws in order are one recording. One clear line for: silence, too short, no part
 * of one in the other. */
Status align_files(const char *const *raws, int32_t n_raws, const char *edit, Alignment *out);
void align_drop(Alignment *alignment);

/* How piece i goes on from the one before it. */
typedef enum AlignMove {
    MOVE_START,   /* nothing touches it from before */
    MOVE_CUT,     /* onwards: what lies between was cut */
    MOVE_LOOP,    /* the piece before begins again */
    MOVE_REUSE,   /* to what an earlier piece holds */
    MOVE_REORDER, /* back, to what has not been used */
    ALIGN_MOVES
} AlignMove;
extern const char *const align_move_names[ALIGN_MOVES];
AlignMove align_move(const Alignment *alignment, int32_t piece);

/* The pieces as an Edit of the recording; fades by their lengths in beats (beat_s: of one beat, 0 unknown).
 */
Status align_edit(const Alignment *alignment, double beat_s, Edit *out);
