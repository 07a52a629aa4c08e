// needs: simulator
/* Making sessions, finding right edits, judging: each checked first, then timed on one core. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/rng.h"
#include "common/host/clock.h"
#include "simulator/judge.h"
#include "simulator/right_edit.h"
#include "simulator/session.h"

enum { SESSIONS = 4, TRUTHS = 200, ROUNDS = 50 };

static int failed(const char *what) {
    fprintf(stderr, "bench_simulator: %s: %s\n", what, error_text());
    return 1;
}

static int render(void) {
    double seconds = 0;
    clock_t started = clock();
    for (uint64_t seed = 0; seed < SESSIONS; seed++) {
        Session s;
        if (session_make(&s, "song", seed, 90) != BS_OK || truth_check(s.truth) != BS_OK)
            return failed("session");
        seconds += (double)s.n_samples / SESSION_RATE;
        session_drop(&s);
    }
    printf("session_render %.0f x_real_time\n", seconds / ((double)(clock() - started) / CLOCKS_PER_SEC));
    return 0;
}

/* Windows of +-5 % around 15 to 45 % of the recording, and around the form once. */
static int edits(void) {
    double by_ratio = 0, by_form = 0, edit_s = 0, judge_s = 0;
    Rng r = rng_at(1, 1);
    for (uint64_t seed = 0; seed < TRUTHS; seed++) {
        Truth *t;
        JudgeScore score;
        if (session_truth(&t, "song", seed, 90) != BS_OK) return failed("truth");
        for (int k = 0; k < 2; k++) {
            double target =
                k ? truth_beat_samples(t, t->tune) * t->tunes[t->tune].meter * t->tunes[t->tune].n_slots
                  : (double)t->n_samples * rng_between(&r, 0.15, 0.45);
            int64_t lo = (int64_t)(0.95 * target), hi = (int64_t)(1.05 * target);
            Edit edit;
            double started = clock_s();
            if (right_edit(t, t->tune, lo, hi, &edit) != BS_OK) return failed("right edit");
            edit_s += clock_s() - started;
            int64_t n = edit_samples(&edit);
            if (n < lo || n > hi) return failed("outside the window");
            started = clock_s();
            for (int i = 0; i < ROUNDS; i++)
                if (judge(t, t->tune, &edit, lo, hi, &score) != BS_OK) return failed("judge");
            judge_s += clock_s() - started;
            *(k ? &by_form : &by_ratio) += score.score / TRUTHS;
            edit_drop(&edit);
        }
        truth_free(t);
    }
    printf("right_edit %.2f ms\n", 1000 * edit_s / (2 * TRUTHS));
    printf("judge %.1f us\n", 1e6 * judge_s / (2 * TRUTHS * ROUNDS));
    printf("right_edit_score_form_once %.2f points\n", by_form);
    printf("right_edit_score_keep_ratio %.2f points\n", by_ratio);
    return 0;
}

int main(void) { return render() || edits(); }
