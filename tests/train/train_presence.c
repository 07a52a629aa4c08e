// needs: featurizer simulator
/* Trains the network that hears whether the band plays, and writes featurizer/dsp/presence_weights.inc.
 *
 *   train_presence [-n sessions] [-r rows file] -o presence_weights.inc
 *
 * Sessions are simulated with seeds of their own (60000 on) and lengths of 40 to 160 s. One in three is mixed
 * from some of its players only, and one in three is a piece cut out of a session, so that neither a full
 * band nor an even share of pauses is expected. The target is whether a beat of a take is played in the
 * middle of the block; what rings after the last beat is not. -r keeps the rows in a file, or reads them when
 * it is there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "featurizer/dsp/presence.h"
#include "featurizer/dsp/takes.h"
#include "simulator/session.h"
#include "tests/train/fit.h"

enum { FIRST_SEED = 60000, HIDDEN = 24, MUSIC = WHAT_KINDS, RINGS, KINDS };

/* The session as one microphone hears it, or some of its tracks. */
static float *mono_of(const Session *s, Rng *r, bool some) {
    float *mono = calloc((size_t)s->n_samples, sizeof *mono);
    BS_ASSERT(mono);
    bool any = false;
    for (int p = 0; p < PARTS && some; p++) {
        if (!s->tracks[p] || rng_between(r, 0, 1) < 0.5) continue;
        any = true;
        float gain = (float)pow(10, rng_between(r, -6, 6) / 20);
        for (int64_t i = 0; i < s->n_samples; i++) mono[i] += gain * s->tracks[p][i];
    }
    for (int64_t i = 0; i < s->n_samples && !any; i++)
        mono[i] = 0.5F * (s->samples[2 * i] + s->samples[2 * i + 1]);
    return mono;
}

static Status collect(FitRows *rows, int32_t number) {
    const uint64_t seed = FIRST_SEED + (uint64_t)number;
    Status st = BS_OK;
    Arena mem;
    Session session = {0};
    Frames frames;
    Presence presence;
    float *mono = NULL, *heard = NULL;
    int64_t n_heard = 0;
    Rng r = rng_at(seed, 1);
    double length_s = rng_between(&r, 40, 160);
    arena_init(&mem, (size_t)1 << 32);
    bool some = rng_between(&r, 0, 1) < 0.33, cut = rng_between(&r, 0, 1) < 0.33;
    TRY(some ? session_make_tracks(&session, "train", seed, length_s)
             : session_make(&session, "train", seed, length_s));
    mono = mono_of(&session, &r, some);
    int64_t from = 0, n = session.n_samples;
    if (cut) {
        n = (int64_t)((double)n * rng_between(&r, 0.2, 0.7));
        from = (int64_t)((double)(session.n_samples - n) * rng_between(&r, 0, 1));
    }
    TRY(resample(mono + from, n, SESSION_RATE, ANALYSIS_HZ, 1, &heard, &n_heard));
    TRY(frames_measure(&frames, &mem, heard, n_heard));
    float loud, soft;
    TRY(takes_levels(&frames, &mem, &loud, &soft));
    TRY(presence_inputs(&presence, &frames, loud, soft, &mem));
    for (int32_t b = (int32_t)(seed % 3); b < presence.n; b += 3) {
        int64_t at =
            from + (int64_t)((b + 0.5) * PRESENCE_HOP * FRAME_HOP * ((double)SESSION_RATE / ANALYSIS_HZ));
        if (at >= session.n_samples) break;
        const TruthUnit *u = &session.truth->units[truth_unit_at(session.truth, at)];
        fit_add(rows, presence.inputs + (size_t)b * PRESENCE_INPUTS, u->kind == UNIT_BEAT, number, 0,
                u->kind == UNIT_TAIL ? RINGS : u->what);
    }
out:
    free(mono);
    free(heard);
    session_drop(&session);
    arena_drop(&mem);
    return st;
}

/* Per what truly sounds: how often the network says that it is music. Kept-out sessions. */
static void report(const FitNet *net, const FitRows *r) {
    double said[KINDS] = {0}, count[KINDS] = {0};
    for (int64_t k = 0; k < r->n; k++) {
        if (r->session[k] % FIT_KEPT_OUT) continue;
        int what = r->target[k] > 0.5F ? MUSIC : r->tag[k];
        said[what] += fit_run(net, r->x + k * PRESENCE_INPUTS) > 0;
        count[what]++;
    }
    for (int what = 0; what < KINDS; what++)
        if (count[what] > 0)
            fprintf(stderr, "%s: heard as music %.2f %% of %.0f blocks\n",
                    what == MUSIC   ? "music"
                    : what == RINGS ? "ringing"
                                    : what_names[what],
                    100 * said[what] / count[what], count[what]);
}

static const FitTask task = {
    .name = "presence",
    .n_in = PRESENCE_INPUTS,
    .n_hidden = HIDDEN,
    .loss = FIT_LIKELIHOOD,
    .decay = 3e-4,
    .sources = {{'n', 400, collect}},
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
