/* Demos: the songs that have a line already are read once; what is torn or foreign in the file is passed
 * over. */
#include "featurizer/demos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/json.h"

enum { MAX_FILE_BYTES = 1 << 30 };

struct DemoFile {
    char path[PATH_BYTES];
    bool torn; /* its last line has no end */
    Hash *songs;
    size_t n_songs, capacity;
};

static Status remember(DemoFile *f, const Hash *song) {
    if (f->n_songs == f->capacity) {
        size_t capacity = 2 * f->capacity + 64;
        Hash *more = realloc(f->songs, capacity * sizeof *more);
        if (!more) return fail(BS_NOMEM, "%s: no memory", f->path);
        f->songs = more;
        f->capacity = capacity;
    }
    f->songs[f->n_songs++] = *song;
    return BS_OK;
}

static Status read_line(DemoFile *f, const char *line, size_t n) {
    Json *json;
    Hash song;
    Status st = BS_OK;
    if (json_parse(&json, f->path, line, n) != BS_OK) return BS_OK;
    if (json_get_hash(json, "song", &song) == BS_OK) st = remember(f, &song);
    json_free(json);
    return st;
}

Status demo_file_open(DemoFile **out, const char *path) {
    *out = NULL;
    void *bytes = NULL;
    size_t n_bytes = 0;
    Status st = BS_OK;
    DemoFile *f = calloc(1, sizeof *f);
    if (!f) return fail(BS_NOMEM, "%s: no memory", path);
    TRY(path_join(f->path, path, ""));
    if (file_exists(path)) TRY(file_read(path, MAX_FILE_BYTES, &bytes, &n_bytes));
    const char *text = bytes;
    for (size_t at = 0; at < n_bytes;) {
        const char *end = memchr(text + at, '\n', n_bytes - at);
        size_t n = end ? (size_t)(end - text) - at : n_bytes - at;
        f->torn = !end;
        TRY(read_line(f, text + at, n));
        at += n + 1;
    }
    *out = f;
    f = NULL;
out:
    free(bytes);
    demo_file_close(f);
    return st;
}

void demo_file_close(DemoFile *f) {
    if (!f) return;
    free(f->songs);
    free(f);
}

bool demo_file_has(const DemoFile *f, const Hash *song) {
    for (size_t i = 0; i < f->n_songs; i++)
        if (hash_equal(&f->songs[i], song)) return true;
    return false;
}

static Status add_segments(Json *edit_json, const Edit *edit) {
    static const char *const fades[FADE_COUNT] = {"short", "half", "1", "2", "4"};
    Status st = BS_OK;
    Json *segments = json_new_array();
    if (!segments) return fail(BS_NOMEM, "no memory for a demonstration");
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        Json *row = json_new_array();
        st = row ? BS_OK : fail(BS_NOMEM, "no memory for a demonstration");
        if (st == BS_OK) st = json_append(row, json_new_integer(s->start_sample));
        if (st == BS_OK) st = json_append(row, json_new_integer(s->end_sample));
        if (st == BS_OK) st = json_append(row, json_new_text(fades[s->fade]));
        if (st != BS_OK)
            json_free(row);
        else
            st = json_append(segments, row);
        if (st != BS_OK) goto out;
    }
    Json *given = segments;
    segments = NULL;
    st = json_set(edit_json, "segments", given);
out:
    json_free(segments);
    return st;
}

Status demo_file_append(DemoFile *f, const Hash *song, const char *name, const Edit *edit) {
    Status st = BS_OK;
    Json *line = json_new_object(), *inner = json_new_object();
    if (!line || !inner) TRY(fail(BS_NOMEM, "%s: no memory", f->path));
    TRY(json_set_i64(line, "version", 1));
    TRY(json_set_hash(line, "song", song));
    TRY(json_set_text(line, "name", name));
    TRY(json_set_i64(inner, "sample_rate", edit->sample_rate_hz));
    TRY(add_segments(inner, edit));
    Json *given = inner;
    inner = NULL;
    TRY(json_set(line, "edit", given));
    if (f->torn) TRY(file_append(f->path, "\n", 1, false));
    f->torn = false;
    TRY(json_append_line(line, f->path, true));
    TRY(remember(f, song));
out:
    json_free(line);
    json_free(inner);
    return st;
}
