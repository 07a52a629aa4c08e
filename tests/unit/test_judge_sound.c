// needs: simulator
/* What the judge hears at seams: made faults are found, music that does the same by itself is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/host/file.h"
#include "simulator/judge_ear.h"
#include "simulator/judge_sound.h"
#include "simulator/session.h"

enum { RATE = 44100, N = 2 * RATE, SEAM = RATE };

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-ear-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

/* Three lines of two seconds with the seam in the middle. */
typedef struct Lines {
    float song[N], a[N], b[N];
} Lines;

static Lines *lines_new(void) {
    Lines *l = calloc(1, sizeof *l);
    assert_non_null(l);
    return l;
}

static void tone(float *x, double hz, double gain, double phase) {
    for (int i = 0; i < N; i++) x[i] += (float)(gain * sin(2 * M_PI * hz * i / RATE + phase));
}

/* A burst of noise that dies within a tenth of a second, `ms` after the seam. */
static void hit(float *x, int ms, double gain, uint64_t seed) {
    Rng r = rng_at(seed, 0);
    for (int i = 0; i < RATE / 2 && SEAM + ms * RATE / 1000 + i < N; i++)
        x[SEAM + ms * RATE / 1000 + i] += (float)(gain * rng_between(&r, -1, 1) * exp(-i / (0.02 * RATE)));
}

/* From A to B in a linear ramp of `ms` that begins at `at` ms from the seam; 0: a hard cut. */
static SeamSound join(Lines *l, int at, int ms, int fade_samples) {
    for (int i = 0; i < N; i++) {
        double first = SEAM + at * (RATE / 1000), n = ms * (RATE / 1000),
               s = n > 0 ? (i - first) / n : i >= first;
        s = s < 0 ? 0 : s > 1 ? 1 : s;
        l->song[i] = (float)((1 - s) * (double)l->a[i] + s * (double)l->b[i]);
    }
    return seam_listen(&(SeamLines){l->song, l->a, l->b, N, SEAM, fade_samples, RATE});
}

static void assert_clean(SeamSound heard) {
    assert_false(heard.click);
    assert_false(heard.flam);
    assert_false(heard.cut_note);
    assert_true(heard.level_db == 0);
}

static void a_hard_cut_through_a_tone_clicks_and_a_fade_does_not(void **state) {
    (void)state;
    Lines *l = lines_new();
    tone(l->a, 220, 0.3, 0.3);
    tone(l->b, 220, 0.3, 2.1);
    assert_true(join(l, 0, 0, 0).click);
    assert_clean(join(l, -7, 15, 0));
    free(l);
}

static void a_hit_at_the_seam_is_no_click(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        Lines *l = lines_new();
        hit(l->a, 1, 0.5, seed);
        hit(l->b, 0, 0.5, seed + 100);
        assert_clean(join(l, -12, 5, 0));
        free(l);
    }
}

static void two_hits_of_two_lines_are_a_flam_and_a_played_one_is_not(void **state) {
    (void)state;
    for (int apart = 20; apart <= 60; apart += 10) {
        Lines *l = lines_new();
        hit(l->a, 5 - apart, 0.5, 1);
        hit(l->b, 5, 0.5, 2);
        assert_true(join(l, 0, 2, 0).flam == (apart < 45));
        memset(l, 0, sizeof *l);
        hit(l->b, -apart / 2, 0.5, 1); /* B has both */
        hit(l->b, apart - apart / 2, 0.5, 2);
        assert_false(join(l, -60, 5, 0).flam);
        free(l);
    }
}

static void an_attack_that_is_cut_off_is_missed(void **state) {
    (void)state;
    Lines *l = lines_new();
    hit(l->b, -15, 0.5, 1); /* begins before the cut, which keeps its tail alone */
    assert_true(join(l, 10, 3, 0).cut_note);
    memset(l, 0, sizeof *l);
    hit(l->b, 5, 0.5, 1);
    assert_false(join(l, -8, 5, 0).cut_note);
    free(l);
}

static void an_attack_of_the_old_line_that_is_chopped_is_heard(void **state) {
    (void)state;
    Lines *l = lines_new();
    hit(l->a, -20, 0.5, 1);
    tone(l->b, 110, 0.001, 0);
    assert_true(join(l, -10, 3, 0).cut_note);
    free(l);
}

static void a_sound_that_stops_dead_is_cut_and_one_that_ends_by_itself_is_not(void **state) {
    (void)state;
    Lines *l = lines_new();
    tone(l->a, 220, 0.3, 0);
    tone(l->b, 220, 0.005, 0);
    SeamSound heard = join(l, -15, 30, 0);
    assert_true(heard.cut_note && heard.level_db > 5);
    for (int i = SEAM; i < N; i++) l->a[i] *= 0.01f; /* it ends there */
    heard = join(l, -15, 30, 0);
    assert_false(heard.cut_note);
    assert_true(heard.level_db == 0);
    free(l);
}

static void a_step_in_level_counts_beyond_what_the_lines_do(void **state) {
    (void)state;
    Lines *l = lines_new();
    tone(l->a, 330, 0.3, 0);
    tone(l->b, 330, 0.15, 0);
    assert_true(fabs(join(l, -15, 30, 0).level_db - 3.52) < 0.1);
    assert_true(fabs(join(l, -8000 / 44, 16000 / 44, 16000).level_db - 3.52) < 0.1); /* in a long fade too */
    memset(l->b, 0, sizeof l->b);
    tone(l->b, 330, 0.24, 0);
    assert_true(join(l, -15, 30, 0).level_db == 0); /* 1.9 dB */
    free(l);
}

/* ---- whole sessions */

typedef struct Room {
    Session session;
    char recording[PATH_BYTES], song[PATH_BYTES];
    JudgeEar *ear;
} Room;

static void room_open(Room *r, uint64_t seed) {
    const char *file = r->recording;
    assert_int_equal(session_make(&r->session, "ear", seed, 60), BS_OK);
    assert_int_equal(path_join(r->recording, folder, "ear_raw.wav"), BS_OK);
    assert_int_equal(path_join(r->song, folder, "song.wav"), BS_OK);
    assert_int_equal(audio_save(r->recording, r->session.samples, r->session.n_samples, 2, SESSION_RATE, 16),
                     BS_OK);
    assert_int_equal(ear_open(&r->ear, r->session.truth, &file, 1), BS_OK);
}

static void room_close(Room *r) {
    ear_close(r->ear);
    session_drop(&r->session);
}

/* The edit without any fade, half as loud, `late` samples after the beginning of the file. */
static void save_hard_cuts(const Room *r, const Edit *edit, int64_t late) {
    int64_t n = 0;
    float *x = calloc((size_t)(late + edit_samples(edit)) * 2, sizeof *x);
    assert_non_null(x);
    for (int32_t i = 0; i < edit->n_segments; i++)
        for (int64_t s = edit->segments[i].start_sample; s < edit->segments[i].end_sample; s++, n++)
            for (int c = 0; c < 2; c++) x[2 * (late + n) + c] = 0.5f * r->session.samples[2 * s + c];
    assert_int_equal(audio_save(r->song, x, late + n, 2, SESSION_RATE, 16), BS_OK);
    free(x);
}

static void random_edit(const Truth *t, Rng *rng, Edit *edit) {
    edit_init(edit);
    edit->sample_rate_hz = t->sample_rate_hz;
    for (int i = 0; i < 24; i++) {
        int64_t at = (int64_t)(rng_f64(rng) * (double)(t->n_samples - 2 * t->sample_rate_hz));
        edit_append(edit, at, at + t->sample_rate_hz * 3 / 2, FADE_SHORT);
    }
}

static void what_the_mixdown_joins_is_cleaner_than_hard_cuts(void **state) {
    (void)state;
    Heard mixed, hard, total_mixed = {0}, total_hard = {0};
    Rng rng = rng_at(5, 5);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        Room r;
        Edit edit;
        room_open(&r, seed);
        random_edit(r.session.truth, &rng, &edit);
        save_hard_cuts(&r, &edit, 100 * (int64_t)seed);
        assert_int_equal(ear_hear(r.ear, &edit, &mixed), BS_OK);
        assert_int_equal(ear_hear_file(r.ear, &edit, r.song, &hard), BS_OK);
        assert_int_equal(mixed.n_seams, hard.n_seams);
        total_mixed.n_seams += mixed.n_seams;
        total_mixed.n_clicks += mixed.n_clicks;
        total_hard.n_clicks += hard.n_clicks;
        total_mixed.n_flams += mixed.n_flams;
        total_hard.n_flams += hard.n_flams;
        total_mixed.n_cut_notes += mixed.n_cut_notes;
        total_hard.n_cut_notes += hard.n_cut_notes;
        Heard again; /* what is remembered is what was heard */
        assert_int_equal(ear_hear(r.ear, &edit, &again), BS_OK);
        assert_true(again.fault == mixed.fault);
        edit_drop(&edit);
        room_close(&r);
    }
    print_message(
        "%d seams: mixdown %d clicks %d flams %d cut notes, hard cuts %d clicks %d flams %d cut notes\n",
        total_mixed.n_seams, total_mixed.n_clicks, total_mixed.n_flams, total_mixed.n_cut_notes,
        total_hard.n_clicks, total_hard.n_flams, total_hard.n_cut_notes);
    assert_true(total_hard.n_clicks * 5 > total_mixed.n_seams);
    assert_true(total_mixed.n_clicks * 20 < total_mixed.n_seams);
}

static void files_that_are_no_rendering_of_the_edit_are_refused(void **state) {
    (void)state;
    Room r;
    Edit edit, other;
    Heard heard;
    Rng rng = rng_at(6, 6);
    room_open(&r, 9);
    random_edit(r.session.truth, &rng, &edit);
    random_edit(r.session.truth, &rng, &other);
    save_hard_cuts(&r, &other, 0);
    assert_int_equal(ear_hear_file(r.ear, &edit, r.song, &heard), BS_INVALID);
    assert_non_null(strstr(error_text(), "no rendering of this edit"));
    other.n_segments = 2;
    save_hard_cuts(&r, &other, 0);
    assert_int_equal(ear_hear_file(r.ear, &edit, r.song, &heard), BS_INVALID);
    assert_non_null(strstr(error_text(), "long"));
    float notes[2000] = {[1000] = NAN};
    assert_int_equal(audio_save(r.song, notes, 1000, 2, SESSION_RATE, 32), BS_OK);
    assert_int_equal(ear_hear_file(r.ear, &edit, r.song, &heard), BS_NONFINITE);
    assert_non_null(strstr(error_text(), "song.wav: sample 500 is not a number"));
    save_hard_cuts(&r, &other, 0);
    const char *file = r.song;
    JudgeEar *none;
    assert_int_equal(ear_open(&none, r.session.truth, &file, 1), BS_INVALID);
    assert_non_null(strstr(error_text(), "the truth is of"));
    edit_drop(&edit);
    edit_drop(&other);
    room_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hard_cut_through_a_tone_clicks_and_a_fade_does_not),
        cmocka_unit_test(a_hit_at_the_seam_is_no_click),
        cmocka_unit_test(two_hits_of_two_lines_are_a_flam_and_a_played_one_is_not),
        cmocka_unit_test(an_attack_that_is_cut_off_is_missed),
        cmocka_unit_test(an_attack_of_the_old_line_that_is_chopped_is_heard),
        cmocka_unit_test(a_sound_that_stops_dead_is_cut_and_one_that_ends_by_itself_is_not),
        cmocka_unit_test(a_step_in_level_counts_beyond_what_the_lines_do),
        cmocka_unit_test(what_the_mixdown_joins_is_cleaner_than_hard_cuts),
        cmocka_unit_test(files_that_are_no_rendering_of_the_edit_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
