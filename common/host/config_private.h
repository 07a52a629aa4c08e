#pragma once
/* Shared by config.c and config_print.c, and by the fuzzer, which reads files without touching a disk. */
#include "common/host/config.h"

enum { OPTION_NAME_BYTES = 256 };

const char *option_last_part(const char *key); /* "learner.lr" -> "lr" */
/* "learner.lr" -> "BANDSAW_LEARNER_LR" */
void option_environment_name(const char *key, char out[OPTION_NAME_BYTES]);
/* A file's text, which is changed; `path` is what errors call it. */
Status config_read_text(const ConfigTable *table, void *settings, const char *path, char *text);
