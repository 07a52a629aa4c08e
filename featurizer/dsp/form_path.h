#pragma once
/* The likeliest way of one take through a form: which slot each bar plays. */
#include "featurizer/dsp/bar_sound.h"

/* Beside slots, from 0: a bar that plays nothing of the form, one that is played before its first slot, and
 * one after its last. */
enum { PATH_NOTHING = -1, PATH_BEFORE = -2, PATH_AFTER = -3 };

/* Fills places[n_bars] and returns what the path is worth, in likeness over `floor_likeness` summed over
 * bars, less what turns cost; 0 or less says that the take has no part in the form. */
double form_path(const BarSound *bars, int32_t n_bars, const BarSound *form, int32_t n_slots,
                 double floor_likeness, Arena *scratch, int32_t *places, Status *st);
