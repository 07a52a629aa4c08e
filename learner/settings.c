/* Settings: the table made of options.def. */
#include "learner/settings.h"

#include <stddef.h>

static const Option options[] = {
#define OPTION(type, field, key, initial, min, max, choices, help) \
    OPTION_ENTRY(Settings, type, field, key, initial, min, max, choices, help)
#include "learner/options.def"
#undef OPTION
};

const ConfigTable learner_config = {
    .program = "bandsaw-learner",
    .usage = "bandsaw-learner --run FOLDER [--data DATA | --songs FILE] [options]",
    .about = "Deals tickets to actors, replays and trains on what they did, and publishes the weights.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};
