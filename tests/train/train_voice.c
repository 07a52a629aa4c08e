// needs: featurizer simulator
/* Trains the network that hears whether somebody sings, and writes featurizer/dsp/voice_weights.inc.
 *
 *   train_voice [-n mixes] [-p pieces] [-r rows file] -o voice_weights.inc
 *
 * Mixes of simulated sessions (seeds 42000 on) and of pieces from elsewhere, as train_stems makes them. The
 * target is whether the vocals are there in that quarter of a second: less than 25 dB under their own loud
 * passages and less than 20 dB under the mix. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "featurizer/dsp/frames.h"
#include "tests/bench/stem_mixes.h"
#include "tests/train/fit.h"

enum { FIRST_SEED = 42000, HIDDEN = 16 };

static Status collect_mix(FitRows *rows, StemMix *m, int32_t number) {
    Status st = BS_OK;
    Arena mem;
    Frames f = {.samples = m->mix, .n_samples = m->n};
    float *sings = NULL;
    arena_init(&mem, (size_t)1 << 30);
    TRY(stem_levels_hear(&f.stems, &f, &mem));
    sings = malloc(sizeof *sings * (size_t)f.stems.n);
    if (!sings) TRY(fail(BS_NOMEM, "no memory"));
    TRY(stem_mix_sings(m, f.stems.n, sings));
    for (int32_t k = number % 2; k < f.stems.n; k += 2)
        fit_add(rows, f.stems.voice_inputs + (size_t)k * VOICE_INPUTS, sings[k], number, 0, 0);
out:
    free(sings);
    arena_drop(&mem);
    stem_mix_drop(m);
    return st;
}

static Status collect(FitRows *rows, int32_t number) {
    StemMix m;
    Status st = stem_mix_make(&m, FIRST_SEED + (uint64_t)number, 50, ANALYSIS_HZ, number % 2);
    return st == BS_OK ? collect_mix(rows, &m, number) : st;
}

static Status collect_elsewhere(FitRows *rows, int32_t number) {
    StemMix m;
    Status st = stem_mix_elsewhere(&m, number, FIRST_SEED, ANALYSIS_HZ);
    return st == BS_OK ? collect_mix(rows, &m, number) : st;
}

static void report(const FitNet *net, const FitRows *r) {
    double hits = 0, said = 0, truth = 0;
    for (int64_t k = 0; k < r->n; k++) {
        if (r->session[k] % FIT_KEPT_OUT) continue;
        bool sings = r->target[k] > 0.5F, heard = fit_run(net, r->x + k * VOICE_INPUTS) > 0;
        hits += sings && heard, said += heard, truth += sings;
    }
    fprintf(stderr, "mixes kept out: precision %.3f, recall %.3f, F %.3f\n", hits / said, hits / truth,
            2 * hits / (said + truth));
}

static const FitTask task = {
    .name = "voice",
    .n_in = VOICE_INPUTS,
    .n_hidden = HIDDEN,
    .loss = FIT_LIKELIHOOD,
    .decay = 3e-4,
    .sources = {{'n', 120, collect}, {'p', 56, collect_elsewhere}},
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
