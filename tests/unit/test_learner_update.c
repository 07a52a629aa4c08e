// needs: learner
/* One update: it repeats to the bit, does not depend on how it is cut into micro-batches, leaves no trace
 * when it is given up, and each stage moves what it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learner/augment.h"
#include "tests/unit/learner_play.h"

enum { N = 32 };

typedef struct Bench {
    SongBook songs;
    Settings settings;
    Curriculum curriculum;
    Trainer *trainer;
    Episode *episodes[N], *usable[N];
    int32_t n_usable;
} Bench;

static void bench_open(Bench *b, Stage stage, int64_t micro_steps) {
    static const SongMakeOptions small = {.takes = 2, .sections = 2, .bars_per_section = 2};
    ByteWriter weights;
    memset(b, 0, sizeof *b);
    songs_made(&b->songs, 2, 1, &small);
    b->settings = settings_default();
    b->settings.batch = N;
    if (micro_steps) b->settings.micro_steps = micro_steps;
    b->curriculum = (Curriculum){.seed = 3, .batch = N, .mode = RUN_LOCKSTEP, .songs = &b->songs};
    b->curriculum.updates[stage] = 1000;
    assert_int_equal(trainer_new(&b->trainer, &b->settings, &b->songs, nn_ops_cpu()), BS_OK);
    bytes_init(&weights, 64 << 20);
    assert_int_equal(policy_net_save(b->trainer->net, true, &weights), BS_OK);
    play_tickets(&b->songs, &b->curriculum, stage_kind(stage), &weights, 0, N, b->episodes);
    b->n_usable = usable(b->trainer, b->episodes, N, b->usable);
    assert_true(b->n_usable > N / 2);
    bytes_drop(&weights);
}

static void bench_close(Bench *b) {
    episodes_free(b->episodes, N);
    trainer_free(b->trainer);
    songs_drop(&b->songs);
}

static UpdateStats update(Bench *b, Stage stage, uint64_t u, float lr) {
    UpdateStats stats;
    UpdateInput in = {
        .stage = stage, .update = u, .lr = lr, .episodes = b->usable, .n_episodes = b->n_usable};
    Status st = trainer_update(b->trainer, &in, &stats);
    if (st != BS_OK) print_error("%s\n", error_text());
    assert_int_equal(st, BS_OK);
    assert_int_equal(stats.n_nonfinite, 0);
    return stats;
}

static void an_update_repeats_to_the_bit(void **state) {
    (void)state;
    for (int stage = 0; stage < STAGES; stage++) {
        Bench a, b;
        bench_open(&a, (Stage)stage, 0);
        bench_open(&b, (Stage)stage, 0);
        for (uint64_t u = 0; u < 2; u++) {
            update(&a, (Stage)stage, u, 1e-3f);
            update(&b, (Stage)stage, u, 1e-3f);
        }
        Hash x = trainer_hash(a.trainer), y = trainer_hash(b.trainer);
        assert_true(hash_equal(&x, &y));
        bench_close(&a);
        bench_close(&b);
    }
}

static void same_step_whole_and_in_parts(Stage stage) {
    Bench whole, parts;
    int32_t longest = 0;
    bench_open(&whole, stage, 4096);
    for (int i = 0; i < N; i++)
        if (whole.episodes[i]->n_steps > longest) longest = whole.episodes[i]->n_steps;
    bench_open(&parts, stage, longest > 16 ? longest : 16);
    size_t n = policy_net_n_params(whole.trainer->net);
    float *start = malloc(sizeof *start * n);
    memcpy(start, policy_net_params(whole.trainer->net), sizeof *start * n);
    whole.settings.epochs = parts.settings.epochs = 1;
    whole.settings.minibatches = parts.settings.minibatches = 1;
    whole.settings.imitation_minibatches = parts.settings.imitation_minibatches = 1;
    UpdateStats a = update(&whole, stage, 0, 1e-4f), b = update(&parts, stage, 0, 1e-4f);
    assert_true(fabs(a.grad_norm - b.grad_norm) < 1e-4 * (1 + a.grad_norm));
    assert_true(fabs(a.sums.entropy - b.sums.entropy) <= 1e-3 * fabs(a.sums.entropy));
    assert_true(fabs(a.sums.imitation - b.sums.imitation) <= 1e-4 * fabs(a.sums.imitation));
    double moved = 0, differs = 0;
    for (size_t i = 0; i < n; i++) {
        double x = policy_net_params(whole.trainer->net)[i], y = policy_net_params(parts.trainer->net)[i];
        moved += (x - start[i]) * (x - start[i]);
        differs += (x - y) * (x - y);
    }
    assert_true(moved > 0 && differs < 1e-4 * moved);
    free(start);
    bench_close(&whole);
    bench_close(&parts);
}

static void micro_batches_of_any_size_give_the_same_step(void **state) {
    (void)state;
    same_step_whole_and_in_parts(STAGE_PPO);
    same_step_whole_and_in_parts(STAGE_RETARGET); /* with noise on the features */
}

/* A turn of the chroma and noise of the asked size on standardised columns; the rest as it was. */
static void imitation_hears_the_song_transposed_and_with_noise(void **state) {
    (void)state;
    Song *song = song_make(4, &(SongMakeOptions){.takes = 3});
    const size_t n = (size_t)song->n_units * SONG_FEATURES;
    float *plain = malloc(sizeof *plain * n), *noisy = malloc(sizeof *noisy * n),
          *again = malloc(sizeof *again * n);
    int turns[SONG_CHROMA] = {0}, n_turns = 0;
    for (uint64_t key = 0; key < 64; key++) {
        double apart = 0;
        int turn = -1;
        augment_features(song, key, 0, plain);
        augment_features(song, key, 0.3, noisy);
        augment_features(song, key, 0.3, again);
        assert_memory_equal(noisy, again, sizeof *noisy * n);
        for (int k = 0; k < SONG_CHROMA && turn < 0; k++) {
            bool fits = true;
            for (int32_t u = 0; u < song->n_units; u++)
                for (int c = 0; c < SONG_CHROMA; c++)
                    fits = fits && plain[u * SONG_FEATURES + FEATURE_CHROMA + (c + k) % SONG_CHROMA] ==
                                       song->features[u * SONG_FEATURES + FEATURE_CHROMA + c];
            if (fits) turn = k;
        }
        assert_true(turn >= 0);
        n_turns += turns[turn]++ == 0;
        for (int32_t u = 0; u < song->n_units; u++) {
            const size_t row = (size_t)u * SONG_FEATURES;
            double d = noisy[row + FEATURE_LOUDNESS] - song->features[row + FEATURE_LOUDNESS];
            apart += d * d;
            assert_true(noisy[row + FEATURE_FLAW] == song->features[row + FEATURE_FLAW]);
            assert_memory_equal(&noisy[row + FEATURE_KIND], &song->features[row + FEATURE_KIND],
                                4 * sizeof(float));
        }
        apart = sqrt(apart / song->n_units);
        assert_true(apart > 0.2 && apart < 0.4);
    }
    assert_true(n_turns >= 10);
    free(plain);
    free(noisy);
    free(again);
    song_free(song);
}

static bool stop_later(void *context) { return --*(int *)context < 0; }

static void an_update_given_up_leaves_no_trace(void **state) {
    (void)state;
    Bench b;
    UpdateStats stats;
    bench_open(&b, STAGE_PPO, 0);
    update(&b, STAGE_PPO, 0, 1e-3f);
    Hash before = trainer_hash(b.trainer);
    int64_t step = b.trainer->optimiser.step;
    for (int polls = 0; polls < 12; polls++) {
        int left = polls;
        UpdateInput in = {.stage = STAGE_PPO,
                          .update = 1,
                          .lr = 1e-3f,
                          .fresh_optimiser = true,
                          .episodes = b.usable,
                          .n_episodes = b.n_usable,
                          .stop = stop_later,
                          .stop_context = &left};
        Status st = trainer_update(b.trainer, &in, &stats);
        if (st == BS_OK) break;
        assert_int_equal(st, BS_CLOSED);
        Hash after = trainer_hash(b.trainer);
        assert_true(hash_equal(&before, &after));
        assert_int_equal(b.trainer->optimiser.step, step);
    }
    bench_close(&b);
}

static void imitation_learns_its_examples(void **state) {
    (void)state;
    Bench b;
    bench_open(&b, STAGE_RETARGET, 0);
    UpdateStats first = update(&b, STAGE_RETARGET, 0, 3e-3f), last = first;
    for (uint64_t u = 1; u < 25; u++) last = update(&b, STAGE_RETARGET, u, 3e-3f);
    assert_true(last.sums.imitation / last.sums.n_steps < 0.6 * first.sums.imitation / first.sums.n_steps);
    bench_close(&b);
}

static void the_value_stage_moves_the_value_head_alone(void **state) {
    (void)state;
    Bench b;
    bench_open(&b, STAGE_VALUE, 0);
    size_t n = policy_net_n_params(b.trainer->net), n_moved = 0;
    float *start = malloc(sizeof *start * n);
    memcpy(start, policy_net_params(b.trainer->net), sizeof *start * n);
    UpdateStats first = update(&b, STAGE_VALUE, 0, 3e-3f), last = first;
    for (uint64_t u = 1; u < 20; u++) last = update(&b, STAGE_VALUE, u, 3e-3f);
    for (size_t i = 0; i < n; i++) {
        bool moved = policy_net_params(b.trainer->net)[i] != start[i];
        assert_true(!moved || b.trainer->value_only[i]);
        n_moved += moved;
    }
    assert_true(n_moved > 0);
    assert_true(last.sums.value / last.sums.n_steps < first.sums.value / first.sums.n_steps);
    assert_true(b.trainer->has_reference);
    assert_memory_equal(b.trainer->reference, start, sizeof *start * n);
    free(start);
    bench_close(&b);
}

static void a_gradient_that_is_not_finite_is_skipped(void **state) {
    (void)state;
    Bench b;
    UpdateStats stats;
    bench_open(&b, STAGE_PPO, 0);
    Hash before = trainer_hash(b.trainer);
    b.settings.max_behaviour_weight = INFINITY;
    b.settings.entropy = INFINITY;
    UpdateInput in = {.stage = STAGE_PPO, .lr = 1e-3f, .episodes = b.usable, .n_episodes = b.n_usable};
    assert_int_equal(trainer_update(b.trainer, &in, &stats), BS_OK);
    Hash after = trainer_hash(b.trainer);
    assert_true(stats.n_nonfinite > 0 && stats.n_optimiser_steps == 0);
    assert_true(hash_equal(&before, &after));
    bench_close(&b);
}

static void the_learning_rate_rises_and_falls(void **state) {
    (void)state;
    assert_true(learning_rate(1, 0.1, 0, 100) < 0.2);
    assert_true(fabs(learning_rate(1, 0.1, 10, 100) - 1) < 1e-9);
    assert_true(fabs(learning_rate(1, 0.1, 100, 100) - 0.1) < 1e-9);
    assert_true(learning_rate(1, 0, 0, 1) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_repeats_to_the_bit),
        cmocka_unit_test(micro_batches_of_any_size_give_the_same_step),
        cmocka_unit_test(imitation_hears_the_song_transposed_and_with_noise),
        cmocka_unit_test(an_update_given_up_leaves_no_trace),
        cmocka_unit_test(imitation_learns_its_examples),
        cmocka_unit_test(the_value_stage_moves_the_value_head_alone),
        cmocka_unit_test(a_gradient_that_is_not_finite_is_skipped),
        cmocka_unit_test(the_learning_rate_rises_and_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
