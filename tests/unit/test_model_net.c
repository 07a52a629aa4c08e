// needs: common/env common/nn common/model
/* The network as a whole: it learns, repeats itself, allocates nothing while it runs, starts nearly uniform,
 * and its files are read back or refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/policy_acting.h"
#include "common/nn/adamw.h"
#include "tests/unit/model_fixture.h"

enum { UNITS = 40, EPISODES = 4, STEPS = 32 };

/* Counts this program's own allocations while `counting`: OpenBLAS may take what it likes. Sanitizers bring
 * their own malloc, so there nothing is counted. */
static volatile int n_allocations;
static volatile bool counting; /* the compiler believes that malloc reads no globals */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
enum { CAN_COUNT = 1 };
extern const char __executable_start, etext;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_memalign(size_t, size_t);
static void count(const char *caller) {
    n_allocations += counting && caller >= &__executable_start && caller < &etext;
}
#define OURS __attribute__((noinline))
OURS void *malloc(size_t n) { return count(__builtin_return_address(0)), __libc_malloc(n); }
OURS void *calloc(size_t n, size_t size) {
    return count(__builtin_return_address(0)), __libc_calloc(n, size);
}
OURS void *aligned_alloc(size_t to, size_t n) {
    return count(__builtin_return_address(0)), __libc_memalign(to, n);
}
#else
enum { CAN_COUNT = 0 };
#endif

typedef struct World {
    PolicySpec spec;
    Song song;
    EnvObs *obs;
    PolicyNet *net;
    PolicyBatch batch;
    float logits[STEPS * ENV_ACTIONS], d_logits[STEPS * ENV_ACTIONS], values[STEPS], d_values[STEPS];
} World;

static World *world_new(const char *size, uint64_t seed) {
    static const int32_t start[EPISODES + 1] = {0, 5, 6, 20, STEPS};
    World *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->obs = calloc(STEPS, sizeof *w->obs);
    assert_non_null(w->obs);
    assert_int_equal(policy_spec_named(&w->spec, size), BS_OK);
    fixture_song(&w->song, UNITS, 1);
    for (int i = 0; i < STEPS; i++) fixture_obs(&w->obs[i], UNITS, i, 3);
    assert_int_equal(
        policy_net_new(&w->net, nn_ops_cpu(), &w->spec, (PolicyLimits){UNITS, STEPS, EPISODES}, seed), BS_OK);
    w->batch = (PolicyBatch){&w->song, EPISODES, STEPS, start, w->obs};
    return w;
}

static void world_drop(World *w) {
    policy_net_free(w->net);
    fixture_song_drop(&w->song);
    free(w->obs);
    free(w);
}

static int best_of(const World *w, int i) {
    int a = (w->obs[i].last_action + 60 + i) % ENV_ACTIONS;
    while (!w->obs[i].mask[a]) a = (a + 1) % ENV_ACTIONS;
    return a;
}

/* Mean cross-entropy of one legal action a step + squared error of a value a step, and its gradient. */
static double loss(World *w) {
    double total = 0;
    assert_int_equal(policy_net_forward(w->net, &w->batch, w->logits, w->values), BS_OK);
    for (int i = 0; i < STEPS; i++) {
        float log_probs[ENV_ACTIONS];
        const int best = best_of(w, i);
        nn_ops_cpu()->masked_log_softmax(log_probs, w->logits + i * ENV_ACTIONS, w->obs[i].mask, 1,
                                         ENV_ACTIONS);
        for (int a = 0; a < ENV_ACTIONS; a++)
            w->d_logits[i * ENV_ACTIONS + a] = (expf(log_probs[a]) - (a == best)) / STEPS;
        const float target = (float)(i % 5) - 2, miss = w->values[i] - target;
        w->d_values[i] = 2 * miss / STEPS;
        total += (double)(miss * miss - log_probs[best]) / STEPS;
    }
    return total;
}

static double train(World *w, int n_updates) {
    AdamW opt;
    const AdamWOptions options = {3e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 1};
    float norm;
    const size_t n = policy_net_n_params(w->net);
    assert_int_equal(adamw_init(&opt, n), BS_OK);
    for (int i = 0; i < n_updates; i++) {
        loss(w);
        memset(policy_net_grads(w->net), 0, n * sizeof(float));
        assert_int_equal(policy_net_backward(w->net, &w->batch, w->d_logits, w->d_values), BS_OK);
        assert_int_equal(adamw_step(&opt, policy_net_params(w->net), policy_net_grads(w->net),
                                    policy_net_decay(w->net), &options, &norm),
                         BS_OK);
    }
    adamw_drop(&opt);
    return loss(w);
}

static void it_learns_one_batch_by_heart(void **state) {
    (void)state;
    World *w = world_new("tiny", 4);
    const double before = loss(w), after = train(w, 300);
    if (!(before > 5 && after < 0.1)) print_error("loss %g -> %g\n", before, after);
    assert_true(before > 5 && after < 0.1);
    world_drop(w);
}

static void training_repeats_itself_bit_for_bit(void **state) {
    (void)state;
    World *a = world_new("tiny", 4), *b = world_new("tiny", 4), *other = world_new("tiny", 5);
    train(a, 10);
    train(b, 10);
    const size_t n = policy_net_n_params(a->net) * sizeof(float);
    assert_memory_equal(policy_net_params(a->net), policy_net_params(b->net), n);
    assert_int_not_equal(memcmp(policy_net_params(a->net), policy_net_params(other->net), n), 0);
    world_drop(a);
    world_drop(b);
    world_drop(other);
}

static void a_fresh_policy_is_nearly_uniform(void **state) {
    (void)state;
    const char *sizes[] = {"tiny", "small"};
    for (int s = 0; s < 2; s++) {
        World *w = world_new(sizes[s], 4);
        loss(w);
        for (int i = 0; i < STEPS; i++) {
            float log_probs[ENV_ACTIONS];
            double entropy = 0;
            nn_ops_cpu()->masked_log_softmax(log_probs, w->logits + i * ENV_ACTIONS, w->obs[i].mask, 1,
                                             ENV_ACTIONS);
            int legal = 0;
            for (int a = 0; a < ENV_ACTIONS; a++)
                if (w->obs[i].mask[a]) legal++, entropy -= exp((double)log_probs[a]) * (double)log_probs[a];
            assert_true(entropy > 0.97 * log(legal));
            assert_true(fabsf(w->values[i]) < 0.5f);
        }
        world_drop(w);
    }
}

static void nothing_is_allocated_while_it_runs(void **state) {
    (void)state;
    if (!CAN_COUNT) {
        print_message("skipped: allocations are not counted in this build\n");
        skip();
    }
    World *w = world_new("tiny", 4);
    PolicyActing *acting;
    ByteWriter bytes;
    float row[ENV_ACTIONS], value;
    bytes_init(&bytes, 1 << 24);
    assert_int_equal(policy_net_save(w->net, true, &bytes), BS_OK);
    assert_int_equal(policy_acting_new(&acting, &w->spec, (PolicyLimits){UNITS, STEPS, 2}), BS_OK);
    assert_int_equal(policy_acting_load(acting, bytes.bytes, bytes.n_bytes), BS_OK);
    loss(w);
    counting = true;
    Status st = policy_net_forward(w->net, &w->batch, w->logits, w->values);
    if (st == BS_OK) st = policy_net_backward(w->net, &w->batch, w->d_logits, w->d_values);
    if (st == BS_OK) st = policy_acting_begin(acting, &w->song, 1);
    for (int i = 0; i < STEPS && st == BS_OK; i++) {
        const int32_t episode = 0;
        const EnvObs *obs = &w->obs[i];
        st = policy_acting_step(acting, 1, &episode, &obs, row, &value);
    }
    counting = false;
    assert_int_equal(st, BS_OK);
    assert_int_equal(n_allocations, 0);
    counting = true;
    void *volatile one = malloc(1);
    counting = false;
    free(one);
    assert_int_equal(n_allocations, 1); /* the counter counts */
    policy_acting_free(acting);
    bytes_drop(&bytes);
    world_drop(w);
}

static void files_are_read_back_bit_for_bit(void **state) {
    (void)state;
    World *a = world_new("tiny", 4), *b = world_new("tiny", 5);
    const size_t n = policy_net_n_params(a->net);
    ByteWriter full, half, again;
    PolicySpec spec;
    bytes_init(&full, 1 << 24), bytes_init(&half, 1 << 24), bytes_init(&again, 1 << 24);
    assert_int_equal(policy_net_save(a->net, false, &full), BS_OK);
    assert_int_equal(policy_net_load(b->net, full.bytes, full.n_bytes), BS_OK);
    assert_memory_equal(policy_net_params(a->net), policy_net_params(b->net), n * sizeof(float));
    assert_int_equal(policy_net_save(a->net, true, &half), BS_OK);
    assert_true(half.n_bytes < full.n_bytes * 6 / 10);
    assert_int_equal(policy_net_load(b->net, half.bytes, half.n_bytes), BS_OK);
    for (size_t i = 0; i < n; i++) {
        const float x = policy_net_params(a->net)[i], y = policy_net_params(b->net)[i];
        assert_true(fabsf(x - y) <= fabsf(x) / 256);
    }
    assert_int_equal(policy_net_save(b->net, true, &again), BS_OK);
    assert_int_equal(again.n_bytes, half.n_bytes);
    assert_memory_equal(again.bytes, half.bytes, half.n_bytes);
    assert_int_equal(policy_spec_read(&spec, half.bytes, half.n_bytes), BS_OK);
    assert_true(policy_spec_equal(&spec, &a->spec));
    bytes_drop(&full), bytes_drop(&half), bytes_drop(&again);
    world_drop(a);
    world_drop(b);
}

static void wrong_files_are_refused_and_change_nothing(void **state) {
    (void)state;
    World *a = world_new("tiny", 4), *b = world_new("tiny", 5);
    const size_t n = policy_net_n_params(a->net) * sizeof(float);
    float *before = malloc(n);
    assert_non_null(before);
    memcpy(before, policy_net_params(b->net), n);
    ByteWriter w;
    bytes_init(&w, 1 << 24);

    policy_net_params(a->net)[1000] = NAN;
    assert_int_equal(policy_net_save(a->net, false, &w), BS_OK);
    assert_int_equal(policy_net_load(b->net, w.bytes, w.n_bytes), BS_CORRUPT);
    assert_non_null(strstr(error_text(), "not finite"));
    assert_int_equal(policy_net_load(b->net, w.bytes, w.n_bytes - 1), BS_CORRUPT);
    assert_int_equal(policy_net_load(b->net, "", 0), BS_CORRUPT);

    char *number = NULL; /* another environment's weights */
    for (size_t i = 0; i + 20 < w.n_bytes && !number; i++)
        if (!memcmp(w.bytes + i, "\"env_version\":\"", 15)) number = (char *)w.bytes + i + 15;
    assert_non_null(number);
    *number = '9';
    assert_int_equal(policy_net_load(b->net, w.bytes, w.n_bytes), BS_VERSION);
    assert_non_null(strstr(error_text(), "env_version is 9"));

    PolicyNet *small;
    PolicySpec spec;
    assert_int_equal(policy_spec_named(&spec, "small"), BS_OK);
    assert_int_equal(policy_net_new(&small, nn_ops_cpu(), &spec, (PolicyLimits){4, 4, 1}, 1), BS_OK);
    w.n_bytes = 0;
    assert_int_equal(policy_net_save(small, true, &w), BS_OK);
    assert_int_equal(policy_net_load(b->net, w.bytes, w.n_bytes), BS_VERSION);
    assert_memory_equal(before, policy_net_params(b->net), n);
    policy_net_free(small);
    bytes_drop(&w);
    free(before);
    world_drop(a);
    world_drop(b);
}

static void batches_that_do_not_fit_are_refused(void **state) {
    (void)state;
    World *w = world_new("tiny", 4);
    PolicyBatch batch = w->batch;
    const int32_t gap[] = {0, 5, 5, 20, STEPS}, longer[] = {0, STEPS + 1};
    batch.episode_start = gap;
    assert_int_equal(policy_net_forward(w->net, &batch, w->logits, NULL), BS_INVALID);
    batch.episode_start = longer, batch.n_episodes = 1, batch.n_steps = STEPS + 1;
    assert_int_equal(policy_net_forward(w->net, &batch, w->logits, NULL), BS_TOO_BIG);
    w->obs[3].pair[7][1] = UNITS;
    assert_int_equal(policy_net_forward(w->net, &w->batch, w->logits, NULL), BS_INVALID);
    world_drop(w);
}

static void names_of_sizes_are_known_or_the_nearest_is_named(void **state) {
    (void)state;
    PolicySpec spec;
    assert_int_equal(policy_spec_named(&spec, "small"), BS_OK);
    assert_int_equal(spec.d_model, 128);
    assert_int_equal(policy_spec_named(&spec, "smal"), BS_NOT_FOUND);
    assert_non_null(strstr(error_text(), "'small'"));
    assert_int_equal(policy_spec_named(&spec, "largest"), BS_NOT_FOUND);
    assert_non_null(strstr(error_text(), "'large'"));
    const PolicySpec odd = {100, 1, 1, 64, 4};
    PolicyNet *net;
    assert_int_equal(policy_net_new(&net, nn_ops_cpu(), &odd, (PolicyLimits){4, 4, 1}, 1), BS_INVALID);
}

int main(void) {
    nn_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_one_batch_by_heart),
        cmocka_unit_test(training_repeats_itself_bit_for_bit),
        cmocka_unit_test(a_fresh_policy_is_nearly_uniform),
        cmocka_unit_test(nothing_is_allocated_while_it_runs),
        cmocka_unit_test(files_are_read_back_bit_for_bit),
        cmocka_unit_test(wrong_files_are_refused_and_change_nothing),
        cmocka_unit_test(batches_that_do_not_fit_are_refused),
        cmocka_unit_test(names_of_sizes_are_known_or_the_nearest_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
