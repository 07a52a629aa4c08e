#pragma once
/* The truth of a plan, right edit included. */
#include "simulator/plan.h"
#include "simulator/truth.h"

/* tracks: name the parts that somebody plays. *out is owned. */
Status plan_truth(Truth **out, const Plan *plan, const char *name, bool tracks);
/* Somebody plays this part in one of the plan's tunes, or its microphone hears a pause or talk. */
bool plan_has_part(const Plan *plan, Part part);
