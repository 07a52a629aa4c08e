// needs: common/host
/* Fuzz: any bytes as a config file, and as words of a command line. Values stay inside their ranges. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/config_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS                                                                         \
    OPTION(i64, batch, "learner.batch", "64", 1, 65536, "", "tickets in one update") \
    OPTION(f64, lr, "learner.lr", "3e-4", 0, 1, "", "learning rate")                 \
    OPTION(bool, force, "run.force", "false", 0, 1, "", "again")                     \
    OPTION(text, out, "run.out", "", 0, 0, "", "where to")                           \
    OPTION(one_of, mode, "run.mode", "async", 0, 0, "async|lockstep", "kind of run")

typedef struct Settings {
#define OPTION(type, field, ...) option_##type field;
    ROWS
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
    ROWS
#undef OPTION
};
static const ConfigTable table = {"fuzz", "fuzz", "fuzz", options, sizeof options / sizeof *options};

static void check(const Settings *s) {
    BS_ASSERT(s->batch >= 1 && s->batch <= 65536);
    BS_ASSERT(s->lr >= 0 && s->lr <= 1);
    BS_ASSERT(!strcmp(s->mode, "async") || !strcmp(s->mode, "lockstep"));
    BS_ASSERT(memchr(s->out, 0, sizeof s->out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MAX_WORDS = 32 };
    Settings s;
    const char *rest[4];
    char *argv[MAX_WORDS + 1] = {"fuzz"}, *text = malloc(size + 1), *state = NULL;
    int argc = 1, n;
    bool help;
    double seconds;
    memcpy(text, data, size);
    text[size] = 0;

    (void)parse_duration(text, &seconds);
    BS_ASSERT(config_parse(&table, &s, 1, argv, rest, 4, &n, &help) == BS_OK);
    if (!memchr(data, 0, size)) (void)config_read_text(&table, &s, "fuzz", text);
    check(&s);

    memcpy(text, data, size);
    for (char *word = strtok_r(text, " \n", &state); word && argc < MAX_WORDS;
         word = strtok_r(NULL, " \n", &state)) {
        if (strstr(word, "config") || strstr(word, "help") || strstr(word, "version") ||
            strstr(word, "markdown") || !strcmp(word, "-h"))
            continue; /* these read files and print */
        argv[argc++] = word;
    }
    if (config_parse(&table, &s, argc, argv, rest, 4, &n, &help) == BS_OK) check(&s);
    free(text);
    return 0;
}
