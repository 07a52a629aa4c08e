// needs: editor
/* Music in which no beat can be counted is edited like any other: pads, a drone, a voice alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "editor/verbs.h"
#include "featurizer/featurize.h"
#include "tests/unit/hear_synth.h"

enum { LENGTH_S = 45 };

static char folder[64];

/* A tone that swells and fades: nothing in it is struck. */
static void swell(Synth *s, double at_s, double length_s, double hz, double gain) {
    int64_t from = (int64_t)(at_s * SYNTH_HZ), n = (int64_t)(length_s * SYNTH_HZ);
    for (int64_t i = 0; i < n && from + i < s->n; i++) {
        double t = (double)i / SYNTH_HZ, edge = sin(M_PI * t / length_s), v = 0;
        for (int p = 1; p <= 4; p++) v += sin(2 * M_PI * p * hz * t + 0.3 * sin(30 * t)) / p;
        s->samples[from + i] += (float)(gain * edge * v);
    }
}

static void play_pads(Synth *s) {
    for (double at = 1; at < LENGTH_S - 9; at += rng_between(&s->rng, 2, 5))
        for (int v = 0; v < 3; v++) swell(s, at, 7, synth_hz(52 + 4 * v + (int)rng_below(&s->rng, 5)), 0.06);
}

static void play_drone(Synth *s) {
    for (int v = 0; v < 3; v++) swell(s, 0.5, LENGTH_S - 1, synth_hz(45 + 7 * v), 0.1);
}

static void sing_alone(Synth *s) {
    static const int scale[] = {0, 2, 4, 7, 9};
    for (double at = 1, length; at < LENGTH_S - 3; at += length) {
        length = rng_between(&s->rng, 0.5, 2.2);
        swell(s, at, length * 1.1, synth_hz(60 + scale[rng_below(&s->rng, 5)]), 0.2);
    }
}

typedef struct Material {
    const char *name;
    void (*play)(Synth *);
} Material;

static const Material materials[] = {{"pads", play_pads}, {"drone", play_drone}, {"voice", sing_alone}};

static Status make_recording(const Material *m, char raw[PATH_BYTES]) {
    Synth s = synth_new(LENGTH_S, 31);
    m->play(&s);
    snprintf(raw, PATH_BYTES, "%s/%s.wav", folder, m->name);
    Status st = audio_save(raw, s.samples, s.n, 1, SYNTH_HZ, 16);
    free(s.samples);
    return st;
}

static void a_tune_without_pulse_is_a_grid_whose_beats_say_that_they_are_none(void **state) {
    (void)state;
    char raw[PATH_BYTES];
    const char *path = raw;
    Song *song;
    assert_int_equal(make_recording(&materials[0], raw), BS_OK);
    assert_int_equal(featurize_files(&path, NULL, 1, NULL, NULL, NULL, &song), BS_OK);
    assert_int_equal(song->n_tunes, 1);
    assert_true(song->tunes[0].tempo_bpm == 0);
    assert_true(song->tunes[0].n_slots > 0);
    for (int32_t u = song->takes[0].first_unit; u < song->takes[0].first_unit + song->takes[0].n_units; u++) {
        const float *row = song->features + (size_t)u * SONG_FEATURES;
        assert_int_equal(song->units[u].kind, UNIT_BEAT);
        assert_true(song->units[u].tempo_bpm == 0);
        assert_true(row[FEATURE_KIND + UNIT_BEAT] == 0);
        assert_true(song_unit_samples(song, u) < 2 * song->sample_rate_hz);
    }
    song_free(song);
}

static void music_without_pulse_is_edited_to_the_length_asked_for(void **state) {
    (void)state;
    static char *const policies[] = {"retarget", "crop", "random"};
    for (size_t m = 0; m < sizeof materials / sizeof *materials; m++) {
        char raw[PATH_BYTES], out[PATH_BYTES], json[PATH_BYTES + 8];
        assert_int_equal(make_recording(&materials[m], raw), BS_OK);
        for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
            Edit edit;
            snprintf(out, sizeof out, "%s/%s_%s.wav", folder, materials[m].name, policies[p]);
            snprintf(json, sizeof json, "%s.json", out);
            char *argv[] = {"edit", raw,          "-o",        out,       "--target",
                            "15",   "--baseline", policies[p], "--quiet", NULL};
            Status st = verb_edit(9, argv);
            if (st != BS_OK) print_message("%s: %s\n", materials[m].name, error_text());
            assert_int_equal(st, BS_OK);
            assert_int_equal(edit_json_read(&edit, json), BS_OK);
            double length_s = (double)edit_samples(&edit) / SYNTH_HZ;
            assert_true(length_s > 13.5 && length_s < 16.5); /* a unit and a half to either side */
            edit_drop(&edit);
        }
    }
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-no-pulse-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tune_without_pulse_is_a_grid_whose_beats_say_that_they_are_none),
        cmocka_unit_test(music_without_pulse_is_edited_to_the_length_asked_for),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
