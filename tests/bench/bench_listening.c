// needs: featurizer simulator
/* What hearing costs, and the numbers that need no truth of beats: key, loudness, mel.
 *
 *   bench_listening [-n sessions] [-s seed] [-m minutes]     (12, seed 515151, 120 minutes; -m 0 leaves that
 * out)
 *
 * key_score counts every moment of a take: 1 for the key, .5 a fifth off, .3 its relative, .2 its parallel
 * (MIREX). Long recordings are sessions one after the other, heard in a process of their own whose memory is
 * asked for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "common/host/file.h"
#include "featurizer/dsp/mel.h"
#include "featurizer/dsp/stft.h"
#include "featurizer/ingest.h"
#include "simulator/session.h"
#include "tests/golden/mel.inc"

enum { N_GOLDEN = 12000, FFT = 2048, HOP = 512, PIECES = 6 };

static double wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* ---- mel ---------------------------------------------------------------------------------------- */

static Status mel_error(double *worst) {
    static const int64_t frames[4] = {0, 5, 12, N_GOLDEN / HOP};
    static float x[N_GOLDEN], power[FFT / 2 + 1], mel[128];
    Status st = BS_OK;
    MelBank bank;
    Stft *stft = NULL;
    Arena mem;
    uint32_t state = 1;
    arena_init(&mem, 1 << 24);
    for (int i = 0; i < N_GOLDEN; i++) { /* the signal of make_mel.py */
        state = state * 1664525U + 1013904223U;
        x[i] = (float)((int32_t)(state >> 9) - (1 << 22)) / (float)(1 << 22) * (float)(1 + i / 1500) / 8;
    }
    *worst = 0;
    TRY(stft_open(&stft, FFT, HOP));
    TRY(mel_bank_new(&bank, &mem, 22050, FFT, 128, 0, 11025));
    for (int k = 0; k < 4; k++) {
        stft_power(stft, x, N_GOLDEN, frames[k], power);
        mel_apply(&bank, power, mel);
        for (int m = 0; m < 128; m++) {
            double want = (double)golden_mel_22050[k][m];
            *worst = fmax(*worst, fabs((double)mel[m] - want) / want);
        }
    }
out:
    stft_close(stft);
    arena_drop(&mem);
    return st;
}

/* ---- key and loudness ---------------------------------------------------------------------------- */

/* "A minor" -> 22; 0 when it is no key. */
static uint8_t key_named(const char *name) {
    static const char letters[] = "C D EF G A B";
    const char *at = strchr(letters, name[0]);
    if (!at || name[0] == ' ' || !name[0]) return 0;
    int tone = (int)(at - letters) + (name[1] == '#') - (name[1] == 'b');
    return (uint8_t)((tone + 12) % 12 + 1 + (strstr(name, "minor") ? 12 : 0));
}

static double key_worth(uint8_t found, uint8_t truth) {
    if (!found || !truth) return 0;
    int f = (found - 1) % 12, t = (truth - 1) % 12, apart = (f - t + 12) % 12;
    bool f_minor = found > 12, t_minor = truth > 12;
    if (f_minor == t_minor) return apart == 0 ? 1 : apart == 7 || apart == 5 ? 0.5 : 0;
    if (apart == 0) return 0.2;
    return apart == (t_minor ? 3 : 9) ? 0.3 : 0;
}

typedef struct Keys {
    double worth, seconds, exact;
} Keys;

static void score_keys(const Song *song, const Truth *truth, Keys *sum) {
    for (int32_t u = 0; u < truth->n_units; u++) {
        if (truth->units[u].take < 0 || truth->units[u].kind != UNIT_BEAT) continue;
        int64_t a = truth->units[u].start_sample, b = truth_unit_end(truth, u);
        const SongUnit *heard = &song->units[song_unit_at(song, (a + b) / 2)];
        if (heard->take < 0) continue; /* that is for the score of takes */
        uint8_t key = key_named(truth->tunes[truth_unit_tune(truth, u)].key);
        double worth = key_worth(heard->key, key), s = (double)(b - a) / truth->sample_rate_hz;
        sum->worth += s * worth;
        sum->exact += s * (worth > 0.99);
        sum->seconds += s;
    }
}

static Status score_sessions(int32_t n, uint64_t seed, Keys *keys, double *loudness_off) {
    Status st = BS_OK;
    char path[] = "/tmp/bench_listening_XXXXXX.wav";
    const char *name = path;
    int file = mkstemps(path, 4);
    if (file < 0) return fail(BS_IO, "%s: cannot be made", path);
    close(file);
    for (int32_t i = 0; i < n && st == BS_OK; i++) {
        Session session;
        Song *song = NULL;
        Loudness loudness;
        st = session_make(&session, "s", rng_mix(seed, (uint64_t)i), 75);
        if (st == BS_OK) st = audio_save(path, session.samples, session.n_samples, 2, SESSION_RATE, 16);
        if (st == BS_OK) st = featurize_files(&name, NULL, 1, NULL, NULL, NULL, &song);
        if (st == BS_OK)
            st = loudness_measure(session.samples, session.n_samples, 2, SESSION_RATE, &loudness);
        if (st == BS_OK) {
            score_keys(song, session.truth, keys);
            *loudness_off = fmax(*loudness_off, fabs((double)song->loudness_lufs - loudness.integrated_lufs));
        }
        song_free(song);
        session_drop(&session);
    }
    unlink(path);
    return st;
}

/* ---- time and memory ------------------------------------------------------------------------------ */

/* Hears the files as one recording in a process of its own. */
static Status hear_apart(const char *const *paths, int32_t n, double *seconds, double *peak_mib,
                         double *cpu) {
    int at[2];
    double audio_s = 0;
    if (pipe(at) != 0) return fail(BS_IO, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        Song *song = NULL;
        Status st = featurize_files(paths, NULL, n, NULL, NULL, NULL, &song);
        if (st != BS_OK) fprintf(stderr, "bench_listening: %s\n", error_text());
        audio_s = song ? (double)song->n_samples / song->sample_rate_hz : 0;
        _exit(st != BS_OK || write(at[1], &audio_s, sizeof audio_s) != sizeof audio_s);
    }
    close(at[1]);
    struct rusage usage;
    int status = 1;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0 ||
        read(at[0], &audio_s, sizeof audio_s) != sizeof audio_s) {
        close(at[0]);
        return fail(BS_IO, "the recording was not heard");
    }
    close(at[0]);
    *seconds = audio_s;
    *cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    *peak_mib = (double)usage.ru_maxrss / 1024;
    return BS_OK;
}

static Status time_recordings(uint64_t seed, double minutes) {
    Status st = BS_OK;
    static char path[PIECES][64];
    const char *list[SONG_MAX_SOURCES];
    char folder[] = "/tmp/bench_listening_XXXXXX";
    double cut_s = 240, seconds, cpu, mib;
    if (!mkdtemp(folder)) return fail(BS_IO, "%s: cannot be made", folder);
    for (int32_t i = 0; i < PIECES; i++) {
        Session session;
        snprintf(path[i], sizeof path[i], "%s/%d.wav", folder, i);
        TRY(session_make(&session, "s", rng_mix(seed, 1000 + (uint64_t)i), 240));
        int64_t n = (int64_t)(cut_s * SESSION_RATE);
        if (n > session.n_samples) n = session.n_samples;
        st = audio_save(path[i], session.samples, n, 2, SESSION_RATE, 16);
        session_drop(&session);
        TRY(st);
        list[i] = path[i];
    }
    TRY(hear_apart(list, 1, &seconds, &mib, &cpu));
    printf("song_length %.0f s\nsong_cpu_seconds %.2f s\nsong_peak_memory %.0f MiB\n", seconds, cpu, mib);
    fflush(stdout);

    char data[PATH_BYTES];
    Store *store = NULL;
    StoreRow row;
    TRY(path_join(data, folder, ".bandsaw"));
    TRY(store_open(&store, data, true));
    Ingest ingest = {.store = store, .root = folder, .ask_samples = true};
    st = ingest_file(&ingest, "0.wav", NULL, NULL, &row, NULL);
    store_close(store);
    TRY(st);
    double start = wall_ms();
    bool known = false;
    TRY(store_open(&store, data, true)); /* with all that a new process does */
    ingest.store = store;
    st = ingest_file(&ingest, "0.wav", NULL, NULL, &row, &known);
    if (st == BS_OK && !known) st = fail(BS_IO, "the song is heard twice");
    store_close(store);
    TRY(st);
    printf("known_song %.1f ms\n", wall_ms() - start);
    fflush(stdout);
    if (minutes <= 0) goto out;

    int32_t n = (int32_t)(minutes / 4 + 0.5);
    for (int32_t i = 0; i < n && i < SONG_MAX_SOURCES; i++) list[i] = path[i % PIECES];
    TRY(hear_apart(list, n, &seconds, &mib, &cpu));
    printf("session_length %.0f s\nsession_cpu_seconds %.1f s\nsession_peak_memory %.0f MiB\n", seconds, cpu,
           mib);
out:
    dir_remove(folder);
    return st;
}

int main(int argc, char **argv) {
    Status st = BS_OK;
    int32_t n = 12;
    uint64_t seed = 515151;
    double minutes = 120, worst = 0, loudness_off = 0;
    Keys keys = {0};
    for (int c; (c = getopt(argc, argv, "n:s:m:")) != -1;) {
        if (c == 'n') n = atoi(optarg);
        if (c == 's') seed = strtoull(optarg, NULL, 10);
        if (c == 'm') minutes = atof(optarg);
        if (c == '?') return 2;
    }
    TRY(mel_error(&worst));
    printf("mel_error %.2e relative\n", worst);
    TRY(score_sessions(n, seed, &keys, &loudness_off));
    printf("key_score %.3f share\nkey_exact %.3f share\n", keys.worth / keys.seconds,
           keys.exact / keys.seconds);
    printf("loudness_error %.4f LU\n", loudness_off);
    fflush(stdout);
    TRY(time_recordings(seed, minutes));
    if (worst > 1e-5 || loudness_off > 0.1)
        TRY(fail(BS_NONFINITE, "mel or loudness are not what they should be"));
out:
    if (st != BS_OK) fprintf(stderr, "bench_listening: %s\n", error_text());
    return st != BS_OK;
}
