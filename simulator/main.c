/* bandsaw-simulator: makes rehearsals whose truth is known, and judges edits by truth.
 *
 *     simulate: for each song: compose, perform, record, write raw, edit and truth
 *     judge:    truth and edit in, score from 0 to 10 with its parts out
 *     rate:     truths in, what simulated people say of edits out */
#include <stdio.h>
#include <string.h>

#include "common/host/config.h"
#include "common/host/progress.h"
#include "simulator/piece.h"
#include "simulator/simulate.h"
#include "simulator/verbs.h"

typedef struct SimulateSettings {
#define OPTION(type, field, ...) option_##type field;
#include "simulator/simulate.def"
#undef OPTION
} SimulateSettings;

static const Option simulate_options[] = {
#define OPTION(...) OPTION_ENTRY(SimulateSettings, __VA_ARGS__)
#include "simulator/simulate.def"
#undef OPTION
};

static const ConfigTable simulate_table = {
    "bandsaw-simulator simulate", "bandsaw simulate --out DIR [options]",
    "Makes raw rehearsal sessions with exact truth: NAME_raw.wav, NAME_edit.wav, NAME.truth.json.",
    simulate_options, sizeof simulate_options / sizeof *simulate_options};

static void show_progress(void *context, int32_t n_done, const char *name) {
    progress_at(context, n_done, name);
}

static void show_left_out(void *context, const char *why) {
    (void)context;
    fprintf(stderr, "simulate: left out: %s\n", why);
}

static Status run_simulate(int argc, char **argv) {
    SimulateSettings s;
    const char *rest[1];
    int n_rest;
    bool help;
    Status st = config_parse(&simulate_table, &s, argc, argv, rest, 1, &n_rest, &help);
    if (st != BS_OK || help) return st;
    if (s.out[0] && n_rest) return fail(BS_INVALID, "'%s' is one argument too many", rest[0]);
    if (n_rest) snprintf(s.out, sizeof s.out, "%s", rest[0]);
    if (!s.out[0]) return fail(BS_INVALID, "no folder to write into: give --out DIR");
    SimulateOptions o = {.folder = s.out,
                         .n_songs = (int32_t)s.songs,
                         .first_song = (int32_t)s.first,
                         .seed = (uint64_t)s.seed,
                         .length_s = s.length,
                         .n_jobs = (int32_t)s.jobs,
                         .edits = s.edits,
                         .master = s.master,
                         .tracks = s.tracks,
                         .force = s.force};
    Pieces pieces = {0};
    Progress progress;
    if (s.from[0]) {
        TRY(pieces_hear(&pieces, s.from, show_left_out, NULL));
        o.pieces = &pieces;
    }
    progress_start(&progress, "simulate", s.songs);
    st = simulate(&o, show_progress, &progress);
    if (st == BS_OK || progress.done > 0) progress_end(&progress, st == BS_OK ? s.out : "stopped");
out:
    pieces_drop(&pieces);
    return st;
}

int main(int argc, char **argv) {
    Status st;
    if (argc > 1 && strcmp(argv[1], "simulate") == 0)
        st = run_simulate(argc - 1, argv + 1);
    else if (argc > 1 && strcmp(argv[1], "judge") == 0)
        st = verb_judge(argc - 1, argv + 1);
    else if (argc > 1 && strcmp(argv[1], "rate") == 0)
        st = verb_rate(argc - 1, argv + 1);
    else if (argc > 1 && strcmp(argv[1], "--version") == 0)
        st = printf("bandsaw-simulator %s\n", BANDSAW_VERSION) > 0 ? BS_OK : fail(BS_IO, "cannot write");
    else
        st = fail(BS_INVALID,
                  "usage: bandsaw-simulator simulate|judge|rate [options]; --help after each says more");
    if (st == BS_OK) return 0;
    fprintf(stderr, "bandsaw-simulator: %s\n", error_text());
    return 1;
}
