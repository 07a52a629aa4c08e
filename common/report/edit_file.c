/* Reading edits, by extension. */
#include "common/report/edit_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "common/report/rpp.h"

static bool is_project(const char *path) { return !strcasecmp(path_extension(path), "rpp"); }

void edit_file_drop_sources(char **paths, int32_t n) {
    for (int32_t i = 0; i < n; i++) free(paths[i]);
    free(paths);
}

/* As written, from the edit's folder, or under its own name in that folder: the first that is there. */
static Status found_from(const char *edit, const char *file, char **out) {
    char folder[PATH_BYTES], place[PATH_BYTES], beside[PATH_BYTES], alone[PATH_BYTES], sum[PATH_BYTES];
    path_folder(folder, edit);
    Status st = BS_OK;
    const bool is_sum = tracks_named(file, place);
    TRY(path_join(beside, *place == '/' ? "" : folder, place));
    TRY(path_join(alone, folder, path_base(place)));
    const char *best = place;
    if (is_project(edit) || !file_exists(place))
        best = file_exists(beside) ? beside : file_exists(alone) ? alone : place;
    TRY(path_join(sum, best, is_sum ? "*" : ""));
    *out = strdup(sum);
    if (!*out) st = fail(BS_NOMEM, "out of memory");
out:
    return st;
}

static Status project_sources(const char *path, char **paths, int32_t *n) {
    Status st = BS_OK;
    RppProject project;
    TRY(rpp_read(&project, path));
    for (int32_t i = 0; i < project.n_files && *n < SONG_MAX_SOURCES; i++, (*n)++)
        TRY(found_from(path, project.files[i], &paths[*n]));
    for (int32_t i = 0; i < project.n_items && !project.n_files && *n == 0;
         i++) /* of one file it need not say */
        if (project.items[i].file && !project.items[i].muted) {
            TRY(found_from(path, project.items[i].file, &paths[0]));
            *n = 1;
        }
out:
    rpp_drop(&project);
    return st;
}

static Status json_sources(const char *path, char **paths, int32_t *n) {
    Status st = BS_OK;
    Json *object = NULL;
    const Json *list, *row;
    size_t n_rows = 0;
    const char *name;
    TRY(json_read(&object, path, 0));
    if (json_has(object, "sources")) TRY(json_get_array(object, "sources", &list, &n_rows));
    if (n_rows > SONG_MAX_SOURCES) TRY(fail(BS_TOO_BIG, "%s: %zu sources", path, n_rows));
    for (size_t i = 0; i < n_rows; i++, (*n)++) {
        TRY(json_at(list, i, &row));
        TRY(json_get_text(row, "name", &name));
        TRY(found_from(path, name, &paths[*n]));
    }
out:
    json_free(object);
    return st;
}

Status edit_file_sources(const char *path, char ***paths, int32_t *n) {
    *n = 0;
    *paths = calloc(SONG_MAX_SOURCES, sizeof **paths);
    if (!*paths) return fail(BS_NOMEM, "out of memory");
    Status st = is_project(path) ? project_sources(path, *paths, n) : json_sources(path, *paths, n);
    if (st == BS_OK) return BS_OK;
    edit_file_drop_sources(*paths, *n);
    *paths = NULL;
    *n = 0;
    return st;
}

static void read_origin(const char *path, EditOrigin *origin) {
    Json *object = NULL;
    const Json *job;
    const char *text;
    int64_t lead = 0, tail = 0;
    if (json_read(&object, path, 0) != BS_OK) return;
    if (json_has(object, "lead_in_samples")) json_get_i64(object, "lead_in_samples", 0, INT64_MAX / 4, &lead);
    if (json_has(object, "tail_samples")) json_get_i64(object, "tail_samples", 0, INT64_MAX / 4, &tail);
    if (json_has(object, "lead_in_samples") || json_has(object, "tail_samples"))
        origin->more_samples = lead + tail;
    if (json_has(object, "policy") && json_get_text(object, "policy", &text) == BS_OK)
        snprintf(origin->policy, sizeof origin->policy, "%s", text);
    if (json_has(object, "job") && json_get_object(object, "job", &job) == BS_OK &&
        (json_get_i64(job, "lo_samples", 0, INT64_MAX / 4, &origin->lo_samples) != BS_OK ||
         json_get_i64(job, "hi_samples", origin->lo_samples, INT64_MAX / 4, &origin->hi_samples) != BS_OK ||
         json_get_i32(job, "tune", 0, SONG_MAX_TUNES - 1, &origin->tune) != BS_OK)) {
        origin->lo_samples = origin->hi_samples = 0;
        origin->tune = -1;
    }
    json_free(object);
}

Status edit_file_read(Edit *out, const char *path, const SourceList *sources, EditOrigin *origin) {
    EditOrigin from = {.more_samples = -1, .tune = -1};
    RppProject project = {0};
    Status st = BS_OK;
    edit_init(out);
    if (is_project(path)) {
        TRY(rpp_read(&project, path));
        TRY(rpp_edit(out, path, &project, sources, &from.more_samples));
        snprintf(from.policy, sizeof from.policy, "REAPER");
    } else {
        TRY(edit_json_read(out, path));
        read_origin(path, &from);
    }
    if (out->sample_rate_hz != sources->sample_rate_hz)
        TRY(fail(BS_INVALID, "%s: is at %d Hz, the recording at %d Hz", path, out->sample_rate_hz,
                 sources->sample_rate_hz));
    for (int32_t i = 0; i < out->n_segments; i++)
        if (out->segments[i].end_sample > sources->n_samples)
            TRY(fail(BS_INVALID,
                     "%s: segment %d ends at %.3f s, the recording at %.3f s; is it of another recording?",
                     path, i + 1, (double)out->segments[i].end_sample / sources->sample_rate_hz,
                     (double)sources->n_samples / sources->sample_rate_hz));
    if (origin) *origin = from;
out:
    rpp_drop(&project);
    if (st != BS_OK) edit_drop(out);
    return st;
}
