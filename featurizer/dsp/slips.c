/* A slip lies between two stretches of even beats at one tempo whose grids are half a beat apart. Each
 * stretch is a line fitted to sixteen beats; music whose tempo wanders has no such stretches, and nothing is
 * touched. */
#include "featurizer/dsp/slips.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 16, STRETCH = 16, MOST = 64 }; /* beats; slips of one take */
static const double loose = 0.03;               /* of a beat */
static const double same_tempo = 0.01;          /* of a tempo */
static const double half_within = 0.08;         /* of a beat */
/* Where beats really slipped, something is struck on both sides; where a tempo only wandered, the beats that
 * would be moved fall into silence. */
static const double still_struck = 0.8;

typedef struct Slip {
    int32_t first, end; /* beats first to end lie on neither side */
    double length_s;    /* of a beat before and after it */
} Slip;

/* Beats k to k + STRETCH as start_s + i * length_s. */
typedef struct Line {
    double start_s, length_s;
    bool even; /* beats lie within `loose` of it (root of the mean square) */
} Line;

static Line line_from(const double *time_s) {
    enum { N = STRETCH + 1 };
    double sum = 0, slope = 0, spread = 0, square = 0;
    for (int32_t i = 0; i < N; i++) {
        double x = i - 0.5 * STRETCH;
        sum += time_s[i] - time_s[0];
        slope += x * (time_s[i] - time_s[0]);
        spread += x * x;
    }
    Line line = {.length_s = slope / spread};
    line.start_s = time_s[0] + sum / N - 0.5 * STRETCH * line.length_s;
    for (int32_t i = 0; i < N; i++) square += pow(time_s[i] - line.start_s - i * line.length_s, 2);
    line.even = sqrt(square / N) < loose * line.length_s;
    return line;
}

/* From the front; of slips that begin alike, the shortest. */
static int32_t find_slips(const Line *lines, int32_t n, Slip *slips) {
    int32_t m = 0;
    for (int32_t a = STRETCH; a + STRETCH < n && m < MOST; a++) {
        const Line *left = &lines[a - STRETCH];
        for (int32_t b = a + 1; left->even && b <= a + LONGEST && b + STRETCH <= n; b++) {
            const Line *right = &lines[b];
            double length_s = 0.5 * (left->length_s + right->length_s);
            if (!right->even || fabs(left->length_s - right->length_s) > same_tempo * length_s) continue;
            double beats = (right->start_s - left->start_s - STRETCH * left->length_s) / length_s;
            if (fabs(fabs(beats - (b - a)) - 0.5) > half_within) continue;
            slips[m++] = (Slip){a, b, length_s};
            a = b + STRETCH - 1; /* a stretch lies between two slips */
            break;
        }
    }
    return m;
}

/* The track without slip: from the end of slip s - 1 to the start of slip s, or to the track's end. */
typedef struct Part {
    int32_t first, end;
} Part;

static Part part_before(const Slip *slips, int32_t s, int32_t n_slips, int32_t n_beats) {
    return (Part){s ? slips[s - 1].end : 0, s < n_slips ? slips[s].first : n_beats};
}

/* Even steps over a slip up to `at`: one beat more than were there at most, since both sides lie half a beat
 * apart. */
static void bridge(BeatTrack *out, const Slip *slip, double at) {
    double before = out->time_s[out->n - 1];
    int32_t steps = (int32_t)((at - before) / slip->length_s + 0.5), most = slip->end - slip->first + 1;
    if (steps > most) steps = most;
    for (int32_t i = 1; i < steps; i++) out->time_s[out->n++] = before + (at - before) * i / steps;
}

static double mean_strength(const BeatTrack *t) {
    double sum = 0;
    for (int32_t k = 0; k < t->n; k++) sum += (double)t->strength[k] / t->n;
    return sum;
}

Status slips_mend(const float *activation, int32_t n_frames, BeatTrack *track, Arena *mem) {
    Slip slips[MOST];
    double on_side_s[2] = {0};
    if (track->n <= 2 * STRETCH) return BS_OK;
    Line *lines = arena_alloc(mem, sizeof(Line) * (size_t)track->n);
    if (!lines) return fail(BS_NOMEM, "slips: out of memory");
    for (int32_t k = 0; k + STRETCH <= track->n; k++) lines[k] = line_from(track->time_s + k);
    const int32_t n_slips = find_slips(lines, track->n, slips);
    if (!n_slips) return BS_OK;
    for (int32_t s = 0; s <= n_slips; s++) {
        Part part = part_before(slips, s, n_slips, track->n);
        on_side_s[s % 2] += track->time_s[part.end] - track->time_s[part.first];
    }
    const int32_t moved = on_side_s[0] < on_side_s[1] ? 0 : 1;
    BeatTrack out = *track;
    const size_t most = (size_t)(track->n + n_slips + 1);
    out.n = 0;
    out.time_s = arena_alloc(mem, sizeof(double) * most);
    out.strength = arena_alloc(mem, sizeof(float) * most);
    if (!out.time_s || !out.strength) return fail(BS_NOMEM, "slips: out of memory");
    for (int32_t s = 0; s <= n_slips; s++) {
        Part part = part_before(slips, s, n_slips, track->n);
        for (int32_t k = part.first; k <= part.end && (s % 2 != moved || k < track->n); k++) {
            double at = track->time_s[k];
            if (s % 2 == moved) at = 0.5 * (at + track->time_s[k + 1]);
            if (s && k == part.first) bridge(&out, &slips[s - 1], at);
            BS_ASSERT((size_t)out.n < most);
            out.time_s[out.n++] = at;
        }
    }
    out.n--; /* the last is where the last beat ends */
    for (int32_t k = 0; k < out.n; k++)
        out.strength[k] = frame_peak(activation, n_frames, out.time_s[k] * FRAMES_PER_S, 3);
    if (mean_strength(&out) >= still_struck * mean_strength(track)) *track = out;
    return BS_OK;
}
