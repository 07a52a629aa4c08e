/* Settings: the table made of options.def. */
#include "actor/settings.h"

#include <stddef.h>

static const Option options[] = {
#define OPTION(type, field, key, initial, min, max, choices, help) \
    OPTION_ENTRY(Settings, type, field, key, initial, min, max, choices, help)
#include "actor/options.def"
#undef OPTION
};

const ConfigTable actor_config = {
    .program = "bandsaw-actor",
    .usage = "bandsaw-actor --rendezvous RUN/rendezvous [options]",
    .about = "Runs the learner's tickets: whole episodes of a policy in the editing environment.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};
