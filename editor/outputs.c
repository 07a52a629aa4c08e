/* Names of what one edit writes. */
#include "editor/outputs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/host/file.h"

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
