/* bandsaw align: a recording and a person's edit of it become an Edit. */
#include "featurizer/align/align.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/host/config.h"
#include "common/host/file.h"
#include "editor/align_actions.h"
#include "editor/align_json.h"
#include "editor/verbs.h"

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "editor/align.def"
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
#include "editor/align.def"
#undef OPTION
};

static const ConfigTable table = {
    .program = "bandsaw-editor",
    .usage = "bandsaw align RAW... EDIT [-o FILE] [--actions]",
    .about = "Says which ranges of a recording an edit of it consists of, and how they are joined, as JSON. "
             "Several files before the last are one recording, in the order given.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};

static Status print_json(const Json *json) {
    Status st = BS_OK;
    char *text = NULL;
    size_t n;
    TRY(json_dump(json, JSON_INDENTED, &text, &n));
    if (fwrite(text, 1, n, stdout) != n || fflush(stdout) != 0)
        st = fail(BS_IO, "standard output: cannot be written");
out:
    free(text);
    return st;
}

static void say(const Alignment *a) {
    int32_t n_moves[ALIGN_MOVES] = {0}, n_ties = 0;
    for (int32_t i = 0; i < a->n_pieces; i++) n_moves[align_move(a, i)]++, n_ties += a->pieces[i].tie;
    fprintf(stderr,
            "%d pieces%s, %.1f %% of the edit: %d cuts, %d loops, %d reused, %d reordered; %d ranges of "
            "other sound, %d ties\n",
            a->n_pieces, a->plain ? ", exact copies" : "", 100 * (double)a->matched, n_moves[MOVE_CUT],
            n_moves[MOVE_LOOP], n_moves[MOVE_REUSE], n_moves[MOVE_REORDER], a->n_others, n_ties);
}

static void say_actions(const AlignActions *said) {
    fprintf(stderr, "%.1f %% of the edit can be said in %d actions%s; as a demonstration it weighs %.2f\n",
            100 * (1 - said->loss), said->n_actions, said->whole ? "" : ", some seams or fades changed",
            said->weight);
}

/* No input may be written over, with --force neither. */
static Status check_out(const Settings *set, const char *const *files, int n) {
    if (!set->out[0]) return BS_OK;
    for (int i = 0; i < n; i++)
        if (file_same(set->out, files[i]))
            return fail(BS_INVALID, "%s: is the %s itself; give -o another name", set->out,
                        i < n - 1 ? "recording" : "edit");
    return file_may_write(set->out, set->force);
}

Status verb_align(int argc, char **argv) {
    Status st = BS_OK;
    Settings set;
    const char *files[SONG_MAX_SOURCES + 1];
    int n;
    bool help;
    Alignment alignment = {0};
    Edit edit;
    Json *json = NULL, *actions = NULL, *given;
    AlignActions said;
    edit_init(&edit);
    TRY(config_parse(&table, &set, argc, argv, files, SONG_MAX_SOURCES + 1, &n, &help));
    if (help) return BS_OK;
    if (n < 2) TRY(fail(BS_INVALID, "a recording and an edit of it are needed; usage: %s", table.usage));
    TRY(check_out(&set, files, n));
    TRY(align_files(files, n - 1, files[n - 1], &alignment));
    if (set.actions)
        TRY(align_actions(files, n - 1, &alignment, &edit, &actions, &said));
    else
        TRY(align_edit(&alignment, 0, &edit));
    TRY(align_json(&alignment, &edit, &json));
    given = actions;
    actions = NULL;
    if (set.actions) TRY(json_set(json, "actions", given));
    if (set.out[0])
        TRY(json_write(json, set.out, JSON_INDENTED));
    else
        TRY(print_json(json));
    say(&alignment);
    if (set.actions) say_actions(&said);
out:
    json_free(actions);
    json_free(json);
    edit_drop(&edit);
    align_drop(&alignment);
    return st;
}
