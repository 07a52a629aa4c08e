#pragma once
/* The verbs of bandsaw-editor. argv[0] is the verb. Each returns its Status with the error text set;
 * main prints it and turns it into an exit status. */
#include "common/core/status.h"

Status verb_edit(int argc, char **argv);
Status verb_eval(int argc, char **argv);
Status verb_show(int argc, char **argv);
Status verb_plot(int argc, char **argv);
Status verb_align(int argc, char **argv);
