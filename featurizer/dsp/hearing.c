/* The order in which things are heard: takes, each with a tempo and beats of its own; those that one grid
 * runs through are joined; which takes are of one tune; then per tune its tempo and beats again, for its
 * takes share the octave; metre and downbeats; the first beat and the end of each take; the form; its
 * sections. Each step reads only what the steps before decided. */
#include "featurizer/dsp/hearing.h"

#include "featurizer/dsp/edges.h"
#include "featurizer/dsp/tempo.h"

#include <math.h>
#include <string.h>

static const double shortest_s = 6, sure_s = 12; /* that a tempo is found in; that tells it alone */

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
static bool grid_goes_on(const BeatTrack *a, const BeatTrack *b, double longest_s, double most_off) {
    if (a->n < 2 || b->n < 2 || (a->n + b->n < 8 && longest_s > 2)) return false;
    double left = length_near(a, true), right = length_near(b, false);
    double apart = b->time_s[0] - a->time_s[a->n - 1];
    if (a->n < 8 && b->n > a->n) left = right; /* a few beats tell no tempo */
    if (b->n < 8 && a->n >= b->n) right = left;
    double n = apart / (0.5 * (left + right)), off = fabs(n - floor(n + 0.5));
    return apart - left < longest_s && fabs(log(left / right)) < 0.05 && off < most_off;
}

/* What is shorter than two beats and about one beat away is a chord of the music beside it, as in
 * reggae, and no take. */
static bool is_chord_beside(const TakeBeats *takes, const Region *r, bool first_longer) {
    const BeatTrack *longer = &takes[first_longer ? 0 : 1].track;
    const Region *shorter = &r[first_longer ? 1 : 0];
    if (longer->n < 4 || takes[first_longer ? 1 : 0].track.n > 2) return false;
    double beat = length_near(longer, first_longer) * FRAMES_PER_S;
    return shorter->end - shorter->first < 2 * beat && r[1].first - r[0].end < 1.25 * beat;
}

static Status track_region(Hearing *h, const float *activation, int32_t t, double bpm, Arena *mem) {
    Status st = BS_OK;
    BeatTrack *track = &h->takes[t].track;
    *track = (BeatTrack){0};
    if (bpm > 0) TRY(tempo_track(&h->frames, activation, h->map.regions[t], bpm, mem, track));
    beats_refine(&h->frames, track);
out:
    return st;
}

/* The regions around t that pauses of under two seconds part, in one breath: [*first, *end). */
static void breath_around(const Hearing *h, int32_t t, int32_t *first, int32_t *end) {
    const Region *r = h->map.regions;
    const double pause = 2 * FRAMES_PER_S;
    *first = t, *end = t + 1;
    while (*first > 0 && r[*first].first - r[*first - 1].end < pause) --*first;
    while (*end < h->n_takes && r[*end].first - r[*end - 1].end < pause) ++*end;
}

/* Tempo and beats of each region alone, where it is long enough to tell; of what was played in one breath
 * together, where it is not; and what is still too short takes its longer neighbour's tempo. */
static Status track_alone(Hearing *h, const float *activation, Arena *mem) {
    Status st = BS_OK;
    const Region *r = h->map.regions;
    double bpm[TAKES_MAX] = {0}, length[TAKES_MAX];
    for (int32_t t = 0; t < h->n_takes; t++) {
        int32_t first = t, end = t + 1, shared = -1;
        if (r[t].end - r[t].first < sure_s * FRAMES_PER_S) breath_around(h, t, &first, &end);
        for (int32_t k = first; k < t; k++)
            if (r[k].end - r[k].first < sure_s * FRAMES_PER_S) shared = k;
        Region breath = {r[first].first, r[end - 1].end, 0};
        length[t] = breath.end - breath.first;
        if (shared >= 0)
            bpm[t] = bpm[shared];
        else if (length[t] >= shortest_s * FRAMES_PER_S)
            TRY(beats_tempo(&h->frames, activation, &breath, 1, mem, &bpm[t]));
    }
    for (int32_t t = 0; t < h->n_takes; t++) {
        int32_t best = -1;
        for (int32_t k = t - 2 < 0 ? 0 : t - 2; k <= t + 2 && k < h->n_takes && bpm[t] <= 0; k++)
            if (bpm[k] > 0 && (best < 0 || length[k] > length[best])) best = k;
        TRY(track_region(h, activation, t, best >= 0 ? bpm[best] : bpm[t], mem));
    }
out:
    return st;
}

/* Joins regions that one grid runs through: at most a second of silence, four of thin music or of a silence
 * through which presence lasts. */
static Status join_regions(Hearing *h, const float *activation, Arena *mem) {
    Status st = BS_OK;
    for (int32_t t = 0; t + 1 < h->n_takes;) {
        Region *a = &h->map.regions[t], *b = a + 1;
        int32_t silent = 0;
        double lasts = 0;
        for (int32_t k = a->end; k < b->first; k++) {
            silent += h->frames.level_db[k] < h->map.threshold_db;
            lasts += h->map.music[k] / (b->first - a->end);
        }
        const bool lasting = lasts > 0.5; /* parted by the silence alone, which takes the beat with it */
        const double longest_s = silent > 0.4 * FRAMES_PER_S && !lasting ? 1 : 4;
        const double most_off = lasting ? 0.12 : 0.05; /* beats */
        bool first_longer = a->end - a->first > b->end - b->first;
        double bpm = h->takes[first_longer ? t : t + 1].track.tempo_bpm;
        BeatTrack as_first = h->takes[t].track, as_second = h->takes[t + 1].track;
        if (fabs(log(as_first.tempo_bpm / as_second.tempo_bpm)) > 0.05 && as_first.n && as_second.n) {
            /* a short piece may have been counted otherwise: count it as the longer one */
            TRY(track_region(h, activation, first_longer ? t + 1 : t, bpm, mem));
        }
        if (!grid_goes_on(&h->takes[t].track, &h->takes[t + 1].track, longest_s, most_off) &&
            !is_chord_beside(&h->takes[t], a, first_longer)) {
            h->takes[t].track = as_first, h->takes[t + 1].track = as_second;
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

static Status find_tunes(Hearing *h, const float *activation, Arena *mem) {
    Status st = BS_OK;
    size_t bytes = sizeof(int32_t) * (size_t)h->n_takes;
    h->tune_of = arena_alloc(mem, bytes);
    h->member = arena_alloc(mem, bytes);
    TempoBelief *beliefs = arena_alloc(mem, sizeof(TempoBelief) * (size_t)h->n_takes);
    if (!h->tune_of || !h->member || !beliefs) return fail(BS_NOMEM, "hearing: out of memory");
    for (int32_t t = 0; t < h->n_takes; t++)
        TRY(tempo_believe(&h->frames, activation, &h->map.regions[t], 1, mem, &beliefs[t]));
    TRY(tunes_group(&h->frames, h->map.regions, beliefs, h->n_takes, mem, h->tune_of, &h->n_tunes));
    for (int32_t i = 0; i < h->n_tunes; i++) {
        h->tunes[i].take_of = arena_alloc(mem, bytes);
        if (!h->tunes[i].take_of) return fail(BS_NOMEM, "hearing: out of memory");
    }
    for (int32_t t = 0; t < h->n_takes; t++) {
        HeardTune *tune = &h->tunes[h->tune_of[t]];
        h->member[t] = tune->n_takes;
        tune->take_of[tune->n_takes++] = t;
    }
out:
    return st;
}

/* Takes in which nothing can be counted are free, as long as others of the tune can be. Where none can, as in
 * a prayer, a drone or a pad, beats are needed all the same, for they are what an edit is made of: the beats
 * found, sure or not, or a grid that is at least on what onsets there are. */
static Status count_tune(Hearing *h, HeardTune *tune, const float *activation, Arena *mem) {
    const float sure = 0.2F, likely = 0.12F;
    Status st = BS_OK;
    bool counted = false;
    for (int32_t i = 0; i < tune->n_takes; i++)
        counted |= h->takes[tune->take_of[i]].track.confidence >= sure;
    for (int32_t i = 0; i < tune->n_takes; i++) {
        BeatTrack *track = &h->takes[tune->take_of[i]].track;
        if (counted && track->confidence < sure)
            track->n = 0;
        else if (track->confidence < likely || !track->n)
            TRY(beats_grid(activation, h->map.regions[tune->take_of[i]], mem, track));
    }
out:
    return st;
}

/* The takes of a tune share its tempo; each is tracked near it. */
static Status track_tune(Hearing *h, HeardTune *tune, const float *activation, Arena *mem) {
    Status st = BS_OK;
    Region regions[TAKES_MAX];
    float tempos[TAKES_MAX];
    double bpm;
    int32_t n = 0;
    for (int32_t i = 0; i < tune->n_takes; i++) regions[i] = h->map.regions[tune->take_of[i]];
    TRY(beats_tempo(&h->frames, activation, regions, tune->n_takes, mem, &bpm));
    for (int32_t i = 0; i < tune->n_takes; i++) {
        int32_t t = tune->take_of[i];
        double own = h->takes[t].track.n ? h->takes[t].track.tempo_bpm : bpm, near = own;
        for (int32_t octave = -1; octave <= 1;
             octave++) /* a slower run-through keeps its tempo, not its octave */
            if (fabs(log(own * exp2(octave) / bpm)) < fabs(log(near / bpm))) near = own * exp2(octave);
        if (fabs(log(near / bpm)) > 0.3 || bpm <= 0) near = bpm;
        TRY(track_region(h, activation, t, near, mem));
        TRY(take_intro(h, activation, t, near, mem));
    }
    TRY(count_tune(h, tune, activation, mem));
    for (int32_t i = 0; i < tune->n_takes; i++) {
        TakeBeats *take = &h->takes[tune->take_of[i]];
        TRY(measure_beats(&h->frames, take, mem));
        if (take->track.n && take->track.tempo_bpm > 0) tempos[n++] = (float)beats_median_bpm(&take->track);
    }
    tune->tempo_bpm = n ? median_of(tempos, n) : 0;
out:
    return st;
}

/* The tune's takes, one behind the other. */
static TakeBeats *gather(const Hearing *h, const HeardTune *tune, Arena *mem) {
    TakeBeats *own = arena_alloc(mem, sizeof(TakeBeats) * (size_t)tune->n_takes);
    for (int32_t i = 0; own && i < tune->n_takes; i++) own[i] = h->takes[tune->take_of[i]];
    return own;
}

static void scatter(Hearing *h, const HeardTune *tune, const TakeBeats *own) {
    for (int32_t i = 0; i < tune->n_takes; i++) h->takes[tune->take_of[i]] = own[i];
}

static Status count_bars(Hearing *h, HeardTune *tune, int32_t meter, Arena *mem) {
    Status st = BS_OK;
    TakeBeats *own = gather(h, tune, mem);
    if (!own) return fail(BS_NOMEM, "hearing: out of memory");
    TRY(bars_evidence(own, tune->n_takes, mem));
    tune->meter = meter ? meter : bars_meter(own, tune->n_takes);
    for (int32_t i = 0; i < tune->n_takes; i++) TRY(bars_phases(&own[i], tune->meter, mem));
    scatter(h, tune, own);
out:
    return st;
}

static double end_before(const Hearing *h, int32_t t) {
    const BeatTrack *track = &h->takes[t - 1].track;
    const double end_s = frame_time(h->map.regions[t - 1].end);
    return track->n ? fmax(end_s, track->time_s[track->n]) : end_s;
}

static double start_after(const Hearing *h, int32_t t) {
    const BeatTrack *track = &h->takes[t + 1].track;
    const double first_s = frame_time(h->map.regions[t + 1].first);
    return track->n ? fmin(first_s, track->time_s[0]) : first_s;
}

EdgeView hear_edges(const Hearing *h, int32_t t) {
    const float deep_db = 12; /* under the threshold of playing: the room alone */
    return (EdgeView){.f = &h->frames,
                      .music = h->map.music,
                      .odds = h->map.odds,
                      .take = &h->takes[t],
                      .meter = h->tunes[h->tune_of[t]].meter,
                      .region = h->map.regions[t],
                      .silent_db = h->map.threshold_db - deep_db,
                      .from_s = t ? end_before(h, t) : 0,
                      .to_s = t + 1 < h->n_takes ? start_after(h, t) : frame_time(h->frames.n)};
}

static Status form_tune(Hearing *h, HeardTune *tune, Arena *mem) {
    Status st = BS_OK;
    TakeBeats *own = gather(h, tune, mem);
    if (!own) return fail(BS_NOMEM, "hearing: out of memory");
    TRY(form_align(&tune->form, own, tune->n_takes, tune->meter, mem));
    form_trim(&tune->form, tune->n_takes);
    TRY(sections_find(&tune->sections, &tune->form, mem));
    scatter(h, tune, own);
out:
    return st;
}

Status hear_bars(Hearing *h, const float *samples, int64_t n_samples, int32_t meter, const StemLevels *stems,
                 Arena *mem) {
    Status st = BS_OK;
    float *activation = NULL;
    memset(h, 0, sizeof *h);
    TRY(frames_measure(&h->frames, mem, samples, n_samples));
    if (stems)
        h->frames.stems = *stems;
    else
        TRY(stem_levels_hear(&h->frames.stems, &h->frames, mem));
    TRY(takes_find(&h->map, &h->frames, mem));
    if (h->map.n == 0) { /* it is not silent, so let it be one piece of music without pulse */
        h->map.n = 1;
        h->map.regions[0] = (Region){0, h->frames.n, h->frames.n};
    }
    h->n_takes = h->map.n;
    h->takes = arena_alloc(mem, sizeof(TakeBeats) * (size_t)h->n_takes);
    if (!h->takes) return fail(BS_NOMEM, "hearing: out of memory");

    TRY(beats_activation(&h->frames, mem, &activation));
    TRY(track_alone(h, activation, mem));
    TRY(join_regions(h, activation, mem));
    TRY(find_tunes(h, activation, mem));
    for (int32_t i = 0; i < h->n_tunes; i++) TRY(track_tune(h, &h->tunes[i], activation, mem));
    if (meter != 3 && meter != 4 && meter != 6) meter = 0;
    for (int32_t i = 0; i < h->n_tunes; i++) TRY(count_bars(h, &h->tunes[i], meter, mem));
out:
    return st;
}

Status hear(Hearing *h, const float *samples, int64_t n_samples, int32_t meter, const StemLevels *stems,
            Arena *mem) {
    Status st = BS_OK;
    TRY(hear_bars(h, samples, n_samples, meter, stems, mem));
    for (int32_t t = 0; t < h->n_takes; t++)
        if (edges_can_move(&h->takes[t])) TRY(edges_choose(hear_edges(h, t), &h->takes[t], mem));
    for (int32_t i = 0; i < h->n_tunes; i++) TRY(count_bars(h, &h->tunes[i], h->tunes[i].meter, mem));
    for (int32_t i = 0; i < h->n_tunes; i++) TRY(form_tune(h, &h->tunes[i], mem));
out:
    return st;
}
