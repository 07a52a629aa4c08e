/* Dataset: names alone decide what a file is; whether it can be decoded shows when it is. */
#include "featurizer/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/audio/audio.h"
#include "common/store/store.h"

/* "song_edit.wav", "_edit" -> 4; -1 for other names. */
static int stem_length(const char *file, const char *ending) {
    const char *dot = strrchr(file, '.');
    int n = dot ? (int)(dot - file) : (int)strlen(file), n_ending = (int)strlen(ending);
    if (n <= n_ending || memcmp(file + n - n_ending, ending, (size_t)n_ending) != 0) return -1;
    return n - n_ending;
}

static const char *edit_of(const char *raw, char *const *names, size_t n_names) {
    int n = stem_length(raw, "_raw");
    for (size_t i = 0; n >= 0 && i < n_names; i++)
        if (audio_is_named(names[i]) && stem_length(names[i], "_edit") == n &&
            !strncmp(names[i], raw, (size_t)n))
            return names[i];
    return "";
}

Status dataset_scan(const char *folder, Recording **recordings, size_t *n_recordings) {
    *recordings = NULL;
    *n_recordings = 0;
    char **names = NULL, path[PATH_BYTES];
    size_t n_names, n = 0;
    Recording *list = NULL;
    Status st = BS_OK;
    struct stat s;
    if (stat(folder, &s) == 0 && !S_ISDIR(s.st_mode))
        return fail(BS_INVALID, "%s: is a file; give the folder that holds it", folder);
    TRY(dir_list(folder, &names, &n_names));
    list = calloc(n_names + 1, sizeof *list);
    if (!list) TRY(fail(BS_NOMEM, "%s: no memory to list it", folder));
    for (size_t i = 0; i < n_names; i++) {
        if (!audio_is_named(names[i]) || stem_length(names[i], "_edit") >= 0 ||
            strlen(names[i]) >= DATASET_NAME_BYTES)
            continue;
        TRY(path_join(path, folder, names[i]));
        if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) continue;
        Recording *r = &list[n++];
        store_session_name(names[i], r->name);
        snprintf(r->file, sizeof r->file, "%s", names[i]);
        snprintf(r->edit, sizeof r->edit, "%.255s", edit_of(names[i], names, n_names));
    }
    if (n == 0) TRY(fail(BS_NOT_FOUND, "%s: no recording in it (wav, flac, ogg or mp3)", folder));
    *recordings = list;
    *n_recordings = n;
    list = NULL;
out:
    free(list);
    free(names);
    return st;
}
