/* Repair: nudges first, then swaps, then what is dropped, on a copy of the segments; joined at the end. */
#include "editor/repair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/song/counterpart.h"

enum { TEXT_BYTES = 1024, MAX_NUDGE_BEATS = 64 };

typedef struct Repair {
    const Song *song;
    EditSegment *list;
    bool *gone;
    int32_t n;
    BestTake best_take;
    void *context;
} Repair;

/* ---- "2=+1,4=-0.5" ---- */

typedef Status (*Change)(Repair *r, int32_t number, const char *value);

static Status each(Repair *r, const char *option, const char *text, int32_t most, const char *what,
                   Change change) {
    Status st = BS_OK;
    char copy[TEXT_BYTES], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *part; (part = strsep(&rest, ",")) != NULL;) {
        part += strspn(part, " ");
        if (!*part) continue;
        char *end, *value = strchr(part, '=');
        if (value) *value++ = 0;
        const long number = strtol(part, &end, 10);
        if (end == part || end[strspn(end, " ")])
            TRY(fail(BS_INVALID, "%s %s: is no number of a %s", option, part, what));
        if (number < 1 || number > most)
            TRY(fail(BS_INVALID, "%s %ld: the song has %d %s%s", option, number, most, what,
                     most == 1 ? "" : "s"));
        st = change(r, (int32_t)number - 1, value);
        if (st != BS_OK) {
            fail_in(st, "%s %ld", option, number);
            goto out;
        }
    }
out:
    return st;
}

/* ---- nudge ---- */

/* `at` moved by beats of the recording there; part of a beat is the same part of its length. */
static int64_t moved(const Song *song, int64_t at, double beats) {
    int32_t u = song_unit_at(song, at < song->n_samples ? at : song->n_samples - 1);
    double place =
        u + (double)(at - song->units[u].start_sample) / (double)song_unit_samples(song, u) + beats;
    if (place < 0) return 0;
    if (place >= song->n_units) return song->n_samples;
    const double nearest = round(place); /* a beat's edge moves to a beat's edge */
    if (fabs(place - nearest) < 1e-6) place = nearest;
    if (place >= song->n_units) return song->n_samples;
    u = (int32_t)place;
    return song->units[u].start_sample + llround((place - u) * (double)song_unit_samples(song, u));
}

static Status nudge(Repair *r, int32_t seam, const char *value) {
    char *end = NULL;
    const double beats = value ? strtod(value, &end) : 0;
    if (!value || end == value || *end || !isfinite(beats) || beats == 0 || fabs(beats) > MAX_NUDGE_BEATS)
        return fail(BS_INVALID, "by how many beats? like 2=+1 or 2=-0.5, at most %d", MAX_NUDGE_BEATS);
    EditSegment *a = &r->list[seam], *b = &r->list[seam + 1];
    const int64_t leave = moved(r->song, a->end_sample, beats),
                  enter = moved(r->song, b->start_sample, beats);
    if (leave <= a->start_sample || leave > r->song->n_samples)
        return fail(BS_CONFLICT, "segment %d has not so many beats", seam + 1);
    if (enter >= b->end_sample || enter < 0 || (enter == 0 && leave == a->end_sample))
        return fail(BS_CONFLICT, "segment %d has not so many beats", seam + 2);
    a->end_sample = leave;
    b->start_sample = enter;
    return BS_OK;
}

/* ---- swap ---- */

static int32_t edge_at(const Song *song, int64_t at) {
    if (at >= song->n_samples) return song->n_units;
    const int32_t u = song_unit_at(song, at);
    return at - song->units[u].start_sample <= song_unit_end(song, u) - at ? u : u + 1;
}

bool repair_counterpart(const Song *song, const EditSegment *segment, int32_t take, EditSegment *out) {
    const int32_t first = edge_at(song, segment->start_sample);
    int32_t end = edge_at(song, segment->end_sample), from, to;
    if (end <= first) end = first + 1;
    if (first >= song->n_units || end > song->n_units) return false;
    const int16_t own = song->units[first].take >= 0 ? song->units[first].take : song->units[end - 1].take;
    if (own == take || !song_counterpart_range(song, first, end, take, &from, &to)) return false;
    *out = (EditSegment){song->units[from].start_sample, song_unit_end(song, to - 1), segment->fade};
    return true;
}

static Status swap(Repair *r, int32_t segment, const char *value) {
    int32_t take;
    char *end = NULL, others[128] = "";
    EditSegment other;
    if (value) {
        const long number = strtol(value, &end, 10);
        take = end == value || *end ? -1 : song_take_numbered(r->song, number);
        if (take < 0)
            return fail(BS_INVALID, "take %s: no such take of what is edited; bandsaw takes lists them",
                        value);
    } else {
        take = r->best_take ? r->best_take(r->context, segment) : -1;
        if (take < 0) return fail(BS_CONFLICT, "no other take plays these bars from start to end");
    }
    if (repair_counterpart(r->song, &r->list[segment], take, &other)) {
        r->list[segment] = other;
        return BS_OK;
    }
    for (int32_t t = 0; t < r->song->n_takes; t++) {
        const size_t n = strlen(others);
        if (t != take && repair_counterpart(r->song, &r->list[segment], t, &other))
            snprintf(others + n, sizeof others - n, "%s%d", n ? ", " : "", song_take_called(r->song, t));
    }
    if (!others[0]) return fail(BS_CONFLICT, "no other take plays these bars from start to end");
    return fail(
        BS_CONFLICT,
        "take %d does not play these bars from start to end, or is what plays there now; takes that do: %s",
        song_take_called(r->song, take), others);
}

/* ---- drop ---- */

static Status drop(Repair *r, int32_t segment, const char *value) {
    if (value) return fail(BS_INVALID, "\"=%s\" says nothing here", value);
    r->gone[segment] = true;
    return BS_OK;
}

/* ---- all */

Status repair(Edit *out, const Edit *edit, const Song *song, const RepairOptions *options, BestTake best_take,
              void *context) {
    Status st = BS_OK;
    Repair r = {.song = song, .n = edit->n_segments, .best_take = best_take, .context = context};
    edit_init(out);
    r.list = malloc(sizeof *r.list * (size_t)r.n);
    r.gone = calloc((size_t)r.n, sizeof *r.gone);
    if (!r.list || !r.gone) TRY(fail(BS_NOMEM, "out of memory"));
    memcpy(r.list, edit->segments, sizeof *r.list * (size_t)r.n);
    TRY(each(&r, "--nudge", options->nudge, r.n - 1, "seam", nudge));
    TRY(each(&r, "--swap", options->swap, r.n, "segment", swap));
    TRY(each(&r, "--drop", options->drop, r.n, "segment", drop));
    for (int32_t i = 0; i < r.n; i++)
        if (!r.gone[i])
            TRY(edit_append(out, r.list[i].start_sample, r.list[i].end_sample, (Fade)r.list[i].fade));
    if (!out->n_segments) TRY(fail(BS_CONFLICT, "--drop %s: nothing would be left", options->drop));
    out->song = edit->song;
    out->sample_rate_hz = edit->sample_rate_hz;
out:
    free(r.list);
    free(r.gone);
    if (st != BS_OK) edit_drop(out);
    return st;
}
