// needs: simulator
/* Truth files: what is written is read again; what is wrong is refused in one line that says where. */
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

#include "common/host/file.h"
#include "simulator/exact.h"
#include "simulator/session.h"

/* A small truth by hand: two takes of two bars in 3/4, a gap before each and a tail after. */
static Truth *small_truth(void) {
    Truth *t;
    assert_int_equal(
        truth_new(
            &t,
            (TruthCounts){
                .n_units = 16, .n_takes = 2, .n_tunes = 2, .n_sections = 3, .n_flaws = 1, .n_copies = 1}),
        BS_OK);
    snprintf(t->name, sizeof t->name, "small \"one\"");
    t->tunes[0] = (TruthTune){
        .name = "Waltz", .key = "A minor", .meter = 3, .n_slots = 2, .tempo_bpm = 150.25f, .n_sections = 2};
    t->tunes[1] = (TruthTune){.meter = 4, .n_slots = 5, .first_section = 2, .n_sections = 1};
    t->seed = UINT64_MAX;
    t->sample_rate_hz = 1000;
    t->n_samples = 16 * 400;
    for (int32_t s = 0; s < 2; s++)
        t->sections[s] = (TruthSection){.name = "verse", .label = s, .first_slot = s, .n_slots = 1};
    t->sections[2] = (TruthSection){.name = "jam", .n_slots = 5};
    t->copies[0] = (TruthCopy){.first_sample = 4800, .end_sample = 6000, .of_sample = 1600};
    snprintf(t->tracks[t->n_tracks++], TRUTH_NAME, "kit");
    snprintf(t->tracks[t->n_tracks++], TRUTH_NAME, "bass");
    for (int32_t u = 0; u < 16; u++) {
        int32_t in_take = u % 8;
        t->units[u] = (TruthUnit){.start_sample = 400 * u, .kind = UNIT_GAP, .take = -1, .slot = -1};
        if (in_take == 7)
            t->units[u] =
                (TruthUnit){.start_sample = 400 * u, .kind = UNIT_TAIL, .take = (int16_t)(u / 8), .slot = -1};
        if (in_take > 0 && in_take < 7)
            t->units[u] = (TruthUnit){.start_sample = 400 * u,
                                      .kind = UNIT_BEAT,
                                      .take = (int16_t)(u / 8),
                                      .slot = (in_take - 1) / 3,
                                      .phase = (uint8_t)((in_take - 1) % 3)};
    }
    for (int32_t k = 0; k < 2; k++)
        t->takes[k] = (TruthTake){.first_sample = 3200 * k + 400,
                                  .end_sample = 3200 * k + 2800,
                                  .complete = 1,
                                  .tempo_bpm = 150,
                                  .gain_db = 0.1f};
    t->units[0].what = WHAT_TALK;
    t->units[8].what = WHAT_COUNT_IN;
    t->units[4].sustain = 0.75f;
    t->units[5].what = WHAT_TALK;
    t->units[9].flaw = t->units[10].flaw = t->units[11].flaw = 1 / 3.0f;
    t->flaws[0] = (TruthFlaw){.kind = FLAW_DROPOUT,
                              .take = 1,
                              .first_slot = 0,
                              .n_slots = 1,
                              .first_sample = 3600,
                              .end_sample = 4800,
                              .severity = 1 / 3.0f};
    t->lo_samples = 2000;
    t->hi_samples = 2600;
    t->edit.sample_rate_hz = 1000;
    assert_int_equal(edit_append(&t->edit, 400, 2800, FADE_SHORT), BS_OK);
    return t;
}

static char *print(const Truth *t) {
    ByteWriter w;
    bytes_init(&w, TRUTH_MAX_BYTES);
    assert_int_equal(truth_print(t, &w), BS_OK);
    bytes_u8(&w, 0);
    return (char *)w.bytes;
}

static void reads_back_what_it_wrote(void **state) {
    (void)state;
    Truth *t = small_truth(), *again;
    char *text = print(t);
    assert_int_equal(truth_parse(&again, text, strlen(text)), BS_OK);
    char *text_again = print(again);
    assert_string_equal(text, text_again);
    assert_true(again->seed == UINT64_MAX);
    assert_true(again->units[9].flaw == 1 / 3.0f);
    assert_string_equal(again->name, "small \"one\"");
    assert_true(edit_equal(&again->edit, &t->edit));
    assert_int_equal(again->n_tunes, 2);
    assert_int_equal(again->tunes[1].n_slots, 5);
    assert_string_equal(again->tunes[0].key, "A minor");
    assert_int_equal(again->units[0].what, WHAT_TALK);
    assert_true(again->units[4].sustain == 0.75f);
    assert_int_equal(again->copies[0].of_sample, 1600);
    assert_string_equal(again->tracks[1], "bass");
    free(text);
    free(text_again);
    truth_free(t);
    truth_free(again);
}

/* As somebody writes it who knows the documentation and nothing else: only what is required. */
static const char *const least_file =
    "{\"version\": 2, \"name\": \"demo\", \"sample_rate\": 1000, \"n_samples\": 4000,"
    " \"tunes\": [{\"meter\": 2, \"n_slots\": 2, \"sections\": [{\"label\": 0, \"first_slot\": 0, "
    "\"n_slots\": 2}]}],"
    " \"takes\": [{\"first_sample\": 500, \"end_sample\": 2500, \"complete\": true}],"
    " \"units\": [{\"start_sample\": 0, \"kind\": \"gap\"},"
    "  {\"start_sample\": 500, \"kind\": \"beat\", \"take\": 0, \"slot\": 0, \"phase\": 0},"
    "  {\"start_sample\": 1000, \"kind\": \"beat\", \"take\": 0, \"slot\": 0, \"phase\": 1},"
    "  {\"start_sample\": 1500, \"kind\": \"beat\", \"take\": 0, \"slot\": 1, \"phase\": 0},"
    "  {\"start_sample\": 2000, \"kind\": \"beat\", \"take\": 0, \"slot\": 1, \"phase\": 1},"
    "  {\"start_sample\": 2500, \"kind\": \"tail\", \"take\": 0}, {\"start_sample\": 3200, \"kind\": "
    "\"free\"}]}";

static void reads_files_with_only_what_is_required(void **state) {
    (void)state;
    Truth *t;
    assert_int_equal(truth_parse(&t, least_file, strlen(least_file)), BS_OK);
    assert_int_equal(t->n_flaws + t->n_copies + t->n_tracks + t->tune + t->edit.n_segments, 0);
    assert_true(truth_bar_at(t, 1) && !truth_bar_at(t, 2) && truth_bar_at(t, 3) && !truth_bar_at(t, 5));
    assert_true(truth_beat_samples(t, 0) == 500);
    truth_free(t);
}

static void reads_version_1_as_one_tune(void **state) {
    (void)state;
    static const char *const text =
        "{\"version\": 1, \"name\": \"old\", \"seed\": \"7\", \"sample_rate\": 1000, \"n_samples\": 3000,"
        " \"tempo\": 120.5, \"meter\": 2, \"key\": \"Eb major\", \"n_slots\": 2,"
        " \"sections\": [{\"name\": \"verse\", \"label\": 3, \"first_slot\": 0, \"n_slots\": 1},"
        " {\"name\": \"end\", \"label\": 4, \"first_slot\": 1, \"n_slots\": 1}],"
        " \"takes\": [{\"first_sample\": 500, \"end_sample\": 2500, \"complete\": true}],"
        " \"units\": [{\"start_sample\": 0, \"kind\": \"gap\"},"
        "  {\"start_sample\": 500, \"kind\": \"beat\", \"take\": 0, \"slot\": 1, \"phase\": 1, \"flaw\": "
        "0.5},"
        "  {\"start_sample\": 2500, \"kind\": \"tail\", \"take\": 0}],"
        " \"job\": {\"lo_samples\": 100, \"hi_samples\": 900}, \"segments\": [[500, 1000, \"short\"]]}";
    Truth *t;
    assert_int_equal(truth_parse(&t, text, strlen(text)), BS_OK);
    assert_int_equal(t->n_tunes, 1);
    const TruthTune *tune = &t->tunes[0];
    assert_true(tune->meter == 2 && tune->n_slots == 2 && tune->n_sections == 2 && tune->tempo_bpm == 120.5f);
    assert_string_equal(tune->key, "Eb major");
    assert_int_equal(t->takes[0].tune, 0);
    assert_int_equal(truth_slot_section(t, 0, 1), 1);
    assert_true(t->hi_samples == 900 && t->edit.n_segments == 1 && t->units[1].flaw == 0.5f);
    truth_free(t);
}

static void every_session_made_reads_back(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        Session s;
        Truth *again;
        assert_int_equal(session_make(&s, "song", seed, 30), BS_OK);
        char *text = print(s.truth);
        assert_int_equal(truth_parse(&again, text, strlen(text)), BS_OK);
        char *text_again = print(again);
        assert_string_equal(text, text_again);
        free(text);
        free(text_again);
        truth_free(again);
        session_drop(&s);
    }
}

/* Replaces the first `from` by `to`; owned. */
static char *with(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    assert_non_null(at);
    size_t n = strlen(text) + strlen(to) + 1;
    char *out = malloc(n);
    snprintf(out, n, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void refuses_what_is_wrong_in_one_line(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"\"version\": 2", "\"version\": 99", "version"},
        {"\"meter\": 3", "\"metre\": 3", "meter"},
        {"\"units\"", "\"parts\"", "units"},
        {"\"start_sample\": 400", "\"start_sample\": 900", "unit"},
        {"\"slot\": 1", "\"slot\": 7", "slot"},
        {"\"phase\": 2", "\"phase\": 3", "phase"},
        {"\"kind\": \"gap\"", "\"kind\": \"pause\"", "kind"},
        {"\"kind\": \"dropout\"", "\"kind\": \"sneeze\"", "kind"},
        {"\"flaw\": 0.3", "\"flaw\": 3.3", "flaw"},
        {"\"take\": 0", "\"take\": 5", "take"},
        {"\"n_slots\": 2", "\"n_slots\": 3", "section"},
        {"[400, 2800", "[400, 280000", "segments"},
        {"\"lo_samples\": 2000", "\"lo_samples\": 3000", "window"},
        {"\"takes\": [", "\"takes\": [7, ", "take"},
        {"\"tunes\"", "\"pieces\"", "tunes"},
        {"\"sections\"", "\"parts\"", "sections"},
        {"\"name\": \"small", "\"nom\": \"small", "name"},
        {"\"sample_rate\"", "\"rate\"", "sample_rate"},
        {"\"n_samples\"", "\"samples\"", "n_samples"},
        {"\"n_slots\"", "\"bars\"", "n_slots"},
        {"\"label\"", "\"letter\"", "label"},
        {"\"complete\"", "\"whole\"", "complete"},
        {"\"end_sample\"", "\"end\"", "end_sample"},
        {"\"kind\"", "\"sort\"", "kind"},
        {"\"phase\"", "\"beat\"", "phase"},
        {"\"severity\"", "\"how\"", "severity"},
        {"\"of_sample\": 1600", "\"of_sample\": 5600", "copy"},
        {"\"sustain\": 0.75", "\"sustain\": 7.5", "sustain"},
        {"\"what\": \"talk\"", "\"what\": \"chat\"", "what"},
        {"\"take\": 0, \"slot\": 1, \"phase\": 1",
         "\"what\": \"tuning\", \"take\": 0, \"slot\": 1, \"phase\": 1", "what"},
        {"\"tune\": 0", "\"tune\": 2", "tune"},
    };
    Truth *t = small_truth();
    char *text = print(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Truth *out = t;
        char *wrong = with(text, cases[i].from, cases[i].to);
        Status st = truth_parse(&out, wrong, strlen(wrong));
        bool clear = st != BS_OK && strstr(error_text(), cases[i].says) && !strchr(error_text(), '\n');
        if (!clear) print_error("case %zu (%s): status %d, said: %s\n", i, cases[i].to, st, error_text());
        assert_true(clear);
        assert_null(out);
        free(wrong);
    }
    assert_int_not_equal(truth_parse(&(Truth *){NULL}, "not json", 8), BS_OK);
    assert_int_equal(truth_read(&(Truth *){NULL}, "/nowhere/x.truth.json"), BS_NOT_FOUND);
    free(text);
    truth_free(t);
}

static void cut_and_spoilt_bytes_never_pass_a_check_they_fail(void **state) {
    (void)state;
    Truth *t = small_truth();
    char *text = print(t);
    size_t n = strlen(text);
    Rng r = rng_at(5, 0);
    int tries = getenv("N") ? atoi(getenv("N")) / 10 : 1000;
    for (int i = 0; i < tries; i++) {
        char *copy = strdup(text);
        size_t length = rng_below(&r, 4) ? n : rng_below(&r, (uint32_t)n);
        for (uint32_t k = rng_below(&r, 4); k > 0; k--)
            copy[rng_below(&r, (uint32_t)n)] = (char)rng_below(&r, 256);
        Truth *out;
        if (truth_parse(&out, copy, length) == BS_OK) assert_int_equal(truth_check(out), BS_OK);
        truth_free(out);
        free(copy);
    }
    free(text);
    truth_free(t);
}

static void writes_the_file_whole(void **state) {
    (void)state;
    char path[] = "/tmp/bandsaw-truth-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    Truth *t = small_truth(), *again;
    assert_int_equal(truth_write(t, path), BS_OK);
    assert_int_equal(truth_read(&again, path), BS_OK);
    truth_free(again);
    t->units[3].slot = 9;
    assert_int_equal(truth_write(t, path), BS_CORRUPT);
    assert_int_equal(truth_read(&again, path), BS_OK);
    truth_free(again);
    truth_free(t);
    unlink(path);
}

static void own_functions_agree_with_libm(void **state) {
    (void)state;
    for (double x = -20; x < 20; x += 0.0137) {
        assert_true(fabs(exact_sin(x) - sin(6.283185307179586 * x)) < 1e-9);
        assert_true(fabs(exact_cos(x) - cos(6.283185307179586 * x)) < 1e-9);
        assert_true(fabs(exact_exp2(x) / exp2(x) - 1) < 1e-12);
        assert_true(fabs(exact_log2(exact_exp2(x)) - x) < 1e-10);
        assert_true(fabs(exact_gain(x) / pow(10, x / 20) - 1) < 1e-12);
    }
    double sum = 0, square = 0;
    Rng r = rng_at(1, 1);
    for (int i = 0; i < 100000; i++) {
        double x = exact_normal(&r);
        sum += x;
        square += x * x;
    }
    assert_true(fabs(sum / 1e5) < 0.02 && fabs(square / 1e5 - 1) < 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(reads_files_with_only_what_is_required),
        cmocka_unit_test(reads_version_1_as_one_tune),
        cmocka_unit_test(every_session_made_reads_back),
        cmocka_unit_test(refuses_what_is_wrong_in_one_line),
        cmocka_unit_test(cut_and_spoilt_bytes_never_pass_a_check_they_fail),
        cmocka_unit_test(writes_the_file_whole),
        cmocka_unit_test(own_functions_agree_with_libm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
