#pragma once
/* Piece: a finished recording that sessions are made of: where its bars lie, as heard, and where it may be
 * cut.
 *
 * A tune drawn from a piece is a run of its whole sections; takes of it are the recording itself, stretched
 * and spoilt (replay.h). Read-only once it is heard; threads may share it. */
#include "common/host/file.h"
#include "common/song/song.h"
#include "simulator/tune.h"

enum { PIECE_RATE = 44100, PIECE_MIN_BARS = 8, PIECE_MAX_SECTIONS = 128 };

struct Piece {
    char path[PATH_BYTES], name[TRUTH_NAME];
    int32_t meter, n_bars, n_sections;
    double *beats; /* [n_bars * meter + 1] of its bars, in samples at PIECE_RATE; the last ends them */
    int32_t first_bar[PIECE_MAX_SECTIONS + 1]; /* of section i; [n_sections] = n_bars */
};
typedef struct Piece Piece;

/* Hears a recording; its longest run of whole bars is what counts. One clear line for a file that cannot be
 * read or heard, or in which fewer than PIECE_MIN_BARS bars follow each other. Owned; piece_free it. */
Status piece_hear(Piece **out, const char *path);
void piece_free(Piece *piece);
/* Part of it: n_bars bars of `meter` beats that begin at unit `first` of a Song are cut into sections. Where
 * more begin than there is room for, the piece ends there: n_bars falls. */
void piece_cut_sections(Piece *piece, const Song *song, int32_t first);

typedef struct Pieces {
    Piece **list;
    int32_t n;
} Pieces;
/* Every WAV, FLAC, OGG and MP3 of a folder, in order of name. What cannot be used is passed over and told to
 * `left_out` (may be NULL), a line each. BS_NOT_FOUND for a folder that is missing or in which nothing can be
 * used. *out is initialised here; pieces_drop it. */
typedef void (*PieceLeftOut)(void *context, const char *why);
Status pieces_hear(Pieces *out, const char *folder, PieceLeftOut left_out, void *context);
void pieces_drop(Pieces *pieces);

/* Makes `tune` a run of whole sections that lasts about form_s, or as long as there are. Its voices, which
 * are heard in pauses, stay as composed. */
void tune_from_piece(Tune *tune, const Piece *piece, Rng *r, double form_s);

/* What a tune's takes read of its recording: the tune's bars with half a second before and two behind. */
struct Excerpt {
    float *side[2]; /* n samples each at PIECE_RATE, owned; equal for a mono recording */
    int64_t n;
    double beat_offset; /* beats of the piece lie here: beats[i] - beat_offset */
    bool ends_piece;    /* its last bar is the piece's last */
};
typedef struct Excerpt Excerpt;
Status excerpt_read(Excerpt *out, const Tune *tune);
void excerpt_drop(Excerpt *excerpt);
