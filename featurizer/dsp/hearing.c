/* The order in which things are heard: takes, tempo of the piece, beats of each take, metre and downbeats,
 * the form, its sections. Each step reads only what the steps before decided. */
#include "featurizer/dsp/hearing.h"

#include <math.h>
#include <string.h>

static Status measure_beats(const Frames *f, TakeBeats *t, Arena *mem) {
    t->measures = arena_alloc(mem, sizeof(Measure) * (size_t)(t->track.n + 1));
    if (!t->measures) return fail(BS_NOMEM, "beats: out of memory");
    for (int32_t k = 0; k < t->track.n; k++)
        measure_span(f, t->track.time_s[k], t->track.time_s[k + 1], &t->measures[k]);
    return BS_OK;
}

static double length_near(const BeatTrack *t, bool at_end) {
    float v[8];
    int32_t n = t->n - 1 < 8 ? t->n - 1 : 8, from = at_end ? t->n - 1 - n : 0;
    for (int32_t k = 0; k < n; k++) v[k] = (float)(t->time_s[from + k + 1] - t->time_s[from + k]);
    return median_of(v, n);
}

/* A break is no pause when the beats after it lie where the beats before it foretell them. */
static bool grid_goes_on(const BeatTrack *a, const BeatTrack *b, double longest_s) {
    if (a->n < 2 || b->n < 2 || a->n + b->n < 8) return false;
    double left = length_near(a, true), right = length_near(b, false);
    double apart = b->time_s[0] - a->time_s[a->n - 1];
    if (a->n < 8 && b->n > a->n) left = right; /* a few beats tell no tempo */
    if (b->n < 8 && a->n >= b->n) right = left;
    double n = apart / (0.5 * (left + right)), off = fabs(n - floor(n + 0.5));
    return apart - left < longest_s && fabs(log(left / right)) < 0.05 && off < 0.1;
}

static Status track_region(Hearing *h, const float *activation, int32_t t, double bpm, Arena *mem) {
    Status st = BS_OK;
    BeatTrack *track = &h->takes[t].track;
    *track = (BeatTrack){0};
    if (bpm > 0) TRY(beats_track(activation, h->map.regions[t], bpm, mem, track));
    beats_refine(&h->frames, track);
out:
    return st;
}

/* Joins regions that one grid runs through: at most two seconds of silence, eight of thin music. */
static Status join_regions(Hearing *h, const float *activation, double bpm, Arena *mem) {
    Status st = BS_OK;
    for (int32_t t = 0; t + 1 < h->n_takes;) {
        Region *a = &h->map.regions[t], *b = a + 1;
        int32_t silent = 0;
        for (int32_t k = a->end; k < b->first; k++) silent += h->frames.level_db[k] < h->map.threshold_db;
        double longest_s = silent > 0.4 * FRAMES_PER_S ? 2 : 8;
        if (!grid_goes_on(&h->takes[t].track, &h->takes[t + 1].track, longest_s)) {
            t++;
            continue;
        }
        a->end = b->end;
        a->ring_end = b->ring_end;
        for (int32_t k = t + 1; k + 1 < h->n_takes; k++) {
            h->map.regions[k] = h->map.regions[k + 1];
            h->takes[k] = h->takes[k + 1];
        }
        h->map.n = --h->n_takes;
        TRY(track_region(h, activation, t, bpm, mem));
    }
out:
    return st;
}

/* A thin intro is music of the take when it is struck on the grid that the first full bars foretell, three
 * beats or more without a miss; clicks of a count-in are on the grid too, but between them there is nothing.
 */
static Status take_intro(Hearing *h, const float *activation, int32_t t, double bpm, Arena *mem) {
    const BeatTrack *track = &h->takes[t].track;
    const Frames *f = &h->frames;
    if (track->n < 8) return BS_OK;
    double length = length_near(track, false), at = track->time_s[0];
    double floor_s = t ? frame_time(h->map.regions[t - 1].end) + 0.3 : 0;
    int32_t n = 0;
    while (at - length > floor_s) {
        double before = at - length;
        int32_t a = (int32_t)(before * FRAMES_PER_S), b = (int32_t)(at * FRAMES_PER_S);
        double full = 0, struck = frame_peak(activation, f->n, before * FRAMES_PER_S, 3);
        for (int32_t k = a; k < b; k++) full += h->map.music[k] / (b - a);
        if (full < 0.25 || struck < 0.3) break;
        at = before;
        n++;
    }
    if (n < 3) return BS_OK;
    h->map.regions[t].first = (int32_t)((at - 0.06) * FRAMES_PER_S);
    if (h->map.regions[t].first < 0) h->map.regions[t].first = 0;
    return track_region(h, activation, t, bpm, mem);
}

Status hear(Hearing *h, const float *samples, int64_t n_samples, int32_t meter, Arena *mem) {
    Status st = BS_OK;
    float *activation = NULL;
    double bpm = 0;
    memset(h, 0, sizeof *h);
    TRY(frames_measure(&h->frames, mem, samples, n_samples));
    TRY(takes_find(&h->map, &h->frames, mem));
    if (h->map.n == 0) { /* it is not silent, so let it be one piece of music without pulse */
        h->map.n = 1;
        h->map.regions[0] = (Region){0, h->frames.n, h->frames.n};
    }
    h->n_takes = h->map.n;
    h->takes = arena_alloc(mem, sizeof(TakeBeats) * (size_t)h->n_takes);
    if (!h->takes) return fail(BS_NOMEM, "hearing: out of memory");

    TRY(beats_activation(&h->frames, mem, &activation));
    TRY(beats_tempo(&h->frames, activation, &h->map, mem, &bpm));
    float tempos[TAKES_MAX];
    int32_t n_tempos = 0;
    for (int32_t t = 0; t < h->n_takes; t++) TRY(track_region(h, activation, t, bpm, mem));
    TRY(join_regions(h, activation, bpm, mem));
    for (int32_t t = 0; t < h->n_takes; t++) TRY(take_intro(h, activation, t, bpm, mem));
    for (int32_t t = 0; t < h->n_takes; t++) {
        if (h->takes[t].track.confidence < 0.2F) h->takes[t].track.n = 0; /* music, but nothing to count */
        TRY(measure_beats(&h->frames, &h->takes[t], mem));
        if (h->takes[t].track.n) tempos[n_tempos++] = (float)h->takes[t].track.tempo_bpm;
    }
    h->tempo_bpm = n_tempos ? median_of(tempos, n_tempos) : 0;

    TRY(bars_evidence(h->takes, h->n_takes, mem));
    h->meter = meter == 3 || meter == 4 ? meter : bars_meter(h->takes, h->n_takes);
    for (int32_t t = 0; t < h->n_takes; t++) TRY(bars_phases(&h->takes[t], h->meter, mem));
    TRY(form_align(&h->form, h->takes, h->n_takes, h->meter, mem));
    TRY(sections_find(&h->sections, &h->form, mem));
out:
    return st;
}
