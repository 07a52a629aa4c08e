// needs: common/report
/* The sheet of a recording, and what is said of takes in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/file.h"
#include "common/report/sheet.h"
#include "common/song/song_words.h"

enum { RATE = 1000, BEAT = 500 };

/* Two takes of a tune of eight bars of four, AABB: one whole, one bars 3 to 6; a second of gap before each.
 */
static Song *make_song(void) {
    Song *s;
    const int32_t first[2] = {0, 2}, n_bars[2] = {8, 4};
    assert_int_equal(song_new(&s, 1, 2 + 4 * 12, 2, 1, 8), BS_OK);
    s->sample_rate_hz = RATE;
    s->n_channels = 1;
    s->loudness_lufs = -17.25F;
    s->tuning_cents = -12;
    snprintf(s->sources[0].name, SONG_NAME_BYTES, "x.wav");
    for (int k = 0; k < 8; k++) s->slot_section[k] = k / 4;
    s->tunes[0] = (SongTune){4, 8, 120, 0};
    int32_t u = 0, bar = 0;
    int64_t at = 0;
    for (int32_t t = 0; t < 2; t++) {
        s->units[u++] = (SongUnit){at, UNIT_GAP, 0, -1, -1, -1, -1, -1, .loudness_db = -60};
        at += RATE;
        s->takes[t] = (SongTake){u, 4 * n_bars[t], 0, 0.25F, t == 0};
        for (int32_t b = 0; b < n_bars[t]; b++, bar++)
            for (uint8_t k = 0; k < 4; k++, at += BEAT)
                s->units[u++] = (SongUnit){.start_sample = at,
                                           .kind = UNIT_BEAT,
                                           .phase = k,
                                           .take = (int16_t)t,
                                           .bar = bar,
                                           .phrase = 10 * t + b / 4,
                                           .section = 10 * t + (first[t] + b) / 4,
                                           .slot = first[t] + b,
                                           .loudness_db = -20,
                                           .tempo_bpm = 120,
                                           .flaw = b == 3 ? 0.75F : 0,
                                           .key = b < 4 ? 22 : 1};
    }
    s->n_samples = s->sources[0].n_samples = at;
    assert_int_equal(song_check(s), BS_OK);
    return s;
}

static int count(const char *text, const char *what) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++) n++;
    return n;
}

static char *draw(const Song *song, const char *title, int32_t n_peaks) {
    char path[] = "/tmp/bandsaw-test-sheet-XXXXXX";
    float low[100], high[100];
    void *bytes;
    size_t n;
    for (int i = 0; i < 100; i++) low[i] = -0.5F, high[i] = 0.5F;
    close(mkstemp(path));
    assert_int_equal(sheet_write(path, &(Sheet){song, title, n_peaks, low, high}), BS_OK);
    assert_int_equal(file_read(path, 1 << 24, &bytes, &n), BS_OK);
    unlink(path);
    return bytes;
}

static void says_how_takes_end_and_what_they_cover(void **state) {
    (void)state;
    Song *s = make_song();
    char text[SONG_ENDING], slots[64], form[64], tight[12];
    int32_t n;
    assert_string_equal(song_ending_text(s, 0, text), "whole");
    assert_string_equal(song_ending_text(s, 1, text), "breaks off in bar 6 of 8");
    assert_string_equal(song_slots_text(s, 1, slots, sizeof slots, &n), "3-6");
    assert_int_equal(n, 4);
    assert_string_equal(song_form_text(s, 0, form, sizeof form), "A 1-4, B 5-8");
    assert_string_equal(song_form_text(s, 0, tight, sizeof tight), "A 1-4 ...");
    for (int32_t u = s->takes[1].first_unit; u < s->n_units; u++) s->units[u].slot += 1;
    assert_string_equal(song_ending_text(s, 1, text), "all but the last bar of 8");
    for (int32_t u = s->takes[1].first_unit; u < s->n_units; u++) s->units[u].slot += 1;
    assert_string_equal(song_ending_text(s, 1, text), "from bar 5 to the end");
    for (int32_t u = s->takes[1].first_unit + 4; u < s->takes[1].first_unit + 8; u++) s->units[u].slot = -1;
    assert_string_equal(song_slots_text(s, 1, slots, sizeof slots, &n), "5, 7-8");
    for (int32_t u = s->takes[1].first_unit; u < s->n_units; u++) s->units[u].slot = -1;
    assert_string_equal(song_ending_text(s, 1, text), "plays no bar of the form");
    for (int32_t u = s->takes[1].first_unit; u < s->n_units; u++) s->units[u].bar = -1;
    assert_string_equal(song_ending_text(s, 1, text), "no pulse");
    song_free(s);
}

static void letters_go_on_after_z(void **state) {
    (void)state;
    char text[SONG_LETTER];
    assert_string_equal(song_letter(0, text), "A");
    assert_string_equal(song_letter(25, text), "Z");
    assert_string_equal(song_letter(27, text), "B1");
    assert_string_equal(song_letter(-1, text), "?");
}

static void draws_what_was_heard(void **state) {
    (void)state;
    Song *s = make_song();
    char *svg = draw(s, "Tom & <Ann>", 100);
    assert_int_equal(count(svg, "<svg "), 1);
    assert_string_equal(strstr(svg, "</svg>"), "</svg>\n");
    assert_non_null(strstr(svg, "Tom &amp; &lt;Ann&gt;"));
    assert_non_null(strstr(svg, "2 takes of 1 tune; -17.2 LUFS"));
    assert_non_null(strstr(svg, "tuned 12 cents below"));
    assert_non_null(strstr(svg, "A minor; form of 8 bars: A 1-4, B 5-8"));
    assert_non_null(strstr(svg, ">take 1: whole, quality 75 %<"));
    assert_non_null(strstr(svg, ">take 2: breaks off in bar 6 of 8"));
    assert_int_equal(count(svg, "class=\"seam\""), 1); /* where it breaks off */
    assert_int_equal(count(svg, ">A minor<"), 2);
    assert_int_equal(count(svg, ">C major<"), 1);
    assert_int_equal(count(svg, "class=\"phrase\""), 3);
    assert_int_equal(count(svg, "class=\"wave\""), 1);
    assert_null(strstr(svg, "nan"));
    free(svg);
    svg = draw(s, "no sound", 0);
    assert_null(strstr(svg, "class=\"wave\""));
    free(svg);
    song_free(s);
}

static void a_sheet_that_cannot_be_written_is_one_line(void **state) {
    (void)state;
    Song *s = make_song();
    assert_int_not_equal(sheet_write("/nowhere/x.svg", &(Sheet){.song = s, .title = "x"}), BS_OK);
    assert_non_null(strstr(error_text(), "/nowhere/x.svg"));
    song_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_takes_end_and_what_they_cover),
        cmocka_unit_test(letters_go_on_after_z),
        cmocka_unit_test(draws_what_was_heard),
        cmocka_unit_test(a_sheet_that_cannot_be_written_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
