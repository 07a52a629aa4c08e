/* Marks: three notations, one meaning. */
#include "common/report/marks.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/host/file.h"

enum { MAX_LABEL_BYTES = 16 << 20, MAX_CUES = 4096 };

void marks_drop(Marks *marks) {
    free(marks->list);
    *marks = (Marks){0};
}

static MarkKind kind_of(const char *text, size_t n) {
    while (n && isspace((unsigned char)*text)) text++, n--;
    if (n < 4 || (n > 4 && isalnum((unsigned char)text[4]))) return MARK_OTHER;
    return !strncasecmp(text, "KEEP", 4) ? MARK_KEEP : !strncasecmp(text, "DROP", 4) ? MARK_DROP : MARK_OTHER;
}

static Status add(Marks *marks, double start_s, double end_s, MarkKind kind) {
    if (marks->n == MARKS_MAX) return fail(BS_TOO_BIG, "more than %d labels", MARKS_MAX);
    if (marks->n == marks->capacity) {
        int32_t capacity = marks->capacity ? 2 * marks->capacity : 64;
        Mark *grown = realloc(marks->list, sizeof *grown * (size_t)capacity);
        if (!grown) return fail(BS_NOMEM, "labels: out of memory");
        marks->list = grown;
        marks->capacity = capacity;
    }
    marks->list[marks->n++] = (Mark){start_s, end_s, kind};
    return BS_OK;
}

/* ---- Audacity: start<TAB>end<TAB>text; a line that starts with a backslash says a range of frequencies */

static bool read_time(const char **at, const char *end, double *out) {
    char text[64], *stop;
    size_t n = 0;
    while (*at < end && (**at == ' ' || **at == '\t')) (*at)++;
    while (*at < end && **at != ' ' && **at != '\t' && n < sizeof text - 1) {
        text[n++] = **at == ',' ? '.' : **at; /* as some languages write it */
        (*at)++;
    }
    text[n] = 0;
    *out = strtod(text, &stop);
    return n && !*stop && isfinite(*out);
}

Status marks_labels(Marks *marks, const char *name, const void *bytes, size_t n_bytes) {
    const char *text = bytes;
    int line = 0;
    for (size_t at = 0; at < n_bytes;) {
        const char *eol = memchr(text + at, '\n', n_bytes - at), *p = text + at,
                   *end = eol ? eol : text + n_bytes;
        at = (size_t)(end - text) + 1;
        line++;
        if (line == 1 && end - p >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) p += 3;
        if (end > p && end[-1] == '\r') end--;
        const char *word = p;
        while (word < end && isspace((unsigned char)*word)) word++;
        if (word == end || *word == '\\') continue;
        double start_s, end_s;
        if (!read_time(&p, end, &start_s) || !read_time(&p, end, &end_s) || start_s < 0 || end_s < start_s)
            return fail(BS_CORRUPT, "%s:%d: no label: expected start<TAB>end<TAB>text, in seconds", name,
                        line);
        Status st = add(marks, start_s, end_s, kind_of(p, (size_t)(end - p)));
        if (st != BS_OK) return fail_in(st, "%s:%d", name, line);
    }
    return BS_OK;
}

/* ---- REAPER */

Status marks_project(Marks *marks, const char *name, const RppProject *project, const SourceList *sources) {
    Status st = BS_OK;
    for (int32_t i = 0; i < project->n_markers; i++) {
        const RppMarker *m = &project->markers[i];
        const double from = rpp_recording_time(project, name, sources, m->at_s);
        const double length = m->end_s > m->at_s ? m->end_s - m->at_s : 0;
        if (from < 0) continue;
        TRY(add(marks, from, from + length, kind_of(m->name, strlen(m->name))));
    }
out:
    return st;
}

/* ---- WAV: "cue " holds positions, LIST/adtl holds names (labl) and lengths (ltxt) by number */

typedef struct Cue {
    uint32_t id, position, length;
    MarkKind kind;
} Cue;

static void read_notes(ByteReader r, Cue *cues, uint32_t n_cues) {
    while (r.at + 8 <= r.n_bytes) {
        const uint8_t *id = read_raw(&r, 4);
        uint32_t size = read_u32(&r);
        const size_t body = r.at;
        if (size < 4 || size > r.n_bytes - body) return;
        const uint32_t cue = read_u32(&r);
        for (uint32_t i = 0; i < n_cues; i++) {
            if (cues[i].id != cue) continue;
            if (!memcmp(id, "labl", 4))
                cues[i].kind =
                    kind_of((const char *)r.bytes + r.at, strnlen((const char *)r.bytes + r.at, size - 4));
            if (!memcmp(id, "ltxt", 4) && size >= 8) {
                ByteReader length = reader_of(r.bytes + r.at, 4);
                cues[i].length = read_u32(&length);
            }
        }
        r.at = body + size + (size & 1);
    }
}

Status marks_wav(Marks *marks, const void *bytes, size_t n_bytes, double offset_s) {
    Status st = BS_OK;
    ByteReader r = reader_of(bytes, n_bytes);
    const uint8_t *riff = read_raw(&r, 4);
    if (!riff || (memcmp(riff, "RIFF", 4) != 0 && memcmp(riff, "RF64", 4) != 0)) return BS_OK;
    read_u32(&r);
    const uint8_t *wave = read_raw(&r, 4);
    if (!wave || memcmp(wave, "WAVE", 4) != 0) return BS_OK;
    uint32_t rate = 0, n_cues = 0;
    uint64_t long_data = 0;
    Cue *cues = NULL;
    ByteReader notes = reader_of(bytes, 0);
    while (r.at + 8 <= r.n_bytes) {
        const uint8_t *id = read_raw(&r, 4);
        uint64_t size = read_u32(&r);
        const size_t body = r.at;
        if (!memcmp(id, "data", 4) && size == UINT32_MAX) size = long_data;
        const size_t left = r.n_bytes - body, n = size < left ? (size_t)size : left;
        ByteReader chunk = reader_of((const uint8_t *)bytes + body, n);
        if (!memcmp(id, "ds64", 4)) {
            read_u64(&chunk);
            long_data = read_u64(&chunk);
        }
        if (!memcmp(id, "fmt ", 4)) {
            read_u32(&chunk);
            rate = read_u32(&chunk);
        }
        if (!memcmp(id, "LIST", 4) && n >= 4 && !memcmp(chunk.bytes, "adtl", 4)) {
            notes = chunk;
            notes.at = 4;
        }
        if (!memcmp(id, "cue ", 4) && !cues) {
            uint32_t count = read_u32(&chunk);
            if (count > MAX_CUES) count = MAX_CUES;
            cues = calloc(count + 1, sizeof *cues);
            if (!cues) return fail(BS_NOMEM, "cues: out of memory");
            for (n_cues = 0; n_cues < count; n_cues++) {
                Cue *c = &cues[n_cues];
                c->id = read_u32(&chunk);
                read_u32(&chunk); /* place in a play list */
                read_raw(&chunk, 4);
                read_u64(&chunk); /* chunk and block */
                c->position = read_u32(&chunk);
                if (chunk.bad) break;
            }
        }
        if (size > left) break;
        r.at = body + n + (n & 1);
        if (r.at > r.n_bytes) break;
    }
    if (rate && n_cues) {
        read_notes(notes, cues, n_cues);
        for (uint32_t i = 0; i < n_cues; i++) {
            const double start_s = offset_s + (double)cues[i].position / rate;
            TRY(add(marks, start_s, start_s + (double)cues[i].length / rate, cues[i].kind));
        }
    }
out:
    free(cues);
    return st;
}

/* ---- all */

Status marks_read(Marks *marks, const char *path, const SourceList *sources) {
    if (!strcasecmp(path_extension(path), "rpp")) {
        RppProject project;
        Status st = rpp_read(&project, path);
        if (st == BS_OK) st = marks_project(marks, path, &project, sources);
        rpp_drop(&project);
        return st;
    }
    void *bytes = NULL;
    size_t n_bytes;
    Status st = file_read(path, MAX_LABEL_BYTES, &bytes, &n_bytes);
    if (st == BS_OK) st = marks_labels(marks, path, bytes, n_bytes);
    free(bytes);
    return st;
}

static int by_time(const void *a, const void *b) {
    const Mark *x = a, *y = b;
    return x->start_s != y->start_s ? (x->start_s < y->start_s ? -1 : 1)
                                    : (x->end_s > y->end_s) - (x->end_s < y->end_s);
}

void marks_settle(Marks *marks) {
    if (marks->n) qsort(marks->list, (size_t)marks->n, sizeof *marks->list, by_time);
    for (int32_t i = 0; i < marks->n; i++) {
        Mark *m = &marks->list[i];
        if (m->end_s > m->start_s) continue;
        int32_t next = i + 1;
        while (next < marks->n && marks->list[next].start_s <= m->start_s) next++;
        m->end_s = next < marks->n ? marks->list[next].start_s : NAN;
    }
}
