// needs: learner
/* PPO raises its return on 8 fixed songs on 3 seeds, from random weights; actor and learner in one process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/learner_play.h"

enum { SONGS = 8, BATCH = SONGS * TICKET_GROUP };

static double mean_return(Episode *const *e, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += e[i]->total;
    return sum / n;
}

/* Mean return of a batch before learning, and of the last three. */
static void learn(uint64_t seed, int n_updates, double *before, double *after) {
    static const SongMakeOptions small = {.takes = 3, .sections = 2, .bars_per_section = 4};
    SongBook songs;
    Trainer *trainer;
    ByteWriter weights;
    Episode *episodes[BATCH], *trained[BATCH];
    Settings s = settings_default();
    s.seed = (int64_t)seed;
    s.batch = BATCH;
    s.leash = 0; /* there is no imitation to stay near */
    s.entropy = 0.01;
    songs_made(&songs, SONGS, 100, &small);
    Curriculum c = {
        .seed = seed, .batch = BATCH, .updates = {0, 0, 0, 1000000}, .mode = RUN_LOCKSTEP, .songs = &songs};
    assert_int_equal(trainer_new(&trainer, &s, &songs, nn_ops_cpu()), BS_OK);
    bytes_init(&weights, 64 << 20);
    *before = *after = 0;
    for (int u = 0; u < n_updates; u++) {
        UpdateStats stats;
        weights.n_bytes = 0;
        assert_int_equal(policy_net_save(trainer->net, true, &weights), BS_OK);
        play_tickets(&songs, &c, POLICY_NET, &weights, (uint64_t)u * BATCH, BATCH, episodes);
        double r = mean_return(episodes, BATCH);
        if (u < 3) *before += r / 3;
        if (u >= n_updates - 3) *after += r / 3;
        if (getenv("SHOW")) print_message("seed %d update %2d return %.3f\n", (int)seed, u, r);
        UpdateInput in = {.stage = STAGE_PPO, .update = (uint64_t)u, .lr = 1e-3f, .episodes = trained};
        in.n_episodes = usable(trainer, episodes, BATCH, trained);
        assert_int_equal(trainer_update(trainer, &in, &stats), BS_OK);
        episodes_free(episodes, BATCH);
    }
    bytes_drop(&weights);
    trainer_free(trainer);
    songs_drop(&songs);
}

static void ppo_raises_its_return_from_random_weights(void **state) {
    (void)state;
    int n_updates = getenv("SANITIZED") ? 6 : 20;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        double before, after;
        learn(seed, n_updates, &before, &after);
        print_message("seed %d: return %.3f -> %.3f\n", (int)seed, before, after);
        assert_true(after > before + (getenv("SANITIZED") ? 0 : 4));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ppo_raises_its_return_from_random_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
