// needs: editor
/* The report's page: the sound that lies in it. */
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

#include "common/audio/preview.h"
#include "common/host/file.h"
#include "common/report/markup.h"
#include "editor/page_sound.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[PATH_BYTES];
    assert_int_equal(path_join(path, folder, name), BS_OK);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-page-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static int32_t count(const ByteWriter *w, const char *word) {
    int32_t n = 0;
    for (const char *p = (const char *)w->bytes; (p = strstr(p, word)) != NULL; p++) n++;
    return n;
}

static void base64_is_that_of_rfc_4648(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char expected[64];
        ByteWriter w;
        bytes_init(&w, 4096);
        markup_data_url(&w, "a/b", pairs[i][0], strlen(pairs[i][0]));
        bytes_put(&w, "", 1);
        snprintf(expected, sizeof expected, "data:a/b;base64,%s", pairs[i][1]);
        assert_string_equal((char *)w.bytes, expected);
        bytes_drop(&w);
    }
}

static void text_cannot_become_markup(void **state) {
    (void)state;
    ByteWriter w;
    bytes_init(&w, 4096);
    markup_text(&w, "a<b>&\"\x01\nB\xc3\xa9");
    bytes_put(&w, "", 1);
    assert_string_equal((char *)w.bytes, "a&lt;b&gt;&amp;&quot;B\xc3\xa9");
    bytes_drop(&w);
}

/* A burst of 100 Hz at 1.5 s of `seconds`, in all channels, each softer than the one before. */
static float *burst(int32_t rate, int32_t wide, double length_s) {
    const int64_t n = (int64_t)(length_s * rate);
    float *x = calloc((size_t)(n * wide), sizeof *x);
    assert_non_null(x);
    for (int64_t i = rate * 3 / 2; i < rate * 3 / 2 + rate / 10; i++)
        for (int32_t c = 0; c < wide; c++)
            x[i * wide + c] = (float)(0.5 / (c + 1) * sin(2 * M_PI * 100 * (double)i / rate));
    return x;
}

static void a_preview_plays_what_went_in_where_it_was(void **state) {
    (void)state;
    static const struct {
        int32_t rate, wide, out_rate, out_wide;
        PreviewKind kind;
    } cases[] = {{44100, 2, 44100, 2, PREVIEW_SONG},   {48000, 1, 48000, 1, PREVIEW_SONG},
                 {96000, 2, 44100, 2, PREVIEW_SONG},   {44100, 2, 44100, 1, PREVIEW_SKETCH},
                 {22050, 4, 44100, 1, PREVIEW_SKETCH}, {8000, 1, 44100, 1, PREVIEW_SKETCH}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const int32_t rate = cases[k].rate, wide = cases[k].wide;
        float *x = burst(rate, wide, 3);
        Preview *preview;
        ByteWriter mp3;
        bytes_init(&mp3, 1 << 20);
        assert_int_equal(preview_open(&preview, rate, wide, cases[k].kind), BS_OK);
        assert_int_equal(preview_add(preview, x, rate), BS_OK); /* in two parts */
        assert_int_equal(preview_add(preview, x + (int64_t)rate * wide, 2 * rate), BS_OK);
        assert_int_equal(preview_finish(preview, &mp3), BS_OK);
        preview_close(preview);
        assert_true(fabs((double)mp3.n_bytes - (double)preview_bytes(cases[k].kind, 3)) < 2500);
        const char *path = in_folder("preview.mp3");
        assert_int_equal(file_replace(path, mp3.bytes, mp3.n_bytes), BS_OK);
        AudioReader *r;
        assert_int_equal(audio_open(&r, &path, 1), BS_OK);
        const AudioInfo info = audio_info(r);
        assert_int_equal(info.sample_rate_hz, cases[k].out_rate);
        assert_int_equal(info.n_channels, cases[k].out_wide);
        assert_true(fabs((double)info.n_samples / info.sample_rate_hz - 3) < 0.06);
        float *y = malloc(sizeof *y * (size_t)(info.n_samples * info.n_channels));
        int64_t got;
        assert_int_equal(audio_read_at(r, 0, info.n_samples, y, &got), BS_OK);
        double sum = 0, middle = 0, all = 0;
        for (int64_t i = 0; i < got; i++) {
            const double e = (double)y[i * info.n_channels] * y[i * info.n_channels];
            all += e;
            sum += e / (0.125 * info.sample_rate_hz / 10); /* of a whole burst at .5 */
            middle += e * (double)i / info.sample_rate_hz;
        }
        double mixed = 0; /* what the mean of the channels leaves of the first */
        for (int32_t c = 0; c < wide; c++) mixed += 1.0 / (c + 1) / wide;
        const double expected = info.n_channels == 2 ? 1 : mixed * mixed;
        assert_true(fabs(sum / expected - 1) < 0.1);
        assert_true(fabs(middle / all - 1.55) < 0.06); /* some decoders keep the encoder's delay */
        free(y);
        free(x);
        audio_close(r);
        bytes_drop(&mp3);
    }
}

/* A page for a recording of n seconds; wants are in seconds. */
static void make_page(ByteWriter *w, double length_s, const double (*wants)[2], int32_t n_wants) {
    enum { RATE = 1000 };
    const char *path = in_folder("a \"raw\" one.wav");
    float *x = burst(RATE, 1, length_s);
    assert_int_equal(audio_save(path, x, (int64_t)(length_s * RATE), 1, RATE, 16), BS_OK);
    free(x);
    EditWork *work = calloc(1, sizeof *work);
    assert_non_null(work);
    const int64_t start = 0, samples = (int64_t)(length_s * RATE);
    assert_int_equal(audio_open(&work->reader, &path, 1), BS_OK);
    work->sources = (SourceList){.n = 1,
                                 .sample_rate_hz = RATE,
                                 .n_channels = 1,
                                 .paths = &path,
                                 .start = &start,
                                 .samples = &samples,
                                 .n_samples = samples};
    PageSound sound;
    Steps unseen = {0};
    page_sound_init(&sound, work, folder, &unseen);
    for (int32_t i = 0; i < n_wants; i++)
        page_sound_want(&sound, (int64_t)(wants[i][0] * RATE), (int64_t)(wants[i][1] * RATE));
    bytes_init(w, 64 << 20);
    assert_int_equal(page_sound_recording(&sound, w), BS_OK);
    bytes_put(w, "", 1);
    assert_false(w->bad);
    page_sound_drop(&sound);
    audio_close(work->reader);
    free(work);
}

static void a_short_recording_lies_in_the_page(void **state) {
    (void)state;
    const double wants[][2] = {{1, 2}};
    ByteWriter w;
    make_page(&w, 10, wants, 1);
    assert_int_equal(count(&w, "<audio"), 1);
    assert_int_equal(count(&w, "src=\"data:audio/mpeg;base64,"), 1);
    assert_int_equal(count(&w, "data-start=\"0.000000\" data-end=\"10.000000\""), 1);
    assert_int_equal(count(&w, "hidden"), 0);
    bytes_drop(&w);
}

static void of_a_long_one_what_buttons_play(void **state) {
    (void)state;
    /* near ones are one; more than the page holds stays outside */
    const double wants[][2] = {{1000, 1010}, {5, 9}, {8, 12}, {13, 14}, {3000, 4900}, {4999.95, 5000}};
    ByteWriter w;
    make_page(&w, 5000, wants, 6);
    assert_int_equal(count(&w, "<audio"), 4);
    assert_int_equal(count(&w, "src=\"data:audio/mpeg;base64,"), 3);
    assert_int_equal(count(&w, " hidden"), 3);
    assert_int_equal(count(&w, "data-start=\"4.900000\" data-end=\"14.100000\""), 1);
    assert_int_equal(count(&w, "data-start=\"999.900000\" data-end=\"1010.100000\""), 1);
    assert_int_equal(count(&w, "data-start=\"4999.850000\" data-end=\"5000.000000\""), 1);
    assert_int_equal(count(&w, "src=\"./a%20%22raw%22%20one.wav\""), 1);
    assert_int_equal(count(&w, "a &quot;raw&quot; one.wav, beside this page"), 1);
    bytes_drop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(text_cannot_become_markup),
        cmocka_unit_test(a_preview_plays_what_went_in_where_it_was),
        cmocka_unit_test(a_short_recording_lies_in_the_page),
        cmocka_unit_test(of_a_long_one_what_buttons_play),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
