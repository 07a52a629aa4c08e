// needs: simulator
/* Sessions out of finished recordings: beats on the sample, truth that holds, bad folders told in one line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "simulator/piece.h"
#include "simulator/plan_truth.h"
#include "simulator/session.h"
#include "simulator/simulate.h"

enum { METER = 4, BARS = 24, BEATS = METER * BARS };

static char folder[] = "/tmp/bandsaw-piece-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}
static int remove_folder(void **state) {
    (void)state;
    return dir_remove(folder) != BS_OK;
}

static void path_of(char out[PATH_BYTES], const char *name) {
    assert_int_equal(path_join(out, folder, name), BS_OK);
}

/* A click on every beat over a soft chord, at a tempo that breathes; the piece as if it had been heard. */
static Piece *clicks(const char *name, int32_t rate_hz) {
    Piece *p = calloc(1, sizeof *p);
    assert_non_null(p);
    path_of(p->path, name);
    snprintf(p->name, sizeof p->name, "%s", name);
    p->meter = METER;
    p->n_bars = BARS;
    p->beats = calloc(BEATS + 1, sizeof *p->beats);
    for (int bar = 0; bar <= BARS; bar += 4) p->first_bar[p->n_sections++] = bar;
    p->n_sections--;
    double at = 20000;
    for (int b = 0; b <= BEATS; b++) {
        p->beats[b] = floor(at);
        at += 21000 + 800 * sin(0.1 * b);
    }
    double rate = (double)rate_hz / PIECE_RATE;
    int64_t n = (int64_t)(at * rate) + 3 * rate_hz;
    float *x = calloc((size_t)n, sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(0.01 * sin(0.03 * (double)i) + 0.01 * sin(0.0375 * (double)i));
    for (int b = 0; b < BEATS; b++)
        for (int i = 0; i < 30; i++)
            x[(int64_t)(p->beats[b] * rate) + i] += (float)((i % 2 ? -0.8 : 0.8) * exp(-0.2 * i));
    assert_int_equal(audio_save(p->path, x, n, 1, rate_hz, 16), BS_OK);
    free(x);
    return p;
}

static double loudest_ms(const Session *s, int64_t beat) {
    int64_t reach = PIECE_RATE / 50, best = -reach;
    float most = 0;
    for (int64_t off = -reach; off < reach; off++) {
        int64_t i = beat + off;
        if (i < 0 || i >= s->n_samples) continue;
        float x = fabsf(s->samples[2 * i]);
        if (x > most) {
            most = x;
            best = off;
        }
    }
    return 1000.0 * (double)best / PIECE_RATE;
}

static void clean_beats_lie_where_the_truth_says(void **state) {
    (void)state;
    int32_t n = 0, far = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        Session s;
        Piece *p = clicks("clicks.wav", seed % 2 ? PIECE_RATE : 48000);
        assert_int_equal(session_make_from(&s, "song", seed, 60, p), BS_OK);
        assert_int_equal(truth_check(s.truth), BS_OK);
        for (int32_t u = 0; u < s.truth->n_units; u++) {
            const TruthUnit *unit = &s.truth->units[u];
            if (unit->kind != UNIT_BEAT || unit->flaw > 0) continue;
            if (unit->start_sample == s.truth->takes[unit->take].first_sample) continue; /* fades in */
            n++;
            far += fabs(loudest_ms(&s, unit->start_sample)) > 1;
        }
        session_drop(&s);
        piece_free(p);
    }
    assert_true(n > 100);
    assert_true(far * 50 < n);
}

static void truth_of_plans_holds_and_every_bar_is_played(void **state) {
    (void)state;
    Piece *p = clicks("clicks.wav", PIECE_RATE);
    int32_t flaws = 0, several = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        Plan *plan;
        Truth *t;
        float best[TRUTH_MAX_SLOTS];
        assert_int_equal(plan_draw_from(&plan, seed, seed % 2 ? 60 : 120, p), BS_OK);
        assert_int_equal(plan_truth(&t, plan, "song", false), BS_OK);
        const Tune *tune = &plan->tunes[0];
        assert_true(tune->n_slots >= 4 && tune->first_bar + tune->n_slots <= BARS);
        assert_int_equal(t->n_tunes, 1);
        assert_string_equal(t->tunes[0].name, "clicks.wav");
        truth_best_flaws(t, 0, best);
        for (int32_t s = 0; s < t->tunes[0].n_slots; s++) assert_true(best[s] <= 1);
        flaws += t->n_flaws;
        several += t->tunes[0].n_sections > 1;
        truth_free(t);
        free(plan);
    }
    assert_true(flaws > 400 && several > 100);
    piece_free(p);
}

static void the_same_seed_gives_the_same_files_on_any_number_of_threads(void **state) {
    (void)state;
    Piece *p = clicks("clicks.wav", PIECE_RATE);
    Pieces pieces = {.list = &p, .n = 1};
    SimulateOptions o = {
        .n_songs = 3, .first_song = 1, .seed = 5, .length_s = 20, .edits = true, .pieces = &pieces};
    char one[PATH_BYTES], two[PATH_BYTES];
    path_of(one, "one");
    path_of(two, "two");
    o.folder = one;
    o.n_jobs = 1;
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    o.folder = two;
    o.n_jobs = 2;
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    for (int song = 1; song <= 3; song++) {
        static const char *const endings[] = {"_raw.wav", "_edit.wav", ".truth.json"};
        for (int e = 0; e < 3; e++) {
            char name[64], a[PATH_BYTES], b[PATH_BYTES];
            void *x, *y;
            size_t n_x, n_y;
            snprintf(name, sizeof name, "song%04d%s", song, endings[e]);
            path_join(a, one, name);
            path_join(b, two, name);
            assert_int_equal(file_read(a, 64 << 20, &x, &n_x), BS_OK);
            assert_int_equal(file_read(b, 64 << 20, &y, &n_y), BS_OK);
            assert_int_equal(n_x, n_y);
            assert_memory_equal(x, y, n_x);
            free(x);
            free(y);
        }
    }
    o.tracks = true;
    assert_int_equal(simulate(&o, NULL, NULL), BS_INVALID);
    piece_free(p);
}

static void a_piece_ends_where_sections_run_out(void **state) {
    (void)state;
    enum { ALL = 2000 };
    Piece *p = calloc(1, sizeof *p);
    Song song = {.n_units = ALL * METER, .units = calloc(ALL * METER, sizeof *song.units)};
    assert_non_null(p);
    assert_non_null(song.units);
    p->meter = METER;
    p->n_bars = ALL; /* of one section: every eighth bar begins the next */
    piece_cut_sections(p, &song, 0);
    assert_int_equal(p->n_sections, PIECE_MAX_SECTIONS);
    assert_int_equal(p->n_bars, 8 * PIECE_MAX_SECTIONS);
    assert_int_equal(p->first_bar[p->n_sections], p->n_bars);
    for (int32_t i = 0; i < p->n_sections; i++) assert_int_equal(p->first_bar[i], 8 * i);
    p->n_bars = 8 * PIECE_MAX_SECTIONS; /* there is room for just these */
    piece_cut_sections(p, &song, 0);
    assert_int_equal(p->n_bars, 8 * PIECE_MAX_SECTIONS);
    free(song.units);
    piece_free(p);
}

typedef struct LeftOut {
    int n;
    char last[512];
} LeftOut;

static void note(void *context, const char *why) {
    LeftOut *l = context;
    l->n++;
    snprintf(l->last, sizeof l->last, "%s", why);
}

static void recordings_are_heard_and_bad_ones_told_in_a_line(void **state) {
    (void)state;
    char here[PATH_BYTES], path[PATH_BYTES];
    Pieces pieces;
    LeftOut left = {0};
    path_of(here, "none");
    assert_int_equal(pieces_hear(&pieces, here, NULL, NULL), BS_NOT_FOUND);
    path_of(here, "heard");
    assert_int_equal(dir_make(here, 0777), BS_OK);
    assert_int_equal(pieces_hear(&pieces, here, NULL, NULL), BS_NOT_FOUND);
    assert_non_null(strstr(error_text(), "no WAV"));
    path_join(path, here, "a.wav");
    assert_int_equal(file_replace(path, "no audio", 8), BS_OK);
    assert_int_equal(pieces_hear(&pieces, here, note, &left), BS_NOT_FOUND);
    assert_int_equal(left.n, 1);
    assert_non_null(strstr(left.last, "a.wav"));
    path_join(path, here, "._a.wav"); /* a file system's notes on a.wav: no recording */
    assert_int_equal(file_replace(path, "no audio", 8), BS_OK);
    assert_null(strchr(left.last, '\n'));
    float *silence = calloc(PIECE_RATE * 6, sizeof *silence);
    path_join(path, here, "b.wav");
    assert_int_equal(audio_save(path, silence, PIECE_RATE * 6, 1, PIECE_RATE, 16), BS_OK);
    free(silence);
    Session s; /* the longest take of a rehearsal is as good as finished */
    assert_int_equal(session_make(&s, "song", 5, 120), BS_OK);
    const TruthTake *longest = s.truth->takes;
    for (int32_t k = 0; k < s.truth->n_takes; k++)
        if (s.truth->takes[k].end_sample - s.truth->takes[k].first_sample >
            longest->end_sample - longest->first_sample)
            longest = &s.truth->takes[k];
    path_join(path, here, "c.flac");
    assert_int_equal(audio_save(path, s.samples + 2 * longest->first_sample,
                                longest->end_sample - longest->first_sample, 2, SESSION_RATE, 16),
                     BS_OK);
    session_drop(&s);
    left.n = 0;
    assert_int_equal(pieces_hear(&pieces, here, note, &left), BS_OK);
    assert_int_equal(left.n, 2);
    assert_int_equal(pieces.n, 1);
    const Piece *p = pieces.list[0];
    assert_true(p->n_bars >= PIECE_MIN_BARS && p->n_sections >= 1);
    assert_int_equal(p->first_bar[p->n_sections], p->n_bars);
    for (int32_t i = 0; i < p->n_sections; i++) assert_true(p->first_bar[i + 1] - p->first_bar[i] >= 2);
    for (int32_t b = 0; b < p->n_bars * p->meter; b++) assert_true(p->beats[b + 1] > p->beats[b]);
    assert_int_equal(session_make_from(&s, "song", 3, 30, p), BS_OK);
    session_drop(&s);
    pieces_drop(&pieces);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_beats_lie_where_the_truth_says),
        cmocka_unit_test(truth_of_plans_holds_and_every_bar_is_played),
        cmocka_unit_test(the_same_seed_gives_the_same_files_on_any_number_of_threads),
        cmocka_unit_test(a_piece_ends_where_sections_run_out),
        cmocka_unit_test(recordings_are_heard_and_bad_ones_told_in_a_line),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
