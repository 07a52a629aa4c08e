/* The order in which things are heard: takes, tempo of the piece, beats of each take, metre and downbeats,
 * the form, its sections. Each step reads only what the steps before decided. */
#include "featurizer/dsp/hearing.h"

#include <string.h>

static Status measure_beats(const Frames *f, TakeBeats *t, Arena *mem) {
    t->measures = arena_alloc(mem, sizeof(Measure) * (size_t)(t->track.n + 1));
    if (!t->measures) return fail(BS_NOMEM, "beats: out of memory");
    for (int32_t k = 0; k < t->track.n; k++)
        measure_span(f, t->track.time_s[k], t->track.time_s[k + 1], &t->measures[k]);
    return BS_OK;
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
    for (int32_t t = 0; t < h->n_takes; t++) {
        BeatTrack *track = &h->takes[t].track;
        if (bpm > 0) TRY(beats_track(activation, h->map.regions[t], bpm, mem, track));
        if (track->confidence < 0.2F) track->n = 0;
        beats_refine(&h->frames, track);
        TRY(measure_beats(&h->frames, &h->takes[t], mem));
        if (track->n) tempos[n_tempos++] = (float)track->tempo_bpm;
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
