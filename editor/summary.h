#pragma once
/* A cut in words, for the musician. */
#include <stdio.h>

#include "common/audio/mixdown.h"
#include "editor/cut.h"

void summary_print(FILE *out, const char *path, const char *policy, const Song *song, const Cut *cut,
                   const MixPlan *plan);
