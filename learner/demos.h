#pragma once
/* Demos: edits that people made, as episodes to imitate.
 *
 * demos.jsonl holds a line for each: {"version": 1, "song": HASH, "name": ..., "edit": {"sample_rate": ..,
 * "segments": [[start_sample, end_sample, "short" | "half" | "1" | "2" | "4"], ...]}}. Each becomes up to
 * TICKET_GROUP episodes of its own Song under Jobs relabelled with its own length: windows of different
 * widths that hold it at different places. What does not parse is counted and left out. */
#include "learner/batch.h"

enum { DEMOS_MAX_BYTES = 256 << 20, DEMO_LINE_BYTES = 16 << 20 };

typedef struct Demos {
    Episode **episodes; /* owned; those of one demonstration are adjacent: a group */
    int32_t *group;     /* n_groups + 1 offsets into episodes */
    int32_t n_episodes, n_groups, n_lines;
    int32_t n_unknown; /* lines whose song is not in the book */
    int32_t n_bad;     /* lines that are no demonstration, or that no actions make */
    char first_bad[256];
} Demos;

/* A missing file is no demonstrations. Lines are taken in order of (song, line), so the same file gives the
 * same episodes. */
Status demos_load(Demos *out, const char *path, SongBook *songs, uint64_t seed);
void demos_drop(Demos *demos);

/* One line's edit into episodes, appended to `demos` as a group. BS_CORRUPT, BS_NOT_FOUND with the reason. */
Status demos_add(Demos *demos, SongBook *songs, int32_t song, const Edit *edit, uint64_t seed);

/* The episodes of update u, about n_wanted, whole groups, every group once before any comes again:
 * out has room for n_wanted + TICKET_GROUP; returns how many. Their ids lie above all ticket ids. */
int32_t demos_draw(const Demos *demos, uint64_t seed, uint64_t u, int32_t n_wanted, Episode **out);
