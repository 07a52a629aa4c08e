#pragma once
/* Edit: an edit decision list. Which ranges of the recording follow each other, and how they are joined.
 *
 * An Edit is made by the environment from actions, read from a person's cut, or written by the
 * simulator as the right answer. It is exact to the sample and owes nothing to the units it came from;
 * edit_from_units and edit_to_units translate. Plain data; edit_drop frees the contents. */
#include "common/song/song.h"

enum { EDIT_VERSION = 1, EDIT_MAX_SEGMENTS = 65536 };

/* How a segment is joined to the one before it. A fade never changes the length of the edit. */
typedef enum Fade { FADE_SHORT, FADE_HALF_BEAT, FADE_1_BEAT, FADE_2_BEATS, FADE_4_BEATS, FADE_COUNT } Fade;

/* Length in beats: 0 for FADE_SHORT, then 1/2, 1, 2, 4. */
double fade_beats(Fade fade);

typedef struct EditSegment {
    int64_t start_sample, end_sample; /* of the recording's timeline, on the written grid; end > start */
    uint8_t fade;                     /* Fade; FADE_SHORT on the first segment */
} EditSegment;

typedef struct Edit {
    Hash song; /* zero when it was not made from a featurized Song */
    int32_t sample_rate_hz;
    int32_t n_segments, capacity;
    EditSegment *segments;
} Edit;

void edit_init(Edit *edit);
void edit_drop(Edit *edit);
/* Appends; a segment that starts where the last ends (and has a short fade) makes the last one longer. */
Status edit_append(Edit *edit, int64_t start_sample, int64_t end_sample, Fade fade);
int64_t edit_samples(const Edit *edit);
bool edit_equal(const Edit *a, const Edit *b);
Status edit_copy(Edit *out, const Edit *edit);
/* The tune whose takes most of the edit lies in; -1 where it lies in none. */
int32_t edit_tune(const Edit *edit, const Song *song);

/* Units in the order they sound, and how each is joined to the one before. A unit that follows its own
 * predecessor has no seam: fades[i] is then FADE_SHORT and joins nothing. */
Status edit_from_units(Edit *out, const Song *song, const int32_t *units, const uint8_t *fades, int32_t n);

/* The inverse: every unit at least half covered by a segment, segment edges moved to the nearest unit
 * edge. units and fades have room for `max`; *n gets the count; BS_TOO_BIG when more are needed.
 * *moved_samples (may be NULL) gets the largest distance an edge was moved. */
Status edit_to_units(const Edit *edit, const Song *song, int32_t *units, uint8_t *fades, int32_t max,
                     int32_t *n, int64_t *moved_samples);

Status edit_pack(const Edit *edit, ByteWriter *w);
Status edit_unpack(Edit *out, const void *bytes, size_t n_bytes);
