#pragma once
/* Settings of bandsaw-actor, one field a row of options.def. Plain data. */
#include "common/host/config.h"

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "actor/options.def"
#undef OPTION
} Settings;

extern const ConfigTable actor_config;
