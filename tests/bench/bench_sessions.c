// needs: featurizer simulator
/* What simulated sessions are like to learn from: which moves their right edits make and what each is worth,
 * how well mild flaws stand out, how fast sessions are made; the judge's ladder, and how raters agree.
 *
 *   bench_sessions [-n sessions] [-s first seed]      (200, 880000: no seed that anything was tuned on) */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "simulator/rate.h"
#include "tests/unit/ladder.h"
#include "tests/unit/take_deviation.h"

enum { KINDS = 5, RENDERED = 8 };

typedef struct Kind {
    const char *name;
    RightForbid forbidden;
    int32_t used;
    double cost; /* points lost without it, over the sessions that use it */
} Kind;

static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static Status score_without(const Truth *t, uint32_t forbidden, double *score, RightUse *use) {
    Status st = BS_OK;
    Edit edit;
    JudgeScore s;
    edit_init(&edit);
    *score = 0;
    st = right_edit_without(t, t->tune, t->lo_samples, t->hi_samples, forbidden, &edit, use);
    if (st == BS_CONFLICT) return BS_OK; /* nothing has that length without it: 0 points */
    if (st == BS_OK) st = judge(t, t->tune, &edit, t->lo_samples, t->hi_samples, &s);
    if (st == BS_OK) *score = s.score;
    edit_drop(&edit);
    return st;
}

static Status moves(uint64_t first_seed, int32_t n) {
    Kind kinds[KINDS] = {{.name = "loop", .forbidden = RIGHT_NO_LOOP},
                         {.name = "reorder", .forbidden = RIGHT_NO_REORDER},
                         {.name = "long_fade", .forbidden = RIGHT_NO_LONG_FADE},
                         {.name = "take_change", .forbidden = RIGHT_NO_TAKE_CHANGE},
                         {.name = "cut", .forbidden = RIGHT_NO_CUT}};
    double right = 0;
    int32_t proved = 0;
    for (int32_t i = 0; i < n; i++) {
        Truth *t;
        RightUse use, other;
        double best, without;
        Status st = session_truth(&t, "song", first_seed + (uint64_t)i, 90);
        if (st == BS_OK) st = score_without(t, 0, &best, &use);
        const int32_t joins[KINDS] = {use.n_loops, use.n_reorders, use.n_long_fades, use.n_take_changes,
                                      use.n_cuts};
        for (int k = 0; st == BS_OK && k < KINDS; k++) {
            if (joins[k] == 0) continue;
            st = score_without(t, kinds[k].forbidden, &without, &other);
            kinds[k].used++;
            kinds[k].cost += best - without;
        }
        truth_free(t);
        if (st != BS_OK) return st;
        right += best / n;
        proved += use.proved;
    }
    printf("sessions.right_edit %.2f points\n", right);
    printf("sessions.right_edit_proved %.3f share\n", (double)proved / n);
    for (int k = 0; k < KINDS; k++) {
        printf("sessions.%s_used %.3f share\n", kinds[k].name, (double)kinds[k].used / n);
        if (kinds[k].used)
            printf("sessions.%s_worth %.2f points\n", kinds[k].name, kinds[k].cost / kinds[k].used);
    }
    return BS_OK;
}

static Status flaws(uint64_t first_seed, int32_t n) {
    static BarScores scores;
    for (int32_t i = 0; i < n; i++) {
        Status st = add_session(&scores, first_seed + (uint64_t)i, 90);
        if (st != BS_OK) return st;
    }
    printf("sessions.mild_flaw_auc %.3f AUC\n", bar_scores_auc(&scores));
    printf("sessions.mild_flaw_bars %d bars\n", scores.n_mild);
    return BS_OK;
}

static Status speed(uint64_t first_seed) {
    double started = seconds(), made = 0;
    for (uint64_t i = 0; i < RENDERED; i++) {
        Session s;
        Status st = session_make(&s, "song", first_seed + i, 90);
        if (st != BS_OK) return st;
        made += (double)s.n_samples / SESSION_RATE;
        session_drop(&s);
    }
    printf("sessions.rendering %.0f x_real_time\n", made / (seconds() - started));
    return BS_OK;
}

static Status ladders(uint64_t first_seed, int32_t n_wanted) {
    double mean[RUNGS] = {0}, least[RUNGS];
    int32_t n = 0;
    Rng r = rng_at(first_seed, 10);
    for (int i = 0; i < RUNGS; i++) least[i] = 10;
    for (uint64_t seed = first_seed; n < n_wanted && seed < first_seed + 16 * (uint64_t)n_wanted; seed++) {
        Ladder l;
        double score[RUNGS];
        if (!ladder_open(&l, seed, 150)) continue;
        ladder_climb(&l, &r, score);
        for (int i = 0; i < RUNGS; i++) {
            mean[i] += score[i];
            if (i && score[i - 1] - score[i] < least[i]) least[i] = score[i - 1] - score[i];
        }
        n++;
        ladder_close(&l);
    }
    printf("ladder.sessions %d sessions\n", n);
    for (int i = 0; i < RUNGS && n; i++) {
        printf("ladder.%s %.2f points\n", rung_names[i], mean[i] / n);
        if (i) printf("ladder.%s_least_margin %.2f points\n", rung_names[i], least[i]);
    }
    return n == n_wanted ? BS_OK : fail(BS_CONFLICT, "%d sessions hold a ladder, not %d", n, n_wanted);
}

static Status agreement(uint64_t first_seed, int32_t n) {
    static Rated rated;
    const RateOptions o = {
        .n_raters = 24, .raters_a_session = 4, .n_edits = 8, .n_pairs = 6, .seed = first_seed};
    double with_judge = 0, with_others = 0;
    for (int32_t i = 0; i < n; i++) {
        Truth *t;
        Status st = session_truth(&t, "song", first_seed + (uint64_t)i, 90);
        if (st == BS_OK) st = rate_session(&rated, t, &o);
        truth_free(t);
        if (st != BS_OK) return st;
        with_judge += rated_tau_judge(&rated) / n;
        with_others += rated_tau_raters(&rated) / n;
        rated_drop(&rated);
    }
    printf("raters.with_judge %.3f Kendall_tau\nraters.with_raters %.3f Kendall_tau\n", with_judge,
           with_others);
    return BS_OK;
}

int main(int argc, char **argv) {
    int32_t n = 200;
    uint64_t seed = 880000;
    for (int o; (o = getopt(argc, argv, "n:s:")) != -1;) {
        if (o == 'n') n = atoi(optarg);
        if (o == 's') seed = strtoull(optarg, NULL, 10);
    }
    char hash[JUDGE_HASH];
    judge_hash(hash);
    printf("judge.name %s hash\n", hash);
    Status st = moves(seed, n);
    if (st == BS_OK) st = ladders(seed, n);
    if (st == BS_OK) st = agreement(seed, n);
    if (st == BS_OK) st = flaws(seed, n);
    if (st == BS_OK) st = speed(seed);
    if (st != BS_OK) fprintf(stderr, "bench_sessions: %s\n", error_text());
    return st != BS_OK;
}
