// needs: featurizer simulator
/* Trains what tells whether two takes are of one piece and writes featurizer/dsp/tunes_weights.inc.
 *
 *   train_tunes [-m sessions] [-r rows file] -o tunes_weights.inc
 *
 * Takes are the simulator's (seeds 90000 on), between bounds as they may be heard. Pieces of one session are
 * what is hard to part: they share band and room. One time in four two sessions are laid behind each other.
 */
#include "common/audio/audio.h"
#include "featurizer/dsp/tunes.h"
#include "simulator/session.h"
#include "tests/train/fit.h"

enum { MOST_TAKES = 12 };

typedef struct Played {
    float *samples; /* mono at ANALYSIS_HZ, owned */
    int64_t n;
    int32_t n_takes;
    Region regions[MOST_TAKES];
    int32_t piece[MOST_TAKES];
} Played;

/* A session's takes of three seconds and more; their pieces are counted from first_piece. */
static Status add_session(Played *p, uint64_t seed, Rng *rng, int32_t first_piece) {
    Status st = BS_OK;
    Session s = {0};
    float *mono = NULL, *part = NULL;
    int64_t n = 0;
    TRY(session_make(&s, "train", seed, rng_between(rng, 40, 120)));
    mono = malloc(sizeof(float) * (size_t)s.n_samples);
    BS_ASSERT(mono);
    audio_mix_down(s.samples, s.n_samples, 2, mono);
    TRY(resample(mono, s.n_samples, SESSION_RATE, ANALYSIS_HZ, 1, &part, &n));
    p->samples = realloc(p->samples, sizeof(float) * (size_t)(p->n + n));
    BS_ASSERT(p->samples);
    memcpy(p->samples + p->n, part, sizeof(float) * (size_t)n);
    for (int32_t k = 0; k < s.truth->n_takes && p->n_takes < MOST_TAKES; k++) {
        const TruthTake *t = &s.truth->takes[k];
        double from_s = (double)p->n / ANALYSIS_HZ, a = (double)t->first_sample / SESSION_RATE,
               b = (double)t->end_sample / SESSION_RATE;
        if (b - a < 3) continue;
        a = fmax(0, a + rng_between(rng, -0.3, 0.05)), b += rng_between(rng, -0.1, 0.9);
        p->regions[p->n_takes] =
            (Region){(int32_t)((from_s + a) * FRAMES_PER_S), (int32_t)((from_s + b) * FRAMES_PER_S), 0};
        p->piece[p->n_takes++] = first_piece + t->tune;
    }
    p->n += n;
out:
    free(mono);
    free(part);
    session_drop(&s);
    return st;
}

static Status collect(FitRows *rows, int32_t number) {
    static float cues[MOST_TAKES * MOST_TAKES / 2][TUNE_CUES];
    Status st = BS_OK;
    Played p = {0};
    Frames f;
    Arena mem;
    float *activation;
    TempoBelief beliefs[MOST_TAKES];
    Rng rng = rng_at(90000 + (uint64_t)number, 1);
    arena_init(&mem, (size_t)4 << 30);
    for (int32_t i = 0; i < 1 + (number % 4 == 0); i++)
        TRY(add_session(&p, 90000 + 2 * (uint64_t)number + (uint64_t)i, &rng, 8 * i));
    TRY(frames_measure(&f, &mem, p.samples, p.n));
    TRY(beats_activation(&f, &mem, &activation));
    for (int32_t t = 0; t < p.n_takes; t++) {
        if (p.regions[t].end > f.n) p.regions[t].end = f.n;
        TRY(tempo_believe(&f, activation, &p.regions[t], 1, &mem, &beliefs[t]));
    }
    TRY(tunes_cues(&f, p.regions, beliefs, p.n_takes, &mem, cues));
    for (int32_t a = 0, row = 0; a < p.n_takes; a++)
        for (int32_t b = a + 1; b < p.n_takes; b++, row++)
            fit_add(rows, cues[row], p.piece[a] == p.piece[b], number, row, 0);
out:
    arena_drop(&mem);
    free(p.samples);
    return st;
}

static void report(const FitNet *net, const FitRows *r) {
    int64_t right[2] = {0}, all[2] = {0};
    for (int64_t k = 0; k < r->n; k++) {
        if (r->session[k] % FIT_KEPT_OUT) continue;
        int same = r->target[k] > 0.5F;
        all[same]++;
        right[same] += (fit_run(net, r->x + k * r->n_in) > 0) == same;
    }
    fprintf(stderr, "kept out: pairs of one piece %lld of %lld, of two pieces %lld of %lld right\n",
            (long long)right[1], (long long)all[1], (long long)right[0], (long long)all[0]);
}

static const FitTask task = {
    .name = "tunes",
    .n_in = TUNE_CUES,
    .n_hidden = 12,
    .loss = FIT_LIKELIHOOD,
    .decay = 3e-4,
    .sources = {{'m', 400, collect}},
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
