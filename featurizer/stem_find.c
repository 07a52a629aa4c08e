/* Where the stems of a recording lie: names of folders and of the files in them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/audio/audio.h"
#include "featurizer/stem_files.h"

/* "drums.wav", "no_vocals.mp3": what separation programs write. */
static bool is_stem(const char *file) {
    static const char *const names[] = {"drums",   "bass",     "vocals",       "other",
                                        "guitar",  "piano",    "no_drums",     "no_vocals",
                                        "no_bass", "no_other", "accompaniment"};
    if (!audio_is_named(file)) return false;
    const size_t n = strlen(file) - strlen(path_extension(file)) - 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && !strncasecmp(file, names[i], n)) return true;
    return false;
}

static bool is_folder(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* At least two of its files are stems. */
static bool holds_stems(const char *folder) {
    char **names;
    size_t n, found = 0;
    if (!is_folder(folder) || dir_list(folder, &names, &n) != BS_OK) return false;
    for (size_t i = 0; i < n; i++) found += is_stem(names[i]);
    free(names);
    return found >= 2;
}

/* FOLDER/NAME, FOLDER/NAME_stems, or FOLDER/MODEL/NAME, the first in order of name. */
static bool find_in(char out[PATH_BYTES], const char *folder, const char *name) {
    char **models, stems[512];
    size_t n;
    bool found = false;
    snprintf(stems, sizeof stems, "%.400s_stems", name);
    if (path_join(out, folder, name) == BS_OK && holds_stems(out)) return true;
    if (path_join(out, folder, stems) == BS_OK && holds_stems(out)) return true;
    if (dir_list(folder, &models, &n) != BS_OK) return false;
    for (size_t i = 0; i < n && !found; i++) {
        char model[PATH_BYTES];
        found = models[i][0] != '.' && path_join(model, folder, models[i]) == BS_OK && is_folder(model) &&
                path_join(out, model, name) == BS_OK && holds_stems(out);
    }
    free(models);
    return found;
}

static void name_of(char out[512], const char *recording) {
    snprintf(out, 512, "%.500s", path_base(recording));
    char *dot = strrchr(out, '.');
    if (dot && dot != out) *dot = 0;
}

Status stem_files_find(char folder[PATH_BYTES], const char *asked, const char *recording) {
    char beside[PATH_BYTES], separated[PATH_BYTES], stems[PATH_BYTES], name[512], own[520];
    name_of(name, recording);
    if (asked[0]) {
        if (holds_stems(asked)) return path_join(folder, asked, "");
        if (is_folder(asked) && find_in(folder, asked, name)) return BS_OK;
        return fail(BS_NOT_FOUND,
                    "%s: holds no stems of %s (drums, bass, vocals, other, as wav, flac or mp3)", asked,
                    recording);
    }
    path_folder(beside, recording);
    snprintf(own, sizeof own, "%s_stems", name);
    if (path_join(stems, beside, own) == BS_OK && holds_stems(stems)) return path_join(folder, stems, "");
    if (path_join(separated, beside, "separated") == BS_OK && is_folder(separated) &&
        find_in(folder, separated, name))
        return BS_OK;
    folder[0] = 0;
    return BS_OK;
}

Status stem_files_mark(const char *folder, Hash *mark) {
    Status st = BS_OK;
    char **names = NULL, path[PATH_BYTES];
    size_t n = 0;
    HashState state;
    hash_begin(&state);
    TRY(dir_list(folder, &names, &n));
    for (size_t i = 0; i < n; i++) {
        struct stat s;
        TRY(path_join(path, folder, names[i]));
        if (stat(path, &s) != 0) continue;
        const int64_t of_file[3] = {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
        hash_add(&state, names[i], strlen(names[i]) + 1);
        hash_add(&state, of_file, sizeof of_file);
    }
    *mark = hash_end(&state);
out:
    free(names);
    return st;
}
