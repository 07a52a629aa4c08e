// needs: common/audio common/song
/* What is heard at seams: percussive, sustained, uncorrelated, silent, hot and clipped recordings with beats
 * that are written up to 20 ms off. `make bench-mixdown` listens to a thousand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/seam_material.h"
#include "tests/unit/seam_trial.h"

enum { SEAMS = 25, SEED = 41 };

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    memcpy(folder, "/tmp/bandsaw-test-seams-XXXXXX", 31);
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

static void listen_to(MaterialKind kind, SeamHow how, SeamTrial *trial) {
    Material m = material_make(kind, SEED);
    Edit edit;
    assert_int_equal(material_edit(&m, SEAMS, how == SEAM_PLANNED, SEED, &edit), BS_OK);
    assert_int_equal(trial_run(trial, folder, m.samples, m.n, 1, &edit, how), BS_OK);
    edit_drop(&edit);
    free(m.samples);
}

static void seams_of_every_material_are_clean(void **state) {
    (void)state;
    SeamTrial all = {0};
    for (int k = 0; k < MATERIAL_KINDS; k++) {
        SeamTrial t = {0};
        listen_to((MaterialKind)k, SEAM_PLANNED, &t);
        assert_int_equal(t.grid_error, 0);
        assert_int_equal(t.differing, 0);
        assert_true(t.peak <= 1);
        if (t.heard.flams + t.heard.clicks)
            print_message("%s: %d flams, %d clicks\n", material_names[k], t.heard.flams, t.heard.clicks);
        assert_true(100 * (t.heard.flams + t.heard.clicks) <= 2 * t.heard.n_seams);
        all.heard.n_seams += t.heard.n_seams;
        all.heard.n_attacks += t.heard.n_attacks;
        all.heard.late += t.heard.late;
        all.heard.lost += t.heard.lost;
        all.heard.n_levels += t.heard.n_levels;
        all.heard.level_db += t.heard.level_db;
    }
    assert_int_equal(all.heard.n_seams, SEAMS * MATERIAL_KINDS);
    assert_true(all.heard.n_attacks > all.heard.n_seams / 3);
    assert_true(100 * (all.heard.late + all.heard.lost) <= 5 * all.heard.n_attacks);
    assert_true(all.heard.level_db / all.heard.n_levels < 0.5);
}

/* The ear is no good if it finds nothing wrong with what is wrong. */
static void the_ear_hears_hard_cuts_and_blind_blends(void **state) {
    (void)state;
    SeamTrial hard = {0}, blind = {0};
    listen_to(MATERIAL_SUSTAINED, SEAM_HARD, &hard);
    assert_true(hard.heard.clicks > SEAMS * 3 / 4);
    listen_to(MATERIAL_DRUMS, SEAM_BLIND, &blind);
    assert_true(blind.heard.flams > SEAMS / 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seams_of_every_material_are_clean),
        cmocka_unit_test(the_ear_hears_hard_cuts_and_blind_blends),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
