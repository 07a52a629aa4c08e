/* bandsaw rate: judgments by simulated people, for learning from preferences. */
#include <stdio.h>

#include "common/host/config.h"
#include "common/host/file.h"
#include "simulator/rate.h"
#include "simulator/verbs.h"

typedef struct RateSettings {
#define OPTION(type, field, ...) option_##type field;
#include "simulator/rate.def"
#undef OPTION
} RateSettings;

static const Option rate_options[] = {
#define OPTION(...) OPTION_ENTRY(RateSettings, __VA_ARGS__)
#include "simulator/rate.def"
#undef OPTION
};

static const ConfigTable rate_table = {"bandsaw-simulator rate", "bandsaw rate DIR [options]",
                                       "Lets simulated people compare and rate edits of every session in DIR "
                                       "(NAME.truth.json), and writes what they say "
                                       "as judgments, one a line.",
                                       rate_options, sizeof rate_options / sizeof *rate_options};

Status verb_rate(int argc, char **argv) {
    Status st = BS_OK;
    RateSettings s;
    RateReport report;
    const char *folder[1];
    char path[PATH_BYTES];
    int n;
    bool help;
    TRY(config_parse(&rate_table, &s, argc, argv, folder, 1, &n, &help));
    if (help) return BS_OK;
    if (n < 1) return fail(BS_INVALID, "give the folder of sessions: %s", rate_table.usage);
    TRY(path_join(path, folder[0], "judgments.jsonl"));
    RateOptions o = {.folder = folder[0],
                     .out = s.out[0] ? s.out : path,
                     .n_raters = (int32_t)s.raters,
                     .raters_a_session = (int32_t)s.raters_a_session,
                     .n_edits = (int32_t)s.edits,
                     .n_pairs = (int32_t)s.pairs,
                     .seed = (uint64_t)s.seed};
    TRY(file_may_write(o.out, s.force));
    TRY(rate(&o, &report));
    printf("sessions\t%d\ncomparisons\t%d\nties\t%d\nratings\t%d\ntau_judge\t%.3f\ntau_raters\t%.3f\n",
           report.n_sessions, report.n_comparisons, report.n_ties, report.n_ratings, report.tau_judge,
           report.tau_raters);
out:
    return st;
}
