// needs: common/env common/nn
/* Every parameter's gradient against central differences in fp64, through the whole network.
 *
 * The sources of the operations and of the network are compiled here once more with Real = double, so what
 * is checked is the text that trains, without fp32's noise. */
#define NN_DOUBLE
#include "common/model/policy_layout.c"
#include "common/model/policy_net.c"
#include "common/nn/nn_blas.c"
#include "common/nn/nn_cpu.c"
#include "common/nn/nn_cpu_attention.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/model_fixture.h"

enum { UNITS = 70, EPISODES = 3, STEPS = 9 };

typedef struct Fixture {
    PolicyNet *net;
    PolicyBatch batch;
    double logits[STEPS * ENV_ACTIONS], values[STEPS];
    double d_logits[STEPS * ENV_ACTIONS], d_values[STEPS];
} Fixture;

/* A fixed random linear function of all outputs: its gradient by the outputs is constant. */
static double loss(Fixture *f) {
    assert_int_equal(policy_net_forward(f->net, &f->batch, f->logits, f->values), BS_OK);
    double s = 0;
    for (int i = 0; i < STEPS * ENV_ACTIONS; i++) s += f->logits[i] * f->d_logits[i];
    for (int i = 0; i < STEPS; i++) s += f->values[i] * f->d_values[i];
    return s;
}

static void fixture_init(Fixture *f, Song *song, EnvObs *obs) {
    static const int32_t start[EPISODES + 1] = {0, 4, 5, STEPS};
    const PolicySpec spec = {32, 2, 2, 16, 2};
    Rng rng = rng_at(7, 0);
    fixture_song(song, UNITS, 1);
    for (int i = 0; i < STEPS; i++) fixture_obs(&obs[i], UNITS, i, 2);
    obs[0].playhead = -1, obs[5].target[3] = -1, obs[5].pair[2][1] = -1;
    assert_int_equal(policy_net_new(&f->net, nn_ops_cpu(), &spec, (PolicyLimits){UNITS, STEPS, EPISODES}, 3),
                     BS_OK);
    /* Larger weights than a fresh network's, so that no path is nearly linear or nearly off. */
    for (size_t i = 0; i < f->net->layout.n_params; i++) f->net->params[i] += 0.3 * (rng_f64(&rng) - 0.5);
    f->batch = (PolicyBatch){song, EPISODES, STEPS, start, obs};
    for (int i = 0; i < STEPS * ENV_ACTIONS; i++) f->d_logits[i] = rng_f64(&rng) - 0.5;
    for (int i = 0; i < STEPS; i++) f->d_values[i] = rng_f64(&rng) - 0.5;
}

static void every_tensor_agrees_with_fp64_differences(void **state) {
    (void)state;
    Song song;
    EnvObs *obs = calloc(STEPS, sizeof *obs);
    Fixture *f = calloc(1, sizeof *f);
    assert_non_null(obs);
    assert_non_null(f);
    fixture_init(f, &song, obs);
    loss(f);
    assert_int_equal(policy_net_backward(f->net, &f->batch, f->d_logits, f->d_values), BS_OK);
    double *p = f->net->params, *g = f->net->grads;
    Rng rng = rng_at(11, 0);
    for (int i = 0; i < f->net->layout.n_tensors; i++) {
        const PolicyTensor *t = &f->net->layout.tensors[i];
        const size_t n = (size_t)t->rows * (size_t)t->cols;
        double *direction = malloc(n * sizeof *direction);
        for (int repeat = 0; repeat < 3; repeat++) {
            double expected = 0, length = 0;
            const double h = 1e-5;
            const size_t one = rng_below(&rng, (uint32_t)n);
            for (size_t j = 0; j < n; j++) { /* the last time a single coordinate */
                direction[j] = repeat < 2 ? rng_f64(&rng) - 0.5 : j == one;
                expected += direction[j] * g[t->at + j];
                length += g[t->at + j] * g[t->at + j];
            }
            for (size_t j = 0; j < n; j++) p[t->at + j] += h * direction[j];
            double up = loss(f);
            for (size_t j = 0; j < n; j++) p[t->at + j] -= 2 * h * direction[j];
            double down = loss(f);
            for (size_t j = 0; j < n; j++) p[t->at + j] += h * direction[j];
            double measured = (up - down) / (2 * h);
            double scale = fabs(expected) > 0.01 * sqrt(length) ? fabs(expected) : 0.01 * sqrt(length);
            if (fabs(measured - expected) > 1e-6 * scale + 1e-8)
                fail_msg("%s: gradient %.12g, by differences %.12g", t->name, expected, measured);
        }
        double norm = 0;
        for (size_t j = 0; j < n; j++) norm += fabs(g[t->at + j]);
        if (norm == 0) fail_msg("%s has no gradient: the test would pass on anything", t->name);
        free(direction);
    }
    policy_net_free(f->net);
    fixture_song_drop(&song);
    free(obs);
    free(f);
}

static void backward_adds_to_gradients(void **state) {
    (void)state;
    Song song;
    EnvObs *obs = calloc(STEPS, sizeof *obs);
    Fixture *f = calloc(1, sizeof *f);
    assert_non_null(obs);
    assert_non_null(f);
    fixture_init(f, &song, obs);
    const size_t n = f->net->layout.n_params;
    double *once = malloc(n * sizeof *once);
    assert_non_null(once);
    loss(f);
    assert_int_equal(policy_net_backward(f->net, &f->batch, f->d_logits, NULL), BS_OK);
    memcpy(once, f->net->grads, n * sizeof *once);
    assert_true(f->net->grads[f->net->layout.value1_w] == 0);
    loss(f);
    assert_int_equal(policy_net_backward(f->net, &f->batch, f->d_logits, NULL), BS_OK);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(f->net->grads[i] - 2 * once[i]) <= 1e-12 * (1 + fabs(once[i])));
    free(once);
    policy_net_free(f->net);
    fixture_song_drop(&song);
    free(obs);
    free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_agrees_with_fp64_differences),
        cmocka_unit_test(backward_adds_to_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
