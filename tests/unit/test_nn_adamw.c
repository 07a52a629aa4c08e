// needs: common/nn
/* AdamW against its equations in double, its clip, and a gradient that is not finite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/nn/adamw.h"

enum { N = 37 };
static const AdamWOptions options = {0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 0};

static void steps_follow_the_equations(void **state) {
    (void)state;
    AdamW opt;
    Rng rng = rng_at(1, 0);
    float p[N], g[N], norm;
    double q[N], m[N] = {0}, v[N] = {0};
    uint8_t decay[N];
    for (int i = 0; i < N; i++) q[i] = p[i] = rng_f32(&rng) - 0.5f, decay[i] = i % 3 == 0;
    assert_int_equal(adamw_init(&opt, N), BS_OK);
    for (int t = 1; t <= 20; t++) {
        double squares = 0;
        for (int i = 0; i < N; i++) g[i] = rng_f32(&rng) - 0.5f, squares += (double)g[i] * g[i];
        AdamWOptions o = options;
        o.max_grad_norm = t % 2 ? 0 : 0.5f;
        const double clip = t % 2 ? 1 : fmin(1, 0.5 / sqrt(squares));
        assert_int_equal(adamw_step(&opt, p, g, decay, &o, &norm), BS_OK);
        assert_true(fabs((double)norm - sqrt(squares)) < 1e-5);
        for (int i = 0; i < N; i++) {
            const double e = clip * (double)g[i];
            m[i] = 0.9 * m[i] + 0.1 * e;
            v[i] = 0.99 * v[i] + 0.01 * e * e;
            q[i] -= 0.01 * (m[i] / (1 - pow(0.9, t)) / (sqrt(v[i] / (1 - pow(0.99, t))) + 1e-8) +
                            (decay[i] ? 0.1 * q[i] : 0));
            assert_true(fabs(q[i] - (double)p[i]) < 1e-5);
        }
        assert_int_equal(opt.step, t);
    }
    adamw_drop(&opt);
}

static void a_gradient_that_is_not_finite_changes_nothing(void **state) {
    (void)state;
    AdamW opt;
    float p[N], was[N], g[N], norm;
    uint8_t decay[N] = {1};
    for (int i = 0; i < N; i++) was[i] = p[i] = 1, g[i] = 0.1f;
    assert_int_equal(adamw_init(&opt, N), BS_OK);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        g[N - 1] = bad[k];
        assert_int_equal(adamw_step(&opt, p, g, decay, &options, &norm), BS_NONFINITE);
        assert_memory_equal(p, was, sizeof p);
        assert_int_equal(opt.step, 0);
        for (int i = 0; i < N; i++) assert_true(opt.m[i] == 0 && opt.v[i] == 0);
    }
    g[N - 1] = 0;
    assert_int_equal(adamw_step(&opt, p, g, decay, &options, &norm), BS_OK);
    assert_true(p[0] < 1);
    adamw_drop(&opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_the_equations),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
