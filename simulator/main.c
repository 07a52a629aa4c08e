/* bandsaw-simulator: makes rehearsals whose truth is known, and judges edits by truth.
 *
 *     simulate: for each song: compose, perform, record, write raw, edit and truth
 *     judge:    truth and edit in, score from 0 to 10 with its parts out */
#include <stdio.h>
#include <string.h>

#include "common/host/config.h"
#include "common/host/progress.h"
#include "common/report/edit_json.h"
#include "simulator/judge.h"
#include "simulator/right_edit.h"
#include "simulator/simulate.h"

typedef struct SimulateSettings {
#define OPTION(type, field, ...) option_##type field;
#include "simulator/simulate.def"
#undef OPTION
} SimulateSettings;

typedef struct JudgeSettings {
#define OPTION(type, field, ...) option_##type field;
#include "simulator/judge.def"
#undef OPTION
} JudgeSettings;

static const Option simulate_options[] = {
#define OPTION(...) OPTION_ENTRY(SimulateSettings, __VA_ARGS__)
#include "simulator/simulate.def"
#undef OPTION
};
static const Option judge_options[] = {
#define OPTION(...) OPTION_ENTRY(JudgeSettings, __VA_ARGS__)
#include "simulator/judge.def"
#undef OPTION
};

static const ConfigTable simulate_table = {
    "bandsaw-simulator simulate", "bandsaw simulate --out DIR [options]",
    "Makes raw rehearsal sessions with exact truth: NAME_raw.wav, NAME_edit.wav, NAME.truth.json.",
    simulate_options, sizeof simulate_options / sizeof *simulate_options};
static const ConfigTable judge_table = {
    "bandsaw-simulator judge", "bandsaw judge SESSION.truth.json EDIT.json [options]",
    "Scores an edit from 0 to 10 by truth alone, and the right edit for the same window beside it.",
    judge_options, sizeof judge_options / sizeof *judge_options};

static void show_progress(void *context, int32_t n_done, const char *name) {
    progress_at(context, n_done, name);
}

static Status run_simulate(int argc, char **argv) {
    SimulateSettings s;
    const char *rest[1];
    int n_rest;
    bool help;
    Status st = config_parse(&simulate_table, &s, argc, argv, rest, 1, &n_rest, &help);
    if (st != BS_OK || help) return st;
    if (!s.out[0] && n_rest) snprintf(s.out, sizeof s.out, "%s", rest[0]);
    if (!s.out[0]) return fail(BS_INVALID, "no folder to write into: give --out DIR");
    SimulateOptions o = {.folder = s.out,
                         .n_songs = (int32_t)s.songs,
                         .first_song = (int32_t)s.first,
                         .seed = (uint64_t)s.seed,
                         .length_s = s.length,
                         .n_jobs = (int32_t)s.jobs,
                         .edits = s.edits,
                         .tracks = s.tracks,
                         .force = s.force};
    Progress progress;
    progress_start(&progress, "simulate", s.songs);
    st = simulate(&o, show_progress, &progress);
    if (st == BS_OK || progress.done > 0) progress_end(&progress, st == BS_OK ? s.out : "stopped");
    return st;
}

static void print_score(const char *what, const JudgeScore *score) {
    printf("%s\t%.3f", what, score->score);
    for (int p = 0; p < JUDGE_PARTS; p++) printf("\t%s %.3f", judge_names[p], score->faults[p]);
    printf("\tseams %d\tgap_s %.2f\tflaw %.4f\n", score->n_seams, score->gap_s, score->flaw);
}

static Status window(const JudgeSettings *s, const Truth *t, int64_t *lo, int64_t *hi) {
    *lo = t->lo_samples;
    *hi = t->hi_samples;
    if (!s->target[0]) return BS_OK;
    double target_s;
    Status st = parse_duration(s->target, &target_s);
    if (st != BS_OK) return st;
    *lo = (int64_t)(target_s * (1 - s->tolerance) * t->sample_rate_hz);
    *hi = (int64_t)(target_s * (1 + s->tolerance) * t->sample_rate_hz);
    return BS_OK;
}

/* An edit that counts samples as the recording does and stays inside it. */
static Status read_edit(const char *path, const Truth *t, Edit *edit) {
    Status st = edit_json_read(edit, path);
    if (st != BS_OK) return st;
    if (edit->sample_rate_hz != t->sample_rate_hz)
        return fail(BS_INVALID, "%s: the edit counts samples at %d Hz, the recording has %d Hz", path,
                    edit->sample_rate_hz, t->sample_rate_hz);
    for (int32_t i = 0; i < edit->n_segments; i++)
        if (edit->segments[i].end_sample > t->n_samples)
            return fail(BS_INVALID, "%s: segments[%d] ends at sample %lld, the recording at %lld", path, i,
                        (long long)edit->segments[i].end_sample, (long long)t->n_samples);
    return BS_OK;
}

static Status run_judge(int argc, char **argv) {
    Status st = BS_OK;
    JudgeSettings s;
    const char *rest[2];
    int n_rest;
    bool help;
    Truth *t = NULL;
    Edit edit, right;
    JudgeScore score, best;
    int64_t lo, hi;
    char hash[JUDGE_HASH];
    edit_init(&edit);
    edit_init(&right);
    TRY(config_parse(&judge_table, &s, argc, argv, rest, 2, &n_rest, &help));
    if (help) goto out;
    if (n_rest < 2) {
        st = fail(BS_INVALID, "give the session's truth file and the edit: %s", judge_table.usage);
        goto out;
    }
    TRY(truth_read(&t, rest[0]));
    TRY(read_edit(rest[1], t, &edit));
    TRY(window(&s, t, &lo, &hi));
    TRY(judge(t, t->tune, &edit, lo, hi, &score));
    print_score("edit", &score);
    TRY(right_edit(t, t->tune, lo, hi, &right));
    TRY(judge(t, t->tune, &right, lo, hi, &best));
    print_score("right", &best);
    judge_hash(hash);
    printf("share\t%.3f\njudge\t%s\n", score.score / best.score, hash);
out:
    edit_drop(&edit);
    edit_drop(&right);
    truth_free(t);
    return st;
}

int main(int argc, char **argv) {
    Status st;
    if (argc > 1 && strcmp(argv[1], "simulate") == 0)
        st = run_simulate(argc - 1, argv + 1);
    else if (argc > 1 && strcmp(argv[1], "judge") == 0)
        st = run_judge(argc - 1, argv + 1);
    else if (argc > 1 && strcmp(argv[1], "--version") == 0)
        st = printf("bandsaw-simulator %s\n", BANDSAW_VERSION) > 0 ? BS_OK : fail(BS_IO, "cannot write");
    else
        st = fail(BS_INVALID,
                  "usage: bandsaw-simulator simulate|judge [options]; --help after either says more");
    if (st == BS_OK) return 0;
    fprintf(stderr, "bandsaw-simulator: %s\n", error_text());
    return 1;
}
