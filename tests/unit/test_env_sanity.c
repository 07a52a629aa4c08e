// needs: common/env simulator
/* What the dense reward likes, on simulated sessions: the right edit above the best contiguous block above a
 * looped bar, and above whatever is done at random. The sessions' truth stands in for hearing; the right edit
 * is the judge's best, which knows nothing of this reward. N sessions / 100, at least 100, of seeds that no
 * weight was chosen on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/env/env.h"
#include "simulator/session.h"
#include "tests/unit/truth_song.h"

enum { SESSIONS = 100, RANDOM = 5, FIRST_SEED = 730000 };

typedef struct Case {
    Truth *truth;
    Song *song;
    EnvSong *es;
    Env *env;
    Job job;
} Case;

typedef struct Worth {
    float sum, terms[REWARD_TERMS];
} Worth;

static int32_t units[ENV_MAX_UNITS];
static uint8_t fades[ENV_MAX_UNITS];
static EnvObs obs;

static Case case_open(uint64_t seed) {
    Case c = {0};
    assert_int_equal(session_truth(&c.truth, "session", seed, 60), BS_OK);
    c.song = truth_song(c.truth);
    assert_non_null(c.song);
    Status st = song_check(c.song);
    if (st == BS_OK) st = env_song_new(&c.es, c.song);
    if (st == BS_OK) st = env_new(&c.env, c.es);
    if (st != BS_OK) print_message("seed %llu: %s\n", (unsigned long long)seed, error_text());
    assert_int_equal(st, BS_OK);
    job_init(&c.job, c.song);
    c.job.tune = c.truth->tune;
    double middle = 0.5 * (double)(c.truth->lo_samples + c.truth->hi_samples) / c.song->sample_rate_hz;
    double half = 0.5 * (double)(c.truth->hi_samples - c.truth->lo_samples) / c.song->sample_rate_hz;
    assert_int_equal(job_target(&c.job, c.song, middle, half), BS_OK);
    return c;
}

static void case_close(Case *c) {
    env_free(c->env);
    env_song_free(c->es);
    song_free(c->song);
    truth_free(c->truth);
}

static Worth worth_of(const Case *c, int32_t n) {
    Worth w;
    env_score(c->es, &c->job, units, fades, n, w.terms);
    w.sum = env_score_total(&c->job, w.terms);
    return w;
}

static void keep_better(Worth *best, Worth x) {
    if (x.sum > best->sum) *best = x;
}

static Worth right_worth(const Case *c) {
    int32_t n;
    assert_int_equal(edit_to_units(&c->truth->edit, c->song, units, fades, ENV_MAX_UNITS, &n, NULL), BS_OK);
    assert_true(n > 0);
    return worth_of(c, n);
}

/* Every contiguous run of units of the tune whose length lies in the window. */
static Worth best_block(const Case *c) {
    Worth best = {.sum = -1e9f};
    memset(fades, 0, sizeof fades);
    for (int32_t a = 0; a < c->song->n_units; a++) {
        int64_t length = 0;
        for (int32_t b = a; b < c->song->n_units; b++) {
            int16_t take = c->song->units[b].take;
            if (take >= 0 && c->song->takes[take].tune != c->job.tune) break;
            length += song_unit_samples(c->song, b);
            units[b - a] = b;
            if (length > c->job.hi_samples) break;
            if (length >= c->job.lo_samples) keep_better(&best, worth_of(c, b - a + 1));
        }
    }
    return best;
}

/* One bar over and over until the window is reached. */
static Worth best_looped_bar(const Case *c) {
    Worth best = {.sum = -1e9f};
    const SongUnit *s = c->song->units;
    memset(fades, 0, sizeof fades);
    for (int32_t a = 0; a < c->song->n_units; a++) {
        if (s[a].kind != UNIT_BEAT || s[a].phase != 0 || c->song->takes[s[a].take].tune != c->job.tune)
            continue;
        int64_t length = 0;
        int32_t n = 0;
        while (length < c->job.lo_samples && n + 16 < ENV_MAX_UNITS)
            for (int32_t b = a; b < c->song->n_units && s[b].bar == s[a].bar; b++) {
                length += song_unit_samples(c->song, b);
                units[n++] = b;
            }
        keep_better(&best, worth_of(c, n));
    }
    return best;
}

static Worth random_worth(Case *c, uint64_t seed) {
    Rng r = rng_at(seed, 9);
    Worth w = {0};
    assert_int_equal(env_reset(c->env, &c->job), BS_OK);
    while (!env_done(c->env)) {
        Status st;
        env_observe(c->env, &obs);
        int nth = (int)rng_below(&r, (uint32_t)obs.n_legal), a = 0;
        for (;; a++)
            if (obs.mask[a] && nth-- == 0) break;
        w.sum += env_step(c->env, a, w.terms, &st);
    }
    return w;
}

static void show(const char *name, Worth w) {
    if (!getenv("SHOW")) return;
    printf("%-8s %7.3f  ", name, (double)w.sum);
    for (int k = 0; k < REWARD_TERMS; k++) printf(" %s %.3f", reward_names[k], (double)w.terms[k]);
    printf("\n");
}

static int sessions(void) {
    const char *n = getenv("N");
    return n && atoi(n) / 100 > SESSIONS ? (atoi(n) / 100 < 1000 ? atoi(n) / 100 : 1000) : SESSIONS;
}

static void right_edit_beats_block_beats_looped_bar_and_random(void **state) {
    (void)state;
    int n = sessions(), above_block = 0, above_bar = 0, block_above_bar = 0, above_random = 0, blocks = 0;
    double right_sum = 0, block_sum = 0;
    for (int i = 0; i < n; i++) {
        Case c = case_open(FIRST_SEED + (uint64_t)i);
        Worth right = right_worth(&c), block = best_block(&c), bar = best_looped_bar(&c),
              random = {.sum = -1e9f};
        for (uint64_t k = 0; k < RANDOM; k++) keep_better(&random, random_worth(&c, (uint64_t)i * 100 + k));
        if (getenv("SHOW")) printf("session %d\n", i);
        show("right", right);
        show("block", block);
        show("bar", bar);
        show("random", random);
        above_bar += right.sum > bar.sum;
        above_random += right.sum > random.sum;
        if (block.sum > -1e8f) { /* some recordings hold no block of that length */
            blocks++;
            above_block += right.sum >= block.sum;
            block_above_bar += block.sum > bar.sum;
            right_sum += (double)right.sum;
            block_sum += (double)block.sum;
        }
        case_close(&c);
    }
    print_message("%d sessions, %d with a block: right >= block %d, > bar %d, > random %d; block > bar %d; "
                  "mean right %.3f, "
                  "block %.3f\n",
                  n, blocks, above_block, above_bar, above_random, block_above_bar, right_sum / blocks,
                  block_sum / blocks);
    assert_int_equal(above_bar, n);
    assert_int_equal(above_random, n);
    /* where they differ the judge prefers a loop or a take change, this reward more of the form (9 of 100) */
    assert_true(above_block * 100 >= 85 * blocks);
    assert_true(right_sum > block_sum + 0.5 * blocks);
    /* where a looped bar is above, every block of that length holds talk or silence (11 of 100) */
    assert_true(block_above_bar * 100 >= 80 * blocks);
}

static void an_uncut_take_has_no_seam_cost(void **state) {
    (void)state;
    for (int i = 0; i < SESSIONS; i += 4) {
        Case c = case_open(FIRST_SEED + (uint64_t)i);
        for (int32_t k = 0; k < c.song->n_takes; k++) {
            const SongTake *take = &c.song->takes[k];
            if (take->tune != c.job.tune || take->n_units < 2) continue;
            memset(fades, 0, sizeof fades);
            for (int32_t u = 0; u < take->n_units; u++) units[u] = take->first_unit + u;
            Worth w = worth_of(&c, take->n_units);
            assert_true(w.terms[REWARD_TRANSITION] == 0);
            assert_true(w.terms[REWARD_TEMPO] == 0);
            assert_true(w.terms[REWARD_PHRASE] == 0);
        }
        case_close(&c);
    }
}

static void no_term_is_constant_over_edits_of_a_session(void **state) {
    (void)state;
    for (int i = 0; i < SESSIONS; i += 4) {
        Case c = case_open(FIRST_SEED + (uint64_t)i);
        Worth lo = {0}, hi = {0};
        for (uint64_t k = 0; k < 20; k++) {
            Worth w = random_worth(&c, k);
            for (int t = 0; t < REWARD_TERMS; t++) {
                if (k == 0 || w.terms[t] < lo.terms[t]) lo.terms[t] = w.terms[t];
                if (k == 0 || w.terms[t] > hi.terms[t]) hi.terms[t] = w.terms[t];
            }
        }
        for (int t = 0; t < REWARD_TERMS; t++) assert_true(hi.terms[t] > lo.terms[t] + 1e-3f);
        case_close(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_edit_beats_block_beats_looped_bar_and_random),
        cmocka_unit_test(an_uncut_take_has_no_seam_cost),
        cmocka_unit_test(no_term_is_constant_over_edits_of_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
