// needs: common/env common/nn common/model
/* What acts: the same bytes for any batch, order and vector width, and the network that trains to within
 * rounding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "common/model/policy_acting.h"
#include "common/nn/act.h"
#include "tests/unit/model_fixture.h"

enum { UNITS = 75, EPISODES = 5, STEPS = 70 };

typedef struct World {
    Song song;
    EnvObs *obs; /* EPISODES x STEPS */
    ByteWriter weights;
    PolicySpec spec;
} World;

static void world_init(World *w, const char *size) {
    PolicyNet *net;
    assert_int_equal(policy_spec_named(&w->spec, size), BS_OK);
    fixture_song(&w->song, UNITS, 5);
    w->obs = calloc((size_t)EPISODES * STEPS, sizeof *w->obs);
    assert_non_null(w->obs);
    for (int e = 0; e < EPISODES; e++)
        for (int i = 0; i < STEPS; i++) fixture_obs(&w->obs[e * STEPS + i], UNITS, i, (uint64_t)e + 10);
    assert_int_equal(policy_net_new(&net, nn_ops_cpu(), &w->spec, (PolicyLimits){4, 4, 1}, 9), BS_OK);
    float *p = policy_net_params(net);
    Rng rng = rng_at(1, 1);
    for (size_t i = 0; i < policy_net_n_params(net); i++) p[i] += 0.1f * (rng_f32(&rng) - 0.5f);
    bytes_init(&w->weights, 1 << 26);
    assert_int_equal(policy_net_save(net, true, &w->weights), BS_OK);
    policy_net_free(net);
}

static void world_drop(World *w) {
    fixture_song_drop(&w->song);
    bytes_drop(&w->weights);
    free(w->obs);
}

static PolicyActing *acting_of(const World *w) {
    PolicyActing *a;
    assert_int_equal(policy_acting_new(&a, &w->spec, (PolicyLimits){UNITS + 7, STEPS, EPISODES}), BS_OK);
    assert_int_equal(policy_acting_load(a, w->weights.bytes, w->weights.n_bytes), BS_OK);
    return a;
}

typedef struct Outputs {
    float log_probs[EPISODES][STEPS][ENV_ACTIONS], values[EPISODES][STEPS];
} Outputs;

static void together(PolicyActing *a, const World *w, Outputs *out) {
    static float rows[EPISODES * ENV_ACTIONS];
    assert_int_equal(policy_acting_begin(a, &w->song, EPISODES), BS_OK);
    for (int i = 0; i < STEPS; i++) {
        int32_t episodes[EPISODES];
        const EnvObs *obs[EPISODES];
        float values[EPISODES];
        for (int e = 0; e < EPISODES; e++) episodes[e] = e, obs[e] = &w->obs[e * STEPS + i];
        assert_int_equal(policy_acting_step(a, EPISODES, episodes, obs, rows, values), BS_OK);
        for (int e = 0; e < EPISODES; e++) {
            memcpy(out->log_probs[e][i], rows + e * ENV_ACTIONS, sizeof out->log_probs[e][i]);
            out->values[e][i] = values[e];
        }
    }
}

/* One episode after the other, in other places, with the last a few steps ahead of the rest. */
static void apart(PolicyActing *a, const World *w, Outputs *out) {
    assert_int_equal(policy_acting_begin(a, &w->song, EPISODES), BS_OK);
    for (int e = EPISODES; e-- > 0;)
        for (int i = 0; i < STEPS; i++) {
            const int32_t episode = EPISODES - 1 - e;
            const EnvObs *obs = &w->obs[e * STEPS + i];
            assert_int_equal(
                policy_acting_step(a, 1, &episode, &obs, out->log_probs[e][i], &out->values[e][i]), BS_OK);
        }
}

static void bytes_do_not_depend_on_batch_or_order(void **state) {
    (void)state;
    const char *sizes[] = {"tiny", "small"};
    Outputs *x = malloc(sizeof *x), *y = malloc(sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    for (int s = 0; s < 2; s++) {
        World w;
        world_init(&w, sizes[s]);
        PolicyActing *a = acting_of(&w), *b = acting_of(&w);
        together(a, &w, x);
        apart(b, &w, y);
        assert_memory_equal(x, y, sizeof *x);
        apart(a, &w, y); /* again, over what the first run left in the caches */
        assert_memory_equal(x, y, sizeof *x);
        policy_acting_free(a);
        policy_acting_free(b);
        world_drop(&w);
    }
    free(x);
    free(y);
}

static void agrees_with_the_network_that_trains(void **state) {
    (void)state;
    const char *sizes[] = {"tiny", "small"};
    Outputs *x = malloc(sizeof *x);
    assert_non_null(x);
    for (int s = 0; s < 2; s++) {
        World w;
        PolicyNet *net;
        int32_t start[EPISODES + 1];
        world_init(&w, sizes[s]);
        PolicyActing *a = acting_of(&w);
        together(a, &w, x);
        for (int e = 0; e <= EPISODES; e++) start[e] = e * STEPS;
        const PolicyBatch batch = {&w.song, EPISODES, EPISODES * STEPS, start, w.obs};
        float *logits = malloc(sizeof x->log_probs), *log_probs = malloc(sizeof x->log_probs);
        float values[EPISODES * STEPS];
        assert_non_null(logits);
        assert_non_null(log_probs);
        assert_int_equal(
            policy_net_new(&net, nn_ops_cpu(), &w.spec, (PolicyLimits){UNITS, EPISODES * STEPS, EPISODES}, 1),
            BS_OK);
        assert_int_equal(policy_net_load(net, w.weights.bytes, w.weights.n_bytes), BS_OK);
        assert_int_equal(policy_net_forward(net, &batch, logits, values), BS_OK);
        double worst = 0, spread = 0;
        for (int i = 0; i < EPISODES * STEPS; i++) {
            const float *mine = &x->log_probs[0][0][0] + (size_t)i * ENV_ACTIONS;
            nn_ops_cpu()->masked_log_softmax(log_probs, logits + (size_t)i * ENV_ACTIONS, w.obs[i].mask, 1,
                                             ENV_ACTIONS);
            float low = 0;
            for (int c = 0; c < ENV_ACTIONS; c++) {
                if (!w.obs[i].mask[c]) {
                    assert_true(mine[c] == -INFINITY && log_probs[c] == -INFINITY);
                    continue;
                }
                worst = fmax(worst, fabs((double)mine[c] - (double)log_probs[c]));
                if (log_probs[c] < low) low = log_probs[c];
            }
            spread = fmax(spread, -(double)low);
            worst = fmax(worst, fabs((double)values[i] - (double)(&x->values[0][0])[i]));
        }
        if (!(worst < 1e-4)) print_error("%s: acting and training differ by %g\n", sizes[s], worst);
        assert_true(worst < 1e-4);
        assert_true(spread > 5.5); /* the policy is not so flat that anything agrees */
        policy_net_free(net);
        policy_acting_free(a);
        world_drop(&w);
        free(logits);
        free(log_probs);
    }
    free(x);
}

static void a_held_encoding_is_dropped_when_song_or_weights_change(void **state) {
    (void)state;
    World w, other;
    Outputs *x = malloc(sizeof *x), *y = malloc(sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    world_init(&w, "tiny");
    world_init(&other, "tiny");
    w.song.hash.bytes[0] = 1;
    PolicyActing *a = acting_of(&w), *fresh = acting_of(&w);
    together(a, &w, x);
    together(a, &w, y); /* the encoding is held */
    assert_memory_equal(x, y, sizeof *x);

    for (int i = 0; i < UNITS * SONG_FEATURES; i++) other.song.features[i] *= 0.5f;
    other.song.hash.bytes[0] = 2;
    together(a, &other, x);
    together(fresh, &other, y);
    assert_memory_equal(x, y, sizeof *x);

    PolicyNet *net; /* other weights, the same song */
    ByteWriter bytes;
    bytes_init(&bytes, 1 << 24);
    assert_int_equal(policy_net_new(&net, nn_ops_cpu(), &w.spec, (PolicyLimits){4, 4, 1}, 77), BS_OK);
    assert_int_equal(policy_net_save(net, false, &bytes), BS_OK);
    together(a, &w, x);
    assert_int_equal(policy_acting_load(a, bytes.bytes, bytes.n_bytes), BS_OK);
    assert_int_equal(policy_acting_load(fresh, bytes.bytes, bytes.n_bytes), BS_OK);
    together(a, &w, y);
    assert_memory_not_equal(x, y, sizeof *x);
    together(fresh, &w, x);
    assert_memory_equal(x, y, sizeof *x);
    /* a file that is refused leaves what was loaded */
    assert_int_equal(policy_acting_load(a, bytes.bytes, bytes.n_bytes / 2), BS_CORRUPT);
    together(a, &w, y);
    assert_memory_equal(x, y, sizeof *x);

    policy_net_free(net);
    bytes_drop(&bytes);
    policy_acting_free(a);
    policy_acting_free(fresh);
    world_drop(&w);
    world_drop(&other);
    free(x);
    free(y);
}

static void wrong_calls_are_refused(void **state) {
    (void)state;
    World w;
    world_init(&w, "tiny");
    PolicyActing *a;
    float row[ENV_ACTIONS];
    int32_t episode = 0;
    const EnvObs *obs = w.obs;
    assert_int_equal(policy_acting_new(&a, &w.spec, (PolicyLimits){UNITS, 2, 1}), BS_OK);
    assert_int_equal(policy_acting_begin(a, &w.song, 1), BS_INVALID);
    assert_int_equal(policy_acting_load(a, w.weights.bytes, w.weights.n_bytes), BS_OK);
    assert_int_equal(policy_acting_begin(a, &w.song, 2), BS_TOO_BIG);
    assert_int_equal(policy_acting_begin(a, &w.song, 1), BS_OK);
    w.obs[0].target[0] = UNITS;
    assert_int_equal(policy_acting_step(a, 1, &episode, &obs, row, NULL), BS_INVALID);
    w.obs[0].target[0] = 0;
    assert_int_equal(policy_acting_step(a, 1, &episode, &obs, row, NULL), BS_OK);
    assert_int_equal(policy_acting_step(a, 1, &episode, &obs, row, NULL), BS_OK);
    assert_int_equal(policy_acting_step(a, 1, &episode, &obs, row, NULL), BS_TOO_BIG);
    episode = 1;
    assert_int_equal(policy_acting_step(a, 1, &episode, &obs, row, NULL), BS_INVALID);
    policy_acting_free(a);
    world_drop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_do_not_depend_on_batch_or_order),
        cmocka_unit_test(agrees_with_the_network_that_trains),
        cmocka_unit_test(a_held_encoding_is_dropped_when_song_or_weights_change),
        cmocka_unit_test(wrong_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
