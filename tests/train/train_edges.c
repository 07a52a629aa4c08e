// needs: featurizer simulator
/* Trains the choice of a take's first beat and of its end, and writes featurizer/dsp/edge_weights.inc.
 *
 *   train_edges [-n sessions] [-r rows file] -o edge_weights.inc
 *
 * Sessions are simulated with seeds of their own (76000 on) and lengths of 40 to 160 s, and heard as far as
 * the bars; the places on each take's grid around its edges are one choice, and the right one is where a true
 * take begins or ends. */
#include "common/audio/audio.h"
#include "featurizer/dsp/edges.h"
#include "featurizer/dsp/hearing.h"
#include "simulator/session.h"
#include "tests/train/fit.h"

enum { FIRST_SEED = 76000 };

/* The true edge nearest to where one was found. */
static double true_edge(const Truth *t, EdgeSide side, double found_s) {
    double best = 1e9;
    for (int32_t k = 0; k < t->n_takes; k++) {
        int64_t at = side == EDGE_END ? t->takes[k].end_sample : t->takes[k].first_sample;
        double at_s = (double)at / t->sample_rate_hz;
        if (fabs(at_s - found_s) < fabs(best - found_s)) best = at_s;
    }
    return best;
}

static void add_edge(FitRows *rows, const EdgeView *v, EdgeSide side, const Truth *truth, int32_t number,
                     int32_t group) {
    const double near_s = 0.12;
    EdgePlaces places;
    edge_places(v, side, &places);
    const BeatTrack *track = &v->take->track;
    const double right = true_edge(truth, side, edge_time(track, side == EDGE_END ? track->n : 0));
    double best = 1e9;
    for (int32_t i = 0; i < places.n; i++) best = fmin(best, fabs(places.time_s[i] - right));
    if (best > 0.4) return; /* found nowhere near: nothing to choose */
    for (int32_t i = 0; i < places.n; i++) {
        const double off = (places.time_s[i] - right) / near_s;
        const bool found = places.beat[i] == (side == EDGE_END ? track->n : 0);
        fit_add(rows, places.cues[i], (float)exp(-off * off), number, group, 2 * (int)side + found);
    }
}

static Status collect(FitRows *rows, int32_t number) {
    const uint64_t seed = FIRST_SEED + (uint64_t)number;
    Status st = BS_OK;
    Arena mem;
    Session session = {0};
    float *heard = NULL;
    int64_t n_heard = 0;
    Rng r = rng_at(seed, 1);
    arena_init(&mem, (size_t)1 << 32);
    Hearing *h = arena_alloc(&mem, sizeof *h);
    BS_ASSERT(h);
    TRY(session_make(&session, "train", seed, rng_between(&r, 40, 160)));
    audio_mix_down(session.samples, session.n_samples, 2, session.samples);
    TRY(resample(session.samples, session.n_samples, SESSION_RATE, ANALYSIS_HZ, 1, &heard, &n_heard));
    TRY(hear_bars(h, heard, n_heard, 0, NULL, &mem));
    for (int32_t t = 0; t < h->n_takes; t++) {
        if (!edges_can_move(&h->takes[t])) continue;
        const EdgeView v = hear_edges(h, t);
        for (int side = 0; side < 2; side++)
            add_edge(rows, &v, (EdgeSide)side, session.truth, number, 2 * (TAKES_MAX * number + t) + side);
    }
out:
    free(heard);
    session_drop(&session);
    arena_drop(&mem);
    return st;
}

/* Of edges of sessions kept out: those that are right as they were found, and as they are chosen. */
static void report(const FitNet *net, const FitRows *r) {
    int32_t found[2] = {0}, chosen[2] = {0}, all[2] = {0};
    for (int64_t k = 0, end; k < r->n; k = end) {
        end = fit_group_end(r, FIT_CHOICE, k);
        if (r->session[k] % FIT_KEPT_OUT) continue;
        const int side = r->tag[k] / 2;
        int64_t best = k, truth = k;
        for (int64_t i = k; i < end; i++) {
            if (fit_run(net, r->x + i * r->n_in) > fit_run(net, r->x + best * r->n_in)) best = i;
            if (r->target[i] > r->target[truth]) truth = i;
        }
        all[side]++;
        found[side] += r->tag[truth] & 1;
        chosen[side] += best == truth;
    }
    for (int side = 0; side < 2; side++)
        fprintf(stderr, "kept out, %s: %d of %d right as found, %d as chosen\n", side ? "ends" : "starts",
                found[side], all[side], chosen[side]);
}

static const FitTask task = {
    .name = "edge",
    .n_in = EDGE_CUES,
    .n_hidden = 16,
    .loss = FIT_CHOICE,
    .decay = 1e-3,
    .sources = {{'n', 400, collect}},
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
