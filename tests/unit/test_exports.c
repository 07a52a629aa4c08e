// needs: common/report
/* Edits as other programs' projects, and the way back; what a musician wrote on a recording. */
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
#include "common/host/json.h"
#include "common/report/edl.h"
#include "common/report/marks.h"
#include "common/report/otio.h"
#include "common/report/rpp.h"

enum { RATE = 44100, LENGTH = 60 * RATE, MAX_SEAMS = 32 };

static const char *const paths[] = {"one \"take\".wav", "two.flac"};
static const int64_t starts[] = {0, 40 * RATE}, lengths[] = {40 * RATE, 20 * RATE};
static const SourceList sources = {.n = 2,
                                   .sample_rate_hz = RATE,
                                   .n_channels = 2,
                                   .paths = paths,
                                   .start = starts,
                                   .samples = lengths,
                                   .n_samples = LENGTH};

/* Segments anywhere, seams before, on and after the beat: all that a mixdown may plan. */
static void an_edit(Rng *rng, Edit *edit, MixPlan *plan, Seam seams[MAX_SEAMS]) {
    edit_init(edit);
    edit->sample_rate_hz = RATE;
    const int32_t n = 1 + (int32_t)rng_below(rng, 12);
    for (int32_t i = 0; i < n; i++) {
        const int64_t length = RATE + (int64_t)rng_below(rng, 6 * RATE);
        const int64_t start = RATE + (int64_t)rng_below(rng, LENGTH - 8 * RATE);
        assert_int_equal(edit_append(edit, start, start + length, FADE_SHORT), BS_OK);
    }
    *plan = (MixPlan){.seams = seams,
                      .lead_in_samples = 220,
                      .tail_samples = 4410,
                      .lead_fade_samples = 220,
                      .tail_fade_samples = 4410,
                      .sample_rate_hz = RATE,
                      .gain = 1};
    int64_t at = plan->lead_in_samples;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        at += edit->segments[i].end_sample - edit->segments[i].start_sample;
        if (i + 1 == edit->n_segments) break;
        seams[i] = (Seam){.out_sample = at,
                          .fade_start = at - 1500 + (int64_t)rng_below(rng, 2000),
                          .fade_samples = 88 + (int32_t)rng_below(rng, 1500),
                          .gain = 1};
        if (rng_below(rng, 3) == 0) { /* what was before rings on, for up to a beat */
            seams[i].ring_samples = 1 + (int32_t)rng_below(rng, RATE / 2);
            seams[i].fade_samples += seams[i].ring_samples;
        }
        plan->n_seams++;
    }
    plan->n_samples = at + plan->tail_samples;
}

static void a_project_of_reaper_comes_back_as_the_edit_it_was(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        Rng rng = rng_at(5, (uint64_t)round);
        Edit edit, back;
        MixPlan plan;
        Seam seams[MAX_SEAMS];
        ByteWriter w;
        RppProject project;
        int64_t more;
        an_edit(&rng, &edit, &plan, seams);
        bytes_init(&w, 1 << 20);
        assert_int_equal(rpp_put(&w, &edit, &plan, &sources, NULL, NULL, 0, "song", "."), BS_OK);
        assert_false(w.bad);
        assert_int_equal(rpp_parse(&project, "song.rpp", w.bytes, w.n_bytes), BS_OK);
        assert_int_equal(project.n_files, 2);
        const bool one_file = project.n_items == edit.n_segments; /* a piece never crosses a border */
        const Status st = rpp_edit(&back, "song.rpp", &project, &sources, &more);
        if (st != BS_OK) print_error("round %d: %s\n", round, error_text());
        assert_int_equal(st, BS_OK);
        assert_int_equal(edit_samples(&back), edit_samples(&edit));
        if (one_file) {
            assert_true(edit_equal(&edit, &back));
            assert_int_equal(more, plan.lead_in_samples + plan.tail_samples);
        }
        edit_drop(&edit);
        edit_drop(&back);
        rpp_drop(&project);
        bytes_drop(&w);
    }
}

static void project_of(RppProject *project, const char *items) {
    char text[4096];
    snprintf(text, sizeof text, "<REAPER_PROJECT 0.1 \"7.2\" 1\n  <TRACK\n%s  >\n>\n", items);
    assert_int_equal(rpp_parse(project, "x.rpp", text, strlen(text)), BS_OK);
}
#define ITEM(position, length, offset, more)                                   \
    "<ITEM\nPOSITION " position "\nLENGTH " length "\nSOFFS " offset "\n" more \
    "<SOURCE FLAC\nFILE two.flac\n>\n>\n"

static void a_project_that_is_no_song_is_refused_with_the_place(void **state) {
    (void)state;
    static const struct {
        const char *items, *words;
    } cases[] = {{ITEM("0", "2", "1", "") ITEM("3", "2", "1", ""), "no gaps"},
                 {ITEM("0", "2", "1", "PLAYRATE 1.5 1 0\n"), "rate 1.5"},
                 {ITEM("0", "2", "19", ""), "beyond the recording"},
                 {"<ITEM\nPOSITION 0\nLENGTH 2\n<SOURCE WAVE\nFILE other.wav\n>\n>\n", "other.wav"},
                 {"<ITEM\nPOSITION 0\nLENGTH 2\n>\n", "no audio"},
                 {ITEM("3", "0.000001", "1", ""), "the item at 3.000 s is empty"},
                 {ITEM("0", "2", "1", "") ITEM("2", "0.000001", "1", ""), "the item at 2.000 s is empty"},
                 {ITEM("3", "0.010001", "1", "SNAPOFFS 0.01\n"), "the item at 3.000 s is empty"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RppProject project;
        Edit edit;
        int64_t more;
        project_of(&project, cases[i].items);
        assert_int_not_equal(rpp_edit(&edit, "x.rpp", &project, &sources, &more), BS_OK);
        if (!strstr(error_text(), cases[i].words)) print_error("%s\n", error_text());
        assert_non_null(strstr(error_text(), cases[i].words));
        rpp_drop(&project);
        edit_drop(&edit);
    }
}

static void what_a_person_did_in_reaper_is_read(void **state) {
    (void)state;
    RppProject project;
    Edit edit;
    int64_t more;
    project_of(&project, ITEM("5", "2", "10", "") ITEM("0", "2", "1", "") ITEM("2", "3", "4", "")
                             ITEM("1", "1", "8", "MUTE 1 0\n"));
    assert_int_equal(rpp_edit(&edit, "x.rpp", &project, &sources, &more), BS_OK);
    assert_int_equal(edit.n_segments, 3); /* in the order they sound, without the muted one */
    assert_int_equal(edit.segments[0].start_sample, 41 * RATE);
    assert_int_equal(edit.segments[1].start_sample, 44 * RATE);
    assert_int_equal(edit.segments[1].end_sample, 47 * RATE);
    assert_int_equal(edit.segments[2].end_sample, 52 * RATE);
    rpp_drop(&project);
    edit_drop(&edit);
    project_of(&project, ITEM("0", "2", "1",
                              "") "<ITEM\nPOSITION 2\nLENGTH 2\nSOFFS 3\n<SOURCE FLAC\nFILE two.flac\n>\n"
                                  "TAKE SEL\nSOFFS 7\n<SOURCE FLAC\nFILE two.flac\n>\n>\n");
    assert_int_equal(rpp_edit(&edit, "x.rpp", &project, &sources, &more), BS_OK);
    assert_int_equal(edit.segments[1].start_sample, 47 * RATE); /* the take that was chosen */
    rpp_drop(&project);
    edit_drop(&edit);
}

static int64_t frames_of(const char *timecode) {
    int h, m, s, f;
    assert_int_equal(sscanf(timecode, "%d:%d:%d:%d", &h, &m, &s, &f), 4);
    return ((h * 60 + m) * 60 + s) * (int64_t)EDL_FPS + f;
}

static void events_of_an_edl_follow_each_other_and_last_as_long_as_their_sources(void **state) {
    (void)state;
    for (int round = 0; round < 50; round++) {
        Rng rng = rng_at(6, (uint64_t)round);
        Edit edit;
        MixPlan plan;
        Seam seams[MAX_SEAMS];
        ByteWriter w;
        an_edit(&rng, &edit, &plan, seams);
        bytes_init(&w, 1 << 20);
        assert_int_equal(edl_put(&w, &edit, &plan, &sources, "song"), BS_OK);
        bytes_u8(&w, 0);
        int64_t at = 0;
        int32_t n = 0;
        for (char *rest = (char *)w.bytes, *line; (line = strsep(&rest, "\n")) != NULL;) {
            const char *codes = strstr(line, ":") ? strchr(line, ':') - 2 : NULL;
            if (line[0] < '0' || line[0] > '9' || !codes) continue;
            const int64_t in = frames_of(codes), out = frames_of(codes + 12), from = frames_of(codes + 24),
                          to = frames_of(codes + 36);
            if (from == to) continue; /* where a dissolve begins */
            assert_int_equal(from, at);
            assert_int_equal(out - in, to - from);
            at = to;
            n++;
        }
        assert_true(n >= edit.n_segments);
        assert_true(llabs(at - plan.n_samples * EDL_FPS / RATE) <= 2);
        edit_drop(&edit);
        bytes_drop(&w);
    }
}

static void clips_of_a_timeline_fill_the_song(void **state) {
    (void)state;
    Rng rng = rng_at(7, 1);
    Edit edit;
    MixPlan plan;
    Seam seams[MAX_SEAMS];
    Clips clips;
    ByteWriter w;
    Json *json;
    an_edit(&rng, &edit, &plan, seams);
    assert_int_equal(clips_cut(&clips, &edit, &plan, &sources, CLIPS_ABUT), BS_OK);
    int64_t at = 0;
    for (int32_t i = 0; i < clips.n; i++) {
        const Clip *c = &clips.list[i];
        assert_int_equal(c->song_start, at);
        assert_true(c->source_start >= 0 && c->source_start + c->n_samples <= lengths[c->source]);
        at += c->n_samples;
    }
    assert_int_equal(at, plan.n_samples);
    bytes_init(&w, 1 << 20);
    assert_int_equal(otio_put(&w, &edit, &plan, &sources, "song"), BS_OK);
    assert_int_equal(json_parse(&json, "otio", w.bytes, w.n_bytes), BS_OK);
    json_free(json);
    bytes_drop(&w);
    clips_drop(&clips);
    edit_drop(&edit);
}

static void labels_say_keep_and_drop_in_every_notation(void **state) {
    (void)state;
    Marks marks = {0};
    static const char labels[] = "\xef\xbb\xbf"
                                 "1.5\t2.5\tkeep this solo\r\n\\\t100\t200\n4,0\t4,0\tDROP\n9\t10\tkeeper\n";
    assert_int_equal(marks_labels(&marks, "l.txt", labels, sizeof labels - 1), BS_OK);
    marks_settle(&marks);
    assert_int_equal(marks.n, 3);
    assert_int_equal(marks.list[0].kind, MARK_KEEP);
    assert_true(marks.list[0].end_s == 2.5);
    assert_int_equal(marks.list[1].kind, MARK_DROP);
    assert_true(marks.list[1].end_s == 9); /* to the next label */
    assert_int_equal(marks.list[2].kind, MARK_OTHER);
    marks_drop(&marks);
    assert_int_equal(marks_labels(&marks, "l.txt", "1\t2\tok\nwords\n", 13), BS_CORRUPT);
    assert_non_null(strstr(error_text(), "l.txt:2"));
    marks_drop(&marks);
    RppProject project;
    static const char rpp[] =
        "<REAPER_PROJECT 0.1\nMARKER 1 2.5 KEEP 1\nMARKER 1 5 \"\" 1\nMARKER 2 7 \"drop it\" 0\n>\n";
    assert_int_equal(rpp_parse(&project, "m.rpp", rpp, sizeof rpp - 1), BS_OK);
    assert_int_equal(marks_project(&marks, "m.rpp", &project, &sources), BS_OK);
    marks_settle(&marks);
    assert_int_equal(marks.n, 2);
    assert_true(marks.list[0].start_s == 2.5 && marks.list[0].end_s == 5);
    assert_int_equal(marks.list[1].kind, MARK_DROP);
    assert_true(isnan(marks.list[1].end_s));
    marks_drop(&marks);
    rpp_drop(&project);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_project_of_reaper_comes_back_as_the_edit_it_was),
        cmocka_unit_test(a_project_that_is_no_song_is_refused_with_the_place),
        cmocka_unit_test(what_a_person_did_in_reaper_is_read),
        cmocka_unit_test(events_of_an_edl_follow_each_other_and_last_as_long_as_their_sources),
        cmocka_unit_test(clips_of_a_timeline_fill_the_song),
        cmocka_unit_test(labels_say_keep_and_drop_in_every_notation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
