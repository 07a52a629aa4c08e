#pragma once
/* Demo: a line of demos.jsonl: what a person made of a recording, exact to the sample, and what of it whole
 * units of a Song can say.
 *
 *     {"version": 2, "song": hex, "name": "song0001", "pair": hex, "edit": {"sample_rate": 44100, "segments":
 *      [[start, end, "short"], ...]}, "foreign_samples": 0, "projected": {..}, "loss": 0.01, "weight": 0.97}
 *
 * Version 1 had song, name and edit only: the others are then zero, and the weight is 1. Plain data;
 * demo_drop frees the contents. */
#include "common/host/json.h"
#include "common/song/edit.h"

enum { DEMO_VERSION = 2 };

typedef struct Demo {
    Hash song;
    Hash pair;                  /* names recording, edit, and how the line was made */
    char name[SONG_NAME_BYTES]; /* of the recording */
    Edit made;                  /* as made, in samples of the recording */
    int64_t foreign_samples;    /* of what was made beside that: the recording does not hold them */
    Edit projected;             /* onto the Song's units; no segments in version 1 */
    double loss, weight;        /* of the projection: see common/song/projection.h */
} Demo;

void demo_init(Demo *demo);
void demo_drop(Demo *demo);
/* The line's document, owned. */
Status demo_to_json(const Demo *demo, Json **out);
/* *out is initialised here. BS_CORRUPT names the member that is wrong, BS_VERSION a newer line. */
Status demo_parse(Demo *out, const char *name, const void *bytes, size_t n_bytes);
