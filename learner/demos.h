#pragma once
/* Demos: edits that people made, as episodes to imitate.
 *
 * demos.jsonl holds a line for each (common/edits/demo.h). Its edit is projected onto the units of its Song
 * and retold in actions; each becomes up to TICKET_GROUP episodes under Jobs relabelled with its own length:
 * windows of different widths that hold it at different places. It is drawn by its weight, which falls with
 * what the retelling loses of the edit as made. What cannot be read or retold, or loses too much, is counted
 * and left out; of lines with the same Song and name the last counts. */
#include "common/edits/demo.h"
#include "learner/batch.h"

/* Episodes of one demonstration, which are adjacent. */
typedef struct DemoGroup {
    int32_t first, n;
    double sum; /* of the weights up to here */
} DemoGroup;

typedef struct Demos {
    Episode **episodes; /* owned */
    DemoGroup *groups;
    double sum_weights;
    int32_t n_episodes, n_groups, n_lines;
    int32_t n_unknown;    /* lines whose song is not in the book */
    int32_t n_said_again; /* lines that a later one replaces */
    int32_t n_refused;    /* lines that are no demonstration, are muted, or lose too much in actions */
    char first_refused[256];
} Demos;

/* A missing file is no demonstrations. Lines are taken in order of (song, line), so the same file gives the
 * same episodes. */
Status demos_load(Demos *out, const char *path, SongBook *songs, uint64_t seed);
void demos_drop(Demos *demos);
double demos_mean_weight(const Demos *demos); /* 0 without any */

/* One line's edit into episodes, appended to `demos` as a group. BS_NOT_FOUND, BS_UNSUPPORTED, BS_INVALID or
 * BS_CONFLICT with the reason. */
Status demos_add(Demos *demos, SongBook *songs, int32_t song, const Demo *demo, uint64_t seed);

/* The episodes of update u, about n_wanted, whole groups, each as often as its weight says: in a pass of
 * n_groups draws that is exact to one, and equal weights come once each. out has room for n_wanted +
 * TICKET_GROUP; returns how many. Their ids lie above all ticket ids. */
int32_t demos_draw(const Demos *demos, uint64_t seed, uint64_t u, int32_t n_wanted, Episode **out);
