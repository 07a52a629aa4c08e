// needs: featurizer simulator
/* Trains the choice of the beat among the periods of a piece and writes featurizer/dsp/tempo_weights.inc.
 *
 *   train_tempo [-n pieces] [-k loops] [-m sessions] [-a folder] [-r rows file] -o tempo_weights.inc
 *
 * Pieces are those of tests/bench/elsewhere.h (seed 70000), sessions the simulator's (seeds 80000 on, each
 * tune by its takes together, and some takes alone), loops are drums or a click without anything else, the
 * folder is annotated music (tests/train/compose.py). A candidate is right as far as its beats agree with the
 * true ones.
 */
#include "common/audio/audio.h"
#include "featurizer/dsp/tempo.h"
#include "simulator/session.h"
#include "tests/bench/elsewhere.h"
#include "tests/bench/marks.h"
#include "tests/train/fit.h"

enum { MOST_MARKS = 8192, ANNOTATED_KIND = 200000000 };

static double found[MOST_MARKS], truth[MOST_MARKS];

typedef struct Recording {
    Frames frames;
    float *activation, *samples;
    Arena mem;
} Recording;

static Status listen(Recording *r, const float *samples, int64_t n, int32_t channels, int32_t rate_hz) {
    Status st = BS_OK;
    int64_t n_out = 0;
    float *mono = malloc(sizeof(float) * (size_t)n);
    arena_init(&r->mem, (size_t)4 << 30);
    BS_ASSERT(mono);
    audio_mix_down(samples, n, channels, mono);
    TRY(resample(mono, n, rate_hz, ANALYSIS_HZ, 1, &r->samples, &n_out));
    TRY(frames_measure(&r->frames, &r->mem, r->samples, n_out));
    TRY(beats_activation(&r->frames, &r->mem, &r->activation));
out:
    free(mono);
    return st;
}

static void recording_drop(Recording *r) {
    arena_drop(&r->mem);
    free(r->samples);
}

static int32_t n_right, n_reached, n_choices;

/* Rows of one piece: every candidate and how right it is. */
static Status add_piece(FitRows *rows, Recording *r, const Region *regions, int32_t n_regions,
                        int32_t n_truth, int32_t session, int32_t group) {
    Status st = BS_OK;
    TempoCandidate list[TEMPO_CANDIDATES];
    int32_t n;
    double most = 0, best_score = -1e30, best_f = 0;
    TRY(tempo_candidates(&r->frames, r->activation, regions, n_regions, &r->mem, list, &n));
    for (int32_t c = 0; c < n; c++) {
        int32_t m = 0;
        for (int32_t g = 0; g < n_regions; g++) {
            BeatTrack track;
            TRY(beats_track(r->activation, regions[g], list[c].bpm, &r->mem, &track));
            tempo_shift(&r->frames, r->activation, &track, list[c].shift);
            beats_refine(&r->frames, &track);
            for (int32_t k = 0; k < track.n && m < MOST_MARKS; k++) found[m++] = track.time_s[k];
        }
        double f = score_f(marks_match(found, m, truth, n_truth, 0.07, NULL));
        fit_add(rows, list[c].cues, f > 0.75 ? (float)pow(f, 4) : 0, session, group, (int32_t)(100 * f));
        if (f > most) most = f;
        if (list[c].score > best_score) best_score = list[c].score, best_f = f;
    }
    n_reached += most > 0.75, n_right += best_f > 0.75, n_choices++;
out:
    return st;
}

static Status collect_piece(FitRows *rows, int32_t number) {
    Piece p;
    Recording r = {0};
    piece_make(&p, number, 70000);
    Status st = listen(&r, p.samples, p.n_samples, 1, ELSEWHERE_HZ);
    for (int32_t k = 0; k < p.n_beats; k++) truth[k] = p.at_s[k];
    Region whole = {(int32_t)(p.at_s[0] * FRAMES_PER_S) - 5, r.frames.n - (int32_t)FRAMES_PER_S, r.frames.n};
    if (st == BS_OK) st = add_piece(rows, &r, &whole, 1, p.n_beats, number, number);
    recording_drop(&r);
    free(p.samples);
    return st;
}

static Status collect_annotated(FitRows *rows, const Annotated *a, int32_t number) {
    Recording r = {0};
    Status st = listen(&r, a->samples, a->n_samples, 1, a->rate_hz);
    for (int32_t k = 0; k < a->n_beats && k < MOST_MARKS; k++) truth[k] = a->at_s[k];
    Region whole = {(int32_t)(a->at_s[0] * FRAMES_PER_S), (int32_t)(a->at_s[a->n_beats] * FRAMES_PER_S), 0};
    if (whole.end > r.frames.n) whole.end = r.frames.n;
    if (st == BS_OK)
        st = add_piece(rows, &r, &whole, 1, a->n_beats, ANNOTATED_KIND + a->kind, ANNOTATED_KIND + number);
    recording_drop(&r);
    return st;
}

/* Rows of a tune's takes together, or of one of them alone, between bounds as they may be heard. */
static Status add_takes(FitRows *rows, Recording *r, const Truth *t, int32_t tune, int32_t only, Rng *rng,
                        int32_t session, int32_t group) {
    Region regions[TAKES_MAX];
    int32_t n = 0, n_truth = 0;
    for (int32_t k = 0; k < t->n_takes && n < TAKES_MAX; k++) {
        double a = (double)t->takes[k].first_sample / SESSION_RATE + rng_between(rng, -0.3, 0.05),
               b = (double)t->takes[k].end_sample / SESSION_RATE + rng_between(rng, -0.1, 0.9);
        if (t->takes[k].tune != tune || b - a < 4 || (only >= 0 && k != only)) continue;
        regions[n] = (Region){(int32_t)(a * FRAMES_PER_S), (int32_t)(b * FRAMES_PER_S), 0};
        if (regions[n].first < 0) regions[n].first = 0;
        if (regions[n].end > r->frames.n) regions[n].end = r->frames.n;
        n++;
        for (int32_t u = 0; u < t->n_units; u++)
            if (t->units[u].kind == UNIT_BEAT && t->units[u].take == k && n_truth < MOST_MARKS)
                truth[n_truth++] = (double)t->units[u].start_sample / SESSION_RATE;
    }
    return n ? add_piece(rows, r, regions, n, n_truth, session, group) : BS_OK;
}

/* A drum loop alone, or a click: what tells a slow groove from a fast one is only what is struck when. */
static Status collect_loop(FitRows *rows, int32_t number) {
    Piece p = {.n_samples = 24 * ELSEWHERE_HZ, .rng = rng_at(75000 + (uint64_t)number, 3)};
    Recording r = {0};
    double beat = 60 / (60 * pow(3.1, rng_between(&p.rng, 0, 1)));
    bool click = number % 5 == 0,
         busy[2] = {rng_between(&p.rng, 0, 1) < 0.5, rng_between(&p.rng, 0, 1) < 0.4};
    int32_t parts = beat > 0.42 && rng_between(&p.rng, 0, 1) < 0.3 ? 4
                    : rng_between(&p.rng, 0, 1) < 0.2              ? 1
                                                                   : 2;
    double swing = rng_between(&p.rng, 0, 1) < 0.25 ? rng_between(&p.rng, 0.55, 0.66) : 0.5;
    double hat = rng_between(&p.rng, 0.06, 0.25);
    int32_t n = 0;
    p.samples = calloc((size_t)p.n_samples, sizeof(float));
    BS_ASSERT(p.samples);
    for (int64_t i = 0; i < p.n_samples; i++) p.samples[i] = (float)rng_between(&p.rng, -0.0006, 0.0006);
    for (double at = 0.6; at < 22; at += beat, n++) {
        truth[n] = at;
        if (click) {
            float gain = n % 4 && busy[0] ? 0.2F : 0.4F;
            if (number % 10) piece_ride(&p, at, gain);
            int64_t from = (int64_t)(at * ELSEWHERE_HZ);
            for (int32_t i = 0; i < ELSEWHERE_HZ / 30 && number % 10 == 0; i++) /* or a beep */
                p.samples[from + i] +=
                    gain * (float)sin(2 * M_PI * (880 + 40 * (number % 30)) * i / ELSEWHERE_HZ);
            continue;
        }
        if (n % 2 == 0) piece_kick(&p, at, 0.6, 52);
        if (busy[0] && n % 4 == 2) piece_kick(&p, at + swing * beat, 0.5, 52);
        if (busy[1] && n % 4 == 1) piece_kick(&p, at + 0.75 * beat, 0.4, 52);
        if (n % 2) piece_snare(&p, at, 0.4);
        for (int32_t h = 0; h < parts; h++)
            piece_hat(&p, at + (h == 1 && parts == 2 ? swing : (double)h / parts) * beat,
                      h % 2 ? 0.7 * hat : hat);
    }
    Status st = listen(&r, p.samples, p.n_samples, 1, ELSEWHERE_HZ);
    Region whole = {(int32_t)(0.55 * FRAMES_PER_S), (int32_t)(22.2 * FRAMES_PER_S), 0};
    if (st == BS_OK) st = add_piece(rows, &r, &whole, 1, n, 50000 + number, 50000 + number);
    recording_drop(&r);
    free(p.samples);
    return st;
}

static Status collect_session(FitRows *rows, int32_t number) {
    Status st = BS_OK;
    Session s = {0};
    Recording r = {0};
    Rng rng = rng_at(80000 + (uint64_t)number, 1);
    int32_t session = 100000 + number, group = 1000 * session;
    TRY(session_make(&s, "train", 80000 + (uint64_t)number, rng_between(&rng, 40, 120)));
    TRY(listen(&r, s.samples, s.n_samples, 2, SESSION_RATE));
    for (int32_t tune = 0; tune < s.truth->n_tunes; tune++)
        TRY(add_takes(rows, &r, s.truth, tune, -1, &rng, session, group++));
    for (int32_t k = 0; k < s.truth->n_takes && k < 3; k++)
        TRY(add_takes(rows, &r, s.truth, s.truth->takes[k].tune, k, &rng, session, group++));
out:
    recording_drop(&r);
    session_drop(&s);
    return st;
}

/* How often the likeliest candidate is a right one, among sessions kept out. */
static void report(const FitNet *net, const FitRows *r) {
    if (n_choices)
        fprintf(stderr, "with the weights so far %d of %d right, %d reachable\n", n_right, n_choices,
                n_reached);
    int32_t right[3] = {0}, all[3] = {0};
    for (int64_t k = 0, end; k < r->n; k = end) {
        end = fit_group_end(r, FIT_CHOICE, k);
        if (r->session[k] % FIT_KEPT_OUT) continue;
        int64_t best = k;
        for (int64_t i = k; i < end; i++)
            if (fit_run(net, r->x + i * r->n_in) > fit_run(net, r->x + best * r->n_in)) best = i;
        int32_t source = r->session[k] >= ANNOTATED_KIND ? 2 : r->session[k] >= 100000;
        all[source]++;
        right[source] += r->tag[best] > 75;
    }
    fprintf(stderr,
            "kept out: pieces %d of %d right, tunes and takes of sessions %d of %d, annotated %d of %d\n",
            right[0], all[0], right[1], all[1], right[2], all[2]);
}

static const FitTask task = {
    .name = "tempo",
    .n_in = TEMPO_CUES,
    .n_hidden = 12,
    .n_members = 8,
    .loss = FIT_CHOICE,
    .decay = 1e-2,
    .sources = {{'n', 280, collect_piece}, {'k', 480, collect_loop}, {'m', 480, collect_session}},
    .annotated = collect_annotated,
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
