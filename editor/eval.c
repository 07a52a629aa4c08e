/* bandsaw eval: policies against each other on recordings whose truth is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/mixdown.h"
#include "common/edits/edit_json.h"
#include "common/host/config.h"
#include "common/host/file.h"
#include "common/host/progress.h"
#include "editor/contest.h"
#include "editor/eval_table.h"
#include "editor/verbs.h"

enum { MAX_NOTES_BYTES = 1 << 24 };

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "editor/eval.def"
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
#include "editor/eval.def"
#undef OPTION
};

static const ConfigTable table = {
    .program = "bandsaw-editor",
    .usage = "bandsaw eval DATA [--policies LIST] [options]",
    .about = "Lets policies edit every featurized recording of DATA that has a truth file (NAME_raw.wav with "
             "NAME.truth.json), and prints how the judge and the dense reward see the results.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};

static void on_session(void *context, int32_t n_done, const char *name) {
    progress_at(context, n_done, name);
}

typedef struct RenderNames {
    char song[PATH_BYTES], notes[PATH_BYTES];
} RenderNames;

static Status render_names(RenderNames *names, const char *folder, const Contest *c) {
    char base[PATH_BYTES];
    Status st = path_join(base, folder, c->sessions[0].name);
    snprintf(names->song, sizeof names->song, "%.4000s.song.flac", base);
    snprintf(names->notes, sizeof names->notes, "%.4000s.song.flac.json", base);
    return st;
}

/* Before the contest, which may take an hour. */
static Status check_outputs(const Settings *set, const Contest *c) {
    Status st = BS_OK;
    RenderNames names;
    if (set->out[0]) TRY(file_may_write(set->out, set->force));
    if (set->json[0]) TRY(file_may_write(set->json, set->force));
    if (set->out[0] && !strcmp(set->out, set->json))
        return fail(BS_INVALID, "%s: --out and --json both write it; give one of them another name",
                    set->out);
    if (!set->render[0]) return BS_OK;
    TRY(render_names(&names, set->render, c));
    TRY(file_may_write(names.song, set->force));
    TRY(file_may_write(names.notes, set->force));
out:
    return st;
}

/* The last row with weights, else the last policy. */
static int32_t row_to_render(const Contest *c) {
    int32_t best = -1;
    for (int32_t r = 0; r < c->n_rows; r++)
        if (c->rows[r].kind == ROW_POLICY && (best < 0 || c->rows[r].weights || !c->rows[best].weights))
            best = r;
    return best;
}

static Status render_edit(const char *data, const char *folder, const Contest *c, int32_t row,
                          const Edit *edit, const Song *song, int32_t pair) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    AudioWriter *writer = NULL;
    MixPlan plan = {0};
    Staged staged = {0};
    RenderNames names;
    ByteWriter notes;
    char raw[SONG_MAX_SOURCES][PATH_BYTES];
    const char *paths[SONG_MAX_SOURCES];
    bytes_init(&notes, MAX_NOTES_BYTES);
    for (int32_t i = 0; i < song->n_sources; i++) {
        TRY(path_join(raw[i], data, song->sources[i].name));
        paths[i] = raw[i];
    }
    TRY(render_names(&names, folder, c));
    TRY(staged_folder(&staged, folder));
    TRY(audio_open(&reader, paths, song->n_sources));
    const AudioInfo info = audio_info(reader);
    TRY(mix_plan(&plan, edit, reader, NULL, NULL));
    TRY(audio_create(&writer, names.song, info.sample_rate_hz, info.n_channels, info.bits == 16 ? 16 : 24));
    TRY(mix_render(&plan, edit, reader, writer, NULL, NULL));
    st = audio_stage(writer, &staged);
    writer = NULL;
    if (st != BS_OK) goto out;
    TRY(edit_json_put(&notes, edit,
                      &(EditNotes){.sources = paths,
                                   .n_sources = song->n_sources,
                                   .policy = c->rows[row].name,
                                   .job = &c->pairs[pair].job,
                                   .lead_in_samples = plan.lead_in_samples}));
    TRY(staged_bytes(&staged, names.notes, notes.bytes, notes.n_bytes));
    TRY(staged_commit(&staged));
    printf("\n%s: %s of %s, judged %.2f\n", names.song, c->rows[row].name, c->sessions[0].name,
           (double)c->cells[pair * c->n_rows + row].judge);
out:
    audio_abandon(writer);
    staged_drop(&staged);
    audio_close(reader);
    mix_plan_drop(&plan);
    bytes_drop(&notes);
    return st;
}

/* The best edit of the first recording by the row that matters most. */
static Status render_best(const char *data, const char *folder, const Contest *c) {
    Status st = BS_OK;
    Edit edit;
    Song *song = NULL;
    int32_t pair = 0;
    const int32_t row = row_to_render(c);
    edit_init(&edit);
    if (row < 0) return fail(BS_INVALID, "--render: no row is a policy");
    for (int32_t k = 1; k < c->jobs_per_song; k++)
        if (c->cells[k * c->n_rows + row].judge > c->cells[pair * c->n_rows + row].judge) pair = k;
    TRY(contest_edit(c, data, pair, row, &edit, &song));
    TRY(render_edit(data, folder, c, row, &edit, song, pair));
out:
    edit_drop(&edit);
    song_free(song);
    return st;
}

static Status print_table(const Contest *c, const char *path) {
    ByteWriter text;
    bytes_init(&text, 1 << 20);
    Status st = table_print(c, &text);
    if (st == BS_OK) fwrite(text.bytes, 1, text.n_bytes, stdout);
    if (st == BS_OK && path[0]) st = file_replace(path, text.bytes, text.n_bytes);
    bytes_drop(&text);
    return st;
}

Status verb_eval(int argc, char **argv) {
    Status st = BS_OK;
    Settings set;
    Contest contest = {0};
    Progress bar;
    const char *data = NULL;
    int n_data = 0;
    bool help = false;
    TRY(config_parse(&table, &set, argc, argv, &data, 1, &n_data, &help));
    if (help) return BS_OK;
    if (!n_data) return fail(BS_INVALID, "no DATA folder given; usage: %s", table.usage);
    contest.jobs_per_song = (int32_t)set.jobs_per_song;
    contest.n_seeds = (int32_t)set.seeds;
    contest.hear = set.hear;
    contest.seed = (uint64_t)set.seed;
    TRY(rows_parse(set.policies, contest.rows, &contest.n_rows));
    TRY(contest_open(&contest, data, (int32_t)set.songs));
    TRY(check_outputs(&set, &contest));
    if (!set.quiet) progress_start(&bar, "evaluating", contest.n_sessions);
    TRY(contest_run(&contest, data, (int32_t)set.threads, set.quiet ? NULL : on_session, &bar));
    if (!set.quiet) progress_end(&bar, "");
    if (contest.n_without_job)
        fprintf(stderr, "eval: %d recordings are left out: no beat to edit was heard in them\n",
                contest.n_without_job);
    TRY(print_table(&contest, set.out));
    if (set.json[0]) TRY(table_write_json(&contest, set.json));
    if (set.render[0]) TRY(render_best(data, set.render, &contest));
out:
    contest_drop(&contest);
    return st;
}
