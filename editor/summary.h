#pragma once
/* A cut in words, for the musician. */
#include <stdio.h>

#include "common/audio/mixdown.h"
#include "editor/cut.h"

/* How many takes the edit uses, and how many there are: what an excerpt stands for is none. */
int32_t summary_takes_used(const Song *song, const Edit *edit);
int32_t summary_takes(const Song *song);
void summary_print(FILE *out, const char *path, const char *policy, const Song *song, const Cut *cut,
                   const MixPlan *plan);
