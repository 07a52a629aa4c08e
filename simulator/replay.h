#pragma once
/* Replay: a take of a tune that comes from a finished recording: the recording itself at the take's tempo and
 * pitch, its beats on the sample where the plan has them, with the flaws of the plan that are played. Inside
 * perform only. */
#include "simulator/perform.h"

/* One side (0 left, 1 right) of a take into an empty line, room of the take included. */
Status replay_take(const Tune *tune, const TakePlan *plan, const TakeTimes *times, const Line *line,
                   int side);
