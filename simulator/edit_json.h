#pragma once
/* An Edit as JSON, as every program writes it:
 * {"version": 1, "sample_rate": 44100, "segments": [[start, end, "short"], ...]}. */
#include "common/host/json.h"
#include "common/song/edit.h"

extern const char *const edit_fade_names[FADE_COUNT]; /* "short", "half", "1", "2", "4" */

/* The member "segments" of `json`, into an initialised Edit; each must lie in [0, n_samples]. */
Status edit_read_segments(Edit *edit, const Json *json, int64_t n_samples);
/* *out is initialised here; edit_drop it. BS_INVALID when its rate is not `sample_rate_hz`. */
Status edit_read_json(Edit *out, const char *path, int32_t sample_rate_hz, int64_t n_samples);
