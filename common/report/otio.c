/* Writing OpenTimelineIO. The schema: Timeline.1 > Stack.1 > Track.1 > Clip.1 and Transition.1. */
#include "common/report/otio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/edits/edit_json.h"
#include "common/host/file.h"

static Json *schema(const char *name) {
    Json *object = json_new_object();
    Status st = BS_OK;
    TRY(json_set_text(object, "OTIO_SCHEMA", name));
    return object;
out:
    json_free(object);
    return NULL;
}

static Json *time_of(int64_t samples, double rate) {
    Json *t = schema("RationalTime.1");
    Status st = BS_OK;
    TRY(json_set_f64(t, "rate", rate));
    TRY(json_set_f64(t, "value", (double)samples));
    return t;
out:
    json_free(t);
    return NULL;
}

static Json *range_of(int64_t start, int64_t samples, double rate) {
    Json *range = schema("TimeRange.1");
    Status st = BS_OK;
    TRY(json_set(range, "duration", time_of(samples, rate)));
    TRY(json_set(range, "start_time", time_of(start, rate)));
    return range;
out:
    json_free(range);
    return NULL;
}

/* file:///..., bytes that a URL may not hold as %XX */
static void file_url(const char *path, char *out, size_t out_bytes) {
    char *full = realpath(path, NULL);
    size_t n = (size_t)snprintf(out, out_bytes, "%s", full ? "file://" : "");
    for (const unsigned char *p = (const unsigned char *)(full ? full : path); *p && n + 4 < out_bytes; p++) {
        const bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                           strchr("/-_.~", *p);
        n += (size_t)snprintf(out + n, out_bytes - n, plain ? "%c" : "%%%02X", *p);
    }
    free(full);
}

/* A sum of tracks lies in no file. */
static Json *reference_of(const SourceList *sources, int32_t k) {
    char url[3 * PATH_BYTES], name[PATH_BYTES];
    const bool is_sum = tracks_named(sources->paths[k], name);
    Json *m = schema(is_sum ? "MissingReference.1" : "ExternalReference.1");
    Status st = BS_OK;
    TRY(json_set(m, "available_range", range_of(0, sources->samples[k], sources->sample_rate_hz)));
    TRY(json_set(m, "metadata", json_new_object()));
    TRY(json_set_text(m, "name", path_base(name)));
    if (is_sum) return m;
    file_url(sources->paths[k], url, sizeof url);
    TRY(json_set_text(m, "target_url", url));
    return m;
out:
    json_free(m);
    return NULL;
}

static Json *named(const char *type, const char *name) {
    Json *object = schema(type);
    Status st = BS_OK;
    TRY(json_set_text(object, "name", name));
    TRY(json_set(object, "metadata", json_new_object()));
    return object;
out:
    json_free(object);
    return NULL;
}

static Json *clip_of(const Clip *c, const SourceList *sources) {
    char name[300], path[PATH_BYTES];
    snprintf(name, sizeof name, "%d %.250s", c->segment + 1, source_name(path, sources->paths[c->source]));
    Json *clip = named("Clip.1", name);
    Status st = BS_OK;
    TRY(json_set(clip, "source_range", range_of(c->source_start, c->n_samples, sources->sample_rate_hz)));
    TRY(json_set(clip, "effects", json_new_array()));
    TRY(json_set(clip, "markers", json_new_array()));
    TRY(json_set(clip, "media_reference", reference_of(sources, c->source)));
    return clip;
out:
    json_free(clip);
    return NULL;
}

static Json *transition_of(const Clip *before, const Clip *after, double rate) {
    Json *t = named("Transition.1", "");
    Status st = BS_OK;
    TRY(json_set_text(t, "transition_type", "SMPTE_Dissolve"));
    TRY(json_set(t, "in_offset", time_of(after->fade_in, rate)));
    TRY(json_set(t, "out_offset", time_of(before->fade_out, rate)));
    return t;
out:
    json_free(t);
    return NULL;
}

static Status add_children(Json *track, const Clips *clips, const SourceList *sources) {
    Status st = BS_OK;
    Json *list = json_new_array();
    for (int32_t i = 0; i < clips->n; i++) {
        const Clip *c = &clips->list[i];
        if (i && c->fade_in + clips->list[i - 1].fade_out > 0 && c->segment != clips->list[i - 1].segment)
            TRY(json_append(list, transition_of(&clips->list[i - 1], c, sources->sample_rate_hz)));
        TRY(json_append(list, clip_of(c, sources)));
    }
    return json_set(track, "children", list);
out:
    json_free(list);
    return st;
}

static Json *track_of(const Clips *clips, const SourceList *sources) {
    Json *track = named("Track.1", "Song");
    Status st = BS_OK;
    TRY(json_set_text(track, "kind", "Audio"));
    TRY(json_set(track, "source_range", json_new_null()));
    TRY(json_set(track, "effects", json_new_array()));
    TRY(json_set(track, "markers", json_new_array()));
    TRY(add_children(track, clips, sources));
    return track;
out:
    json_free(track);
    return NULL;
}

static Json *stack_of(const Clips *clips, const SourceList *sources) {
    Json *stack = named("Stack.1", "tracks"), *list = json_new_array();
    Status st = BS_OK;
    TRY(json_append(list, track_of(clips, sources)));
    TRY(json_set(stack, "source_range", json_new_null()));
    TRY(json_set(stack, "effects", json_new_array()));
    TRY(json_set(stack, "markers", json_new_array()));
    Json *whole = list;
    list = NULL;
    TRY(json_set(stack, "children", whole));
    return stack;
out:
    json_free(list);
    json_free(stack);
    return NULL;
}

static Json *metadata_of(const Edit *edit) {
    Json *object = json_new_object(), *grid = json_new_object();
    Status st = BS_OK;
    TRY(edit_json_fill(grid, edit));
    Json *whole = grid;
    grid = NULL;
    TRY(json_set(object, "bandsaw", whole));
    return object;
out:
    json_free(grid);
    json_free(object);
    return NULL;
}

Status otio_put(ByteWriter *w, const Edit *edit, const MixPlan *plan, const SourceList *sources,
                const char *title) {
    Status st = BS_OK;
    Clips clips = {0};
    char *text = NULL;
    size_t n_bytes;
    Json *timeline = schema("Timeline.1");
    TRY(clips_cut(&clips, edit, plan, sources, CLIPS_ABUT));
    TRY(json_set_text(timeline, "name", title));
    TRY(json_set(timeline, "metadata", metadata_of(edit)));
    TRY(json_set(timeline, "global_start_time", json_new_null()));
    TRY(json_set(timeline, "tracks", stack_of(&clips, sources)));
    TRY(json_dump(timeline, JSON_INDENTED, &text, &n_bytes));
    bytes_put(w, text, n_bytes);
    if (w->bad)
        st = fail(BS_TOO_BIG, "the timeline is larger than %zu bytes, or memory is out", w->max_bytes);
out:
    free(text);
    json_free(timeline);
    clips_drop(&clips);
    return st;
}
