// needs: common/audio
/* Files in and out: rates, formats, timelines, bit-exact copies, and every bad file in one clear line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "common/host/file.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char paths[8][PATH_BYTES];
    static int at;
    char *path = paths[at++ % 8];
    assert_int_equal(path_join(path, folder, name), BS_OK);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-audio-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static size_t n_files(void) {
    char **names;
    size_t n;
    assert_int_equal(dir_list(folder, &names, &n), BS_OK);
    free(names);
    return n;
}

/* Noise on the grid of `bits`, and a tone, so that every codec has something to do. */
static float *make_noise(int64_t n, int32_t wide, int32_t bits, uint64_t seed) {
    float *x = malloc((size_t)(n * wide) * sizeof *x);
    assert_non_null(x);
    Rng rng = rng_at(seed, 0);
    const float scale = bits == 16 ? 32768.0f : 8388608.0f;
    for (int64_t i = 0; i < n * wide; i++)
        x[i] =
            rintf((0.3f * sinf((float)(i / wide) * 0.05f) + 0.4f * (rng_f32(&rng) - 0.5f)) * scale) / scale +
            0.0f;
    return x;
}

static AudioReader *open_one(const char *path) {
    AudioReader *r = NULL;
    Status st = audio_open(&r, &path, 1);
    if (st != BS_OK) print_error("%s\n", error_text());
    assert_int_equal(st, BS_OK);
    return r;
}

static void assert_refused(const char *path, Status want, const char *words) {
    AudioReader *r = NULL;
    error_clear();
    Status st = audio_open(&r, &path, 1);
    assert_int_not_equal(st, BS_OK);
    assert_null(r);
    const bool clear = strstr(error_text(), words) && !strncmp(error_text(), path, strlen(path));
    if (st != want || !clear) print_error("%s, wanted \"%s\": %s\n", status_name(st), words, error_text());
    assert_int_equal(st, want);
    assert_true(clear);
}

static void lossless_formats_give_back_the_bits(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t bits;
    } cases[] = {{"a.wav", 16}, {"b.wav", 24}, {"c.wav", 32}, {"d.flac", 16}, {"e.flac", 24}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const int64_t n = 50000;
        float *x = make_noise(n, 2, cases[k].bits == 16 ? 16 : 24, k), *y = malloc(sizeof *y * (size_t)n * 2);
        x[0] = 32767.0f / 32768.0f;
        x[1] = -1;
        const char *path = in_folder(cases[k].name);
        assert_int_equal(audio_save(path, x, n, 2, 48000, cases[k].bits), BS_OK);
        AudioReader *r = open_one(path);
        AudioInfo info = audio_info(r);
        assert_int_equal(info.n_samples, n);
        assert_int_equal(info.sample_rate_hz, 48000);
        assert_int_equal(info.n_channels, 2);
        assert_int_equal(info.bits, cases[k].bits);
        int64_t got;
        assert_int_equal(audio_read_at(r, 0, n + 10, y, &got), BS_OK);
        assert_int_equal(got, n);
        assert_memory_equal(x, y, (size_t)n * 2 * sizeof *x);
        assert_int_equal(audio_read_at(r, 12345, 777, y, &got), BS_OK); /* back and out of order */
        assert_int_equal(got, 777);
        assert_memory_equal(x + 12345 * 2, y, 777 * 2 * sizeof *x);
        audio_close(r);
        free(x);
        free(y);
    }
}

static void lossy_formats_read_the_same_in_any_order(void **state) {
    (void)state;
    static const char *const names[] = {"l.ogg", "l.mp3"};
    for (int k = 0; k < 2; k++) {
        const int64_t n = 150000;
        float *x = make_noise(n, 2, 16, 7), *y = malloc(sizeof *y * (size_t)n * 2), z[2000];
        const char *path = in_folder(names[k]);
        assert_int_equal(audio_save(path, x, n, 2, 44100, 16), BS_OK);
        AudioReader *r = open_one(path);
        assert_int_equal(audio_info(r).n_samples, n);
        int64_t got;
        assert_int_equal(audio_read_at(r, 0, n, y, &got), BS_OK);
        assert_int_equal(got, n);
        for (int64_t at = 140000; at >= 0; at -= 7001) {
            assert_int_equal(audio_read_at(r, at, 1000, z, &got), BS_OK);
            assert_int_equal(got, 1000);
            assert_memory_equal(y + 2 * at, z, sizeof z);
        }
        double error = 0;
        for (int64_t i = 0; i < 2 * n; i++) error += (double)(x[i] - y[i]) * (x[i] - y[i]);
        assert_true(sqrt(error / (2.0 * (double)n)) < 0.12);
        audio_close(r);
        free(x);
        free(y);
    }
}

static void several_files_are_one_timeline(void **state) {
    (void)state;
    float *a = make_noise(44100, 2, 16, 1), *b = make_noise(22050, 1, 16, 2),
          *c = make_noise(30000, 1, 16, 3);
    const char *paths[] = {in_folder("t1.wav"), in_folder("t2.wav"), in_folder("t3.flac")};
    assert_int_equal(audio_save(paths[0], a, 44100, 2, 44100, 16), BS_OK);
    assert_int_equal(audio_save(paths[1], b, 22050, 1, 22050, 16), BS_OK); /* one second at half the rate */
    assert_int_equal(audio_save(paths[2], c, 30000, 1, 44100, 16), BS_OK);
    AudioReader *r = NULL;
    assert_int_equal(audio_open(&r, paths, 3), BS_OK);
    assert_int_equal(audio_info(r).n_samples, 44100 + 44100 + 30000);
    int64_t start, n, got;
    audio_source(r, 2, &start, &n);
    assert_int_equal(start, 88200);
    assert_int_equal(n, 30000);
    float *y = malloc(sizeof *y * 2 * 118200), z[200];
    assert_int_equal(audio_read_at(r, 0, 118200, y, &got), BS_OK);
    assert_int_equal(got, 118200);
    assert_memory_equal(y, a, 44100 * 2 * sizeof *y);
    for (int i = 0; i < 30000; i++) {
        assert_true(y[2 * (88200 + i)] == c[i]);
        assert_true(y[2 * (88200 + i) + 1] == c[i]);
    }
    assert_int_equal(audio_read_at(r, 44050, 100, z, &got), BS_OK); /* over the border of two files */
    assert_memory_equal(z, y + 2 * 44050, sizeof z);
    audio_close(r);

    const char *widest_last[] = {paths[1], paths[0]};
    assert_int_equal(audio_open(&r, widest_last, 2), BS_UNSUPPORTED);
    free(a);
    free(b);
    free(c);
    free(y);
}

static void resampling_keeps_length_time_and_level(void **state) {
    (void)state;
    static const double rates[][2] = {{44100, 48000}, {48000, 22050}, {96000, 44100}, {22050, 22050}};
    for (size_t k = 0; k < 4; k++) {
        const int64_t n = (int64_t)rates[k][0];
        float *x = malloc(sizeof *x * (size_t)n), *y = NULL;
        for (int64_t i = 0; i < n; i++) x[i] = 0.5f * (float)sin(2 * M_PI * 440 * (double)i / rates[k][0]);
        int64_t n_out;
        assert_int_equal(resample(x, n, rates[k][0], rates[k][1], 1, &y, &n_out), BS_OK);
        assert_int_equal(n_out, (int64_t)rates[k][1]);
        for (int64_t i = n_out / 10; i < n_out * 9 / 10; i++) /* same phase: no delay */
            assert_true(fabs(y[i] - 0.5 * sin(2 * M_PI * 440 * (double)i / rates[k][1])) < 1e-3);
        free(x);
        free(y);
    }
}

static void mono_is_the_mean_of_the_channels(void **state) {
    (void)state;
    float x[3 * 100], mono[100];
    for (int i = 0; i < 100; i++) {
        x[3 * i] = 0.5f;
        x[3 * i + 1] = 0.25f;
        x[3 * i + 2] = (float)i;
    }
    audio_mix_down(x, 100, 3, mono);
    for (int i = 0; i < 100; i++) assert_true(mono[i] == (0.75f + (float)i) / 3);
    audio_mix_down(x, 100, 3, x);
    assert_memory_equal(x, mono, sizeof mono);
}

static void a_recording_is_named_by_what_it_decodes_to(void **state) {
    (void)state;
    float *x = make_noise(20000, 2, 16, 5);
    Hash wav, flac, other;
    assert_int_equal(audio_save(in_folder("h.wav"), x, 20000, 2, 44100, 16), BS_OK);
    assert_int_equal(audio_save(in_folder("h.flac"), x, 20000, 2, 44100, 16), BS_OK);
    assert_int_equal(audio_save(in_folder("h2.wav"), x, 19999, 2, 44100, 16), BS_OK);
    AudioReader *r = open_one(in_folder("h.wav"));
    audio_pcm_hash(r, 0, &wav);
    audio_close(r);
    r = open_one(in_folder("h.flac"));
    audio_pcm_hash(r, 0, &flac);
    audio_close(r);
    r = open_one(in_folder("h2.wav"));
    audio_pcm_hash(r, 0, &other);
    audio_close(r);
    assert_true(hash_equal(&wav, &flac));
    assert_false(hash_equal(&wav, &other));
    free(x);
}

static void put_bytes(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void bad_files_are_refused_in_one_clear_line(void **state) {
    (void)state;
    const char *path = in_folder("empty.wav");
    put_bytes(path, "", 0);
    assert_refused(path, BS_CORRUPT, "empty");
    path = in_folder("text.wav");
    put_bytes(path, "this is not music\nat all\n", 25);
    assert_refused(path, BS_UNSUPPORTED, "not audio");
    path = in_folder("text.mp3");
    put_bytes(path, "this is not music\nat all\n", 25);
    assert_refused(path, BS_UNSUPPORTED, "not audio");
    assert_refused(in_folder("missing.wav"), BS_NOT_FOUND, "No such file");
    assert_refused(folder, BS_INVALID, "folder");
    path = in_folder("header.wav");
    assert_int_equal(audio_save(path, NULL, 0, 1, 44100, 16), BS_OK);
    assert_refused(path, BS_CORRUPT, "0 audio samples");

    float *x = make_noise(100000, 2, 16, 9);
    path = in_folder("whole.flac");
    assert_int_equal(audio_save(path, x, 100000, 2, 44100, 16), BS_OK);
    void *bytes;
    size_t n;
    assert_int_equal(file_read(path, 1 << 24, &bytes, &n), BS_OK);
    path = in_folder("cut.flac");
    static const double shares[] = {0.999, 0.9, 0.5, 0.1};
    for (int k = 0; k < 4; k++) {
        put_bytes(path, bytes, (size_t)(shares[k] * (double)n));
        assert_refused(path, BS_CORRUPT, "truncated");
    }
    put_bytes(path, bytes, 20); /* inside the header */
    assert_refused(path, BS_CORRUPT, "damaged");
    memset((char *)bytes + n / 2, 0x55, 3000);
    put_bytes(path, bytes, n);
    assert_refused(path, BS_CORRUPT, "damaged");
    free(bytes);

    x[4000] = NAN;
    path = in_folder("nan.wav");
    assert_int_equal(audio_save(path, x, 100000, 2, 44100, 32), BS_OK);
    assert_refused(path, BS_NONFINITE, "sample 2000 is not a number");
    free(x);
}

static void a_song_is_written_whole_or_not_at_all(void **state) {
    (void)state;
    float *x = make_noise(30000, 2, 16, 3);
    size_t before = n_files();
    AudioWriter *w;
    assert_int_equal(audio_create(&w, in_folder("half.wav"), 44100, 2, 16), BS_OK);
    assert_int_equal(audio_write(w, x, 30000), BS_OK);
    assert_false(file_exists(in_folder("half.wav")));
    audio_abandon(w);
    assert_int_equal(n_files(), before);

    assert_int_equal(audio_create(&w, in_folder("no/such/folder.wav"), 44100, 2, 16), BS_IO);
    assert_int_equal(audio_create(&w, in_folder("song.aiff"), 44100, 2, 16), BS_UNSUPPORTED);
    assert_int_equal(audio_create(&w, in_folder("song.mp3"), 96000, 2, 16), BS_UNSUPPORTED);
    assert_int_equal(audio_create(&w, in_folder("song.flac"), 44100, 2, 32), BS_INVALID);
    assert_int_equal(audio_create(&w, folder, 44100, 2, 16), BS_UNSUPPORTED);
    assert_int_equal(n_files(), before);
    free(x);
}

/* A disk that is full after 100 KB, seen by each encoder: in a child, for the limit stays. */
static void a_full_disk_leaves_nothing_behind(void **state) {
    (void)state;
    static const char *const names[] = {"full.wav", "full.flac", "full.ogg", "full.mp3"};
    float *x = make_noise(300000, 2, 16, 3);
    size_t before = n_files();
    for (int k = 0; k < 4; k++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGXFSZ, SIG_IGN);
            struct rlimit limit = {60000, 60000};
            if (setrlimit(RLIMIT_FSIZE, &limit)) _exit(10);
            Status st = audio_save(in_folder(names[k]), x, 300000, 2, 44100, 16);
            _exit(st == BS_IO && strstr(error_text(), names[k]) && strstr(error_text(), "nothing was kept")
                      ? 0
                      : 11);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(n_files(), before);
    }
    free(x);
}

static void make_markers(AudioMarkers *markers, int32_t n, int64_t n_samples) {
    *markers =
        (AudioMarkers){.list = calloc((size_t)n, sizeof *markers->list), .n = n, .n_samples = n_samples};
    for (int32_t i = 0; i < n; i++) {
        markers->list[i].sample = n_samples * i / n;
        snprintf(markers->list[i].label, AUDIO_LABEL_BYTES, "%d raw%.*s", i + 1, i % 7, " 1:02.345");
    }
}

/* The samples must be those of the same file without markers. */
static void markers_are_in_the_file_and_the_sound_is_untouched(void **state) {
    (void)state;
    static const char *const names[] = {"m.wav", "m24.wav", "m.flac", "m.ogg", "m.mp3"};
    static const char *const plains[] = {"p.wav", "p24.wav", "p.flac", "p.ogg", "p.mp3"};
    static const int32_t counts[] = {1, 5, 300};
    const int64_t n = 44101; /* with 24 bits and one channel the last chunk is padded */
    float *x = make_noise(n, 1, 16, 3), *y = malloc(sizeof *y * (size_t)n),
          *z = malloc(sizeof *z * (size_t)n);
    for (int k = 0; k < 5; k++)
        for (int c = 0; c < 3; c++) {
            AudioWriter *w;
            AudioMarkers markers;
            int64_t got;
            make_markers(&markers, counts[c], n);
            const int32_t bits = k == 1 ? 24 : 16;
            const char *path = in_folder(names[k]), *plain = in_folder(plains[k]);
            assert_int_equal(audio_save(plain, x, n, 1, 44100, bits), BS_OK);
            assert_int_equal(audio_create_marked(&w, path, 44100, 1, bits, &markers), BS_OK);
            assert_int_equal(audio_write(w, x, n), BS_OK);
            assert_int_equal(audio_finish(w), BS_OK);
            AudioReader *r = open_one(path);
            assert_int_equal(audio_info(r).n_samples, n);
            assert_int_equal(audio_read_at(r, 0, n, y, &got), BS_OK);
            audio_close(r);
            r = open_one(plain);
            assert_int_equal(audio_read_at(r, 0, n, z, &got), BS_OK);
            audio_close(r);
            assert_memory_equal(y, z, sizeof *y * (size_t)n);
            if (k < 2) {
                static SF_CUES_VAR(300) cues; /* as another reader sees them */
                SF_INFO info = {0};
                SNDFILE *file = sf_open(path, SFM_READ, &info);
                assert_non_null(file);
                assert_int_equal(sf_command(file, SFC_GET_CUE, &cues, sizeof cues), SF_TRUE);
                assert_int_equal(cues.cue_count, counts[c]);
                for (int32_t i = 0; i < counts[c]; i++) {
                    assert_int_equal(cues.cue_points[i].sample_offset, markers.list[i].sample);
                    assert_string_equal(cues.cue_points[i].name, markers.list[i].label);
                }
                sf_close(file);
            }
            void *bytes;
            size_t n_bytes;
            assert_int_equal(file_read(path, 1 << 24, &bytes, &n_bytes), BS_OK);
            for (int32_t i = 0; i < counts[c] && i < 255; i++)
                assert_non_null(memmem(bytes, n_bytes, markers.list[i].label, strlen(markers.list[i].label)));
            if (k == 2 || k == 3) {
                assert_null(memmem(bytes, n_bytes, "COMMENT", 7));
                assert_null(memmem(bytes, n_bytes, "comment", 7));
            }
            free(bytes);
            free(markers.list);
        }
    free(x);
    free(y);
    free(z);
}

static void dither_takes_the_distortion_out_of_what_does_not_fit(void **state) {
    (void)state;
    const int64_t n = 200000;
    float *x = malloc(sizeof *x * (size_t)n), *y = malloc(sizeof *y * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        x[i] = i < n / 2 ? (float)(i % 100) / 32768 : 0.3f / 32768; /* fits; does not */
    const char *path = in_folder("dither.wav");
    AudioWriter *w;
    int64_t got;
    assert_int_equal(audio_create(&w, path, 44100, 1, 16), BS_OK);
    audio_set_dither(w);
    assert_int_equal(audio_write(w, x, n), BS_OK);
    assert_int_equal(audio_finish(w), BS_OK);
    AudioReader *r = open_one(path);
    assert_int_equal(audio_read_at(r, 0, n, y, &got), BS_OK);
    audio_close(r);
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n / 2; i++) assert_true(y[i] == x[i]);
    for (int64_t i = n / 2; i < n; i++) {
        double e = (double)(y[i] - x[i]) * 32768;
        mean += e / (double)(n / 2);
        square += e * e / (double)(n / 2);
    }
    assert_true(fabs(mean) < 0.01);          /* without dither it is -0.3 */
    assert_true(fabs(square - 0.25) < 0.01); /* 1/12 of rounding + 2/12 of noise */
    free(x);
    free(y);
}

static void loudness_in_pieces_is_loudness_at_once(void **state) {
    (void)state;
    float *x = make_noise(96000, 2, 16, 8);
    Loudness whole, pieces;
    LoudnessMeter *meter;
    assert_int_equal(loudness_measure(x, 96000, 2, 48000, &whole), BS_OK);
    assert_int_equal(loudness_open(&meter, 2, 48000), BS_OK);
    for (int64_t at = 0; at < 96000; at += 777)
        assert_int_equal(loudness_add(meter, x + 2 * at, at + 777 < 96000 ? 777 : 96000 - at), BS_OK);
    pieces = loudness_close(meter);
    assert_true(fabs(whole.integrated_lufs - pieces.integrated_lufs) < 1e-9);
    assert_true(whole.true_peak_db == pieces.true_peak_db);
    free(x);
}

static void an_existing_song_survives_a_failed_write(void **state) {
    (void)state;
    const char *path = in_folder("keep.wav");
    float *x = make_noise(1000, 1, 16, 3);
    assert_int_equal(audio_save(path, x, 1000, 1, 44100, 16), BS_OK);
    AudioWriter *w;
    assert_int_equal(audio_create(&w, path, 44100, 1, 16), BS_OK);
    assert_int_equal(audio_write(w, x, 10), BS_OK);
    audio_abandon(w);
    AudioReader *r = open_one(path);
    assert_int_equal(audio_info(r).n_samples, 1000);
    audio_close(r);
    free(x);
}

static void a_full_scale_sine_at_1_khz_measures_minus_3_lufs(void **state) {
    (void)state;
    const int64_t n = 48000 * 5;
    float *x = malloc(sizeof *x * (size_t)n);
    for (int64_t i = 0; i < n; i++) x[i] = (float)sin(2 * M_PI * 997 * (double)i / 48000);
    Loudness l;
    assert_int_equal(loudness_measure(x, n, 1, 48000, &l), BS_OK);
    assert_true(fabs(l.integrated_lufs - -3.01) < 0.1);
    assert_true(fabs(l.true_peak_db) < 0.1);
    memset(x, 0, sizeof *x * (size_t)n);
    assert_int_equal(loudness_measure(x, n, 1, 48000, &l), BS_OK);
    assert_true(l.integrated_lufs == -70 && l.true_peak_db == -120);
    free(x);
}

/* Against sixteen times as many samples. */
static void the_true_peak_of_clipped_music_is_not_read_low(void **state) {
    (void)state;
    enum { N = 44100, MORE = 16 };
    float *x = make_noise(N, 1, 24, 5), *fine = NULL, low = 0, peak = 0;
    int64_t n_fine;
    for (int64_t i = 0; i < N; i++) { /* noise without its highest octave, far over full scale */
        low += 0.4f * (x[i] - low);
        x[i] = fmaxf(-1, fminf(1, 20 * low));
    }
    Loudness l;
    assert_int_equal(loudness_measure(x, N, 1, N, &l), BS_OK);
    assert_int_equal(resample(x, N, N, N * (double)MORE, 1, &fine, &n_fine), BS_OK);
    for (int64_t i = 0; i < n_fine; i++) peak = fmaxf(peak, fabsf(fine[i]));
    const double is = 20 * log10((double)peak);
    if (!(is > 1 && fabs(l.true_peak_db - is) < 0.15))
        print_message("%.3f dBTP, is %.3f\n", l.true_peak_db, is);
    assert_true(is > 1); /* far over the samples themselves */
    assert_true(fabs(l.true_peak_db - is) < 0.15);
    free(x);
    free(fine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_formats_give_back_the_bits),
        cmocka_unit_test(lossy_formats_read_the_same_in_any_order),
        cmocka_unit_test(several_files_are_one_timeline),
        cmocka_unit_test(resampling_keeps_length_time_and_level),
        cmocka_unit_test(mono_is_the_mean_of_the_channels),
        cmocka_unit_test(a_recording_is_named_by_what_it_decodes_to),
        cmocka_unit_test(bad_files_are_refused_in_one_clear_line),
        cmocka_unit_test(a_song_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_full_disk_leaves_nothing_behind),
        cmocka_unit_test(an_existing_song_survives_a_failed_write),
        cmocka_unit_test(markers_are_in_the_file_and_the_sound_is_untouched),
        cmocka_unit_test(dither_takes_the_distortion_out_of_what_does_not_fit),
        cmocka_unit_test(loudness_in_pieces_is_loudness_at_once),
        cmocka_unit_test(the_true_peak_of_clipped_music_is_not_read_low),
        cmocka_unit_test(a_full_scale_sine_at_1_khz_measures_minus_3_lufs),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
