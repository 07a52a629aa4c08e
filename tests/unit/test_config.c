// needs: common/host
/* Config: precedence, ranges, names, files; durations and nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/config.h"
#include "common/host/file.h"

#define ROWS                                                                         \
    OPTION(i64, batch, "learner.batch", "64", 1, 65536, "", "tickets in one update") \
    OPTION(f64, lr, "learner.lr", "3e-4", 0, 1, "", "learning rate")                 \
    OPTION(bool, force, "run.force", "false", 0, 1, "", "again")                     \
    OPTION(text, out, "run.out", "", 0, 0, "", "where to")                           \
    OPTION(one_of, mode, "run.mode", "async", 0, 0, "async|lockstep", "kind of run") \
    OPTION(i64, seed, "actor.seed", "0", -1e18, 1e18, "", "seed")                    \
    OPTION(i64, other_seed, "run.seed", "0", 0, 10, "", "seed")                      \
    OPTION(one_of, log, "log", "info", 0, 0, "debug|info|warn|error", "what is logged")

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
    ROWS
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
    ROWS
#undef OPTION
};
static const ConfigTable table = {"bandsaw-test", "bandsaw test DATA [options]", "A table for tests.",
                                  options, sizeof options / sizeof *options};

static const char *rest[2];
static int n_rest;
static bool help;

#define PARSE(s, ...)                                                                     \
    config_parse(&table, s, (int)(sizeof((char *[]){"x", __VA_ARGS__}) / sizeof(char *)), \
                 (char *[]){"x", __VA_ARGS__, NULL}, rest, 2, &n_rest, &help)

static void assert_error_holds(const char *text) {
    if (!strstr(error_text(), text)) print_error("\"%s\" does not hold \"%s\"\n", error_text(), text);
    assert_non_null(strstr(error_text(), text));
}

static void takes_defaults_when_nothing_is_said(void **state) {
    (void)state;
    Settings s;
    char *argv[] = {"x", NULL};
    assert_int_equal(config_parse(&table, &s, 1, argv, rest, 2, &n_rest, &help), BS_OK);
    assert_int_equal(s.batch, 64);
    assert_true(s.lr == 3e-4);
    assert_false(s.force);
    assert_string_equal(s.mode, "async");
    assert_int_equal(n_rest, 0);
}

static void reads_every_form_of_flag(void **state) {
    (void)state;
    Settings s;
    assert_int_equal(PARSE(&s, "data", "--learner.batch", "128", "--lr=0.5", "--force", "-o", "song.flac",
                           "--mode", "lockstep", "--actor.seed", "-3", "--", "--not-a-flag"),
                     BS_OK);
    assert_int_equal(s.batch, 128);
    assert_true(s.lr == 0.5);
    assert_true(s.force);
    assert_string_equal(s.out, "song.flac");
    assert_string_equal(s.mode, "lockstep");
    assert_int_equal(s.seed, -3);
    assert_int_equal(n_rest, 2);
    assert_string_equal(rest[0], "data");
    assert_string_equal(rest[1], "--not-a-flag");
    assert_int_equal(PARSE(&s, "--force", "false", "--batch", "1e3"), BS_OK);
    assert_false(s.force);
    assert_int_equal(PARSE(&s, "--force", "no", "--batch", "1e3"), BS_OK);
    assert_false(s.force);
    assert_int_equal(n_rest, 0);
    assert_int_equal(s.batch, 1000);
    assert_int_equal(PARSE(&s, "--force", "data"), BS_OK);
    assert_true(s.force);
    assert_int_equal(n_rest, 1);
}

static void lets_flag_beat_environment_beat_file(void **state) {
    (void)state;
    Settings s;
    char path[] = "/tmp/bandsaw-test-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const char *text =
        "log = warn\n# a comment\n[learner]\n  batch = 7\n  lr = 0.25\n\n[run]\nmode = lockstep\nseed = 3\n";
    assert_int_equal(file_replace(path, text, strlen(text)), BS_OK);
    setenv("BANDSAW_LEARNER_LR", "0.125", 1);
    setenv("BANDSAW_RUN_SEED", "4", 1);
    assert_int_equal(PARSE(&s, "--config", path, "--run.seed=5"), BS_OK);
    unsetenv("BANDSAW_LEARNER_LR");
    unsetenv("BANDSAW_RUN_SEED");
    unlink(path);
    assert_int_equal(s.batch, 7);
    assert_true(s.lr == 0.125);
    assert_int_equal(s.other_seed, 5);
    assert_string_equal(s.mode, "lockstep");
    assert_string_equal(s.log, "warn");
}

static void names_key_value_source_and_range_in_errors(void **state) {
    (void)state;
    Settings s;
    assert_int_equal(PARSE(&s, "--batch", "0"), BS_INVALID);
    assert_string_equal(error_text(), "learner.batch = 0 (command line): must be from 1 to 65536");
    assert_int_equal(PARSE(&s, "--lr", "fast"), BS_INVALID);
    assert_error_holds("learner.lr = \"fast\" (command line): expected a number");
    assert_int_equal(PARSE(&s, "--lr", "nan"), BS_INVALID);
    assert_int_equal(PARSE(&s, "--mode=sync"), BS_INVALID);
    assert_error_holds("async|lockstep");
    assert_int_equal(PARSE(&s, "--batch"), BS_INVALID);
    assert_error_holds("needs a value");
    assert_int_equal(PARSE(&s, "a", "b", "c"), BS_INVALID);
    assert_error_holds("usage: bandsaw test DATA");
    setenv("BANDSAW_RUN_FORCE", "maybe", 1);
    assert_int_equal(PARSE(&s, "a"), BS_INVALID);
    unsetenv("BANDSAW_RUN_FORCE");
    assert_error_holds("BANDSAW_RUN_FORCE");
}

static void names_the_nearest_key(void **state) {
    (void)state;
    Settings s;
    assert_int_equal(PARSE(&s, "--bacth", "3"), BS_INVALID);
    assert_error_holds("did you mean --batch?");
    assert_int_equal(PARSE(&s, "--learner.bach", "3"), BS_INVALID);
    assert_error_holds("did you mean --learner.batch?");
    assert_int_equal(PARSE(&s, "--quite-another-thing", "3"), BS_INVALID);
    assert_error_holds("--help");
    assert_int_equal(PARSE(&s, "--seed", "3"), BS_INVALID);
    assert_error_holds("is it --actor.seed or --run.seed?");
}

static void refuses_bad_files_with_their_line(void **state) {
    (void)state;
    Settings s;
    char path[] = "/tmp/bandsaw-test-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    char long_line[400];
    memset(long_line, 'x', sizeof long_line);
    memcpy(long_line, "[run]\nout = ", 12);
    const struct {
        const char *text, *where;
        size_t n;
    } rows[] = {
        {"[learner]\nbatch = 7\nbadge = 8\n", ":3: learner.badge (file): no such option", 0},
        {"[learner]\nbatch = 0\n", ":2: learner.batch = 0", 0},
        {"[learner]\n\nwhat is this\n", ":3: expected [section] or key = value", 0},
        {long_line, ":2: line is longer", sizeof long_line},
        {"a\0b", "no text file", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(file_replace(path, rows[i].text, rows[i].n ? rows[i].n : strlen(rows[i].text)),
                         BS_OK);
        assert_int_not_equal(PARSE(&s, "--config", path), BS_OK);
        assert_error_holds(rows[i].where);
    }
    unlink(path);
    assert_int_equal(PARSE(&s, "--config", path), BS_NOT_FOUND);
}

static void reads_back_its_own_dump(void **state) {
    (void)state;
    Settings a, b;
    char path[] = "/tmp/bandsaw-test-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(
        PARSE(&a, "--lr", "0.1", "--mode", "lockstep", "--out", "a b/c.flac", "--log", "debug", "--force"),
        BS_OK);
    FILE *f = fdopen(fd, "w");
    config_dump(&table, &a, f);
    fclose(f);
    assert_int_equal(PARSE(&b, "--config", path), BS_OK);
    unlink(path);
    assert_int_equal(a.batch, b.batch);
    assert_true(a.lr == b.lr);
    assert_true(b.force);
    assert_string_equal(a.out, b.out);
    assert_string_equal(a.mode, b.mode);
    assert_string_equal(a.log, b.log);
}

static void lists_every_option_in_help_and_markdown(void **state) {
    (void)state;
    for (int markdown = 0; markdown < 2; markdown++) {
        char *text;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        if (markdown)
            config_markdown(&table, f);
        else
            config_help(&table, f);
        fclose(f);
        for (size_t i = 0; i < table.n_options; i++) {
            assert_non_null(strstr(text, options[i].key));
            assert_non_null(strstr(text, options[i].help));
        }
        assert_non_null(strstr(text, "BANDSAW_LEARNER_LR"));
        if (markdown) assert_ptr_equal(strstr(text, "## bandsaw test\n"), text);
        free(text);
    }
}

static void reads_durations(void **state) {
    (void)state;
    const struct {
        const char *text;
        double s;
    } good[] = {{"3:30", 210},         {"210", 210}, {"210s", 210},
                {"1:02:03.5", 3723.5}, {"0:05", 5},  {"90.25", 90.25}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double s = -1;
        assert_int_equal(parse_duration(good[i].text, &s), BS_OK);
        assert_true(s == good[i].s);
    }
    const char *bad[] = {"",  ":",      "3:",  ":30",   "3:99", "-5",   "3:30s", "1:2:3:4",
                         "x", "3.5:20", "1e3", "3:30x", "nan",  "0x10", " 3",    "99999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double s = 0;
        Status st = parse_duration(bad[i], &s);
        if (st == BS_OK) print_error("\"%s\" was read as %g s\n", bad[i], s);
        assert_int_equal(st, BS_INVALID);
    }
}

static void finds_nearest_names_and_no_far_ones(void **state) {
    (void)state;
    const char *names[] = {"simulate", "featurize", "train", "edit"};
    assert_string_equal(nearest_name("featurise", names, 4), "featurize");
    assert_string_equal(nearest_name("tarin", names, 4), "train");
    assert_string_equal(nearest_name("edti", names, 4), "edit");
    assert_null(nearest_name("zzz", names, 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_defaults_when_nothing_is_said),
        cmocka_unit_test(reads_every_form_of_flag),
        cmocka_unit_test(lets_flag_beat_environment_beat_file),
        cmocka_unit_test(names_key_value_source_and_range_in_errors),
        cmocka_unit_test(names_the_nearest_key),
        cmocka_unit_test(refuses_bad_files_with_their_line),
        cmocka_unit_test(reads_back_its_own_dump),
        cmocka_unit_test(lists_every_option_in_help_and_markdown),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(finds_nearest_names_and_no_far_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
