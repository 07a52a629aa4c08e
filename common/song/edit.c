/* Edit: segments, their translation from and to units, packed bytes. */
#include "common/song/edit.h"

#include <stdlib.h>
#include <string.h>

double fade_beats(Fade fade) {
    static const double beats[FADE_COUNT] = {0, 0.5, 1, 2, 4};
    BS_ASSERT(fade < FADE_COUNT);
    return beats[fade];
}

void edit_init(Edit *edit) { *edit = (Edit){0}; }
void edit_drop(Edit *edit) {
    free(edit->segments);
    *edit = (Edit){0};
}

Status edit_append(Edit *edit, int64_t start_sample, int64_t end_sample, Fade fade) {
    if (start_sample < 0 || end_sample <= start_sample)
        return fail(BS_INVALID, "edit: a segment from sample %lld to %lld", (long long)start_sample,
                    (long long)end_sample);
    if (fade >= FADE_COUNT) return fail(BS_INVALID, "edit: fade %d", (int)fade);
    if (edit->n_segments > 0) {
        EditSegment *last = &edit->segments[edit->n_segments - 1];
        if (last->end_sample == start_sample && fade == FADE_SHORT) {
            last->end_sample = end_sample;
            return BS_OK;
        }
    } else
        fade = FADE_SHORT;
    if (edit->n_segments == EDIT_MAX_SEGMENTS)
        return fail(BS_TOO_BIG, "edit: more than %d segments", EDIT_MAX_SEGMENTS);
    if (edit->n_segments == edit->capacity) {
        int32_t capacity = edit->capacity ? edit->capacity * 2 : 16;
        EditSegment *grown = realloc(edit->segments, sizeof *grown * (size_t)capacity);
        if (!grown) return fail(BS_NOMEM, "edit: cannot allocate %d segments", capacity);
        edit->segments = grown;
        edit->capacity = capacity;
    }
    edit->segments[edit->n_segments++] = (EditSegment){start_sample, end_sample, (uint8_t)fade};
    return BS_OK;
}

int64_t edit_samples(const Edit *edit) {
    int64_t n = 0;
    for (int32_t i = 0; i < edit->n_segments; i++)
        n += edit->segments[i].end_sample - edit->segments[i].start_sample;
    return n;
}

bool edit_equal(const Edit *a, const Edit *b) {
    if (a->sample_rate_hz != b->sample_rate_hz || a->n_segments != b->n_segments ||
        !hash_equal(&a->song, &b->song))
        return false;
    for (int32_t i = 0; i < a->n_segments; i++) {
        const EditSegment *x = &a->segments[i], *y = &b->segments[i];
        if (x->start_sample != y->start_sample || x->end_sample != y->end_sample || x->fade != y->fade)
            return false;
    }
    return true;
}

Status edit_copy(Edit *out, const Edit *edit) {
    edit_init(out);
    Status st = BS_OK;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        TRY(edit_append(out, s->start_sample, s->end_sample, (Fade)s->fade));
    }
    out->song = edit->song;
    out->sample_rate_hz = edit->sample_rate_hz;
out:
    if (st != BS_OK) edit_drop(out);
    return st;
}

int32_t edit_tune(const Edit *edit, const Song *song) {
    int64_t shared[SONG_MAX_TUNES] = {0}, most = 0;
    int32_t tune = -1;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        if (s->start_sample >= song->n_samples) continue;
        for (int32_t u = song_unit_at(song, s->start_sample);
             u < song->n_units && song->units[u].start_sample < s->end_sample; u++)
            if (song->units[u].take >= 0)
                shared[song->takes[song->units[u].take].tune] += song_unit_samples(song, u);
    }
    for (int32_t k = 0; k < song->n_tunes; k++)
        if (shared[k] > most) most = shared[k], tune = k;
    return tune;
}

Status edit_from_units(Edit *out, const Song *song, const int32_t *units, const uint8_t *fades, int32_t n) {
    Status st = BS_OK;
    edit_init(out);
    for (int32_t i = 0; i < n; i++) {
        if (units[i] < 0 || units[i] >= song->n_units) {
            st = fail(BS_INVALID, "edit: unit %d of %d", units[i], song->n_units);
            goto out;
        }
        bool uncut = i > 0 && units[i] == units[i - 1] + 1;
        TRY(edit_append(out, song->units[units[i]].start_sample, song_unit_end(song, units[i]),
                        uncut ? FADE_SHORT : (Fade)fades[i]));
    }
    out->song = song->hash;
    out->sample_rate_hz = song->sample_rate_hz;
out:
    if (st != BS_OK) edit_drop(out);
    return st;
}

/* The unit whose start is nearest to `at`; n_units stands for the end of the timeline. */
static int32_t nearest_edge(const Song *song, int64_t at, int64_t *distance) {
    int64_t inside = at < 0 ? 0 : at >= song->n_samples ? song->n_samples - 1 : at;
    int32_t u = song_unit_at(song, inside);
    int64_t before = at - song->units[u].start_sample, after = song_unit_end(song, u) - at;
    if (before < 0) before = -before;
    if (after < 0) after = -after;
    *distance = before <= after ? before : after;
    return before <= after ? u : u + 1;
}

Status edit_to_units(const Edit *edit, const Song *song, int32_t *units, uint8_t *fades, int32_t max,
                     int32_t *n, int64_t *moved_samples) {
    *n = 0;
    int64_t moved = 0;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        int64_t from_start, from_end;
        int32_t first = nearest_edge(song, edit->segments[i].start_sample, &from_start);
        int32_t end = nearest_edge(song, edit->segments[i].end_sample, &from_end);
        if (from_start > moved) moved = from_start;
        if (from_end > moved) moved = from_end;
        for (int32_t u = first; u < end; u++) {
            if (*n == max) return fail(BS_TOO_BIG, "edit: more than %d units", max);
            bool joined = *n > 0 && u == units[*n - 1] + 1;
            units[*n] = u;
            fades[(*n)++] = u == first && !joined ? edit->segments[i].fade : FADE_SHORT;
        }
    }
    if (*n > 0) fades[0] = FADE_SHORT;
    if (moved_samples) *moved_samples = moved;
    return BS_OK;
}

static const char magic[4] = {'B', 'S', 'E', 'D'};

Status edit_pack(const Edit *edit, ByteWriter *w) {
    bytes_put(w, magic, sizeof magic);
    bytes_u32(w, EDIT_VERSION);
    bytes_hash(w, &edit->song);
    bytes_i32(w, edit->sample_rate_hz);
    bytes_i32(w, edit->n_segments);
    for (int32_t i = 0; i < edit->n_segments; i++) {
        bytes_i64(w, edit->segments[i].start_sample);
        bytes_i64(w, edit->segments[i].end_sample);
        bytes_u8(w, edit->segments[i].fade);
    }
    return w->bad ? fail(BS_TOO_BIG, "edit: does not fit into %zu bytes", w->max_bytes) : BS_OK;
}

Status edit_unpack(Edit *out, const void *bytes, size_t n_bytes) {
    Status st = BS_OK;
    edit_init(out);
    ByteReader r = reader_of(bytes, n_bytes);
    const void *head = read_raw(&r, sizeof magic);
    if (!head || memcmp(head, magic, sizeof magic) != 0)
        return fail(BS_CORRUPT, "edit: these bytes are not an Edit");
    uint32_t version = read_u32(&r);
    if (version != EDIT_VERSION)
        return fail(BS_VERSION, "edit: version %u, this program reads version %d", version, EDIT_VERSION);
    Hash song = read_hash(&r);
    int32_t rate = read_i32(&r);
    uint32_t n = read_count(&r, EDIT_MAX_SEGMENTS);
    for (uint32_t i = 0; i < n && !r.bad; i++) {
        int64_t start = read_i64(&r), end = read_i64(&r);
        uint8_t fade = read_u8(&r);
        if (r.bad) break;
        if (fade >= FADE_COUNT || (i == 0 && fade != FADE_SHORT) || end > (int64_t)1 << 48) {
            st = fail(BS_CORRUPT, "edit: segment %u is out of range", i);
            goto out;
        }
        TRY(edit_append(out, start, end, (Fade)fade));
    }
    if (r.bad || r.at != n_bytes || rate < 1) {
        st = fail(BS_CORRUPT, "edit: cut short, or bytes after the end");
        goto out;
    }
    out->song = song;
    out->sample_rate_hz = rate;
out:
    if (st != BS_OK) edit_drop(out);
    return st;
}
