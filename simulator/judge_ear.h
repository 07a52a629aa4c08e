#pragma once
/* The judge's ear: hears an edit of a recording as the mixdown renders it, around its seams only, or in a
 * file that somebody rendered. An Ear holds the recording open and remembers seams it has heard. One thread
 * uses an Ear. */
#include "common/audio/audio.h"
#include "simulator/judge.h"

typedef struct JudgeEar JudgeEar;

typedef struct Heard {
    int32_t n_seams, n_clicks, n_flams, n_cut_notes;
    double level_db; /* sum over seams */
    double fault;    /* for judge_add_sound */
} Heard;

/* Borrows truth, which must be of this recording: BS_INVALID naming both lengths where it is not. */
Status ear_open(JudgeEar **out, const Truth *truth, const char *const *files, int32_t n_files);
void ear_close(JudgeEar *ear); /* NULL is fine */

/* What the mixdown makes of the edit. */
Status ear_hear(JudgeEar *ear, const Edit *edit, Heard *heard);
/* A rendering of the edit, at any gain, that begins up to 50 ms before or after the edit does. BS_INVALID
 * when it is none: another rate, too short, or its first seconds are not what the edit begins with. */
Status ear_hear_file(JudgeEar *ear, const Edit *edit, const char *song, Heard *heard);
