// needs: featurizer simulator
/* Stems that are there as files: found beside a recording, refitted, refused when they are another's; tracks
 * by their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "featurizer/featurize.h"
#include "tests/bench/stem_mixes.h"

static char folder[64];
static StemMix mix, other_mix;

static const char *at(const char *name) {
    static char path[4][PATH_BYTES];
    static int turn;
    turn = (turn + 1) % 4;
    assert_int_equal(path_join(path[turn], folder, name), BS_OK);
    return path[turn];
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-stems-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    double vocals = -100;
    for (uint64_t seed = 123123; vocals < -12; seed++) { /* a session in which somebody sings */
        stem_mix_drop(&mix);
        if (stem_mix_make(&mix, seed, 24, 44100, false)) return -1;
        vocals = stem_sdr(mix.stem[STEM_VOCALS], mix.mix, mix.n);
    }
    if (stem_mix_make(&other_mix, 321321, 24, 44100, false)) return -1;
    for (int64_t i = 0; i < mix.n; i++) mix.mix[i] *= 0.5F;
    for (int s = 0; s < STEMS; s++)
        for (int64_t i = 0; i < mix.n; i++) mix.stem[s][i] *= 0.5F;
    return audio_save(at("jam.wav"), mix.mix, mix.n, 1, 44100, 24) == BS_OK ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    stem_mix_drop(&mix);
    stem_mix_drop(&other_mix);
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

/* Each stem at a gain of its own, at another rate, in a format of any kind. */
static void save(const char *into, const StemMix *m, const double gains[STEMS], int32_t rate_hz,
                 const char *format, int64_t n) {
    char name[PATH_BYTES];
    assert_int_equal(dir_make(into, 0777), BS_OK);
    for (int s = 0; s < STEMS; s++) {
        float *x, *y = malloc(sizeof *y * (size_t)n);
        int64_t n_out;
        for (int64_t i = 0; i < n; i++) y[i] = i < m->n ? (float)gains[s] * m->stem[s][i] : 0;
        assert_int_equal(resample(y, n, m->rate_hz, rate_hz, 1, &x, &n_out), BS_OK);
        snprintf(name, sizeof name, "%.3000s/%s.%s", into, stem_names[s], format);
        assert_int_equal(audio_save(name, x, n_out, 1, rate_hz, 16), BS_OK);
        free(x);
        free(y);
    }
}

static Song *hear(const char *stems, StemFit *fit) {
    Song *song = NULL;
    const char *path = at("jam.wav");
    Status st =
        featurize_files(&path, NULL, 1, &(FeaturizeOptions){.stems = stems, .fit = fit}, NULL, NULL, &song);
    if (st != BS_OK) printf("%s\n", error_text());
    assert_int_equal(st, BS_OK);
    return song;
}

static void refuse(const char *stems, Status as, const char *word) {
    Song *song = NULL;
    const char *path = at("jam.wav");
    assert_int_equal(featurize_files(&path, NULL, 1, &(FeaturizeOptions){.stems = stems}, NULL, NULL, &song),
                     as);
    assert_null(song);
    assert_non_null(strstr(error_text(), word));
    assert_null(strchr(error_text(), '\n'));
}

/* Mean over the units of a take of how far the levels of the vocals are off. */
static double vocals_off_db(const Song *song) {
    double off = 0, n = 0;
    for (int32_t u = 0; u < song->n_units; u++) {
        double power = 1e-12, samples = (double)song_unit_samples(song, u);
        for (int64_t i = song->units[u].start_sample; i < song_unit_end(song, u) && i < mix.n; i++)
            power += (double)mix.stem[STEM_VOCALS][i] * mix.stem[STEM_VOCALS][i] / samples;
        double db = 10 * log10(power);
        if (db < -45 || song->units[u].kind != UNIT_BEAT) continue;
        off += fabs(db - (double)song->units[u].stem_db[STEM_VOCALS]);
        n++;
    }
    assert_true(n > 4);
    return off / n;
}

static void a_separation_beside_the_recording_is_found_and_refitted(void **state) {
    (void)state;
    static const double gains[STEMS] = {0.8, 1, 0.5, 0.9};
    StemFit fit;
    Song *heard = hear("none", &fit);
    assert_int_equal(fit.n, 0);
    assert_true(hash_is_zero(&heard->stems));
    save(at("separated/htdemucs/jam"), &mix, gains, 48000, "flac", mix.n);
    Song *song = hear("", &fit);
    assert_false(hash_is_zero(&song->stems));
    assert_false(hash_equal(&song->hash, &heard->hash));
    assert_int_equal(fit.n, 4);
    for (int i = 0; i < 4; i++) { /* in order of name: bass, drums, other, vocals */
        static const Stem as[4] = {STEM_BASS, STEM_DRUMS, STEM_OTHER, STEM_VOCALS};
        if (stem_sdr(mix.stem[as[i]], mix.mix, mix.n) > -15)
            assert_true(fabs(fit.gain[i] * gains[as[i]] - 1) < 0.02);
    }
    printf("residual %.1f dB; vocals off by %.2f dB, heard in the mix %.2f dB\n", fit.residual_db,
           vocals_off_db(song), vocals_off_db(heard));
    assert_true(fit.residual_db < -25); /* what is left is the room's hiss */
    assert_true(vocals_off_db(song) < 1);
    assert_true(vocals_off_db(heard) > vocals_off_db(song));
    Song *again = hear(at("separated"), &fit);
    assert_true(hash_equal(&again->hash, &song->hash));
    song_free(again);
    song_free(song);
    song_free(heard);
    assert_int_equal(dir_remove(at("separated")), BS_OK);
}

static void lossy_stems_that_come_late_are_aligned(void **state) {
    (void)state;
    static const double gains[STEMS] = {1, 1, 1, 1};
    StemMix late = {.rate_hz = mix.rate_hz, .n = mix.n};
    StemFit fit;
    for (int s = 0; s < STEMS; s++) {
        late.stem[s] = calloc((size_t)mix.n, sizeof(float));
        memcpy(late.stem[s] + 1000, mix.stem[s], sizeof(float) * (size_t)(mix.n - 1000));
    }
    save(at("late"), &late, gains, 44100, "mp3", mix.n);
    Song *song = hear(at("late"), &fit);
    assert_int_equal(fit.lag, 500); /* at half the rate */
    assert_true(fit.residual_db < -15);
    song_free(song);
    for (int s = 0; s < STEMS; s++) free(late.stem[s]);
}

static void stems_of_another_song_or_length_are_refused(void **state) {
    (void)state;
    static const double gains[STEMS] = {1, 1, 1, 1};
    save(at("other"), &other_mix, gains, 44100, "wav", mix.n);
    refuse(at("other"), BS_INVALID, "another song's?");
    save(at("short"), &mix, gains, 44100, "wav", mix.n - 44100);
    refuse(at("short"), BS_INVALID, "of another one");
    refuse(at("nowhere"), BS_NOT_FOUND, "holds no stems");
    assert_int_equal(dir_make(at("empty"), 0777), BS_OK);
    refuse(at("empty"), BS_NOT_FOUND, "holds no stems");
    save(at("damaged"), &mix, gains, 44100, "wav", mix.n);
    assert_int_equal(file_replace(at("damaged/bass.wav"), "RIFF", 4), BS_OK);
    refuse(at("damaged"), BS_UNSUPPORTED, "bass.wav");
}

static void names_say_who_plays(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Stem stem;
    } as[] = {{"Drums", STEM_DRUMS},      {"01 Kick In", STEM_DRUMS},  {"bass drum", STEM_DRUMS},
              {"Bass DI", STEM_BASS},     {"Lead Vox 2", STEM_VOCALS}, {"vocals", STEM_VOCALS},
              {"voice", STEM_VOCALS},     {"OH_L", STEM_DRUMS},        {"Hi-Hat", STEM_DRUMS},
              {"no_drums", STEM_OTHER},   {"no_vocals", STEM_OTHER},   {"Guitar", STEM_OTHER},
              {"that piano", STEM_OTHER}, {"John", STEM_OTHER},        {"Tom 2", STEM_DRUMS},
              {"automaton", STEM_OTHER},  {"Percussion", STEM_DRUMS},  {"choir", STEM_VOCALS}};
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        if (track_stem(as[i].name) != as[i].stem) printf("%s\n", as[i].name);
        assert_int_equal(track_stem(as[i].name), as[i].stem);
    }
}

static void named_tracks_serve_as_stems(void **state) {
    (void)state;
    static const double gains[STEMS] = {1, 1, 1, 1};
    Tracks tracks;
    Song *song = NULL;
    const char *path = at("jam.wav");
    save(at("tracks"), &mix, gains, 44100, "wav", mix.n);
    assert_int_equal(tracks_open(&tracks, at("tracks")), BS_OK);
    assert_int_equal(
        featurize_files(&path, NULL, 1, &(FeaturizeOptions){.tracks = &tracks}, NULL, NULL, &song), BS_OK);
    assert_false(hash_is_zero(&song->stems));
    assert_true(vocals_off_db(song) < 1);
    song_free(song);
    for (int32_t i = 0; i < tracks.n; i++) tracks.list[i].stem = STEM_OTHER; /* names that say nothing */
    assert_int_equal(
        featurize_files(&path, NULL, 1, &(FeaturizeOptions){.tracks = &tracks}, NULL, NULL, &song), BS_OK);
    assert_true(hash_is_zero(&song->stems));
    song_free(song);
    tracks_drop(&tracks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_separation_beside_the_recording_is_found_and_refitted),
        cmocka_unit_test(lossy_stems_that_come_late_are_aligned),
        cmocka_unit_test(stems_of_another_song_or_length_are_refused),
        cmocka_unit_test(names_say_who_plays),
        cmocka_unit_test(named_tracks_serve_as_stems),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
