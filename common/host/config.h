#pragma once
/* Config: one table row an option; from it come the field, the parser, --learner.lr, BANDSAW_LEARNER_LR,
 * the file key ([learner] lr = ...), the help, docs/options.md and the dump kept with each run.
 *
 * A program lists its rows in an options.def,
 *
 *     OPTION(i64, batch, "learner.batch", "64", 1, 65536, "", "tickets in one update")
 *
 * and turns them into a struct and a table; see OPTION_ENTRY below.
 *
 * Order of precedence: default, file, environment, flag. An unknown key is an error naming the nearest. */
#include <stdint.h>
#include <stdio.h>

#include "common/core/status.h"

typedef enum OptionType { OPTION_i64, OPTION_f64, OPTION_bool, OPTION_text, OPTION_one_of } OptionType;
#define OPTION__Bool OPTION_bool /* what `bool` has become when it reaches OPTION_ENTRY */
enum { OPTION_TEXT_BYTES = 1024 };
/* `bool` is a macro for _Bool, which expands on its way through OPTION_ENTRY. */
#define OPTION__Bool OPTION_bool

typedef int64_t option_i64;
typedef double option_f64;
typedef bool option_bool;
typedef char option_text[OPTION_TEXT_BYTES];
typedef char option_one_of[OPTION_TEXT_BYTES]; /* choices: "a|b|c" in `choices` */

typedef struct Option {
    OptionType type;
    const char *key; /* "learner.lr" */
    size_t offset;   /* of the field in the program's struct */
    const char *initial;
    double min, max;     /* of numbers */
    const char *choices; /* of one_of, else "" */
    const char *help;
} Option;

/* OPTION(type, field, key, initial, min, max, choices, help). Use:
 *
 *     typedef struct Settings {
 *     #define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
 *     #include "learner/options.def"
 *     #undef OPTION
 *     } Settings;
 *
 *     static const Option options[] = {
 *     #define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
 *     #include "learner/options.def"
 *     #undef OPTION
 *     };
 */
#define OPTION_ENTRY(Struct, type, field, key, initial, min, max, choices, help) \
    {OPTION_##type, key, offsetof(Struct, field), initial, min, max, choices, help},

typedef struct ConfigTable {
    const char *program; /* "bandsaw-learner" */
    const char *usage;   /* "bandsaw learner DATA [options]" */
    const char *about;   /* one or two sentences */
    const Option *options;
    size_t n_options;
} ConfigTable;

/* Fills `settings` (the program's struct) in order of precedence. Flags: --key value, --key=value, and
 * the part after the last dot alone (--lr) where it is unique; a bool may stand alone, or before true, false,
 * yes, no, on, off, 1, 0. --config FILE reads a file. What is no flag goes to positional[] (room for max).
 * --help, --version and
 * --options-markdown print to stdout and set *help: the program then ends with 0; so does --print-config,
 * which dumps what all sources together say. -o is --out; "--" ends the flags; '-' and '_' in names are the
 * same. Errors are one line naming the key, the value, where it came from and what is allowed. */
Status config_parse(const ConfigTable *table, void *settings, int argc, char **argv, const char **positional,
                    int max_positional, int *n_positional, bool *help);
void config_help(const ConfigTable *table, FILE *out);
void config_dump(const ConfigTable *table, const void *settings, FILE *out); /* readable by --config */
void config_markdown(const ConfigTable *table, FILE *out);

/* "3:30", "210", "210s", "1:02:03.5" -> seconds. */
Status parse_duration(const char *text, double *seconds);
/* The entry of `names` nearest to `text` by edit distance, NULL when none is near. */
const char *nearest_name(const char *text, const char *const *names, size_t n_names);
