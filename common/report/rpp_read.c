/* Reading REAPER projects: lines of words, with blocks that open with '<' and close with '>'. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/report/rpp.h"

enum {
    MAX_WORDS = 16,
    MAX_LINE = 8192,
    MAX_DEPTH = 64,
    MAX_MARKERS = 16384,
    MAX_TEMPO = 65536,
    MAX_FILES = 256
};
static const double gap_s = 0.02; /* less between two items is no gap */
static const double late_s = 0.1; /* how far after its first beat an item may begin */
static const double most_s = 1e6; /* of a time: eleven days */

typedef enum Block {
    BLOCK_OTHER,
    BLOCK_PROJECT,
    BLOCK_TRACK,
    BLOCK_ITEM,
    BLOCK_ITEM_NOTES,
    BLOCK_SOURCE,
    BLOCK_TEMPO,
    BLOCK_NOTES
} Block;

typedef struct Reading {
    RppProject *out;
    int32_t line, depth, n_tracks;
    int32_t n_items_room, n_markers_room, n_tempo_room;
    Block block[MAX_DEPTH];
    RppItem item;
    bool chosen;   /* the take that is read now is the one that sounds */
    bool selected; /* a take of this item was marked as selected */
    char text[MAX_LINE];
    const char *word[MAX_WORDS];
    int32_t n_words;
} Reading;

void rpp_drop(RppProject *p) {
    for (int32_t i = 0; i < p->n_items; i++) free(p->items[i].file);
    for (int32_t i = 0; i < p->n_markers; i++) free(p->markers[i].name);
    for (int32_t i = 0; i < p->n_files; i++) free(p->files[i]);
    for (int32_t i = 0; i < p->n_tracks; i++) free(p->tracks[i]);
    free(p->items);
    free(p->markers);
    free(p->tempo);
    free(p->files);
    free(p->tracks);
    *p = (RppProject){0};
}

/* ---- words ---- */

/* Splits a line in place; words in "", '' or `` may hold blanks. */
static void split(Reading *r, char *at) {
    r->n_words = 0;
    while (r->n_words < MAX_WORDS) {
        while (*at == ' ' || *at == '\t') at++;
        if (!*at) return;
        const char quote = *at == '"' || *at == '\'' || *at == '`' ? *at : 0;
        if (quote) at++;
        r->word[r->n_words++] = at;
        while (*at && (quote ? *at != quote : *at != ' ' && *at != '\t')) at++;
        if (!*at) return;
        *at++ = 0;
    }
}

static bool is(const Reading *r, const char *name) { return r->n_words > 0 && !strcmp(r->word[0], name); }

static Status number(const Reading *r, int32_t i, double *out) {
    char *end = NULL;
    if (i >= r->n_words) return fail(BS_CORRUPT, "line %d: %s needs %d values", r->line, r->word[0], i);
    double v = strtod(r->word[i], &end);
    if (end == r->word[i] || *end || !isfinite(v) || fabs(v) > most_s)
        return fail(BS_CORRUPT, "line %d: %s: \"%.40s\" is no number", r->line, r->word[0], r->word[i]);
    *out = v;
    return BS_OK;
}

static Status copy_word(const Reading *r, int32_t i, char **out) {
    *out = strdup(i < r->n_words ? r->word[i] : "");
    return *out ? BS_OK : fail(BS_NOMEM, "out of memory");
}

/* Room for one more; *room counts what there is. */
static Status grow(void **list, int32_t n, int32_t *room, size_t size, int32_t most, const char *what) {
    if (n < *room) return BS_OK;
    if (n >= most) return fail(BS_TOO_BIG, "more than %d %s", most, what);
    int32_t more = *room ? 2 * *room : 64;
    if (more > most) more = most;
    void *grown = realloc(*list, size * (size_t)more);
    if (!grown) return fail(BS_NOMEM, "out of memory");
    *list = grown;
    *room = more;
    return BS_OK;
}

/* ---- lines ---- */

static Status item_line(Reading *r) {
    Status st = BS_OK;
    RppItem *item = &r->item;
    double value;
    if (is(r, "POSITION")) TRY(number(r, 1, &item->position_s));
    if (is(r, "LENGTH")) TRY(number(r, 1, &item->length_s));
    if (is(r, "SNAPOFFS")) TRY(number(r, 1, &item->snap_s));
    if (is(r, "FADEIN") && r->n_words > 2) TRY(number(r, 2, &item->fade_in_s));
    if (is(r, "FADEIN") && r->n_words > 3) { /* what REAPER made of an overlap goes before what was set */
        TRY(number(r, 3, &value));
        if (value > 0) item->fade_in_s = value;
    }
    if (is(r, "MUTE")) {
        TRY(number(r, 1, &value));
        item->muted = value != 0;
    }
    if (is(r, "TAKE")) { /* what follows is another take; REAPER marks the one that plays */
        const bool marked = r->n_words > 1 && !strcmp(r->word[1], "SEL");
        item->n_takes++;
        r->chosen = marked && !r->selected;
        if (r->chosen) {
            r->selected = true;
            item->offset_s = 0;
            item->rate = 1;
            free(item->file);
            item->file = NULL;
        }
    }
    if (r->chosen && is(r, "SOFFS")) TRY(number(r, 1, &item->offset_s));
    if (r->chosen && is(r, "PLAYRATE")) TRY(number(r, 1, &item->rate));
out:
    return st;
}

static Status source_line(Reading *r) {
    Status st = BS_OK;
    double start;
    if (!r->chosen) return BS_OK;
    if (is(r, "STARTPOS")) { /* a section of a file */
        TRY(number(r, 1, &start));
        r->item.offset_s += start;
    }
    if (is(r, "FILE") && !r->item.file) TRY(copy_word(r, 1, &r->item.file));
out:
    return st;
}

static Status marker_line(Reading *r) {
    Status st = BS_OK;
    RppProject *p = r->out;
    double id, at, flags = 0;
    char *name;
    TRY(number(r, 1, &id));
    TRY(number(r, 2, &at));
    if (r->n_words > 4) number(r, 4, &flags);
    const bool region = (int)flags & 1;
    if (region) /* the second line of a region says where it ends */
        for (int32_t i = p->n_markers - 1; i >= 0; i--) {
            RppMarker *m = &p->markers[i];
            if (!m->region || m->id != (int32_t)id || m->end_s > m->at_s) continue;
            m->end_s = at > m->at_s ? at : m->at_s;
            return BS_OK;
        }
    TRY(grow((void **)&p->markers, p->n_markers, &r->n_markers_room, sizeof *p->markers, MAX_MARKERS,
             "markers"));
    TRY(copy_word(r, 3, &name));
    p->markers[p->n_markers++] = (RppMarker){at, at, (int32_t)id, region, name};
out:
    return st;
}

static Status tempo_line(Reading *r, int32_t at_word, int32_t bpm_word) {
    Status st = BS_OK;
    RppProject *p = r->out;
    double at = 0, bpm;
    if (at_word) TRY(number(r, at_word, &at));
    TRY(number(r, bpm_word, &bpm));
    if (bpm < 1) return BS_OK;
    TRY(grow((void **)&p->tempo, p->n_tempo, &r->n_tempo_room, sizeof *p->tempo, MAX_TEMPO, "tempo points"));
    p->tempo[p->n_tempo++] = (RppTempo){at, bpm};
out:
    return st;
}

/* |beat 20.503401360544 */
static Status item_notes_line(Reading *r) { return is(r, "|beat") ? number(r, 1, &r->item.beat_s) : BS_OK; }

static Status add_name(const Reading *r, char ***names, int32_t *n) {
    if (*n == MAX_FILES) return fail(BS_TOO_BIG, "line %d: more than %d files", r->line, MAX_FILES);
    if (!*names) *names = calloc(MAX_FILES, sizeof **names);
    if (!*names) return fail(BS_NOMEM, "out of memory");
    Status st = copy_word(r, 1, &(*names)[*n]);
    if (st == BS_OK) ++*n;
    return st;
}

/* |recording "a.wav", |track "drums.wav" */
static Status notes_line(Reading *r) {
    RppProject *p = r->out;
    if (r->n_words < 2) return BS_OK;
    if (is(r, "|recording")) return add_name(r, &p->files, &p->n_files);
    return is(r, "|track") ? add_name(r, &p->tracks, &p->n_tracks) : BS_OK;
}

static Block block_named(const Reading *r, const char *name) {
    const Block in = r->depth ? r->block[r->depth - 1] : BLOCK_OTHER;
    if (!r->depth) return !strcmp(name, "REAPER_PROJECT") ? BLOCK_PROJECT : BLOCK_OTHER;
    if (in == BLOCK_PROJECT && !strcmp(name, "TRACK")) return BLOCK_TRACK;
    if (in == BLOCK_PROJECT && !strcmp(name, "TEMPOENVEX")) return BLOCK_TEMPO;
    if (in == BLOCK_PROJECT && !strcmp(name, "NOTES")) return BLOCK_NOTES;
    if (in == BLOCK_TRACK && !strcmp(name, "ITEM")) return BLOCK_ITEM;
    if (in == BLOCK_ITEM && !strcmp(name, "NOTES")) return BLOCK_ITEM_NOTES;
    if ((in == BLOCK_ITEM || in == BLOCK_SOURCE) && !strcmp(name, "SOURCE")) return BLOCK_SOURCE;
    return BLOCK_OTHER;
}

static Status open_block(Reading *r) {
    if (r->depth == MAX_DEPTH)
        return fail(BS_CORRUPT, "line %d: blocks more than %d deep", r->line, MAX_DEPTH);
    if (!r->depth && r->out->n_items + r->n_tracks > 0)
        return fail(BS_CORRUPT, "line %d: a second project", r->line);
    const Block block = block_named(r, r->word[0] + 1);
    if (!r->depth && block != BLOCK_PROJECT)
        return fail(BS_CORRUPT, "line %d: no <REAPER_PROJECT here", r->line);
    r->block[r->depth++] = block;
    if (block == BLOCK_TRACK) r->n_tracks++;
    if (block == BLOCK_ITEM) {
        r->item = (RppItem){.rate = 1, .track = r->n_tracks - 1, .n_takes = 1, .beat_s = most_s};
        r->chosen = true;
        r->selected = false;
    }
    return BS_OK;
}

static Status close_block(Reading *r) {
    Status st = BS_OK;
    RppProject *p = r->out;
    if (!r->depth) return fail(BS_CORRUPT, "line %d: '>' without '<'", r->line);
    if (r->block[--r->depth] == BLOCK_ITEM) {
        TRY(grow((void **)&p->items, p->n_items, &r->n_items_room, sizeof *p->items, RPP_MAX_ITEMS, "items"));
        p->items[p->n_items++] = r->item;
        r->item = (RppItem){0};
    }
out:
    return st;
}

static Status read_line(Reading *r) {
    char *at = r->text + strspn(r->text, " \t");
    split(r, at);
    if (!r->n_words) return BS_OK;
    if (*at == '>' && at[1] == 0) return close_block(r);
    if (*at == '<') return open_block(r);
    const Block in = r->depth ? r->block[r->depth - 1] : BLOCK_OTHER;
    if (in == BLOCK_ITEM) return item_line(r);
    if (in == BLOCK_ITEM_NOTES) return item_notes_line(r);
    if (in == BLOCK_SOURCE) return source_line(r);
    if (in == BLOCK_PROJECT && is(r, "MARKER")) return marker_line(r);
    if (in == BLOCK_PROJECT && is(r, "TEMPO")) return tempo_line(r, 0, 1);
    if (in == BLOCK_TEMPO && is(r, "PT")) return tempo_line(r, 1, 2);
    if (in == BLOCK_NOTES) return notes_line(r);
    return BS_OK;
}

Status rpp_parse(RppProject *out, const char *name, const void *bytes, size_t n_bytes) {
    Status st = BS_OK;
    const char *text = bytes;
    *out = (RppProject){0};
    Reading *r = calloc(1, sizeof *r);
    if (!r) return fail(BS_NOMEM, "%s: out of memory", name);
    r->out = out;
    if (n_bytes > RPP_MAX_BYTES)
        TRY(fail(BS_TOO_BIG, "%zu bytes, at most %d are read", n_bytes, RPP_MAX_BYTES));
    for (size_t at = 0; at < n_bytes;) {
        const char *end = memchr(text + at, '\n', n_bytes - at);
        size_t n = end ? (size_t)(end - text) - at : n_bytes - at, next = at + n + 1;
        r->line++;
        if (n && text[at + n - 1] == '\r') n--;
        if (memchr(text + at, 0, n)) TRY(fail(BS_CORRUPT, "line %d: is no text", r->line));
        if (n < MAX_LINE) { /* longer ones are a plug-in's state */
            memcpy(r->text, text + at, n);
            r->text[n] = 0;
            TRY(read_line(r));
        }
        at = next;
    }
    if (!r->line || (!r->n_tracks && !out->n_markers && r->depth == 0 && !strstr(r->text, ">")))
        TRY(fail(BS_CORRUPT, "no REAPER project"));
    if (r->depth) TRY(fail(BS_CORRUPT, "line %d: the file ends inside a block", r->line));
out:
    free(r->item.file);
    free(r);
    if (st == BS_OK) return BS_OK;
    rpp_drop(out);
    return fail_in(st, "%s", name);
}

Status rpp_read(RppProject *out, const char *path) {
    void *bytes = NULL;
    size_t n_bytes;
    *out = (RppProject){0};
    Status st = file_read(path, RPP_MAX_BYTES, &bytes, &n_bytes);
    if (st == BS_OK) st = rpp_parse(out, path, bytes, n_bytes);
    free(bytes);
    return st;
}

/* ---- items to segments ---- */

/* Without folders, those of Windows too. */
static const char *base_of(const char *file) {
    const char *backslash = strrchr(file, '\\');
    return path_base(backslash ? backslash + 1 : file);
}

/* A synchronous track has the timeline of a recording of one file. */
static int32_t source_named(const SourceList *sources, const RppProject *p, const char *project,
                            const char *file) {
    char path[PATH_BYTES], folder[PATH_BYTES];
    path_folder(folder, project);
    if (*file == '/' || path_join(path, folder, file) != BS_OK) snprintf(path, sizeof path, "%s", file);
    for (int32_t k = 0; k < sources->n; k++)
        if (file_same(path, sources->paths[k])) return k;
    for (int32_t k = 0; k < sources->n; k++)
        if (!strcmp(path_base(sources->paths[k]), base_of(file))) return k;
    for (int32_t t = 0; t < p->n_tracks && sources->n == 1; t++)
        if (!strcmp(base_of(p->tracks[t]), base_of(file))) return 0;
    return -1;
}

typedef struct Placed {
    const RppItem *item;
    int64_t at, end, grid; /* samples of the song: where it sounds, and where its beat starts */
    int64_t shift;         /* recording = song + shift */
} Placed;

static int by_position(const void *a, const void *b) {
    const Placed *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->grid < y->grid ? -1 : x->grid > y->grid;
}

static Status place(Placed *out, const char *name, const RppProject *p, const RppItem *item,
                    const SourceList *sources) {
    const double rate = sources->sample_rate_hz;
    if (!item->file) return fail(BS_INVALID, "%s: the item at %.3f s is no audio", name, item->position_s);
    const int32_t k = source_named(sources, p, name, item->file);
    if (k < 0)
        return fail(BS_INVALID, "%s: the item at %.3f s plays %.200s, which is no file of the recording",
                    name, item->position_s, item->file);
    if (fabs(item->rate - 1) > 1e-9)
        return fail(BS_UNSUPPORTED, "%s: the item at %.3f s plays at rate %g; only rate 1 can be cut", name,
                    item->position_s, item->rate);
    if (llround(item->length_s * rate) < 1)
        return fail(BS_CORRUPT, "%s: the item at %.3f s is empty", name, item->position_s);
    const bool snaps = item->snap_s > 0 && item->snap_s < item->length_s;
    out->item = item;
    out->at = llround(item->position_s * rate);
    out->end = out->at + llround(item->length_s * rate);
    const double late = item->offset_s - item->beat_s;
    out->grid = out->at + (snaps ? llround(item->snap_s * rate) : 0);
    if (!snaps && late > 0 && late < late_s) out->grid = out->at - llround(late * rate);
    out->shift = sources->start[k] + llround(item->offset_s * rate) - out->at;
    return BS_OK;
}

static double beat_samples(const RppProject *p, double at_s, double rate) {
    double bpm = 120, from = -1;
    for (int32_t i = 0; i < p->n_tempo; i++)
        if (p->tempo[i].at_s <= at_s + 1e-6 && p->tempo[i].at_s >= from) {
            from = p->tempo[i].at_s;
            bpm = p->tempo[i].bpm;
        }
    return 60 / bpm * rate;
}

static Fade fade_of(int64_t blend, double beat) {
    const double beats = (double)blend / beat;
    return beats < 0.32   ? FADE_SHORT
           : beats < 0.71 ? FADE_HALF_BEAT
           : beats < 1.42 ? FADE_1_BEAT
           : beats < 2.83 ? FADE_2_BEATS
                          : FADE_4_BEATS;
}

/* How long two items change over: as long as they overlap, less where the new one is there sooner and the old
 * one only rings on. */
static int64_t blend_of(const Placed *before, const Placed *x, double rate) {
    const int64_t overlap = before->end - x->at, fade_in = llround(x->item->fade_in_s * rate);
    return fade_in > 0 && fade_in < overlap ? fade_in : overlap;
}

/* Where the last segment ends: at the marker END, if that lies inside the last item's sound. */
static int64_t song_end(const RppProject *p, const Placed *last, double rate) {
    for (int32_t i = 0; i < p->n_markers; i++) {
        const int64_t at = llround(p->markers[i].at_s * rate);
        if (!strcmp(p->markers[i].name, "END") && at > last->grid && at < last->end) return at;
    }
    return last->end;
}

static Status to_segments(Edit *out, const char *name, const RppProject *p, const Placed *list, int32_t n,
                          const SourceList *sources) {
    Status st = BS_OK;
    const double rate = sources->sample_rate_hz;
    for (int32_t i = 0; i < n; i++) {
        const Placed *x = &list[i];
        int64_t end = i + 1 < n ? list[i + 1].grid : song_end(p, x, rate);
        if (i + 1 < n && list[i + 1].at - x->end > (int64_t)(gap_s * rate))
            return fail(BS_INVALID, "%s: nothing plays from %.3f s to %.3f s; a song has no gaps: close it",
                        name, (double)x->end / rate, (double)list[i + 1].at / rate);
        /* A blend may be over before the beat where the next item starts on the grid; a crack is no gap. */
        if (end > x->end && (i + 1 == n || list[i + 1].at > x->end)) end = x->end;
        if (end <= x->grid && i + 1 == n)
            return fail(BS_CORRUPT, "%s: the item at %.3f s is empty", name, x->item->position_s);
        if (end <= x->grid)
            return fail(BS_INVALID, "%s: two items play at %.3f s; trim one of them", name,
                        list[i + 1].item->position_s);
        const int64_t from = x->grid + x->shift, to = end + x->shift;
        if (from < 0 || to > sources->n_samples)
            return fail(BS_INVALID, "%s: the item at %.3f s reaches beyond the recording", name,
                        x->item->position_s);
        Fade fade = FADE_SHORT;
        if (i > 0 && list[i - 1].end > x->at)
            fade = fade_of(blend_of(&list[i - 1], x, rate), beat_samples(p, (double)x->grid / rate, rate));
        if (i > 0 && list[i - 1].shift == x->shift) fade = FADE_SHORT; /* the recording goes on */
        TRY(edit_append(out, from, to, fade));
    }
out:
    return st;
}

Status rpp_edit(Edit *out, const char *name, const RppProject *p, const SourceList *sources,
                int64_t *more_samples) {
    Status st = BS_OK;
    int32_t n = 0, track = -1;
    edit_init(out);
    Placed *list = calloc((size_t)p->n_items + 1, sizeof *list);
    if (!list) return fail(BS_NOMEM, "%s: out of memory", name);
    for (int32_t i = 0; i < p->n_items; i++) {
        const RppItem *item = &p->items[i];
        if (item->muted || (track >= 0 && item->track != track)) continue;
        track = item->track;
        TRY(place(&list[n], name, p, item, sources));
        n++;
    }
    if (!n) TRY(fail(BS_INVALID, "%s: no items to play", name));
    qsort(list, (size_t)n, sizeof *list, by_position);
    out->sample_rate_hz = sources->sample_rate_hz;
    TRY(to_segments(out, name, p, list, n, sources));
    *more_samples = list[n - 1].end - list[0].at - edit_samples(out);
out:
    free(list);
    if (st != BS_OK) edit_drop(out);
    return st;
}

double rpp_recording_time(const RppProject *p, const char *name, const SourceList *sources, double at_s) {
    for (int32_t i = 0; i < p->n_items; i++) {
        const RppItem *item = &p->items[i];
        if (item->muted || !item->file || at_s < item->position_s ||
            at_s >= item->position_s + item->length_s)
            continue;
        const int32_t k = source_named(sources, p, name, item->file);
        if (k >= 0)
            return (double)sources->start[k] / sources->sample_rate_hz + item->offset_s + at_s -
                   item->position_s;
    }
    return at_s;
}
