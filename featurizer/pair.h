#pragma once
/* Pair: a recording and what a person made of it, as a demonstration: the edit exact to the sample, and
 * projected onto the units that were heard. What needs the environment (are there actions for it?) is asked
 * by who uses the demonstration. */
#include "common/edits/demo.h"
#include "featurizer/align/align.h"

enum { PAIR_VERSION = 1 }; /* changes whenever the same pair could become another line */

/* Names recording (as heard), edit file (its bytes) and versions. */
Status pair_hash(const Hash *song, const char *edit_path, Hash *out);

/* Audio is aligned; EDIT.json (with foreign_samples, where it says so) and .rpp are read. *out is initialised
 * here. BS_UNSUPPORTED when so little of the edit is left that its weight is 0; one line says what is wrong.
 */
Status pair_read(Demo *out, const Song *song, const char *raw_path, const char *edit_path);

/* An alignment as an Edit of the recording, with fades in beats of the tune that most of it is of. */
Status pair_edit(Edit *out, const Alignment *alignment, const Song *song);
/* In samples of the recording: what the edit holds beside it. */
int64_t pair_foreign_samples(const Alignment *alignment);
