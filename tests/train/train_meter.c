// needs: featurizer simulator
/* Trains the choice of metre and downbeat and writes featurizer/dsp/meter_weights.inc.
 *
 *   train_meter [-n pieces] [-m sessions] [-r rows file] -o meter_weights.inc
 *
 * The music is train_tempo's; beats are the true ones, so that this choice does not depend on that. */
#include "common/audio/audio.h"
#include "featurizer/dsp/bars.h"
#include "simulator/session.h"
#include "tests/bench/elsewhere.h"
#include "tests/train/fit.h"

enum { MOST_BEATS = 4096 };

typedef struct Played {
    int32_t n, meter, first_phase;
    double at_s[MOST_BEATS + 1];
} Played;

static Status listen(Frames *f, Arena *mem, float **kept, const float *samples, int64_t n, int32_t channels) {
    Status st = BS_OK;
    int64_t n_out = 0;
    float *mono = malloc(sizeof(float) * (size_t)n);
    BS_ASSERT(mono);
    audio_mix_down(samples, n, channels, mono);
    TRY(resample(mono, n, ELSEWHERE_HZ, ANALYSIS_HZ, 1, kept, &n_out));
    TRY(frames_measure(f, mem, *kept, n_out));
out:
    free(mono);
    return st;
}

static Status add_take(FitRows *rows, const Frames *f, const Played *p, Arena *mem, int32_t session,
                       int32_t group) {
    Status st = BS_OK;
    float cues[BARS_READINGS][BAR_CUES];
    TakeBeats t = {.track = {.n = p->n, .time_s = (double *)p->at_s}};
    if (p->n < 16) return BS_OK;
    t.track.tempo_bpm = 60 * p->n / (p->at_s[p->n] - p->at_s[0]);
    t.measures = arena_alloc(mem, sizeof(Measure) * (size_t)p->n);
    BS_ASSERT(t.measures);
    for (int32_t k = 0; k < p->n; k++) measure_span(f, p->at_s[k], p->at_s[k + 1], &t.measures[k]);
    bars_cues(&t, 0, p->n, cues);
    for (int32_t i = 0, row = 0; i < BARS_METERS; i++)
        for (int32_t phase = 0; phase < bars_meters[i]; phase++, row++) {
            bool right = bars_meters[i] == p->meter && (phase + p->first_phase) % p->meter == 0;
            fit_add(rows, cues[row], right, session, group, bars_meters[i]);
        }
    return st;
}

static Status collect_piece(FitRows *rows, int32_t number) {
    static Played played;
    Piece p;
    Frames f;
    Arena mem;
    float *kept = NULL;
    piece_make(&p, number, 70000);
    arena_init(&mem, (size_t)4 << 30);
    Status st = listen(&f, &mem, &kept, p.samples, p.n_samples, 1);
    /* a take may begin anywhere */
    int32_t skip = number % 3 ? 0 : (int32_t)rng_below(&p.rng, 8);
    played = (Played){p.n_beats - skip, p.meter, (p.first_phase + skip) % p.meter, {0}};
    memcpy(played.at_s, p.at_s + skip, sizeof(double) * ((size_t)played.n + 1));
    if (st == BS_OK) st = add_take(rows, &f, &played, &mem, number, number);
    arena_drop(&mem);
    free(kept);
    free(p.samples);
    return st;
}

static Status collect_session(FitRows *rows, int32_t number) {
    static Played p;
    Status st = BS_OK;
    Session s = {0};
    Frames f;
    Arena mem;
    float *kept = NULL;
    Rng rng = rng_at(80000 + (uint64_t)number, 1);
    arena_init(&mem, (size_t)4 << 30);
    TRY(session_make(&s, "train", 80000 + (uint64_t)number, rng_between(&rng, 40, 120)));
    TRY(listen(&f, &mem, &kept, s.samples, s.n_samples, 2));
    for (int32_t k = 0; k < s.truth->n_takes; k++) {
        const Truth *t = s.truth;
        p.n = 0;
        p.meter = t->tunes[t->takes[k].tune].meter;
        for (int32_t u = 0; u < t->n_units; u++) {
            if (t->units[u].kind != UNIT_BEAT || t->units[u].take != k || p.n == MOST_BEATS) continue;
            if (p.n == 0) p.first_phase = t->units[u].phase;
            p.at_s[p.n++] = (double)t->units[u].start_sample / SESSION_RATE;
            p.at_s[p.n] = (double)truth_unit_end(t, u) / SESSION_RATE;
        }
        if (p.meter == 3 || p.meter == 4 || p.meter == 6)
            TRY(add_take(rows, &f, &p, &mem, 100000 + number, 100000 + 256 * number + k));
    }
out:
    arena_drop(&mem);
    free(kept);
    session_drop(&s);
    return st;
}

static void report(const FitNet *net, const FitRows *r) {
    int32_t right[2] = {0}, meter[2] = {0}, all[2] = {0};
    for (int64_t k = 0, end; k < r->n; k = end) {
        end = fit_group_end(r, FIT_CHOICE, k);
        if (r->session[k] % FIT_KEPT_OUT) continue;
        int64_t best = k, truth = k;
        for (int64_t i = k; i < end; i++) {
            if (fit_run(net, r->x + i * r->n_in) > fit_run(net, r->x + best * r->n_in)) best = i;
            if (r->target[i] > 0) truth = i;
        }
        int32_t source = r->session[k] >= 100000;
        all[source]++;
        right[source] += best == truth;
        meter[source] += r->tag[best] == r->tag[truth];
    }
    for (int i = 0; i < 2; i++)
        fprintf(stderr, "kept out, %s: metre %d, metre and downbeat %d of %d right\n", i ? "takes" : "pieces",
                meter[i], right[i], all[i]);
}

static const FitTask task = {
    .name = "meter",
    .n_in = BAR_CUES,
    .n_hidden = 12,
    .loss = FIT_CHOICE,
    .decay = 1e-3,
    .sources = {{'n', 560, collect_piece}, {'m', 120, collect_session}},
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
