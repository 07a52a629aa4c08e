#pragma once
/* The verbs of bandsaw-simulator beside simulate. argv[0] is the verb. */
#include "common/core/status.h"

Status verb_judge(int argc, char **argv);
Status verb_rate(int argc, char **argv);
