#pragma once
/* The options of `bandsaw edit` as a struct, for the files that the verb is made of. */
#include "common/host/config.h"

typedef struct EditSettings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "editor/edit.def"
#undef OPTION
} EditSettings;
