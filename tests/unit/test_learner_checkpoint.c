// needs: learner
/* Checkpoints are whole or not there: whatever a crash leaves of the newest one, the one before is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "learner/checkpoint.h"
#include "learner/run.h"

typedef struct Place {
    char folder[64];
} Place;

static int setup(void **state) {
    Place *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/bandsaw-checkpoint-XXXXXX");
    if (!mkdtemp(p->folder)) return -1;
    *state = p;
    return 0;
}

static int teardown(void **state) {
    Place *p = *state;
    dir_remove(p->folder);
    free(p);
    return 0;
}

static Status write_one(const char *folder, uint64_t version, uint64_t epoch, int keep) {
    char weights[512], counters[32];
    memset(weights, (int)version, sizeof weights);
    int n = snprintf(counters, sizeof counters, "version %d", (int)version);
    CheckpointFile files[] = {{.name = "weights", .bytes = weights, .n_bytes = sizeof weights},
                              {.name = "counters", .bytes = counters, .n_bytes = (size_t)n}};
    return checkpoint_write(folder, version, epoch, files, 2, keep);
}

static void count(void *context, const char *path, const char *why) {
    (void)path;
    assert_true(why[0] != 0);
    ++*(int *)context;
}

/* The newest valid one, and how many had to be skipped for it. */
static uint64_t newest(const char *folder, int *n_skipped) {
    Checkpoint c;
    *n_skipped = 0;
    assert_int_equal(checkpoint_load(folder, &c, count, n_skipped), BS_OK);
    uint64_t version = c.version;
    const CheckpointFile *weights = checkpoint_find(&c, "weights");
    assert_non_null(weights);
    assert_int_equal(weights->n_bytes, 512);
    assert_int_equal(((const uint8_t *)weights->bytes)[511], version);
    assert_null(checkpoint_find(&c, "nothing"));
    checkpoint_drop(&c);
    return version;
}

static void what_was_written_is_read(void **state) {
    Place *p = *state;
    Checkpoint none;
    int skipped;
    assert_int_equal(checkpoint_load(p->folder, &none, NULL, NULL), BS_NOT_FOUND);
    assert_int_equal(write_one(p->folder, 1, 1, 3), BS_OK);
    assert_int_equal(write_one(p->folder, 2, 1, 3), BS_OK);
    assert_int_equal(write_one(p->folder, 2, 1, 3), BS_OK);
    assert_int_equal(newest(p->folder, &skipped), 2);
    assert_int_equal(skipped, 0);
}

static void the_last_few_are_kept(void **state) {
    Place *p = *state;
    char **names;
    size_t n;
    for (uint64_t v = 1; v <= 6; v++) assert_int_equal(write_one(p->folder, v, 1, 2), BS_OK);
    assert_int_equal(dir_list(p->folder, &names, &n), BS_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[1], "000001-000000000006");
    free(names);
}

static void a_later_epoch_is_newer_whatever_its_version(void **state) {
    Place *p = *state;
    int skipped;
    assert_int_equal(write_one(p->folder, 90, 1, 3), BS_OK);
    assert_int_equal(write_one(p->folder, 5, 2, 3), BS_OK);
    assert_int_equal(newest(p->folder, &skipped), 5);
}

/* Cuts every file of the newest checkpoint at every length, and removes it; flips every byte. */
static void a_torn_checkpoint_never_hides_the_one_before(void **state) {
    Place *p = *state;
    static const char *const names[] = {"manifest", "weights", "counters"};
    char path[PATH_BYTES];
    int skipped;
    assert_int_equal(write_one(p->folder, 1, 1, 3), BS_OK);
    assert_int_equal(write_one(p->folder, 2, 1, 3), BS_OK);
    for (int f = 0; f < 3; f++) {
        void *bytes;
        size_t n;
        snprintf(path, sizeof path, "%s/000001-000000000002/%s", p->folder, names[f]);
        assert_int_equal(file_read(path, 1 << 20, &bytes, &n), BS_OK);
        unlink(path);
        assert_int_equal(newest(p->folder, &skipped), 1);
        for (size_t cut = 0; cut < n; cut++) {
            unlink(path);
            assert_int_equal(file_append(path, bytes, cut, false), BS_OK);
            /* Without its last newline a manifest still says all there is to say. */
            bool whole = f == 0 && cut == n - 1;
            assert_int_equal(newest(p->folder, &skipped), whole ? 2 : 1);
            assert_int_equal(skipped, whole ? 0 : 1);
        }
        for (size_t at = 0; at < n; at += 3) {
            char *copy = malloc(n);
            memcpy(copy, bytes, n);
            copy[at] ^= 0x10;
            unlink(path);
            assert_int_equal(file_append(path, copy, n, false), BS_OK);
            assert_in_range(newest(p->folder, &skipped), 1, 2); /* a space may become another one */
            free(copy);
        }
        unlink(path);
        assert_int_equal(file_append(path, bytes, n, false), BS_OK);
        assert_int_equal(newest(p->folder, &skipped), 2);
        free(bytes);
    }
}

/* A writer is killed at some moment; whatever it left, the next process loads one and can write on. */
static void kill_at_any_moment_leaves_a_valid_checkpoint(void **state) {
    Place *p = *state;
    uint64_t first = 1;
    int skipped;
    assert_int_equal(write_one(p->folder, first, 1, 2), BS_OK);
    for (int round = 0; round < 12; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            for (uint64_t v = first + 1;; v++)
                if (write_one(p->folder, v % 200, 1 + v / 200, 2) != BS_OK) _exit(1);
        usleep((useconds_t)(1000 + 2713 * round));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        newest(p->folder, &skipped);
        assert_int_equal(skipped, 0);
        Checkpoint c;
        assert_int_equal(checkpoint_load(p->folder, &c, NULL, NULL), BS_OK);
        first = c.version + 200 * (c.epoch - 1);
        checkpoint_drop(&c);
    }
    assert_int_equal(write_one(p->folder, 7, 99, 1), BS_OK);
    char **names;
    size_t n;
    assert_int_equal(dir_list(p->folder, &names, &n), BS_OK);
    assert_int_equal(n, 1); /* what the killed ones left is cleared away */
    free(names);
}

static void each_start_takes_the_next_epoch(void **state) {
    Place *p = *state;
    Run a, b;
    assert_int_equal(run_open(&a, p->folder), BS_OK);
    assert_int_equal(a.epoch, 1);
    assert_int_equal(run_check(&a), BS_OK);
    assert_int_equal(run_open(&b, p->folder), BS_OK);
    assert_int_equal(b.epoch, 2);
    assert_int_equal(run_check(&b), BS_OK);
    assert_int_equal(run_check(&a), BS_CONFLICT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_few_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_epoch_is_newer_whatever_its_version, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_checkpoint_never_hides_the_one_before, setup, teardown),
        cmocka_unit_test_setup_teardown(kill_at_any_moment_leaves_a_valid_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(each_start_takes_the_next_epoch, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
