// needs: featurizer
/* Align: hard cuts are found to the sample, through level, polarity, rates and MP3; loops, fades and foreign
 * sound are told apart; what is no edit of the recording is refused in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/host/file.h"
#include "featurizer/align/align.h"
#include "tests/bench/align_material.h"

static char folder[64], raw_path[96];
static Mat raw;

static const char *at(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int make_recording(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-align-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    raw = mat_recording(MAT_BAND, 77, 40);
    snprintf(raw_path, sizeof raw_path, "%s/raw.wav", folder);
    return mat_save(raw_path, &raw, 2, MAT_RATE) == BS_OK ? 0 : -1;
}

static int remove_recording(void **state) {
    (void)state;
    free(raw.x);
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

/* Pieces of the recording in seconds, one after the other, with a fade of `fade_s` around each seam. */
static MatEdit plan(const double (*range)[2], int32_t n, double fade_s) {
    MatEdit e = {.n = n};
    for (int32_t i = 0; i < n; i++) {
        e.piece[i] = (MatPiece){llround(range[i][0] * MAT_RATE), llround(range[i][1] * MAT_RATE),
                                i ? llround(fade_s * MAT_RATE) : 0, LAW_POWER};
        e.at[i + 1] = e.at[i] + e.piece[i].raw_end - e.piece[i].raw_start;
    }
    return e;
}

static void align(const char *path, Alignment *a) {
    const char *raws[1] = {raw_path};
    const Status st = align_files(raws, 1, path, a);
    if (st != BS_OK) print_error("%s\n", error_text());
    assert_int_equal(st, BS_OK);
}

static void save_and_align(const char *name, const Mat *m, int channels, int rate, Alignment *a) {
    assert_int_equal(mat_save(at(name), m, channels, rate), BS_OK);
    align(at(name), a);
}

/* Every piece where it should be: offset within `off`, edges within `edge` samples of the recording. */
static void assert_pieces(const Alignment *a, const MatEdit *e, double off, double edge) {
    assert_int_equal(a->n_pieces, e->n);
    const double scale = (double)a->edit_rate_hz / a->raw_rate_hz;
    for (int32_t i = 0; i < e->n; i++) {
        const AlignPiece *p = &a->pieces[i];
        const double place =
            (double)p->raw_start + p->rate * ((double)e->at[i] * scale - (double)p->edit_start);
        assert_true(fabs(place - (double)e->piece[i].raw_start) <= off);
        assert_true(fabs((double)(p->raw_start - e->piece[i].raw_start)) <= edge);
        assert_true(fabs((double)(p->raw_end - e->piece[i].raw_end)) <= edge);
    }
}

static const double ranges[][2] = {{4, 9.31}, {21.5, 25.07}, {21.5, 25.07}, {12.25, 16}, {30, 34.4}};
enum { N_RANGES = sizeof ranges / sizeof *ranges };

static void finds_hard_cuts_to_the_sample(void **state) {
    (void)state;
    Alignment a;
    Edit edit;
    MatEdit e = plan(ranges, N_RANGES, 0);
    Mat m = mat_render(&raw, &e);
    save_and_align("hard.wav", &m, 2, MAT_RATE, &a);
    assert_pieces(&a, &e, 0, 0);
    assert_true(a.plain);
    assert_int_equal(a.n_others, 0);
    assert_true(a.matched > 0.9999F);
    const AlignMove moves[] = {MOVE_START, MOVE_CUT, MOVE_LOOP, MOVE_REORDER, MOVE_CUT};
    for (int32_t i = 0; i < a.n_pieces; i++) {
        assert_int_equal(align_move(&a, i), moves[i]);
        assert_int_equal(a.pieces[i].join.shape, SHAPE_CUT);
        assert_int_equal(a.pieces[i].edit_start, e.at[i]);
    }
    assert_int_equal(align_edit(&a, 0, &edit), BS_OK);
    assert_int_equal(edit.n_segments, N_RANGES);
    assert_int_equal(edit_samples(&edit), m.n);
    assert_int_equal(edit.segments[3].start_sample, e.piece[3].raw_start);
    edit_drop(&edit);
    align_drop(&a);
    free(m.x);
}

/* Pieces from anywhere in the recording; N / 100 rounds of them. */
static void finds_random_cuts_to_the_sample(void **state) {
    (void)state;
    const char *given = getenv("N");
    int n_rounds = given ? atoi(given) / 100 : 3;
    n_rounds = n_rounds < 3 ? 3 : n_rounds > 100 ? 100 : n_rounds;
    for (int round = 0; round < n_rounds; round++) {
        Alignment a;
        Rng rng = rng_at(8 + (uint64_t)round, 1);
        double cuts[12][2];
        const int32_t n = 1 + (int32_t)rng_below(&rng, 12);
        for (int32_t i = 0; i < n; i++) {
            const double length = rng_between(&rng, 1.5, 4);
            cuts[i][0] = rng_between(&rng, 0, 40 - length);
            cuts[i][1] = cuts[i][0] + length;
        }
        MatEdit e = plan((const double(*)[2])cuts, n, 0);
        Mat m = mat_render(&raw, &e);
        save_and_align("random.wav", &m, 2, MAT_RATE, &a);
        assert_pieces(&a, &e, 0, 1); /* two neighbours may agree by chance */
        assert_true(a.plain);
        assert_int_equal(a.n_others, 0);
        assert_int_equal(a.pieces[n - 1].edit_end, m.n);
        for (int32_t i = 1; i < n; i++) assert_int_equal(a.pieces[i].join.shape, SHAPE_CUT);
        align_drop(&a);
        free(m.x);
    }
}

static void keeps_silence_within_a_piece(void **state) {
    (void)state;
    Alignment a;
    const double around[][2] = {{6, 16}, {30, 33}};
    Mat paused = mat_new(raw.n);
    memcpy(paused.x, raw.x, sizeof(float) * 2 * (size_t)raw.n);
    memset(paused.x + 2 * 10 * MAT_RATE, 0, sizeof(float) * 2 * 3 * MAT_RATE);
    MatEdit e = plan(around, 2, 0);
    Mat m = mat_render(&paused, &e);
    assert_int_equal(mat_save(at("paused.wav"), &paused, 2, MAT_RATE), BS_OK);
    assert_int_equal(mat_save(at("kept.wav"), &m, 2, MAT_RATE), BS_OK);
    const char *raws[1] = {at("paused.wav")};
    assert_int_equal(align_files(raws, 1, at("kept.wav"), &a), BS_OK);
    assert_pieces(&a, &e, 0, 0);
    assert_int_equal(a.n_others, 0);
    align_drop(&a);
    free(m.x);
    free(paused.x);
}

static void forgives_fades_at_both_ends(void **state) {
    (void)state;
    Alignment a;
    const double one[][2] = {{5, 14}};
    enum { IN = 10000, OUT = 100000 };
    MatEdit e = plan(one, 1, 0);
    Mat m = mat_render(&raw, &e);
    for (int64_t t = 0; t < 2 * m.n; t++) {
        const int64_t from_end = m.n - 1 - t / 2;
        m.x[t] *= (float)fmin(1, fmin((double)(t / 2) / IN, (double)from_end / OUT));
    }
    save_and_align("faded.wav", &m, 2, MAT_RATE, &a);
    assert_pieces(&a, &e, 0, 1);
    align_drop(&a);
    free(m.x);
}

static void finds_the_middle_of_a_short_fade(void **state) {
    (void)state;
    Alignment a;
    MatEdit e = plan(ranges, N_RANGES, 400.0 / MAT_RATE);
    Mat m = mat_render(&raw, &e);
    save_and_align("fade400samples.wav", &m, 2, MAT_RATE, &a);
    assert_pieces(&a, &e, 0, 5);
    align_drop(&a);
    free(m.x);
}

static void passes_over_gain_and_polarity(void **state) {
    (void)state;
    Alignment a;
    MatEdit e = plan(ranges, N_RANGES, 0);
    Mat m = mat_render(&raw, &e);
    for (int64_t i = 0; i < 2 * m.n; i++) m.x[i] *= -0.5F;
    save_and_align("turned.wav", &m, 2, MAT_RATE, &a);
    assert_pieces(&a, &e, 0, 1);
    for (int32_t i = 0; i < a.n_pieces; i++) assert_true(fabsf(a.pieces[i].gain + 0.5F) < 0.01F);
    align_drop(&a);
    free(m.x);
}

static void passes_over_another_rate_in_mono(void **state) {
    (void)state;
    Alignment a;
    MatEdit e = plan(ranges, N_RANGES, 0);
    Mat m = mat_render(&raw, &e);
    save_and_align("mono48.wav", &m, 1, 48000, &a);
    assert_int_equal(a.edit_rate_hz, 48000);
    assert_pieces(&a, &e, 1, 48);
    align_drop(&a);
    free(m.x);
}

static void finds_short_fades_through_mp3(void **state) {
    (void)state;
    Alignment a;
    MatEdit e = plan(ranges, N_RANGES, 0.01);
    Mat m = mat_render(&raw, &e);
    save_and_align("fade10.mp3", &m, 2, MAT_RATE, &a);
    assert_pieces(&a, &e, 1, 0.01 * MAT_RATE);
    align_drop(&a);
    free(m.x);
}

static void measures_a_long_fade(void **state) {
    (void)state;
    Alignment a;
    Edit edit;
    MatEdit e = plan(ranges, 2, 0.4);
    Mat m = mat_render(&raw, &e);
    save_and_align("fade400.wav", &m, 2, MAT_RATE, &a);
    assert_int_equal(a.n_pieces, 2);
    const AlignJoin *j = &a.pieces[1].join;
    assert_true(llabs(j->start - (e.at[1] - e.piece[1].fade / 2)) < MAT_RATE / 25);
    assert_true(llabs(j->end - (e.at[1] + e.piece[1].fade / 2)) < MAT_RATE / 25);
    assert_true(j->enter[0] < 0.3F && j->enter[ALIGN_CURVE - 1] > 0.8F && j->leave[0] > 0.8F);
    assert_true(fabsf(j->enter[ALIGN_CURVE / 2] - 0.707F) < 0.15F);
    assert_int_equal(align_edit(&a, 0.4, &edit), BS_OK);
    assert_int_equal(edit.segments[1].fade, FADE_1_BEAT);
    edit_drop(&edit);
    align_drop(&a);
    free(m.x);
}

static void reports_foreign_sound_and_never_guesses(void **state) {
    (void)state;
    Alignment a;
    MatEdit e = plan(ranges, N_RANGES, 0);
    Mat m = mat_render(&raw, &e), other = mat_recording(MAT_TONAL, 78, 8);
    memcpy(m.x + 2 * e.at[1], other.x + 2 * MAT_RATE, sizeof(float) * 2 * (size_t)(e.at[2] - e.at[1]));
    save_and_align("foreign.wav", &m, 2, MAT_RATE, &a);
    assert_int_equal(a.n_others, 1);
    assert_int_equal(a.others[0].kind, OTHER_UNKNOWN);
    assert_true(llabs(a.others[0].edit_start - e.at[1]) < MAT_RATE / 50);
    assert_true(llabs(a.others[0].edit_end - e.at[2]) < MAT_RATE / 50);
    for (int32_t i = 0; i < a.n_pieces; i++)
        assert_true(a.pieces[i].edit_end <= a.others[0].edit_start ||
                    a.pieces[i].edit_start >= a.others[0].edit_end);
    assert_true(fabs((double)a.matched - (1 - (double)(e.at[2] - e.at[1]) / (double)m.n)) < 0.01);
    align_drop(&a);
    free(m.x);
    free(other.x);
}

static void flags_ties_between_identical_passages(void **state) {
    (void)state;
    Alignment a;
    const double one[][2] = {{5, 9}, {20, 24}};
    Mat twice = mat_new(raw.n);
    memcpy(twice.x, raw.x, sizeof(float) * 2 * (size_t)raw.n);
    memcpy(twice.x + 2 * 30 * MAT_RATE, raw.x + 2 * 4 * MAT_RATE, sizeof(float) * 2 * 6 * MAT_RATE);
    MatEdit e = plan(one, 2, 0);
    Mat m = mat_render(&twice, &e);
    assert_int_equal(mat_save(at("twice.wav"), &twice, 2, MAT_RATE), BS_OK);
    assert_int_equal(mat_save(at("tie.wav"), &m, 2, MAT_RATE), BS_OK);
    const char *raws[1] = {at("twice.wav")};
    assert_int_equal(align_files(raws, 1, at("tie.wav"), &a), BS_OK);
    assert_int_equal(a.n_pieces, 2);
    assert_true(a.pieces[0].tie);
    assert_int_equal(a.pieces[0].n_alternatives, 1);
    assert_int_equal(llabs(a.pieces[0].alternatives[0] - a.pieces[0].raw_start), 26 * MAT_RATE);
    assert_false(a.pieces[1].tie);
    align_drop(&a);
    free(m.x);
    free(twice.x);
}

/* The same notes are played elsewhere, and a period off a tone is as alike: neither is a reason to jump. */
static void follows_one_line_through_long_tones(void **state) {
    (void)state;
    Alignment a;
    Mat sparse = mat_recording(MAT_SPARSE, 91, 40);
    MatEdit e = plan(ranges, N_RANGES, 0.05);
    Mat m = mat_render(&sparse, &e);
    mat_master(&m, 5);
    assert_int_equal(mat_save(at("sparse.wav"), &sparse, 2, MAT_RATE), BS_OK);
    assert_int_equal(mat_save(at("sparse.mp3"), &m, 2, MAT_RATE), BS_OK);
    const char *raws[1] = {at("sparse.wav")};
    assert_int_equal(align_files(raws, 1, at("sparse.mp3"), &a), BS_OK);
    assert_pieces(&a, &e, 1.5, 0.05 * MAT_RATE);
    assert_int_equal(a.n_others, 0);
    align_drop(&a);
    free(m.x);
    free(sparse.x);
}

/* Of three copies of a passage, the edit goes from the first on to the second, not back. */
static void goes_on_in_order_among_equal_places(void **state) {
    (void)state;
    enum { N = 8 * MAT_RATE };
    Alignment a;
    const double two[][2] = {{3, 6}, {9.5, 14}};
    Mat copies = mat_new(3 * N);
    for (int i = 0; i < 3; i++) memcpy(copies.x + 2 * i * N, raw.x + 2 * 4 * MAT_RATE, sizeof(float) * 2 * N);
    MatEdit e = plan(two, 2, 0);
    Mat m = mat_render(&copies, &e);
    assert_int_equal(mat_save(at("copies.wav"), &copies, 2, MAT_RATE), BS_OK);
    assert_int_equal(mat_save(at("order.wav"), &m, 2, MAT_RATE), BS_OK);
    const char *raws[1] = {at("copies.wav")};
    assert_int_equal(align_files(raws, 1, at("order.wav"), &a), BS_OK);
    assert_int_equal(a.n_pieces, 2);
    assert_int_equal(align_move(&a, 1), MOVE_CUT);
    assert_int_equal(a.pieces[1].raw_start - a.pieces[0].raw_end, e.piece[1].raw_start - e.piece[0].raw_end);
    for (int32_t i = 0; i < 2; i++) {
        assert_true(a.pieces[i].tie);
        assert_int_equal(a.pieces[i].n_alternatives, 2);
    }
    align_drop(&a);
    free(m.x);
    free(copies.x);
}

static void assert_refused(const char *raw_file, const char *edit, Status expected, const char *why) {
    Alignment a;
    const char *raws[1] = {raw_file};
    assert_int_equal(align_files(raws, 1, edit, &a), expected);
    if (!strstr(error_text(), why)) print_error("%s\n", error_text());
    assert_non_null(strstr(error_text(), why));
    assert_null(strchr(error_text(), '\n'));
    assert_int_equal(a.n_pieces, 0);
    assert_null(a.pieces);
}

static void refuses_what_is_no_edit_of_the_recording(void **state) {
    (void)state;
    Mat other = mat_recording(MAT_BAND, 79, 12), silence = mat_new(5 * MAT_RATE),
        brief = {raw.x + 2 * 5 * MAT_RATE, MAT_RATE / 2};
    assert_int_equal(mat_save(at("other.wav"), &other, 2, MAT_RATE), BS_OK);
    assert_int_equal(mat_save(at("silence.wav"), &silence, 2, MAT_RATE), BS_OK);
    assert_int_equal(mat_save(at("brief.wav"), &brief, 2, MAT_RATE), BS_OK);
    assert_refused(raw_path, at("other.wav"), BS_UNSUPPORTED, "is it an edit of another recording?");
    assert_refused(raw_path, at("silence.wav"), BS_CORRUPT, "silence.wav: only silence");
    assert_refused(at("silence.wav"), raw_path, BS_CORRUPT, "silence.wav: only silence");
    assert_refused(raw_path, at("brief.wav"), BS_INVALID, "0.50 s are too short");
    assert_refused(raw_path, at("missing.wav"), BS_NOT_FOUND, "missing.wav");
    static const float none[] = {NAN, INFINITY};
    for (int k = 0; k < 2; k++) {
        other.x[2000] = none[k];
        assert_int_equal(audio_save(at("none.wav"), other.x, other.n, 2, MAT_RATE, 32), BS_OK);
        assert_refused(raw_path, at("none.wav"), BS_NONFINITE, "none.wav: sample 1000 is not a number");
        assert_refused(at("none.wav"), raw_path, BS_NONFINITE, "none.wav: sample 1000 is not a number");
    }
    free(other.x);
    free(silence.x);
}

static void says_so_when_recording_and_edit_are_mixed_up(void **state) {
    (void)state;
    const double one[][2] = {{10, 18}};
    MatEdit e = plan(one, 1, 0);
    Mat m = mat_render(&raw, &e);
    assert_int_equal(mat_save(at("part.wav"), &m, 2, MAT_RATE), BS_OK);
    assert_refused(at("part.wav"), raw_path, BS_CONFLICT, "are the two mixed up?");
    free(m.x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_hard_cuts_to_the_sample),
        cmocka_unit_test(finds_random_cuts_to_the_sample),
        cmocka_unit_test(keeps_silence_within_a_piece),
        cmocka_unit_test(forgives_fades_at_both_ends),
        cmocka_unit_test(finds_the_middle_of_a_short_fade),
        cmocka_unit_test(passes_over_gain_and_polarity),
        cmocka_unit_test(passes_over_another_rate_in_mono),
        cmocka_unit_test(finds_short_fades_through_mp3),
        cmocka_unit_test(measures_a_long_fade),
        cmocka_unit_test(reports_foreign_sound_and_never_guesses),
        cmocka_unit_test(flags_ties_between_identical_passages),
        cmocka_unit_test(follows_one_line_through_long_tones),
        cmocka_unit_test(goes_on_in_order_among_equal_places),
        cmocka_unit_test(refuses_what_is_no_edit_of_the_recording),
        cmocka_unit_test(says_so_when_recording_and_edit_are_mixed_up),
    };
    return cmocka_run_group_tests(tests, make_recording, remove_recording);
}
