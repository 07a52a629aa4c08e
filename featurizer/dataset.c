/* Dataset: names alone decide what a file is; whether it can be decoded shows when it is. */
#include "featurizer/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/audio/audio.h"
#include "common/store/store.h"

#define INPUT  "input"
#define OUTPUT "desired_output"

typedef struct Names {
    char **list;
    size_t n;
} Names;

typedef struct List {
    Recording *recordings;
    size_t n, room;
} List;

/* "song_edit.wav", "_edit" -> 4; -1 for other names. */
static int stem_length(const char *file, const char *ending) {
    const char *dot = strrchr(file, '.');
    int n = dot ? (int)(dot - file) : (int)strlen(file), n_ending = (int)strlen(ending);
    if (n <= n_ending || memcmp(file + n - n_ending, ending, (size_t)n_ending) != 0) return -1;
    return n - n_ending;
}

/* An edit that says where its cuts are is exact: it comes before sound, in which they must be found. */
static int rank_of(const char *file) {
    const char *extension = path_extension(file);
    return !strcasecmp(extension, "json")  ? 3
           : !strcasecmp(extension, "rpp") ? 2
           : audio_is_named(file)          ? 1
                                           : 0;
}

/* The edit named after the first n bytes of `raw`, "" without. */
static const char *edit_of(const char *raw, int n, const Names *names, const char *ending) {
    const char *best = "";
    for (size_t i = 0; n >= 0 && i < names->n; i++)
        if (rank_of(names->list[i]) > rank_of(best) && stem_length(names->list[i], ending) == n &&
            !strncmp(names->list[i], raw, (size_t)n))
            best = names->list[i];
    return best;
}

/* Adds "below/file", whose edit lies at "edit_below/edit". */
static Status add(List *to, const char *folder, const char *below, const char *file, const char *edit_below,
                  const char *edit) {
    Status st = BS_OK;
    char name[PATH_BYTES], edit_name[PATH_BYTES] = "", path[PATH_BYTES];
    struct stat s;
    TRY(path_join(name, *below ? below : file, *below ? file : ""));
    if (*edit) TRY(path_join(edit_name, *edit_below ? edit_below : edit, *edit_below ? edit : ""));
    TRY(path_join(path, folder, name));
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) return BS_OK;
    if (strlen(name) >= DATASET_NAME_BYTES || strlen(edit_name) >= DATASET_NAME_BYTES)
        return fail(BS_TOO_BIG, "%s: names of recordings are shorter than %d bytes", path,
                    DATASET_NAME_BYTES);
    if (to->n == to->room) {
        to->room = 2 * to->room + 64;
        Recording *more = realloc(to->recordings, to->room * sizeof *more);
        if (!more) return fail(BS_NOMEM, "%s: no memory to list it", folder);
        to->recordings = more;
    }
    Recording *r = &to->recordings[to->n++];
    store_session_name(name, r->name);
    snprintf(r->file, sizeof r->file, "%.255s", name);
    snprintf(r->edit, sizeof r->edit, "%.255s", edit_name);
out:
    return st;
}

static Status names_in(const char *folder, const char *below, Names *out) {
    char path[PATH_BYTES];
    struct stat s;
    *out = (Names){0};
    Status st = path_join(path, folder, below);
    if (st == BS_OK && stat(path, &s) == 0 && S_ISDIR(s.st_mode)) st = dir_list(path, &out->list, &out->n);
    return st;
}

/* input/X.EXT, and beside that folder desired_output/X.EXT. */
static Status scan_input(const char *folder, List *list) {
    Status st = BS_OK;
    Names raws = {0}, edits = {0};
    TRY(names_in(folder, INPUT, &raws));
    TRY(names_in(folder, OUTPUT, &edits));
    for (size_t i = 0; i < raws.n; i++)
        if (audio_is_named(raws.list[i]))
            TRY(add(list, folder, INPUT, raws.list[i], OUTPUT,
                    edit_of(raws.list[i], stem_length(raws.list[i], ""), &edits, "")));
out:
    free(raws.list);
    free(edits.list);
    return st;
}

Status dataset_scan(const char *folder, Recording **recordings, size_t *n_recordings) {
    *recordings = NULL;
    *n_recordings = 0;
    Names names = {0};
    List list = {0};
    Status st = BS_OK;
    struct stat s;
    if (stat(folder, &s) == 0 && !S_ISDIR(s.st_mode))
        return fail(BS_INVALID, "%s: is a file; give the folder that holds it", folder);
    TRY(dir_list(folder, &names.list, &names.n));
    for (size_t i = 0; i < names.n; i++) {
        const char *file = names.list[i];
        if (audio_is_named(file) && stem_length(file, "_edit") < 0)
            TRY(add(&list, folder, "", file, "", edit_of(file, stem_length(file, "_raw"), &names, "_edit")));
    }
    TRY(scan_input(folder, &list));
    if (list.n == 0) TRY(fail(BS_NOT_FOUND, "%s: no recording in it (wav, flac, ogg or mp3)", folder));
    *recordings = list.recordings;
    *n_recordings = list.n;
    list.recordings = NULL;
out:
    free(list.recordings);
    free(names.list);
    return st;
}
