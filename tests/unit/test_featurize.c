// needs: featurizer
/* From files to a valid Song: a session of three takes, odd inputs, one clear line for what cannot be heard.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "featurizer/featurize.h"
#include "tests/unit/hear_synth.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[2][256];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_featurize_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

enum { BARS = 16 };
static const double take_starts[3] = {2.0, 40.0, 62.0};
static const double take_bpm[3] = {118, 122, 120};
static const int take_first[3] = {0, 0, 0}, take_bars[3] = {BARS, 6, BARS};

/* Three takes of a 16-bar form in 4/4 with pauses; the second breaks off; a wrong chord in the third. */
static Synth session(bool wrong_chord) {
    static const int roots[BARS] = {0, 9, 5, 7, 0, 9, 5, 7, 2, 11, 4, 9, 2, 7, 5, 7};
    Synth s = synth_new(102, 3);
    for (int take = 0; take < 3; take++) {
        double beat = 60 / take_bpm[take], at = take_starts[take];
        for (int b = 0; b < take_bars[take]; b++) {
            double t[5];
            int bar = take_first[take] + b, root = roots[bar];
            for (int k = 0; k <= 4; k++) t[k] = at + (4 * b + k) * beat;
            if (wrong_chord && take == 2 && bar == 5) root = 3;
            synth_bar(&s, t, 4, root, root == 9 || root == 2, 2, 1);
        }
    }
    return s;
}

static Status featurize(const char *path, Song **song) {
    return featurize_files(&path, NULL, 1, NULL, NULL, NULL, song);
}

static Song *featurize_samples(const float *samples, int64_t n, int channels, int rate, const char *name) {
    Song *song = NULL;
    const char *path = in_folder(name);
    assert_int_equal(audio_save(path, samples, n, channels, rate, 16), BS_OK);
    Status st = featurize(path, &song);
    unlink(path);
    if (st != BS_OK) printf("%s\n", error_text());
    assert_int_equal(st, BS_OK);
    assert_int_equal(song_check(song), BS_OK);
    return song;
}

static void a_session_becomes_takes_on_one_form(void **state) {
    (void)state;
    Synth s = session(false);
    Song *song = featurize_samples(s.samples, s.n, 1, SYNTH_HZ, "session.wav");
    assert_int_equal(song->n_takes, 3);
    assert_int_equal(song->n_tunes, 1);
    assert_int_equal(song->tunes[0].meter, 4);
    assert_true(abs(song->tunes[0].n_slots - BARS) <= 1);
    int wrong = 0, beats = 0;
    for (int t = 0; t < 3; t++) {
        const SongTake *take = &song->takes[t];
        assert_true(fabs((double)song->units[take->first_unit].start_sample / SYNTH_HZ - take_starts[t]) <
                    0.1);
        assert_int_equal(take->complete, t != 1);
        for (int u = take->first_unit; u < take->first_unit + take->n_units; u++) {
            double beat =
                ((double)song->units[u].start_sample / SYNTH_HZ - take_starts[t]) * take_bpm[t] / 60;
            int truth = (int)floor(beat + 0.5);
            if (truth >= 4 * take_bars[t]) continue;
            beats++;
            wrong += song->units[u].phase != truth % 4 || song->units[u].slot != truth / 4;
        }
    }
    assert_true(beats > 140);
    assert_true(wrong * 20 <= beats);
    song_free(song);
    free(s.samples);
}

static void a_wrong_chord_is_the_most_flawed_bar_of_its_take(void **state) {
    (void)state;
    Synth s = session(true);
    Song *song = featurize_samples(s.samples, s.n, 1, SYNTH_HZ, "wrong.wav");
    assert_int_equal(song->n_takes, 3);
    float flaw[64] = {0};
    for (int u = 0; u < song->n_units; u++)
        if (song->units[u].take == 2 && song->units[u].slot >= 0 && song->units[u].slot < BARS)
            flaw[song->units[u].slot] += song->units[u].flaw / 4;
    for (int b = 0; b < BARS; b++)
        if (b != 5) assert_true(flaw[5] > 4 * flaw[b]);
    assert_true(flaw[5] > 0.5F);
    song_free(song);
    free(s.samples);
}

static void same_samples_give_the_same_bytes(void **state) {
    (void)state;
    Synth s = session(true);
    Song *a = featurize_samples(s.samples, s.n, 1, SYNTH_HZ, "same.wav");
    Song *b = featurize_samples(s.samples, s.n, 1, SYNTH_HZ, "same.wav");
    assert_true(hash_equal(&a->hash, &b->hash));
    assert_false(hash_is_zero(&a->hash));
    song_free(a);
    song_free(b);
    free(s.samples);
}

static void units_are_short_outside_beats(void **state) {
    (void)state;
    Synth s = session(false);
    Song *song = featurize_samples(s.samples, s.n, 1, SYNTH_HZ, "units.wav");
    for (int u = 0; u < song->n_units; u++)
        if (song->units[u].kind != UNIT_BEAT) assert_true(song_unit_samples(song, u) <= 2 * SYNTH_HZ);
    song_free(song);
    free(s.samples);
}

static void noise_of_any_rate_gives_a_valid_song(void **state) {
    (void)state;
    static const int rates[] = {8000, 44100, 192000};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (int channels = 1; channels <= 2; channels++) {
            int64_t n = 6 * rates[r];
            float *x = malloc(sizeof(float) * (size_t)(n * channels));
            Rng rng = rng_at(r, (uint64_t)channels);
            for (int64_t i = 0; i < n * channels; i++) x[i] = (float)rng_between(&rng, -0.3, 0.3);
            Song *song = featurize_samples(x, n, channels, rates[r], "noise.wav");
            assert_int_equal(song->sample_rate_hz, rates[r]);
            assert_int_equal(song->n_channels, channels);
            assert_int_equal(song->n_samples, n);
            song_free(song);
            free(x);
        }
}

static void refuse(const float *samples, int64_t n, int rate, int bits, Status want, const char *text) {
    const char *path = in_folder("bad.wav");
    Song *song = NULL;
    assert_int_equal(audio_save(path, samples, n, 1, rate, bits), BS_OK);
    assert_int_equal(featurize(path, &song), want);
    unlink(path);
    assert_null(song);
    assert_non_null(strstr(error_text(), "bad.wav"));
    assert_non_null(strstr(error_text(), text));
    assert_null(strchr(error_text(), '\n'));
}

static void what_cannot_be_heard_is_refused_in_one_line(void **state) {
    (void)state;
    enum { N = 8 * 8000 };
    float *x = calloc(N, sizeof(float));
    refuse(x, N, 8000, 16, BS_INVALID, "silence");
    for (int i = 0; i < N; i++) x[i] = 0.25F;
    refuse(x, N, 8000, 16, BS_INVALID, "a constant voltage");
    refuse(x, 8000, 8000, 16, BS_INVALID, "too short");
    x[1234] = NAN;
    refuse(x, N, 8000, 32, BS_NONFINITE, "1234");
    free(x);
    Song *song = NULL;
    assert_int_not_equal(featurize(in_folder("missing.wav"), &song), BS_OK);
    assert_null(song);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_becomes_takes_on_one_form),
        cmocka_unit_test(a_wrong_chord_is_the_most_flawed_bar_of_its_take),
        cmocka_unit_test(same_samples_give_the_same_bytes),
        cmocka_unit_test(units_are_short_outside_beats),
        cmocka_unit_test(noise_of_any_rate_gives_a_valid_song),
        cmocka_unit_test(what_cannot_be_heard_is_refused_in_one_line),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
