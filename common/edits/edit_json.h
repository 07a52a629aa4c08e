#pragma once
/* An Edit as JSON, with what a person or a program may want to know of how it came about.
 *
 *     {"version": 1, "song": hex, "sample_rate": 44100, "segments": [[start, end, "short"], ...],
 *      "lead_in_samples": 220, "tail_samples": 44100, "sources": [{"name": ..., "start": 0, "samples": ...}],
 * "policy": "retarget", "seed": 1, "job": {"lo_samples": .., "hi_samples": ..}, "terms": {"content": ...,
 * ...}}
 *
 * Samples are of the recording's timeline. Members after "segments" are optional and ignored by readers
 * that do not know them. The fades: "short", "half", "1", "2", "4" beats; a segment without one is "short".
 */
#include "common/host/json.h"
#include "common/song/edit.h"
#include "common/song/job.h"

enum { EDIT_JSON_VERSION = 1 };
extern const char *const edit_fade_names[FADE_COUNT];

/* All members may be NULL or zero: then they are not written. */
typedef struct EditNotes {
    const char *const *sources; /* paths, n_sources */
    const int64_t *source_start, *source_samples;
    int32_t n_sources;
    const char *policy;
    uint64_t seed;
    const Job *job;
    const float *terms; /* REWARD_TERMS */
    int64_t lead_in_samples, tail_samples;
} EditNotes;

/* What every edit has (version, song, sample_rate, segments), into an object that holds more. */
Status edit_json_fill(Json *object, const Edit *edit);
/* The document appended to `w`; notes may be NULL. */
Status edit_json_put(ByteWriter *w, const Edit *edit, const EditNotes *notes);
/* *out is initialised here; edit_drop it. One clear line names the member that is wrong. */
Status edit_json_read(Edit *out, const char *path);
Status edit_json_parse(Edit *out, const char *name, const void *bytes, size_t n_bytes);
/* Only the member "segments", into an object. */
Status edit_json_set_segments(Json *object, const Edit *edit);
/* And out of a document that holds more, into an initialised Edit; no sample may lie
 * beyond n_samples. */
Status edit_json_segments(Edit *edit, const Json *object, int64_t n_samples);
