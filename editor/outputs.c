/* Outputs: names, and the step from temporary files to finished ones. */
#include "editor/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/host/file.h"

/* ---- names */

static Status kind_named(const char *extension, ExportKind *kind) {
    static const struct {
        const char *extension;
        ExportKind kind;
    } known[] = {{"rpp", EXPORT_RPP}, {"otio", EXPORT_OTIO}, {"edl", EXPORT_EDL}, {"txt", EXPORT_LABELS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcasecmp(extension, known[i].extension)) {
            *kind = known[i].kind;
            return BS_OK;
        }
    return fail(BS_INVALID, "--export %s: expected a name that ends in .rpp, .otio, .edl or .txt", extension);
}

static int stem_length(const char *path) {
    const char *extension = path_extension(path);
    return (int)(*extension ? extension - 1 - path : (ptrdiff_t)strlen(path));
}

/* song.flac -> song-2.flac */
static void numbered(char out[OPTION_TEXT_BYTES + 16], const char *path, int32_t k, int32_t n) {
    const int stem = stem_length(path);
    if (n > 1 && path[0])
        snprintf(out, OPTION_TEXT_BYTES + 16, "%.*s-%d%s", stem, path, k + 1, path + stem);
    else
        snprintf(out, OPTION_TEXT_BYTES + 16, "%s", path);
}

static Status add_export(OutputNames *out, const EditSettings *set, const char *name, int32_t k, int32_t n) {
    char whole[OPTION_TEXT_BYTES + 16];
    if (out->n_exports == OUTPUTS_MAX_EXPORTS)
        return fail(BS_INVALID, "--export: at most %d files", OUTPUTS_MAX_EXPORTS);
    const bool alone = !strchr(name, '.') && !strchr(name, '/'); /* "rpp": beside the song */
    if (alone)
        snprintf(whole, sizeof whole, "%.*s.%s", stem_length(set->out), set->out, name);
    else
        snprintf(whole, sizeof whole, "%s", name);
    Status st = kind_named(path_extension(whole), &out->exports[out->n_exports].kind);
    if (st != BS_OK) return st;
    numbered(out->exports[out->n_exports++].path, whole, k, n);
    return BS_OK;
}

Status outputs_names(OutputNames *out, const EditSettings *set, int32_t k, int32_t n) {
    Status st = BS_OK;
    char list[OPTION_TEXT_BYTES], *rest = list;
    *out = (OutputNames){0};
    numbered(out->song, set->out, k, n);
    numbered(out->plot, set->plot, k, n);
    if (set->json[0])
        numbered(out->json, set->json, k, n);
    else
        snprintf(out->json, sizeof out->json, "%.1030s.json", out->song);
    if (set->labels[0]) {
        out->exports[0].kind = EXPORT_LABELS;
        numbered(out->exports[0].path, set->labels, k, n);
        out->n_exports = 1;
    }
    snprintf(list, sizeof list, "%s", set->export);
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        name += strspn(name, " ");
        name[strcspn(name, " ")] = 0;
        if (name[0]) TRY(add_export(out, set, name, k, n));
    }
out:
    return st;
}

/* ---- files */

Status outputs_add(Outputs *o, const char *path, const void *bytes, size_t n_bytes) {
    char temporary[PATH_BYTES];
    if (o->n_files == OUTPUTS_MAX_FILES)
        return fail(BS_TOO_BIG, "more than %d files to write", OUTPUTS_MAX_FILES);
    Status st = file_stage(path, bytes, n_bytes, temporary);
    if (st != BS_OK) {
        char why[900];
        snprintf(why, sizeof why, "%s", error_text());
        return fail(st, "%s; nothing was kept", why);
    }
    StagedFile *f = &o->files[o->n_files++];
    *f = (StagedFile){strdup(path), strdup(temporary)};
    if (f->path && f->temporary) return BS_OK;
    unlink(temporary);
    return fail(BS_NOMEM, "out of memory");
}

void outputs_add_song(Outputs *o, const char *path, AudioWriter *writer) {
    BS_ASSERT(o->n_songs < OUTPUTS_MAX_SONGS);
    const int32_t i = o->n_songs++;
    o->songs[i].writer = writer;
    o->songs[i].path = path;
}

/* The songs first: closing one is what may still fail. */
Status outputs_commit(Outputs *o) {
    Status st = BS_OK;
    int32_t n_songs = 0, n_files = 0;
    for (; n_songs < o->n_songs && st == BS_OK; n_songs++) {
        AudioWriter *writer = o->songs[n_songs].writer;
        o->songs[n_songs].writer = NULL;
        st = audio_finish(writer);
        if (st != BS_OK) break;
    }
    for (; n_files < o->n_files && st == BS_OK; n_files++) {
        st = file_unstage(o->files[n_files].temporary, o->files[n_files].path);
        free(o->files[n_files].temporary);
        o->files[n_files].temporary = NULL;
        if (st != BS_OK) break;
    }
    if (st == BS_OK) return BS_OK;
    for (int32_t i = 0; i < n_songs; i++) unlink(o->songs[i].path);
    for (int32_t i = 0; i < n_files; i++) unlink(o->files[i].path);
    return st;
}

void outputs_drop(Outputs *o) {
    for (int32_t i = 0; i < o->n_songs; i++) audio_abandon(o->songs[i].writer);
    for (int32_t i = 0; i < o->n_files; i++) {
        if (o->files[i].temporary) unlink(o->files[i].temporary);
        free(o->files[i].path);
        free(o->files[i].temporary);
    }
    *o = (Outputs){0};
}
