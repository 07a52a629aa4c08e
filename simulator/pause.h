#pragma once
/* Pause: what is heard between takes: talk, noises, tuning, noodling, a count-in. */
#include "simulator/plan.h"

/* Who makes the sound: the part whose microphone is nearest. */
Part pause_part(const Plan *plan, const PlanPause *pause);
/* Adds the sound of one pause to the session's mix. scratch has room for it. */
void pause_sound(const Plan *plan, const PlanPause *pause, const Synth *synth, const Mix *mix,
                 float *scratch);
