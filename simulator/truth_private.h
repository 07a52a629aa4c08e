#pragma once
/* What reading and writing a truth file share. Inside simulator/truth*.c only. */
#include "simulator/truth.h"

extern const char *const truth_kind_names[UNIT_KINDS];
