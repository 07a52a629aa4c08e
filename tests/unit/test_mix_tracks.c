// needs: common/audio common/song
/* Synchronous tracks: one plan for all, and what is edited apart adds up to what is edited together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/mixdown.h"
#include "common/core/rng.h"
#include "common/host/file.h"

enum { RATE = 44100, SECONDS = 20, N = RATE * SECONDS, BEAT = 21007 };

static char folder[64], stems[PATH_BYTES], sum[PATH_BYTES + 8];

/* Drums in 16 bits stereo, bass in 24 bits mono, a hot guitar in floats: three widths, depths and formats. */
static int make_folder(void **state) {
    (void)state;
    memcpy(folder, "/tmp/bandsaw-test-tracks-XXXXXX", 32);
    if (!mkdtemp(folder) || path_join(stems, folder, "stems") || dir_make(stems, 0777)) return -1;
    snprintf(sum, sizeof sum, "%s/*", stems);
    static const struct {
        const char *name;
        int32_t wide, bits;
    } tracks[] = {{"drums.flac", 2, 16}, {"bass.wav", 1, 24}, {"guitar.wav", 2, 32}};
    float *x = malloc(sizeof *x * N * 2);
    for (int k = 0; k < 3; k++) {
        Rng rng = rng_at(7, (uint64_t)k);
        for (int64_t i = 0; i < N * tracks[k].wide; i++) {
            const int64_t t = i / tracks[k].wide;
            const double hit = exp(-(double)(t % BEAT) / 900) * (rng_f64(&rng) - 0.5);
            x[i] = (float)(k == 0   ? hit
                           : k == 1 ? 0.4 * sin((double)t * 0.012)
                                    : 0.7 * sin((double)t * 0.05));
        }
        char path[PATH_BYTES];
        if (path_join(path, stems, tracks[k].name) ||
            audio_save(path, x, N, tracks[k].wide, RATE, tracks[k].bits))
            return -1;
    }
    free(x);
    return 0;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static float *read_all(const char *path, AudioInfo *info) {
    AudioReader *r;
    int64_t got;
    assert_int_equal(audio_open(&r, &path, 1), BS_OK);
    *info = audio_info(r);
    float *x = malloc(sizeof *x * (size_t)(info->n_samples * info->n_channels));
    assert_int_equal(audio_read_at(r, 0, info->n_samples, x, &got), BS_OK);
    assert_int_equal(got, info->n_samples);
    audio_close(r);
    return x;
}

/* Short seams, long fades, loops, and no two alike. */
static void an_edit(Edit *edit) {
    static const int32_t beats[][2] = {{4, 9}, {20, 24}, {12, 15}, {12, 15}, {30, 40}, {2, 3}};
    static const Fade fades[] = {FADE_SHORT, FADE_SHORT, FADE_1_BEAT, FADE_SHORT, FADE_2_BEATS, FADE_SHORT};
    edit_init(edit);
    edit->sample_rate_hz = RATE;
    for (int k = 0; k < 6; k++)
        assert_int_equal(
            edit_append(edit, beats[k][0] * BEAT + 200 * k, beats[k][1] * BEAT + 200 * k, fades[k]), BS_OK);
}

static void the_sum_of_edited_tracks_is_the_edit_of_their_sum(void **state) {
    (void)state;
    char out[PATH_BYTES], song[PATH_BYTES], path[PATH_BYTES];
    const char *paths[] = {sum};
    AudioReader *r;
    AudioWriter *w;
    Tracks tracks;
    Edit edit;
    MixPlan plan;
    Staged staged = {0};
    an_edit(&edit);
    assert_int_equal(path_join(out, folder, "song_tracks"), BS_OK);
    assert_int_equal(path_join(song, folder, "song.wav"), BS_OK);
    assert_int_equal(audio_open(&r, paths, 1), BS_OK);
    assert_int_equal(tracks_open(&tracks, stems), BS_OK);
    assert_int_equal(tracks.n, 3);
    assert_true(tracks.list[0].stem == STEM_BASS && tracks.list[1].stem == STEM_DRUMS);
    assert_int_equal(mix_plan_tracks(&plan, &edit, r, &tracks, NULL, NULL), BS_OK);
    float lowest = 1;
    for (int32_t i = 0; i < plan.n_seams; i++) lowest = fminf(lowest, plan.seams[i].gain);
    assert_true(lowest < 1); /* some sum is over full scale, so that this is tested too */
    assert_int_equal(audio_create(&w, song, RATE, 2, 32), BS_OK);
    assert_int_equal(mix_render(&plan, &edit, r, w, NULL, NULL), BS_OK);
    assert_int_equal(mix_tracks(&plan, &edit, &tracks, out, 0, &staged, NULL, NULL), BS_OK);
    char **names;
    size_t n_names;
    assert_int_equal(dir_list(out, &names, &n_names), BS_OK);
    for (size_t i = 0; i < n_names; i++) assert_int_equal(names[i][0], '.'); /* nothing has its name yet */
    free(names);
    assert_int_equal(staged_commit(&staged), BS_OK);
    assert_int_equal(audio_finish(w), BS_OK);
    audio_close(r);

    AudioInfo mix, info;
    float *x = read_all(song, &mix);
    assert_int_equal(mix.n_samples, plan.n_samples);
    double *y = calloc((size_t)mix.n_samples * 2, sizeof *y), most = 0;
    for (int32_t k = 0; k < tracks.n; k++) {
        assert_int_equal(mix_track_path(path, out, &tracks.list[k]), BS_OK);
        float *t = read_all(path, &info);
        assert_int_equal(info.n_samples, mix.n_samples);
        assert_int_equal(info.bits, k == 2 ? 32 : 24);
        assert_int_equal(info.n_channels, audio_info(tracks.list[k].reader).n_channels);
        for (int64_t i = 0; i < 2 * mix.n_samples; i++) y[i] += t[info.n_channels == 2 ? i : i / 2];
        free(t);
    }
    for (int64_t i = 0; i < 2 * mix.n_samples; i++) most = fmax(most, fabs(y[i] - x[i]));
    assert_true(most < 1e-6);
    free(x);
    free(y);
    tracks_drop(&tracks);
    edit_drop(&edit);
    mix_plan_drop(&plan);
}

static void a_folder_with_a_star_is_read_as_the_sum(void **state) {
    (void)state;
    AudioInfo info, one;
    float *x = read_all(sum, &info), *parts[3];
    static const char *const names[] = {"bass.wav", "drums.flac", "guitar.wav"};
    assert_int_equal(info.n_samples, N);
    assert_int_equal(info.n_channels, 2);
    assert_int_equal(info.bits, 32);
    for (int k = 0; k < 3; k++) {
        char path[PATH_BYTES];
        assert_int_equal(path_join(path, stems, names[k]), BS_OK);
        parts[k] = read_all(path, &one);
    }
    for (int64_t i = 0; i < 2 * N; i++)
        assert_true(fabs(x[i] - ((double)parts[0][i / 2] + parts[1][i] + parts[2][i])) < 1e-6);
    for (int k = 0; k < 3; k++) free(parts[k]);
    free(x);
}

static void assert_refused(const char *path, Status expected, const char *words) {
    Tracks tracks;
    assert_int_equal(tracks_open(&tracks, path), expected);
    if (!strstr(error_text(), words)) print_error("%s\n", error_text());
    assert_non_null(strstr(error_text(), words));
    assert_null(strchr(error_text(), '\n'));
}

static void unequal_tracks_are_refused_by_name(void **state) {
    (void)state;
    char bad[PATH_BYTES], path[PATH_BYTES];
    float silence[2000] = {0};
    assert_int_equal(path_join(bad, folder, "bad"), BS_OK);
    assert_int_equal(dir_make(bad, 0777), BS_OK);
    assert_refused(bad, BS_INVALID, "no tracks");
    assert_int_equal(path_join(path, bad, "a.wav"), BS_OK);
    assert_int_equal(audio_save(path, silence, 1000, 1, RATE, 16), BS_OK);
    assert_int_equal(path_join(path, bad, "z.wav"), BS_OK);
    assert_int_equal(audio_save(path, silence, 1001, 1, RATE, 16), BS_OK);
    assert_refused(bad, BS_INVALID, "bad/z.wav: 1001 samples at 44100 Hz, but a has 1000 samples");
    assert_int_equal(audio_save(path, silence, 1000, 1, 48000, 16), BS_OK);
    assert_refused(bad, BS_INVALID, "bad/z.wav: 1000 samples at 48000 Hz");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(path_join(path, bad, "a.flac"), BS_OK);
    assert_int_equal(audio_save(path, silence, 1000, 1, RATE, 16), BS_OK);
    assert_refused(bad, BS_INVALID, "another track is called a");
    silence[7] = INFINITY;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(path_join(path, bad, "none.wav"), BS_OK);
    assert_int_equal(audio_save(path, silence, 1000, 1, RATE, 32), BS_OK);
    assert_refused(bad, BS_NONFINITE, "bad/none.wav: sample 7 is not a number");
    silence[7] = 0;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(path_join(path, bad, "a.flac"), BS_OK);
    assert_int_equal(audio_save(path, silence, 1000, 1, RATE, 16), BS_OK);
    Tracks tracks;
    AudioReader *r;
    const char *paths[] = {path};
    assert_int_equal(tracks_open(&tracks, stems), BS_OK);
    assert_int_equal(audio_open(&r, paths, 1), BS_OK);
    assert_int_equal(tracks_match(&tracks, "stems", r, "a.flac"), BS_INVALID);
    assert_non_null(strstr(error_text(), "stems/bass: 882000 samples"));
    audio_close(r);
    tracks_drop(&tracks);
}

static void tracks_that_are_given_up_leave_nothing(void **state) {
    (void)state;
    char out[PATH_BYTES];
    const char *paths[] = {sum};
    AudioReader *r;
    Tracks tracks;
    Edit edit;
    MixPlan plan;
    Staged staged = {0};
    an_edit(&edit);
    assert_int_equal(path_join(out, folder, "gone_tracks"), BS_OK);
    assert_int_equal(audio_open(&r, paths, 1), BS_OK);
    assert_int_equal(tracks_open(&tracks, stems), BS_OK);
    assert_int_equal(mix_plan_tracks(&plan, &edit, r, &tracks, NULL, NULL), BS_OK);
    assert_int_equal(mix_tracks(&plan, &edit, &tracks, out, 16, &staged, NULL, NULL), BS_OK);
    staged_drop(&staged);
    assert_false(file_exists(out));
    assert_int_equal(mix_tracks(&plan, &edit, &tracks, out, 17, &staged, NULL, NULL), BS_INVALID);
    staged_drop(&staged);
    assert_false(file_exists(out));
    audio_close(r);
    tracks_drop(&tracks);
    edit_drop(&edit);
    mix_plan_drop(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_of_edited_tracks_is_the_edit_of_their_sum),
        cmocka_unit_test(a_folder_with_a_star_is_read_as_the_sum),
        cmocka_unit_test(unequal_tracks_are_refused_by_name),
        cmocka_unit_test(tracks_that_are_given_up_leave_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
