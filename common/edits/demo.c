#include "common/edits/demo.h"

#include <string.h>

#include "common/edits/edit_json.h"

void demo_init(Demo *d) {
    *d = (Demo){.weight = 1};
    edit_init(&d->made);
    edit_init(&d->projected);
}

void demo_drop(Demo *d) {
    edit_drop(&d->made);
    edit_drop(&d->projected);
}

static Status set_edit(Json *line, const char *key, const Edit *edit) {
    Status st = BS_OK;
    Json *object = json_new_object(), *whole;
    if (!object) return fail(BS_NOMEM, "no memory for a demonstration");
    TRY(json_set_i64(object, "sample_rate", edit->sample_rate_hz));
    TRY(edit_json_set_segments(object, edit));
    whole = object;
    object = NULL;
    TRY(json_set(line, key, whole));
out:
    json_free(object);
    return st;
}

Status demo_to_json(const Demo *d, Json **out) {
    Status st = BS_OK;
    Json *line = json_new_object();
    *out = NULL;
    if (!line) return fail(BS_NOMEM, "no memory for a demonstration");
    TRY(json_set_i64(line, "version", DEMO_VERSION));
    TRY(json_set_hash(line, "song", &d->song));
    TRY(json_set_text(line, "name", d->name));
    TRY(json_set_hash(line, "pair", &d->pair));
    TRY(set_edit(line, "edit", &d->made));
    TRY(json_set_i64(line, "foreign_samples", d->foreign_samples));
    TRY(set_edit(line, "projected", &d->projected));
    TRY(json_set_f64(line, "loss", d->loss));
    TRY(json_set_f64(line, "weight", d->weight));
    *out = line;
    line = NULL;
out:
    json_free(line);
    return st;
}

static Status get_edit(const Json *line, const char *key, const Hash *song, Edit *edit) {
    Status st = BS_OK;
    const Json *object;
    TRY(json_get_object(line, key, &object));
    TRY(json_get_i32(object, "sample_rate", 1000, 1000000, &edit->sample_rate_hz));
    TRY(edit_json_segments(edit, object, INT64_MAX / 4));
    if (!edit->n_segments) st = fail(BS_CORRUPT, "%s: the edit is empty", key);
    edit->song = *song;
out:
    return st;
}

static Status get_share(const Json *line, const char *key, double *share) {
    Status st = json_get_f64(line, key, share);
    if (st == BS_OK && !(*share >= 0 && *share <= 1))
        st = fail(BS_CORRUPT, "%s: %g is not in 0..1", key, *share);
    return st;
}

static Status read_line(Demo *out, const Json *line) {
    Status st = BS_OK;
    int version;
    const char *name = "";
    TRY(json_version(line, DEMO_VERSION, &version));
    TRY(json_get_hash(line, "song", &out->song));
    if (json_has(line, "name")) TRY(json_get_text(line, "name", &name));
    if (strlen(name) >= sizeof out->name)
        return fail(BS_CORRUPT, "name: longer than %zu bytes", sizeof out->name - 1);
    memcpy(out->name, name, strlen(name) + 1);
    TRY(get_edit(line, "edit", &out->song, &out->made));
    if (version == 1) return BS_OK;
    TRY(json_get_hash(line, "pair", &out->pair));
    TRY(json_get_i64(line, "foreign_samples", 0, INT64_MAX / 4, &out->foreign_samples));
    TRY(get_edit(line, "projected", &out->song, &out->projected));
    TRY(get_share(line, "loss", &out->loss));
    TRY(get_share(line, "weight", &out->weight));
out:
    return st;
}

Status demo_parse(Demo *out, const char *name, const void *bytes, size_t n_bytes) {
    Json *line;
    demo_init(out);
    Status st = json_parse(&line, name, bytes, n_bytes);
    if (st != BS_OK) return st;
    st = read_line(out, line);
    json_free(line);
    if (st != BS_OK) demo_drop(out);
    return st;
}
