#include "featurizer/dsp/edges.h"

#include "featurizer/dsp/edge_weights.inc"

/* The track from place `first` to place `end` of its grid. */
static Status cut_track(const Frames *f, TakeBeats *take, int32_t meter, int32_t first, int32_t end,
                        Arena *mem) {
    const BeatTrack old = take->track;
    const int32_t n = end - first;
    BeatTrack track = {n, arena_alloc(mem, sizeof(double) * ((size_t)n + 1)),
                       arena_alloc(mem, sizeof(float) * (size_t)n), old.tempo_bpm, old.confidence};
    Measure *measures = arena_alloc(mem, sizeof *measures * (size_t)n);
    uint8_t *phase = arena_alloc(mem, (size_t)n + 1);
    if (!track.time_s || !track.strength || !measures || !phase)
        return fail(BS_NOMEM, "beats: out of memory");
    for (int32_t k = 0; k <= n; k++) track.time_s[k] = edge_time(&old, first + k);
    for (int32_t k = 0; k < n; k++) {
        const int32_t was = first + k;
        phase[k] = (uint8_t)edge_phase(take, meter, was);
        if (was >= 0 && was < old.n) {
            track.strength[k] = old.strength[was];
            measures[k] = take->measures[was];
        } else {
            measure_span(f, track.time_s[k], track.time_s[k + 1], &measures[k]);
            for (int32_t g = 0; g < ONSET_BANDS; g++) track.strength[k] += measures[k].hit[g] / ONSET_BANDS;
        }
    }
    take->track = track;
    take->measures = measures;
    take->phase = phase;
    return BS_OK;
}

static int32_t likeliest(const EdgeView *v, EdgeSide side) {
    EdgePlaces places;
    int32_t best = 0;
    float most = 0;
    edge_places(v, side, &places);
    for (int32_t i = 0; i < places.n; i++) {
        float score = mlp_run(&edge_net, places.cues[i]);
        if (!i || score > most) most = score, best = places.beat[i];
    }
    return best;
}

Status edges_choose(EdgeView v, TakeBeats *take, Arena *mem) {
    Status st = BS_OK;
    int32_t place = likeliest(&v, EDGE_START);
    if (place) TRY(cut_track(v.f, take, v.meter, place, take->track.n, mem));
    place = likeliest(&v, EDGE_END);
    if (place != take->track.n) TRY(cut_track(v.f, take, v.meter, 0, place, mem));
out:
    return st;
}
