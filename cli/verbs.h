#pragma once
/* The verbs that run in the front door itself, and how it finds the other programs. argv[0] is the verb;
 * each returns the exit status of the process. */
#include <stddef.h>
#include <sys/types.h>

#include "common/host/file.h"

int verb_train(int argc, char **argv);
int verb_health(int argc, char **argv);
int verb_keygen(int argc, char **argv);

/* Prints the last error as "bandsaw: ..." and returns the exit status for it. */
int complain(Status st);
int unknown_verb(const char *verb, const char *const *names, size_t n_names);

/* Path of a sibling program: the folder of this executable. */
Status program_path(const char *name, char out[PATH_BYTES]);
/* Replaces this process: program NAME with argv (whose first entry is the verb). Returns only on failure. */
int program_become(const char *name, char **argv);
/* Starts program NAME with args (NULL-terminated, without the name); its output goes to log_path when that
 * is not NULL. The child dies with this process. */
Status program_start(const char *name, char *const *args, const char *log_path, pid_t *pid);
/* program_start and wait; *code gets the exit code, 128 + signal when one ended it. */
Status program_run(const char *name, char *const *args, int *code);
