/* bandsaw plot: learning curves of one or several runs. One panel a group of tags; with one run a panel
 * shows its tags, with several it shows the runs and the group's first tag. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/config.h"
#include "common/host/file.h"
#include "common/report/plot.h"
#include "editor/curves.h"
#include "editor/verbs.h"

enum { MAX_RUNS = PLOT_MAX_SERIES, MAX_POINTS = 250 };

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "editor/plot.def"
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
#include "editor/plot.def"
#undef OPTION
};

static const ConfigTable table = {
    .program = "bandsaw-editor",
    .usage = "bandsaw plot RUN_DIR... [-o curves.svg]",
    .about = "Draws the learning curves in RUN_DIR/metrics.jsonl; several runs share the panels.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};

typedef struct Group {
    const char *title, *y_label;
    const char *tags[PLOT_MAX_SERIES + 1]; /* NULL after the last */
    const char *names[PLOT_MAX_SERIES + 1];
    StageRange stages;
} Group;

#define ALWAYS \
    { 0, RUN_STAGES }
#define IMITATION \
    { 0, 1 }
#define VALUES \
    { 2, 3 }
#define PPO \
    { 3, 3 }

/* The tags are those of common/metrics/metrics.def. */
static const Group groups[] = {
    {"Return (in imitation: of what is imitated)", "return", {"charts/episodic_return"}, {"return"}, ALWAYS},
    {"Judge, where evaluated", "judge (0-10)", {"eval/judge"}, {"judge"}, ALWAYS},
    {"Imitation loss", "nats a step", {"losses/imitation_loss"}, {"cross-entropy"}, IMITATION},
    {"Imitation accuracy", "share of steps", {"losses/imitation_accuracy"}, {"accuracy"}, IMITATION},
    {"KL divergence",
     "nats a step",
     {"losses/approx_kl", "losses/leash_kl"},
     {"of an update", "to the imitation policy"},
     PPO},
    {"Entropy", "nats", {"losses/entropy"}, {"entropy"}, ALWAYS},
    {"Value",
     "",
     {"losses/value_loss", "losses/explained_variance"},
     {"value loss", "explained variance"},
     VALUES},
    {"Reward by term",
     "weighted",
     {"reward/content", "reward/form", "reward/transition", "reward/tempo", "reward/energy", "reward/phrase"},
     {"content", "form", "transition", "tempo", "energy", "phrase"},
     ALWAYS},
    {"Steps a second", "steps", {"charts/SPS"}, {"steps"}, ALWAYS},
    {"Lag", "versions", {"train/version_diff_avg"}, {"mean lag"}, ALWAYS},
};
enum { N_GROUPS = sizeof groups / sizeof *groups };

typedef struct Sheet {
    RunLog *runs[MAX_RUNS];
    int32_t n_runs;
    PlotPanel panels[N_GROUPS];
    int32_t n_panels;
    Curve curves[N_GROUPS][PLOT_MAX_SERIES];
    double stages[RUN_STAGES]; /* where they start, of one run */
} Sheet;

static const char *const stage_names[RUN_STAGES] = {"retarget", "right edits", "values", "PPO"};

static Status add_series(Sheet *s, PlotPanel *panel, const RunLog *run, const char *name, const char *x,
                         const char *tag, StageRange stages, bool band) {
    Curve *curve = &s->curves[s->n_panels][panel->n_series];
    Status st = run_log_curve(run, x, tag, stages, MAX_POINTS, curve);
    if (st != BS_OK) return st;
    if (!curve->n) {
        curve_drop(curve);
        return BS_OK;
    }
    panel->series[panel->n_series++] = (PlotSeries){
        name, curve->n, curve->x, curve->mean, band ? curve->low : NULL, band ? curve->high : NULL};
    return BS_OK;
}

static Status add_group(Sheet *s, const Group *group, const char *x, const char *x_label) {
    Status st = BS_OK;
    PlotPanel *panel = &s->panels[s->n_panels];
    *panel = (PlotPanel){.title = group->title, .x_label = x_label, .y_label = group->y_label};
    if (s->n_runs == 1) {
        panel->n_marks = RUN_STAGES - 1;
        panel->marks = s->stages + 1;
        panel->mark_names = stage_names + 1;
        for (int i = 0; group->tags[i]; i++)
            TRY(add_series(s, panel, s->runs[0], group->names[i], x, group->tags[i], group->stages,
                           !group->tags[1]));
    } else {
        for (int32_t i = 0; i < s->n_runs; i++)
            TRY(add_series(s, panel, s->runs[i], run_log_name(s->runs[i]), x, group->tags[0], group->stages,
                           false));
    }
    if (panel->n_series) s->n_panels++; /* a group that no run has takes no room */
out:
    return st;
}

Status verb_plot(int argc, char **argv) {
    Status st = BS_OK;
    Settings set;
    const char *folders[MAX_RUNS], *x = "weights_version", *x_label = "weights version (updates)";
    int n = 0;
    bool help = false;
    Sheet *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "out of memory");
    TRY(config_parse(&table, &set, argc, argv, folders, MAX_RUNS, &n, &help));
    if (help) goto out;
    if (!n) {
        st = fail(BS_INVALID, "no RUN_DIR given; usage: %s", table.usage);
        goto out;
    }
    TRY(file_may_write(set.out, set.force));
    if (!strcmp(set.x, "step")) x = "step", x_label = "environment steps";
    if (!strcmp(set.x, "time")) x = "time", x_label = "hours";
    for (int i = 0; i < n; i++) {
        TRY(run_log_open(&s->runs[i], folders[i]));
        s->n_runs++;
    }
    run_log_stages(s->runs[0], x, s->stages);
    for (int i = 0; i < N_GROUPS; i++) TRY(add_group(s, &groups[i], x, x_label));
    if (!s->n_panels) {
        st = fail(BS_NOT_FOUND, "%s: the metrics hold nothing to draw yet", folders[0]);
        goto out;
    }
    TRY(plot_write(set.out, n == 1 ? run_log_name(s->runs[0]) : "Runs compared", s->panels, s->n_panels));
    printf("%s: %d panels of %d run%s\n", set.out, s->n_panels, n, n == 1 ? "" : "s");
out:
    for (int i = 0; i < N_GROUPS; i++)
        for (int k = 0; k < PLOT_MAX_SERIES; k++) curve_drop(&s->curves[i][k]);
    for (int32_t i = 0; i < s->n_runs; i++) run_log_close(s->runs[i]);
    free(s);
    return st;
}
