/* States are pairs of edges for a seam: where the piece before ends, where the piece behind begins. Costs are
 * in beats. */
#include "common/song/projection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 4, PAIRS = NEAR * NEAR, MOST_UNITS = 1 << 20, BEATS_AWAY = 8 };
static const double together = 0.25; /* of a beat that both sides move */
static const double broken_bar = 0.1;
static const double shortest_beat_s = 0.2, longest_beat_s = 2, plain_beat_s = 0.5;
static const double worthless_loss = 0.3;

/* A sample of the recording and the edges around it. Edge u is where unit u begins; n_units is the end. */
typedef struct Place {
    int32_t edge[NEAR];
    double off[NEAR]; /* by how many beats the edge lies later */
} Place;

typedef struct Seam {
    Place leave, enter;
    double cost[PAIRS]; /* cheapest way up to here */
    uint8_t from[PAIRS];
} Seam;

static int64_t edge_sample(const Song *song, int32_t edge) {
    return edge < song->n_units ? song->units[edge].start_sample : song->n_samples;
}

static bool is_beat(const Song *song, int32_t unit) {
    return unit >= 0 && unit < song->n_units && song->units[unit].kind == UNIT_BEAT;
}

/* Of the unit, or where it is none, as a tail, of the beat next to it: both sides of a seam must be measured
 * alike. */
static double beat_samples(const Song *song, int32_t unit) {
    const double hz = song->sample_rate_hz;
    for (int32_t far = 0; far <= BEATS_AWAY; far++)
        for (int side = -1; side <= 1; side += 2)
            if (is_beat(song, unit + side * far))
                return fmin(fmax((double)song_unit_samples(song, unit + side * far), shortest_beat_s * hz),
                            longest_beat_s * hz);
    return plain_beat_s * hz;
}

static Place place_of(const Song *song, int64_t at) {
    Place p;
    const int32_t unit = song_unit_at(song, at < song->n_samples ? at : song->n_samples - 1);
    const double beat = beat_samples(song, unit);
    for (int i = 0; i < NEAR; i++) {
        int32_t edge = unit - 1 + i;
        edge = edge < 0 ? 0 : edge > song->n_units ? song->n_units : edge;
        p.edge[i] = edge;
        p.off[i] = (double)(edge_sample(song, edge) - at) / beat;
    }
    return p;
}

static double seam_cost(const Song *song, const Seam *s, int pair) {
    const int i = pair / NEAR, j = pair % NEAR;
    const int32_t a = s->leave.edge[i], b = s->enter.edge[j];
    const double x = s->leave.off[i], y = s->enter.off[j];
    const bool broken = is_beat(song, a) && is_beat(song, b) && song->units[a].phase != song->units[b].phase;
    return fabs(x - y) + together * fabs(x + y) / 2 + (broken ? broken_bar : 0);
}

static Status check(const Song *song, const Edit *made) {
    if (made->sample_rate_hz != song->sample_rate_hz)
        return fail(BS_INVALID, "an edit at %d Hz of a recording at %d Hz", made->sample_rate_hz,
                    song->sample_rate_hz);
    for (int32_t i = 0; i < made->n_segments; i++)
        if (made->segments[i].end_sample > song->n_samples)
            return fail(BS_INVALID, "segment %d of the edit reads past the end of the recording", i);
    return made->n_segments ? BS_OK : fail(BS_NOT_FOUND, "the edit has no segments");
}

/* Segments of half a beat and more: shorter ones are no unit's. kept[i] is the number of the i-th. */
static Status keep_whole(const Song *song, const Edit *made, Edit *whole, int32_t *kept) {
    Status st = BS_OK;
    whole->sample_rate_hz = made->sample_rate_hz;
    for (int32_t i = 0; i < made->n_segments; i++) {
        const EditSegment *x = &made->segments[i];
        const int32_t unit = song_unit_at(song, (x->start_sample + x->end_sample) / 2), n = whole->n_segments;
        if (2 * (x->end_sample - x->start_sample) < song_unit_samples(song, unit)) continue;
        TRY(edit_append(whole, x->start_sample, x->end_sample, (Fade)x->fade));
        if (whole->n_segments > n) kept[n] = i;
    }
    if (!whole->n_segments) st = fail(BS_NOT_FOUND, "the edit holds no whole unit of the recording");
out:
    return st;
}

/* Seam k lies before segment k; before the first there is nothing to leave, behind the last nothing to enter:
 * those sides are copies of the other, which costs nothing more. */
static void find_seams(const Song *song, const Edit *made, Seam *seams) {
    const EditSegment *segments = made->segments;
    const int32_t n = made->n_segments;
    for (int32_t k = 0; k <= n; k++) {
        Seam *s = &seams[k];
        s->leave = place_of(song, k ? segments[k - 1].end_sample : segments[0].start_sample);
        s->enter = place_of(song, k < n ? segments[k].start_sample : segments[n - 1].end_sample);
        for (int q = 0; q < PAIRS; q++) {
            const double own = seam_cost(song, s, q);
            if (k == 0) {
                s->cost[q] = own;
                continue;
            }
            const EditSegment *x = &segments[k - 1];
            const Seam *before = &seams[k - 1];
            const double beat = beat_samples(song, song_unit_at(song, x->start_sample));
            s->cost[q] = INFINITY;
            for (int p = 0; p < PAIRS; p++) {
                const bool gone = before->enter.edge[p % NEAR] >= s->leave.edge[q / NEAR];
                const double cost =
                    before->cost[p] + own + (gone ? (double)(x->end_sample - x->start_sample) / beat : 0);
                if (cost < s->cost[q]) s->cost[q] = cost, s->from[q] = (uint8_t)p;
            }
        }
    }
}

static Status emit(Projection *out, const Song *song, const Edit *made, const Seam *seams, uint8_t *choice) {
    const int32_t n = made->n_segments;
    int64_t room = 0;
    int best = 0;
    for (int q = 1; q < PAIRS; q++)
        if (seams[n].cost[q] < seams[n].cost[best]) best = q;
    for (int32_t k = n; k >= 0; k--) choice[k] = (uint8_t)best, best = seams[k].from[best];
    for (int32_t k = 0; k < n; k++) {
        const int64_t units =
            seams[k + 1].leave.edge[choice[k + 1] / NEAR] - seams[k].enter.edge[choice[k] % NEAR];
        room += units > 0 ? units : 0;
    }
    if (room > MOST_UNITS) return fail(BS_TOO_BIG, "the edit has more than %d units", MOST_UNITS);
    if (room == 0) return fail(BS_NOT_FOUND, "the edit holds no whole unit of the recording");
    out->units = malloc(sizeof *out->units * (size_t)room);
    out->segment = malloc(sizeof *out->segment * (size_t)room);
    out->fades = calloc((size_t)room, 1);
    if (!out->units || !out->segment || !out->fades) return fail(BS_NOMEM, "projection: out of memory");
    for (int32_t k = 0; k < n; k++) {
        const int32_t first = seams[k].enter.edge[choice[k] % NEAR];
        for (int32_t u = first; u < seams[k + 1].leave.edge[choice[k + 1] / NEAR]; u++) {
            const bool seam = out->n > 0 && u == first && u != out->units[out->n - 1] + 1;
            out->fades[out->n] = seam ? made->segments[k].fade : FADE_SHORT;
            out->segment[out->n] = k;
            out->units[out->n++] = u;
        }
    }
    return edit_from_units(&out->edit, song, out->units, out->fades, out->n);
}

Status projection_make(Projection *out, const Song *song, const Edit *made) {
    Status st = BS_OK;
    Seam *seams = NULL;
    uint8_t *choice = NULL;
    int32_t *kept = NULL;
    Edit whole;
    edit_init(&whole);
    *out = (Projection){0};
    edit_init(&out->edit);
    TRY(check(song, made));
    seams = calloc((size_t)made->n_segments + 1, sizeof *seams);
    choice = malloc((size_t)made->n_segments + 1);
    kept = malloc(sizeof *kept * (size_t)made->n_segments);
    if (!seams || !choice || !kept)
        TRY(fail(BS_NOMEM, "projection: no memory for %d segments", made->n_segments));
    TRY(keep_whole(song, made, &whole, kept));
    find_seams(song, &whole, seams);
    TRY(emit(out, song, &whole, seams, choice));
    for (int32_t i = 0; i < out->n; i++) out->segment[i] = kept[out->segment[i]];
    out->tune = edit_tune(&out->edit, song);
    if (out->tune < 0) out->tune = 0;
out:
    edit_drop(&whole);
    free(kept);
    free(seams);
    free(choice);
    if (st != BS_OK) projection_drop(out);
    return st;
}

void projection_drop(Projection *p) {
    free(p->units);
    free(p->fades);
    free(p->segment);
    edit_drop(&p->edit);
    *p = (Projection){0};
}

static int64_t overlap(const EditSegment *a, const EditSegment *b) {
    const int64_t from = a->start_sample > b->start_sample ? a->start_sample : b->start_sample;
    const int64_t to = a->end_sample < b->end_sample ? a->end_sample : b->end_sample;
    return to > from ? to - from : 0;
}

/* The most that pairs of segments share, each in one pair at most, in the order of both edits. */
Status projection_loss(const Edit *made, int64_t foreign_samples, const Edit *projected, double *loss) {
    const int32_t n = projected->n_segments;
    int64_t *most = calloc(2 * (size_t)(n + 1), sizeof *most), *above = most, *row = most + n + 1;
    if (!most) return fail(BS_NOMEM, "projection: no memory for %d segments", n);
    for (int32_t i = 0; i < made->n_segments; i++) {
        for (int32_t j = 0; j < n; j++) {
            const int64_t both = above[j] + overlap(&made->segments[i], &projected->segments[j]);
            row[j + 1] = row[j] > above[j + 1] ? row[j] : above[j + 1];
            if (both > row[j + 1]) row[j + 1] = both;
        }
        int64_t *swap = above;
        above = row, row = swap;
    }
    const int64_t shared = above[n], a = edit_samples(made) + foreign_samples, b = edit_samples(projected);
    const int64_t longer = a > b ? a : b;
    free(most);
    *loss = longer > 0 ? 1 - (double)shared / (double)longer : 1;
    return BS_OK;
}

double projection_weight(double loss) {
    const double weight = 1 - loss / worthless_loss;
    return weight < 0 ? 0 : weight > 1 ? 1 : weight;
}
