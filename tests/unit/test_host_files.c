// needs: common/host
/* Files, folders, locks, clocks and the blob cache, on a temporary folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/host/cache.h"
#include "common/host/clock.h"
#include "common/host/file.h"
#include "common/host/log.h"
#include "common/host/progress.h"
#include "common/host/staged.h"

static char folder[64];

static const char *at(const char *name) {
    static char paths[4][PATH_BYTES];
    static int next;
    char *path = paths[next++ % 4];
    assert_int_equal(path_join(path, folder, name), BS_OK);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/bandsaw-test-host-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static void takes_paths_apart(void **state) {
    (void)state;
    char out[PATH_BYTES], long_name[PATH_BYTES];
    path_join(out, "a/", "b");
    assert_string_equal(out, "a/b");
    path_join(out, "a", "");
    assert_string_equal(out, "a");
    path_join(out, "", "b");
    assert_string_equal(out, "b");
    assert_string_equal(path_base("/x/y.wav"), "y.wav");
    assert_string_equal(path_base("y.wav"), "y.wav");
    assert_string_equal(path_extension("a.b/y"), "");
    assert_string_equal(path_extension("a/y.tar.gz"), "gz");
    assert_string_equal(path_extension("a/.hidden"), "");
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(path_join(out, long_name, "b"), BS_TOO_BIG);
}

static void replaces_whole_or_not_at_all(void **state) {
    (void)state;
    void *bytes;
    size_t n;
    assert_int_equal(file_replace(at("f"), "old", 3), BS_OK);
    assert_int_equal(file_replace(at("f"), "newer", 5), BS_OK);
    assert_int_equal(file_read(at("f"), 100, &bytes, &n), BS_OK);
    assert_int_equal(n, 5);
    assert_string_equal(bytes, "newer");
    free(bytes);
    assert_int_equal(file_replace(at("missing/f"), "x", 1), BS_NOT_FOUND);
    assert_int_equal(file_append(at("f"), "!", 1, true), BS_OK);
    assert_int_equal(file_read(at("f"), 5, &bytes, &n), BS_TOO_BIG);
    assert_null(bytes);
    assert_int_equal(file_read(at("g"), 5, &bytes, &n), BS_NOT_FOUND);
    assert_non_null(strstr(error_text(), "/g: open: No such file"));
    assert_int_equal(file_read(folder, 5, &bytes, &n), BS_INVALID);
    char **names;
    assert_int_equal(dir_list(folder, &names, &n), BS_OK);
    assert_int_equal(n, 1); /* no temporary file is left */
    free(names);
}

static void leaves_old_bytes_when_the_disk_is_full(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) skip();
    assert_int_equal(file_append("/dev/full", "x", 1, false), BS_IO);
    assert_non_null(strstr(error_text(), "No space left"));
}

static void assert_holds(const char *path, const char *text) {
    void *bytes;
    size_t n;
    assert_int_equal(file_read(path, 100, &bytes, &n), BS_OK);
    assert_string_equal(bytes, text);
    free(bytes);
}

static size_t n_names(const char *path) {
    char **names;
    size_t n;
    assert_int_equal(dir_list(path, &names, &n), BS_OK);
    free(names);
    return n;
}

static void staged_files_appear_together(void **state) {
    (void)state;
    Staged s = {0};
    char one[PATH_BYTES], two[PATH_BYTES], inside[PATH_BYTES];
    snprintf(one, sizeof one, "%s", at("staged/one"));
    snprintf(two, sizeof two, "%s", at("staged/new/deep/two"));
    path_folder(inside, two);
    assert_int_equal(dir_make(at("staged"), 0777), BS_OK);
    assert_int_equal(file_replace(one, "old", 3), BS_OK);
    assert_int_equal(staged_bytes(&s, one, "new", 3), BS_OK);
    assert_int_equal(staged_folder(&s, inside), BS_OK);
    assert_int_equal(staged_bytes(&s, two, "2", 1), BS_OK);
    assert_holds(one, "old");
    assert_false(file_exists(two));
    assert_int_equal(staged_commit(&s), BS_OK);
    assert_holds(one, "new");
    assert_holds(two, "2");
    assert_int_equal(n_names(at("staged")), 2);
    assert_int_equal(n_names(inside), 1);
    staged_drop(&s);
    assert_int_equal(dir_remove(at("staged")), BS_OK);
}

/* The last of several names becomes a folder before they are given: each has what it had before. */
static void a_name_that_cannot_be_given_puts_back_what_was_there(void **state) {
    (void)state;
    Staged s = {0};
    char folder_of[PATH_BYTES], was[PATH_BYTES], fresh[PATH_BYTES], blocked[PATH_BYTES];
    snprintf(folder_of, sizeof folder_of, "%s", at("back"));
    assert_int_equal(dir_make(folder_of, 0777), BS_OK);
    snprintf(was, sizeof was, "%s", at("back/was"));
    snprintf(fresh, sizeof fresh, "%s", at("back/fresh"));
    snprintf(blocked, sizeof blocked, "%s", at("back/blocked"));
    assert_int_equal(file_replace(was, "old", 3), BS_OK);
    assert_int_equal(staged_bytes(&s, was, "new", 3), BS_OK);
    assert_int_equal(staged_bytes(&s, fresh, "new", 3), BS_OK);
    assert_int_equal(staged_bytes(&s, blocked, "new", 3), BS_OK);
    assert_int_equal(dir_make(blocked, 0777), BS_OK);
    assert_int_equal(staged_commit(&s), BS_INVALID);
    assert_non_null(strstr(error_text(), "blocked"));
    assert_holds(was, "old");
    assert_false(file_exists(fresh));
    assert_int_equal(n_names(folder_of), 2);
    assert_int_equal(dir_remove(folder_of), BS_OK);
}

static void many_staged_files_need_few_descriptors(void **state) {
    (void)state;
    Staged s = {0};
    assert_int_equal(staged_folder(&s, at("many")), BS_OK);
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/%d", i);
        assert_int_equal(staged_bytes(&s, at(name), name, strlen(name)), BS_OK);
    }
    int open = 0;
    for (int fd = 0; fd < 1024; fd++) open += fcntl(fd, F_GETFD) >= 0;
    assert_true(open < 200);
    staged_drop(&s);
    assert_false(file_exists(at("many")));
}

static void lists_and_removes_folders(void **state) {
    (void)state;
    char **names;
    size_t n;
    assert_int_equal(dir_make(at("a/b/c"), 0700), BS_OK);
    assert_int_equal(dir_make(at("a/b/c"), 0700), BS_OK);
    struct stat s;
    assert_int_equal(stat(at("a/b/c"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    assert_int_equal(file_replace(at("a/zeta"), "", 0), BS_OK);
    assert_int_equal(file_replace(at("a/Alpha"), "", 0), BS_OK);
    assert_int_equal(dir_make(at("a/zeta/x"), 0700), BS_EXISTS);
    assert_int_equal(dir_list(at("a"), &names, &n), BS_OK);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "Alpha");
    assert_string_equal(names[1], "b");
    assert_string_equal(names[2], "zeta");
    free(names);
    assert_int_equal(symlink("/", at("a/root")), 0); /* a link goes, not what it names */
    assert_int_equal(dir_remove(at("a")), BS_OK);
    assert_false(file_exists(at("a")));
    assert_int_equal(dir_remove(at("a")), BS_OK);
}

static void locks_out_others_until_the_holder_is_gone(void **state) {
    (void)state;
    int fd, other, rc;
    assert_int_equal(file_lock(at("lock"), false, &fd), BS_OK);
    assert_int_equal(file_lock(at("lock"), false, &other), BS_AGAIN);
    file_unlock(fd);
    pid_t child = fork();
    if (child == 0) {
        _exit(file_lock(at("lock"), false, &fd) == BS_OK ? 0 : 1); /* ends without unlocking */
    }
    assert_int_equal(waitpid(child, &rc, 0), child);
    assert_int_equal(rc, 0);
    assert_int_equal(file_lock(at("lock"), false, &fd), BS_OK);
    file_unlock(fd);
}

static void maps_files_of_any_length(void **state) {
    (void)state;
    FileMap map;
    assert_int_equal(file_replace(at("empty"), "", 0), BS_OK);
    assert_int_equal(file_map(at("empty"), &map), BS_OK);
    assert_int_equal(map.n_bytes, 0);
    file_unmap(&map);
    assert_int_equal(file_replace(at("five"), "12345", 5), BS_OK);
    assert_int_equal(file_map(at("five"), &map), BS_OK);
    assert_memory_equal(map.bytes, "12345", 5);
    file_unmap(&map);
    file_unmap(&map);
    assert_int_equal(file_map(at("none"), &map), BS_NOT_FOUND);
}

static void keeps_blobs_under_their_hash(void **state) {
    (void)state;
    Cache *cache;
    Hash hash, absent = hash_bytes("absent", 6);
    FileMap map;
    assert_int_equal(cache_open(&cache, at("blobs/")), BS_OK);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(cache_put(cache, &i, sizeof i, &hash), BS_OK);
        assert_int_equal(cache_map(cache, &hash, &map), BS_OK);
        assert_int_equal(map.n_bytes, sizeof i);
        assert_memory_equal(map.bytes, &i, sizeof i);
        file_unmap(&map);
        assert_true(cache_has(cache, &hash));
    }
    assert_int_equal(cache_map(cache, &absent, &map), BS_NOT_FOUND);
    assert_false(cache_has(cache, &absent));
    cache_close(cache);
}

static void moves_damaged_blobs_away(void **state) {
    (void)state;
    Cache *cache;
    Hash hash;
    FileMap map;
    char path[PATH_BYTES], aside[PATH_BYTES + 16];
    assert_int_equal(cache_open(&cache, at("blobs")), BS_OK);
    assert_int_equal(cache_put(cache, "precious", 8, &hash), BS_OK);
    cache_close(cache);
    assert_int_equal(cache_open(&cache, at("blobs")), BS_OK);
    assert_int_equal(cache_path(cache, &hash, path), BS_OK);
    assert_int_equal(file_replace(path, "precioux", 8), BS_OK);
    assert_int_equal(cache_map(cache, &hash, &map), BS_CORRUPT);
    assert_false(cache_has(cache, &hash));
    snprintf(aside, sizeof aside, "%s.corrupt", path);
    assert_true(file_exists(aside));
    assert_int_equal(cache_put(cache, "precious", 8, &hash), BS_OK);
    assert_int_equal(cache_map(cache, &hash, &map), BS_OK);
    file_unmap(&map);
    cache_close(cache);
}

static void lets_one_puller_at_a_time_claim_a_blob(void **state) {
    (void)state;
    Cache *cache;
    Hash hash = hash_bytes("wanted", 6);
    int claim, second;
    assert_int_equal(cache_open(&cache, at("blobs")), BS_OK);
    assert_int_equal(cache_claim(cache, &hash, &claim), BS_OK);
    assert_int_equal(cache_claim(cache, &hash, &second), BS_AGAIN);
    cache_release(claim);
    assert_int_equal(cache_claim(cache, &hash, &second), BS_OK);
    cache_release(second);
    cache_close(cache);
}

static void *put_and_map(void *shared) {
    Cache *cache = shared;
    for (uint32_t i = 0; i < 100; i++) {
        Hash hash;
        FileMap map;
        if (cache_put(cache, &i, sizeof i, &hash) != BS_OK || cache_map(cache, &hash, &map) != BS_OK)
            return "failed";
        if (memcmp(map.bytes, &i, sizeof i)) return "differs";
        file_unmap(&map);
    }
    return NULL;
}

static void serves_many_threads(void **state) {
    (void)state;
    Cache *cache;
    pthread_t threads[4];
    assert_int_equal(cache_open(&cache, at("shared")), BS_OK);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, put_and_map, cache), 0);
    for (int i = 0; i < 4; i++) {
        void *what;
        pthread_join(threads[i], &what);
        assert_null(what);
    }
    cache_close(cache);
}

static void finds_the_host_cache_where_people_expect_it(void **state) {
    (void)state;
    char out[PATH_BYTES];
    setenv("BANDSAW_CACHE", "/c", 1);
    setenv("XDG_CACHE_HOME", "/x", 1);
    cache_default_folder(out);
    assert_string_equal(out, "/c");
    unsetenv("BANDSAW_CACHE");
    cache_default_folder(out);
    assert_string_equal(out, "/x/bandsaw");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", "/h", 1);
    cache_default_folder(out);
    assert_string_equal(out, "/h/.cache/bandsaw");
}

/* stderr of `speak` as text in `out`. */
static void capture(void (*speak)(void), char *out, size_t n_out) {
    void *bytes;
    size_t n;
    fflush(stderr);
    int saved = dup(2);
    assert_non_null(freopen(at("stderr"), "w", stderr));
    speak();
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    assert_int_equal(file_read(at("stderr"), 1 << 20, &bytes, &n), BS_OK);
    snprintf(out, n_out, "%s", (char *)bytes);
    free(bytes);
}

static void speak_much(void) {
    log_open("actor-3", LOG_INFO);
    for (int i = 0; i < 1000; i++) log_warn("lost", "ticket=%d text=%s", i, "a\nb");
    log_debug("quiet", "x=%d", 1);
    log_info("plain", "%s", "");
}

static void logs_one_line_each_and_not_too_many(void **state) {
    (void)state;
    char text[16384];
    capture(speak_much, text, sizeof text);
    int n_lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++) n_lines++;
    assert_in_range(n_lines, 11, 23); /* ten of the thousand, twice when a second began between */
    assert_non_null(strstr(text, "Z WARN actor-3 lost ticket=0 text=a b\n"));
    assert_non_null(strstr(text, " INFO actor-3 plain\n"));
    assert_null(strstr(text, "quiet"));
    assert_int_equal(log_level_named("warn"), LOG_WARN);
}

static void speak_progress(void) {
    Progress p;
    progress_start(&p, "featurize", 10);
    for (int i = 1; i <= 10; i++) progress_at(&p, i, "a.wav");
    progress_end(&p, "all good");
    progress_end(&p, "all good");
}

static void shows_progress_as_plain_lines_elsewhere(void **state) {
    (void)state;
    char text[1024];
    capture(speak_progress, text, sizeof text);
    assert_non_null(strstr(text, "featurize: 10/10 (100 %) in "));
    assert_null(strstr(text, "\r"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void never_lets_the_clock_run_back(void **state) {
    (void)state;
    int64_t before = clock_ms();
    double before_s = clock_s();
    clock_sleep_ms(20);
    assert_true(clock_ms() >= before + 19);
    assert_true(clock_s() >= before_s + 0.019);
    assert_true(clock_wall_s() > 1.6e9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_paths_apart),
        cmocka_unit_test(replaces_whole_or_not_at_all),
        cmocka_unit_test(leaves_old_bytes_when_the_disk_is_full),
        cmocka_unit_test(staged_files_appear_together),
        cmocka_unit_test(a_name_that_cannot_be_given_puts_back_what_was_there),
        cmocka_unit_test(many_staged_files_need_few_descriptors),
        cmocka_unit_test(lists_and_removes_folders),
        cmocka_unit_test(locks_out_others_until_the_holder_is_gone),
        cmocka_unit_test(maps_files_of_any_length),
        cmocka_unit_test(keeps_blobs_under_their_hash),
        cmocka_unit_test(moves_damaged_blobs_away),
        cmocka_unit_test(lets_one_puller_at_a_time_claim_a_blob),
        cmocka_unit_test(serves_many_threads),
        cmocka_unit_test(finds_the_host_cache_where_people_expect_it),
        cmocka_unit_test(logs_one_line_each_and_not_too_many),
        cmocka_unit_test(shows_progress_as_plain_lines_elsewhere),
        cmocka_unit_test(never_lets_the_clock_run_back),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
