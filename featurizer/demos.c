/* Demos: the pairs that have a line already are read once; what is torn, older or foreign in the file is
 * passed over. */
#include "featurizer/demos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"

enum { MAX_FILE_BYTES = 1 << 30 };

struct DemoFile {
    char path[PATH_BYTES];
    bool torn; /* its last line has no end */
    Hash *pairs;
    size_t n_pairs, capacity;
};

static Status remember(DemoFile *f, const Hash *pair) {
    if (f->n_pairs == f->capacity) {
        size_t capacity = 2 * f->capacity + 64;
        Hash *more = realloc(f->pairs, capacity * sizeof *more);
        if (!more) return fail(BS_NOMEM, "%s: no memory", f->path);
        f->pairs = more;
        f->capacity = capacity;
    }
    f->pairs[f->n_pairs++] = *pair;
    return BS_OK;
}

static Status read_line(DemoFile *f, const char *line, size_t n) {
    Demo demo;
    Status st = demo_parse(&demo, f->path, line, n);
    if (st != BS_OK) return st == BS_NOMEM ? st : BS_OK;
    if (!hash_is_zero(&demo.pair)) st = remember(f, &demo.pair);
    demo_drop(&demo);
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
    free(f->pairs);
    free(f);
}

bool demo_file_has(const DemoFile *f, const Hash *pair) {
    for (size_t i = 0; i < f->n_pairs; i++)
        if (hash_equal(&f->pairs[i], pair)) return true;
    return false;
}

Status demo_file_append(DemoFile *f, const Demo *demo) {
    Status st = BS_OK;
    Json *line = NULL;
    TRY(demo_to_json(demo, &line));
    if (f->torn) TRY(file_append(f->path, "\n", 1, false));
    f->torn = false;
    TRY(json_append_line(line, f->path, true));
    TRY(remember(f, &demo->pair));
out:
    json_free(line);
    return st;
}
