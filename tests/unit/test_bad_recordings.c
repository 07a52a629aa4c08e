// needs: featurizer
/* Recordings as they come: other rates, many channels, no attacks, cut off, under a wrong name, tracks of
 * unequal length. Each gives a sensible Song or one clear line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/host/file.h"
#include "featurizer/featurize.h"
#include "tests/unit/hear_synth.h"

enum { BARS = 10 };

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-bad-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static const char *at(const char *name) {
    static char path[2][PATH_BYTES];
    static int turn;
    turn = !turn;
    assert_int_equal(path_join(path[turn], folder, name), BS_OK);
    return path[turn];
}

/* Ten bars of four at 120 beats a minute. */
static Synth play(void) {
    static const int roots[4] = {0, 9, 5, 7};
    Synth s = synth_new(23, 5);
    for (int bar = 0; bar < BARS; bar++) {
        double t[5];
        for (int b = 0; b < 5; b++) t[b] = 1 + (bar * 4 + b) * 0.5;
        synth_bar(&s, t, 4, roots[bar % 4], bar % 4 == 1, 2, 1);
    }
    return s;
}

/* The same on every channel, at another rate. */
static void save(const char *name, const Synth *s, int32_t rate, int32_t channels) {
    float *mono, *wide;
    int64_t n;
    assert_int_equal(resample(s->samples, s->n, SYNTH_HZ, rate, 1, &mono, &n), BS_OK);
    wide = malloc(sizeof *wide * (size_t)(n * channels));
    for (int64_t i = 0; i < n * channels; i++) wide[i] = mono[i / channels] / (float)(1 + i % channels);
    assert_int_equal(audio_save(at(name), wide, n, channels, rate, 16), BS_OK);
    free(mono);
    free(wide);
}

static Status hear(const char *path, Song **song) {
    error_clear();
    return featurize_files(&path, NULL, 1, NULL, NULL, NULL, song);
}

static int count_beats(const Song *song, double *mean_s) {
    int n = 0;
    float length[512];
    for (int32_t u = 0; u < song->n_units; u++)
        if (song->units[u].kind == UNIT_BEAT && n < 512)
            length[n++] = (float)song_unit_samples(song, u) / (float)song->sample_rate_hz;
    *mean_s = 0;
    for (int i = 0; i < n; i++) *mean_s += (double)length[i] / n;
    return n;
}

static void hears_the_same_beats_at_every_rate_and_in_eight_channels(void **state) {
    (void)state;
    static const int32_t shapes[4][2] = {{8000, 1}, {44100, 2}, {192000, 2}, {48000, 8}};
    Synth s = play();
    for (int k = 0; k < 4; k++) {
        Song *song;
        double beat_s;
        save("x.wav", &s, shapes[k][0], shapes[k][1]);
        assert_int_equal(hear(at("x.wav"), &song), BS_OK);
        assert_int_equal(song->sample_rate_hz, shapes[k][0]);
        assert_int_equal(song->n_channels, shapes[k][1]);
        assert_int_equal(song->n_takes, 1);
        int n = count_beats(song, &beat_s);
        assert_in_range(n, 4 * BARS - 2, 4 * BARS + 4);
        assert_true(fabs(beat_s - 0.5) < 0.01);
        assert_true(song->loudness_lufs > -40 && song->loudness_lufs < 0);
        song_free(song);
    }
    free(s.samples);
}

/* Noise that swells and fades: nothing is struck. */
static void what_has_no_onsets_has_no_beat_that_is_sure(void **state) {
    (void)state;
    Synth s = synth_new(12, 3);
    Rng r = rng_at(4, 4);
    double low = 0;
    for (int64_t i = 0; i < s.n; i++) {
        low += 0.02 * (rng_between(&r, -1, 1) - low);
        s.samples[i] = (float)(2 * low * (0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)s.n)));
    }
    assert_int_equal(audio_save(at("wind.wav"), s.samples, s.n, 1, SYNTH_HZ, 16), BS_OK);
    Song *song;
    assert_int_equal(hear(at("wind.wav"), &song), BS_OK);
    assert_int_equal(song_check(song), BS_OK);
    for (int32_t u = 0; u < song->n_units; u++)
        assert_true(song->features[(size_t)u * SONG_FEATURES + FEATURE_BEAT_CONFIDENCE] < 0.2F);
    song_free(song);
    free(s.samples);
}

static void refuse(const char *path, Status want, const char *words) {
    Song *song = NULL;
    Status st = hear(path, &song);
    if (st != want) print_error("%s\n", error_text());
    assert_int_equal(st, want);
    assert_null(song);
    if (!strstr(error_text(), words)) print_error("%s\n", error_text());
    assert_non_null(strstr(error_text(), words));
    assert_null(strchr(error_text(), '\n'));
}

static void cut(const char *from, const char *to, double share) {
    void *bytes;
    size_t n;
    assert_int_equal(file_read(at(from), 1 << 26, &bytes, &n), BS_OK);
    assert_int_equal(file_replace(at(to), bytes, (size_t)((double)n * share)), BS_OK);
    free(bytes);
}

static void what_is_cut_off_is_named_or_heard_to_where_it_ends(void **state) {
    (void)state;
    Synth s = play();
    Song *song;
    assert_int_equal(audio_save(at("x.flac"), s.samples, s.n, 1, SYNTH_HZ, 16), BS_OK);
    cut("x.flac", "cut.flac", 0.6);
    refuse(at("cut.flac"), BS_CORRUPT, "cut.flac");
    assert_int_equal(audio_save(at("x.wav"), s.samples, s.n, 1, SYNTH_HZ, 16), BS_OK);
    cut("x.wav", "cut.wav", 0.6); /* its header promises more: a recorder that lost its power */
    assert_int_equal(hear(at("cut.wav"), &song), BS_OK);
    assert_true(llabs(song->n_samples - s.n * 6 / 10) < 100);
    song_free(song);
    cut("x.wav", "head.wav", 0.00001);
    refuse(at("head.wav"), BS_UNSUPPORTED, "head.wav");
    assert_int_equal(file_replace(at("words.wav"), "these are words\n", 16), BS_OK);
    refuse(at("words.wav"), BS_UNSUPPORTED, "words.wav");
    assert_int_equal(audio_save(at("second.wav"), s.samples + SYNTH_HZ, SYNTH_HZ, 1, SYNTH_HZ, 16), BS_OK);
    refuse(at("second.wav"), BS_INVALID, "1.0 seconds are too short");
    free(s.samples);
}

static void a_wrong_name_changes_nothing(void **state) {
    (void)state;
    Synth s = play();
    Song *right, *wrong;
    assert_int_equal(audio_save(at("x.wav"), s.samples, s.n, 1, SYNTH_HZ, 16), BS_OK);
    assert_int_equal(hear(at("x.wav"), &right), BS_OK);
    assert_int_equal(rename(at("x.wav"), at("x.mp3")), 0);
    assert_int_equal(hear(at("x.mp3"), &wrong), BS_OK);
    assert_true(hash_equal(&right->sources[0].pcm, &wrong->sources[0].pcm));
    assert_int_equal(right->n_units, wrong->n_units);
    song_free(right);
    song_free(wrong);
    free(s.samples);
}

static void tracks_of_unequal_length_are_refused_by_name(void **state) {
    (void)state;
    Synth s = play();
    assert_int_equal(dir_make(at("tracks"), 0777), BS_OK);
    assert_int_equal(audio_save(at("tracks/bass.wav"), s.samples, s.n, 1, SYNTH_HZ, 16), BS_OK);
    assert_int_equal(audio_save(at("tracks/drums.wav"), s.samples, s.n - 441, 1, SYNTH_HZ, 16), BS_OK);
    refuse(at("tracks/*"), BS_INVALID, "drums");
    free(s.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hears_the_same_beats_at_every_rate_and_in_eight_channels, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_has_no_onsets_has_no_beat_that_is_sure, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_is_cut_off_is_named_or_heard_to_where_it_ends, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_wrong_name_changes_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(tracks_of_unequal_length_are_refused_by_name, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
