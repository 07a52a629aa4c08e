/* Writing and reading edits as JSON; the layout stands in the header. */
#include "common/edits/edit_json.h"

#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"

const char *const edit_fade_names[FADE_COUNT] = {"short", "half", "1", "2", "4"};

/* A value is handed over when it is whole: json_set and json_append take what they are given. */
static Json *segment_to_json(const EditSegment *segment) {
    Json *row = json_new_array();
    Status st = BS_OK;
    TRY(json_append(row, json_new_integer(segment->start_sample)));
    TRY(json_append(row, json_new_integer(segment->end_sample)));
    TRY(json_append(row, json_new_text(edit_fade_names[segment->fade])));
    return row;
out:
    json_free(row);
    return NULL;
}

static Json *source_to_json(const EditNotes *notes, int32_t i) {
    Json *row = json_new_object();
    Status st = BS_OK;
    TRY(json_set_text(row, "name", notes->sources[i]));
    if (notes->source_start) TRY(json_set_i64(row, "start", notes->source_start[i]));
    if (notes->source_samples) TRY(json_set_i64(row, "samples", notes->source_samples[i]));
    return row;
out:
    json_free(row);
    return NULL;
}

static Json *job_to_json(const Job *job) {
    Json *row = json_new_object();
    Status st = BS_OK;
    TRY(json_set_i64(row, "lo_samples", job->lo_samples));
    TRY(json_set_i64(row, "hi_samples", job->hi_samples));
    TRY(json_set_i64(row, "tune", job->tune));
    return row;
out:
    json_free(row);
    return NULL;
}

static Json *terms_to_json(const float *terms) {
    Json *row = json_new_object();
    Status st = BS_OK;
    for (int i = 0; i < REWARD_TERMS; i++) TRY(json_set_f64(row, reward_names[i], terms[i]));
    return row;
out:
    json_free(row);
    return NULL;
}

static Status notes_to_json(const EditNotes *notes, Json *object) {
    Status st = BS_OK;
    Json *list = NULL;
    if (notes->lead_in_samples) TRY(json_set_i64(object, "lead_in_samples", notes->lead_in_samples));
    if (notes->tail_samples) TRY(json_set_i64(object, "tail_samples", notes->tail_samples));
    if (notes->n_sources) {
        list = json_new_array();
        for (int32_t i = 0; i < notes->n_sources; i++) TRY(json_append(list, source_to_json(notes, i)));
        Json *whole = list;
        list = NULL;
        TRY(json_set(object, "sources", whole));
    }
    if (notes->policy) TRY(json_set_text(object, "policy", notes->policy));
    if (notes->seed) TRY(json_set_i64(object, "seed", (int64_t)notes->seed));
    if (notes->job) TRY(json_set(object, "job", job_to_json(notes->job)));
    if (notes->terms) TRY(json_set(object, "terms", terms_to_json(notes->terms)));
out:
    json_free(list);
    return st;
}

Status edit_json_set_segments(Json *object, const Edit *edit) {
    Status st = BS_OK;
    Json *list = json_new_array();
    for (int32_t i = 0; i < edit->n_segments; i++)
        TRY(json_append(list, segment_to_json(&edit->segments[i])));
    Json *whole = list;
    list = NULL;
    TRY(json_set(object, "segments", whole));
out:
    json_free(list);
    return st;
}

Status edit_json_fill(Json *object, const Edit *edit) {
    Status st = BS_OK;
    TRY(json_set_i64(object, "version", EDIT_JSON_VERSION));
    if (!hash_is_zero(&edit->song)) TRY(json_set_hash(object, "song", &edit->song));
    TRY(json_set_i64(object, "sample_rate", edit->sample_rate_hz));
    TRY(edit_json_set_segments(object, edit));
out:
    return st;
}

Status edit_json_put(ByteWriter *w, const Edit *edit, const EditNotes *notes) {
    Status st = BS_OK;
    char *text = NULL;
    size_t n_bytes;
    Json *object = json_new_object();
    TRY(edit_json_fill(object, edit));
    if (notes) TRY(notes_to_json(notes, object));
    TRY(json_dump(object, JSON_INDENTED, &text, &n_bytes));
    bytes_put(w, text, n_bytes);
    if (w->bad) st = fail(BS_TOO_BIG, "the edit is larger than %zu bytes, or memory is out", w->max_bytes);
out:
    free(text);
    json_free(object);
    return st;
}

static Status fade_named(int32_t segment, const char *name, Fade *fade) {
    for (int i = 0; i < FADE_COUNT; i++)
        if (!strcmp(name, edit_fade_names[i])) {
            *fade = (Fade)i;
            return BS_OK;
        }
    return fail(BS_CORRUPT, "segments[%d]: \"%.32s\" is no fade; short, half, 1, 2 and 4 are", segment, name);
}

Status edit_json_segments(Edit *edit, const Json *object, int64_t n_samples) {
    Status st = BS_OK;
    const Json *list, *row;
    size_t n;
    TRY(json_get_array(object, "segments", &list, &n));
    if (n > EDIT_MAX_SEGMENTS) return fail(BS_TOO_BIG, "%zu segments; at most %d", n, EDIT_MAX_SEGMENTS);
    for (int32_t i = 0; i < (int32_t)n; i++) {
        int64_t start, end;
        const char *name;
        Fade fade = FADE_SHORT;
        TRY(json_at(list, (size_t)i, &row));
        TRY(json_at_i64(row, 0, 0, n_samples, &start));
        TRY(json_at_i64(row, 1, 0, n_samples, &end));
        if (json_size(row) > 2) {
            TRY(json_at_text(row, 2, &name));
            TRY(fade_named(i, name, &fade));
        }
        if (end <= start)
            return fail(BS_CORRUPT, "segments[%d]: %lld..%lld is empty", i, (long long)start, (long long)end);
        TRY(edit_append(edit, start, end, i ? fade : FADE_SHORT));
    }
out:
    return st;
}

/* Takes the document. */
static Status edit_from_json(Edit *out, const char *name, Json *object) {
    Status st = BS_OK;
    int version;
    TRY(json_version(object, EDIT_JSON_VERSION, &version));
    if (json_has(object, "song")) TRY(json_get_hash(object, "song", &out->song));
    TRY(json_get_i32(object, "sample_rate", 1000, 1000000, &out->sample_rate_hz));
    TRY(edit_json_segments(out, object, INT64_MAX / 4));
    if (!out->n_segments) st = fail(BS_CORRUPT, "segments: the edit is empty");
out:
    json_free(object);
    if (st == BS_OK) return BS_OK;
    edit_drop(out);
    /* errors of the JSON reader name the file already */
    return strncmp(error_text(), name, strlen(name)) == 0 ? st : fail_in(st, "%s", name);
}

Status edit_json_read(Edit *out, const char *path) {
    Json *object;
    edit_init(out);
    Status st = json_read(&object, path, 0);
    return st == BS_OK ? edit_from_json(out, path, object) : st;
}

Status edit_json_parse(Edit *out, const char *name, const void *bytes, size_t n_bytes) {
    Json *object;
    edit_init(out);
    Status st = json_parse(&object, name, bytes, n_bytes);
    return st == BS_OK ? edit_from_json(out, name, object) : st;
}
