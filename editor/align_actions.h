#pragma once
/* A person's edit as actions of the environment, with how sure each unit of it is: `bandsaw align --actions`.
 */
#include "common/host/json.h"
#include "featurizer/align/align.h"

typedef struct AlignActions {
    int32_t n_actions;
    double loss, weight; /* of the edit as made; as a demonstration */
    bool whole;          /* the seams are as projected */
} AlignActions;

/* Listens to the recording (a progress line on stderr), and says the edit in actions: *out is the member
 * "actions" of an alignment's document, owned; *said what of it to tell people. *edit (initialised) becomes
 * the edit as made with fades in beats. BS_NOT_FOUND when no actions make anything like it. */
Status align_actions(const char *const *raws, int32_t n_raws, const Alignment *alignment, Edit *edit,
                     Json **out, AlignActions *said);
