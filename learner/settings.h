#pragma once
/* Settings of bandsaw-learner, one field a row of options.def. Plain data, read-only after start. */
#include "common/host/config.h"

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "learner/options.def"
#undef OPTION
} Settings;

extern const ConfigTable learner_config;
