// needs: featurizer simulator
/* How well a mono mix is taken apart, and how fast.
 *
 *   bench_stems [-n sessions] [-p pieces] [-s seed] [-v]     (24, 28, 313131)
 *
 * Stems of simulated sessions in mono rooms, and of pieces from elsewhere, whose stems are known: the
 * scale-invariant signal-to-distortion ratio of each and what it is over that of the mix itself, medians over
 * the mixes in which the stem plays (not 30 dB under the mix). Then whether somebody sings, by the units of
 * the Songs of those sessions as they were recorded, in seconds: F, and F of saying that somebody always
 * does. Then four minutes of stereo on one core: heard, and taken apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "featurizer/dsp/stems.h"
#include "featurizer/featurize.h"
#include "tests/bench/stem_mixes.h"

enum { MOST = 512 };

typedef struct Made {
    float *stem[STEMS];
    int64_t n;
} Made;

static Status keep(void *context, const float *const stems[STEMS], int64_t n) {
    Made *m = context;
    for (int s = 0; s < STEMS; s++) memcpy(m->stem[s] + m->n, stems[s], sizeof(float) * (size_t)n);
    m->n += n;
    return BS_OK;
}

static Status drop(void *context, const float *const stems[STEMS], int64_t n) {
    (void)stems;
    *(int64_t *)context += n;
    return BS_OK;
}

static Status split(const StemMix *m, Made *made) {
    Status st = BS_OK;
    StemSplitter *s = NULL;
    StemLoud loud = {.rate_hz = m->rate_hz};
    for (int i = 0; i < STEMS; i++) {
        made->stem[i] = calloc((size_t)m->n, sizeof(float));
        if (!made->stem[i]) return fail(BS_NOMEM, "no memory");
    }
    TRY(stem_loud_add(&loud, m->mix, m->n));
    TRY(stems_open(&s, m->rate_hz, 1, stem_loud_end(&loud), &stem_net, keep, made));
    TRY(stems_push(s, m->mix, m->n));
    TRY(stems_finish(s));
out:
    stems_close(s);
    return st;
}

typedef struct Singing {
    double hits, said, truth, all; /* frames */
} Singing;

/* The recording of the session, heard as ever, against the vocals that went into it. */
static Status score_voice(uint64_t seed, double length_s, Singing *sum) {
    Status st = BS_OK;
    Session session = {0};
    StemMix m = {0};
    Song *song = NULL;
    float *sings = NULL;
    char path[] = "/tmp/bench_stems_XXXXXX.wav";
    const char *name = path;
    int file = mkstemps(path, 4);
    if (file < 0) return fail(BS_IO, "%s: cannot be made", path);
    close(file);
    TRY(session_make(&session, "s", seed, length_s));
    TRY(audio_save(path, session.samples, session.n_samples, 2, SESSION_RATE, 16));
    TRY(featurize_files(&name, NULL, 1, NULL, NULL, NULL, &song));
    TRY(stem_mix_make(&m, seed, length_s, ANALYSIS_HZ, false));
    int32_t n = (int32_t)(m.n / STEM_LEVEL_HOP);
    sings = malloc(sizeof *sings * (size_t)(n + 1));
    if (!sings) TRY(fail(BS_NOMEM, "no memory"));
    TRY(stem_mix_sings(&m, n, sings));
    for (int32_t k = 0; k < n; k++) {
        int64_t at = (int64_t)((double)k * STEM_LEVEL_HOP / ANALYSIS_HZ * song->sample_rate_hz);
        if (at >= song->n_samples) break;
        bool said = song->units[song_unit_at(song, at)].vocal >= 0.5F;
        sum->hits += said && sings[k] > 0, sum->said += said, sum->truth += sings[k] > 0, sum->all++;
    }
out:
    unlink(path);
    free(sings);
    song_free(song);
    stem_mix_drop(&m);
    session_drop(&session);
    return st;
}

typedef struct Scores {
    double is[STEMS][MOST], over[STEMS][MOST], off;
    int n[STEMS];
} Scores;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static Status score(StemMix *m, Scores *sum, const char *name, bool verbose) {
    Made made = {0};
    Status st = split(m, &made);
    if (verbose) fprintf(stderr, "%-16s", name);
    for (int s = 0; s < STEMS && st == BS_OK; s++) {
        double mix = stem_sdr(m->stem[s], m->mix, m->n), is = stem_sdr(m->stem[s], made.stem[s], m->n);
        if (mix < -30 || sum->n[s] == MOST) continue;
        sum->is[s][sum->n[s]] = is;
        sum->over[s][sum->n[s]++] = is - mix;
        if (verbose) fprintf(stderr, "  %s %.1f (%+.1f)", stem_names[s], is, is - mix);
    }
    for (int64_t i = 0; i < m->n && st == BS_OK; i++) {
        double off = m->mix[i];
        for (int s = 0; s < STEMS; s++) off -= (double)made.stem[s][i];
        sum->off = fabs(off) > sum->off ? fabs(off) : sum->off;
    }
    if (verbose) fputc('\n', stderr);
    for (int s = 0; s < STEMS; s++) free(made.stem[s]);
    return st;
}

static void print(const char *what, Scores *x) {
    for (int s = 0; s < STEMS; s++) {
        qsort(x->is[s], (size_t)x->n[s], sizeof(double), by_value);
        qsort(x->over[s], (size_t)x->n[s], sizeof(double), by_value);
        if (!x->n[s]) continue;
        printf("stems.%s%s_sdr %.2f dB\n", what, stem_names[s], x->is[s][x->n[s] / 2]);
        printf("stems.%s%s_sdr_over_mix %.2f dB\n", what, stem_names[s], x->over[s][x->n[s] / 2]);
        printf("stems.%s%s_sdr_over_mix_lowest_tenth %.2f dB\n", what, stem_names[s],
               x->over[s][x->n[s] / 10]);
    }
    fflush(stdout);
}

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Status time_hearing(const Session *session, int64_t n) {
    Status st = BS_OK;
    Song *song = NULL;
    char path[] = "/tmp/bench_stems_XXXXXX.wav";
    const char *name = path;
    int file = mkstemps(path, 4);
    if (file < 0) return fail(BS_IO, "%s: cannot be made", path);
    close(file);
    TRY(audio_save(path, session->samples, n, 2, SESSION_RATE, 16));
    double start = cpu_s();
    TRY(featurize_files(&name, NULL, 1, NULL, NULL, NULL, &song));
    printf("stems.song_heard_cpu_seconds %.2f s\n", cpu_s() - start);
out:
    unlink(path);
    song_free(song);
    return st;
}

static Status time_song(uint64_t seed) {
    Status st = BS_OK;
    Session session;
    StemSplitter *s = NULL;
    int64_t n_out = 0, n = 240 * (int64_t)SESSION_RATE;
    StemLoud loud = {.rate_hz = SESSION_RATE};
    TRY(session_make(&session, "s", seed, 240));
    if (n > session.n_samples) n = session.n_samples;
    TRY(time_hearing(&session, n));
    double start = cpu_s();
    TRY(stem_loud_add(&loud, session.samples, n));
    TRY(stems_open(&s, SESSION_RATE, 2, stem_loud_end(&loud), &stem_net, drop, &n_out));
    TRY(stems_push(s, session.samples, n));
    TRY(stems_finish(s));
    printf("stems.song_length %.0f s\nstems.song_taken_apart_cpu_seconds %.2f s\n", (double)n / SESSION_RATE,
           cpu_s() - start);
    if (n_out != n) st = fail(BS_IO, "%lld of %lld samples came out", (long long)n_out, (long long)n);
out:
    stems_close(s);
    session_drop(&session);
    return st;
}

int main(int argc, char **argv) {
    static Scores sessions, elsewhere;
    Singing voice = {0};
    Status st = BS_OK;
    int n = 24, p = 28;
    uint64_t seed = 313131;
    bool verbose = false;
    for (int c; (c = getopt(argc, argv, "n:p:s:v")) != -1;) {
        if (c == 'n') n = atoi(optarg);
        if (c == 'p') p = atoi(optarg);
        if (c == 's') seed = strtoull(optarg, NULL, 10);
        if (c == 'v') verbose = true;
        if (c == '?') return 2;
    }
    for (int i = 0; i < n + p; i++) {
        StemMix m;
        char name[32];
        if (i < n)
            TRY(stem_mix_make(&m, rng_mix(seed, (uint64_t)i), 60, SESSION_RATE, false));
        else
            TRY(stem_mix_elsewhere(&m, i - n, seed, SESSION_RATE));
        snprintf(name, sizeof name, "%s %d", i < n ? "session" : "elsewhere", i < n ? i : i - n);
        st = score(&m, i < n ? &sessions : &elsewhere, name, verbose);
        stem_mix_drop(&m);
        TRY(st);
        if (i < n) TRY(score_voice(rng_mix(seed, (uint64_t)i), 60, &voice));
    }
    print("", &sessions);
    print("elsewhere.", &elsewhere);
    if (n) {
        printf("stems.voice_f %.4f F\n", 2 * voice.hits / (voice.said + voice.truth));
        printf("stems.voice_always_f %.4f F\n", 2 * voice.truth / (voice.all + voice.truth));
    }
    double off = sessions.off > elsewhere.off ? sessions.off : elsewhere.off;
    printf("stems.sum_error %.1e\n", off);
    TRY(time_song(seed));
    if (off > 1e-6) TRY(fail(BS_NONFINITE, "the stems do not sum to the mix"));
out:
    if (st != BS_OK) fprintf(stderr, "bench_stems: %s\n", error_text());
    return st != BS_OK;
}
