// needs: featurizer simulator
/* The sessions are as awkward as real ones: to tell a mildly flawed bar from a clean one, its deviation from
 * the other takes helps and does not settle it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/take_deviation.h"

static void deviation_from_the_other_takes_tells_mild_flaws_neither_never_nor_always(void **state) {
    (void)state;
    static BarScores scores;
    int n = getenv("LONG") ? 100 : 10;
    for (int i = 0; i < n; i++) assert_int_equal(add_session(&scores, 61000 + (uint64_t)i, 150), BS_OK);
    double auc = bar_scores_auc(&scores);
    print_message("AUC %.3f over %d mildly flawed and %d clean bars\n", auc, scores.n_mild, scores.n_clean);
    assert_true(scores.n_mild >= 15);
    assert_true(auc > 0.70 && auc < 0.90);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deviation_from_the_other_takes_tells_mild_flaws_neither_never_nor_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
