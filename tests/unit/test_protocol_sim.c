// needs: common/protocol common/song
/* Thousands of bad days, each from one seed. N=... for more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/protocol_sim.h"

static Sim sim;

/* N seeds in all, or fewer under a sanitizer; test-long asks for a million. */
static uint64_t seeds(uint64_t share) {
    const char *n = getenv("N");
    uint64_t all = getenv("LONG") && n ? strtoull(n, NULL, 10) : 1000;
    if (getenv("SANITIZED")) all /= 5;
    return all / share;
}

/* What goes wrong is drawn from the seed too, so that calm days and awful ones both occur. */
static SimOptions weather(uint64_t seed, RunMode mode) {
    Rng r = rng_at(seed, 0x77);
    SimOptions o = {.mode = mode, .updates = 6, .n_actors = 1 + (int)rng_below(&r, SIM_ACTORS - 1)};
    o.max_lag = mode == RUN_LOCKSTEP ? rng_below(&r, 2) : rng_below(&r, 3);
    o.check_one_in = rng_below(&r, 2) ? 8 : 0;
    double awful = rng_f64(&r);
    o.drop = awful * 0.15 * rng_f64(&r);
    o.duplicate = awful * 0.2 * rng_f64(&r);
    o.slow = awful * 0.1 * rng_f64(&r);
    o.actor_crash = awful * 0.05 * rng_f64(&r);
    o.learner_crash = awful * 0.1 * rng_f64(&r);
    o.part = awful * 0.05 * rng_f64(&r);
    o.evaluate = rng_below(&r, 3) == 0;
    return o;
}

static void run_seeds(RunMode mode, uint64_t first, uint64_t n, bool liar) {
    uint64_t events = 0, crashes = 0, reissued = 0, duplicates = 0, stale = 0, checked = 0, evaluated = 0,
             seconds = 0;
    for (uint64_t seed = first; seed < first + n; seed++) {
        SimOptions o = weather(seed, mode);
        if (liar) {
            o.invalid = 0.3;
            o.check_one_in = 0; /* its lies would rightly differ */
            o.n_actors = o.n_actors < 2 ? 2 : o.n_actors;
        }
        const char *error = sim_run(&sim, &o, seed);
        if (error[0]) print_error("seed %" PRIu64 " at %.3f s: %s\n", seed, (double)sim.now_ms / 1000, error);
        assert_string_equal(error, "");
        events += sim.events;
        crashes += sim.crashes_learner + sim.crashes_actor;
        stale += sim.last.stale;
        checked += sim.last.checked;
        evaluated += sim.last.evaluated;
        reissued += sim.last.reissued;
        duplicates += sim.last.duplicate;
        seconds += (uint64_t)sim.now_ms / 1000;
    }
    print_message("%" PRIu64 " histories of %" PRIu64 " simulated s, %" PRIu64 " learner events, %" PRIu64
                  " crashes; tickets: %" PRIu64 " again, %" PRIu64 " stale, %" PRIu64 " run twice, %" PRIu64
                  " evaluated; %" PRIu64 " duplicates refused\n",
                  n, seconds, events, crashes, reissued, stale, checked, evaluated, duplicates);
    if (n >= 100) assert_true(crashes && reissued && duplicates);
}

static void async_trains_each_ticket_once_whatever_happens(void **state) {
    (void)state;
    run_seeds(RUN_ASYNC, 0, seeds(2), false);
}

static void lockstep_trains_exactly_its_tickets_whatever_happens(void **state) {
    (void)state;
    run_seeds(RUN_LOCKSTEP, 1000000000, seeds(3), false);
}

static void a_lying_actor_is_turned_away_and_the_run_goes_on(void **state) {
    (void)state;
    run_seeds(RUN_ASYNC, 2000000000, seeds(6), true);
}

static void one_seed_is_one_history(void **state) {
    (void)state;
    SimOptions o = weather(5, RUN_ASYNC);
    o.learner_crash = o.actor_crash = 0.05;
    o.drop = 0.1;
    assert_string_equal(sim_run(&sim, &o, 5), "");
    uint64_t events = sim.events;
    int64_t now_ms = sim.now_ms;
    TicketCounters last = sim.last;
    assert_string_equal(sim_run(&sim, &o, 5), "");
    assert_int_equal(sim.events, events);
    assert_int_equal(sim.now_ms, now_ms);
    assert_memory_equal(&sim.last, &last, sizeof last);
}

static void a_planted_double_training_is_found(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        SimOptions o = {
            .mode = RUN_ASYNC, .updates = 6, .n_actors = 3, .max_lag = 2, .fault = SIM_TRAIN_TWICE};
        assert_non_null(strstr(sim_run(&sim, &o, seed), "and again in"));
        o = (SimOptions){
            .mode = RUN_LOCKSTEP, .updates = 6, .n_actors = 3, .max_lag = 1, .fault = SIM_TELL_TWICE};
        assert_non_null(strstr(sim_run(&sim, &o, seed), "trained twice?"));
    }
}

static void a_planted_loss_is_found(void **state) {
    (void)state;
    SimOptions o = {
        .mode = RUN_LOCKSTEP, .updates = 6, .n_actors = 3, .max_lag = 1, .fault = SIM_LOSE_TICKET};
    assert_non_null(strstr(sim_run(&sim, &o, 1), "never came to its end"));
    o.mode = RUN_ASYNC; /* it may come to its end with other tickets */
    assert_string_not_equal(sim_run(&sim, &o, 1), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(async_trains_each_ticket_once_whatever_happens),
        cmocka_unit_test(lockstep_trains_exactly_its_tickets_whatever_happens),
        cmocka_unit_test(a_lying_actor_is_turned_away_and_the_run_goes_on),
        cmocka_unit_test(one_seed_is_one_history),
        cmocka_unit_test(a_planted_double_training_is_found),
        cmocka_unit_test(a_planted_loss_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
