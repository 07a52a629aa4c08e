#pragma once
/* An Alignment as JSON: an Edit that every reader of Edits reads, with how it was found. docs/align.md names
 * the members. */
#include "common/host/json.h"
#include "featurizer/align/align.h"

/* `edit` is align_edit of it. Returns owned (json_free). */
Status align_json(const Alignment *alignment, const Edit *edit, Json **out);
