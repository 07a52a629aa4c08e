// needs: learner
/* Losses against finite differences, and advantages against their definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "learner/gae.h"
#include "learner/loss.h"

enum { STEPS = 5 };

typedef struct Case {
    float logits[STEPS * ENV_ACTIONS], values[STEPS], reference[STEPS * ENV_ACTIONS];
    float behaviour[STEPS], proximal[STEPS], advantages[STEPS], returns[STEPS];
    uint8_t actions[STEPS];
    EnvObs obs[STEPS];
} Case;

/* Ratios are kept away from the clip's corners, where the loss has no gradient. */
static Case *case_new(uint64_t seed) {
    Rng r = rng_at(seed, 0);
    Case *c = calloc(1, sizeof *c);
    assert_non_null(c);
    float lp[ENV_ACTIONS];
    for (int i = 0; i < STEPS; i++) {
        float *logits = c->logits + i * ENV_ACTIONS;
        for (int a = 0; a < ENV_ACTIONS; a++) {
            logits[a] = (float)rng_between(&r, -2, 2);
            c->obs[i].mask[a] = rng_below(&r, 12) == 0 || a < 3;
        }
        do c->actions[i] = (uint8_t)rng_below(&r, ENV_ACTIONS);
        while (!c->obs[i].mask[c->actions[i]]);
        masked_log_softmax(logits, c->obs[i].mask, lp);
        const double steps[] = {0.05, -0.1, 0.6, -0.7, 0.15};
        c->proximal[i] = lp[c->actions[i]] - (float)steps[(i + seed) % 5];
        c->behaviour[i] = c->proximal[i] + (float)rng_between(&r, -1.2, 0.4);
        c->advantages[i] = (float)rng_between(&r, -2, 2);
        c->returns[i] = (float)rng_between(&r, -1, 1);
        c->values[i] = (float)rng_between(&r, -1, 1);
        for (int a = 0; a < ENV_ACTIONS; a++) lp[a] = (float)rng_between(&r, -2, 2);
        masked_log_softmax(lp, c->obs[i].mask, c->reference + i * ENV_ACTIONS);
    }
    return c;
}

static const PpoOptions options = {
    .clip = 0.2f, .max_behaviour_weight = 2, .entropy = 0.1f, .leash = 0.3f, .value = 0.5f};
static const float smoothing = 0.02f;

static double total(const Case *c, bool imitate, float *d_logits, float *d_values) {
    LossSums s = {0};
    float dl[STEPS * ENV_ACTIONS], dv[STEPS];
    if (!d_logits) d_logits = dl;
    if (!d_values) d_values = dv;
    if (imitate) {
        loss_imitation(STEPS, c->logits, c->obs, c->actions, smoothing, 1, d_logits, &s);
        return s.imitation;
    }
    PpoTargets t = {c->actions, c->behaviour, c->proximal, c->advantages, c->returns, c->reference};
    loss_ppo(STEPS, c->logits, c->values, c->obs, &t, &options, 1, d_logits, d_values, &s);
    return s.policy - options.entropy * s.entropy + options.leash * s.leash + options.value * s.value;
}

static void check_gradient(bool imitate) {
    for (uint64_t seed = 0; seed < 5; seed++) {
        Case *c = case_new(seed);
        float d_logits[STEPS * ENV_ACTIONS], d_values[STEPS] = {0};
        total(c, imitate, d_logits, d_values);
        for (int k = 0; k < STEPS * ENV_ACTIONS; k++) {
            float at = c->logits[k], h = 2e-3f;
            if (!c->obs[k / ENV_ACTIONS].mask[k % ENV_ACTIONS]) {
                assert_true(d_logits[k] == 0);
                continue;
            }
            c->logits[k] = at + h;
            double up = total(c, imitate, NULL, NULL);
            c->logits[k] = at - h;
            double down = total(c, imitate, NULL, NULL);
            c->logits[k] = at;
            double slope = (up - down) / ((double)(at + h) - (double)(at - h));
            bool near = fabs(slope - d_logits[k]) <= 2e-3 * (1 + fabs(slope));
            if (!near) print_error("logit %d: difference %g, gradient %g\n", k, slope, (double)d_logits[k]);
            assert_true(near);
        }
        for (int i = 0; i < STEPS && !imitate; i++) {
            float at = c->values[i], h = 1e-2f;
            c->values[i] = at + h;
            double up = total(c, false, NULL, NULL);
            c->values[i] = at - h;
            double down = total(c, false, NULL, NULL);
            c->values[i] = at;
            assert_true(fabs((up - down) / (2.0 * h) - d_values[i]) < 2e-3);
        }
        free(c);
    }
}

static void imitation_gradient_is_that_of_differences(void **state) {
    (void)state;
    check_gradient(true);
}

static void ppo_gradient_is_that_of_differences(void **state) {
    (void)state;
    check_gradient(false);
}

static void a_clipped_step_has_no_policy_gradient(void **state) {
    (void)state;
    Case *c = case_new(3);
    PpoOptions only_policy = {.clip = 0.2f, .max_behaviour_weight = 2};
    PpoTargets t = {c->actions, c->behaviour, c->proximal, c->advantages, c->returns, NULL};
    float d_logits[STEPS * ENV_ACTIONS], d_values[STEPS], lp[ENV_ACTIONS];
    masked_log_softmax(c->logits, c->obs[0].mask, lp);
    for (int sign = -1; sign <= 1; sign += 2)
        for (int side = -1; side <= 1; side += 2) {
            LossSums s = {0};
            c->proximal[0] = lp[c->actions[0]] - 0.5f * (float)side; /* ratio e^(side / 2) */
            c->advantages[0] = (float)sign;
            loss_ppo(1, c->logits, c->values, c->obs, &t, &only_policy, 1, d_logits, d_values, &s);
            double size = 0;
            for (int a = 0; a < ENV_ACTIONS; a++) size += fabsf(d_logits[a]);
            assert_true((size == 0) == (sign == side)); /* moved far enough the way it should */
            assert_true(s.n_clipped == 1);
        }
    free(c);
}

static void behaviour_weight_is_truncated(void **state) {
    (void)state;
    Case *c = case_new(1);
    PpoOptions only_policy = {.clip = 0.2f, .max_behaviour_weight = 2};
    PpoTargets t = {c->actions, c->behaviour, c->proximal, c->advantages, c->returns, NULL};
    float d[STEPS * ENV_ACTIONS], dv[STEPS], lp[ENV_ACTIONS];
    masked_log_softmax(c->logits, c->obs[0].mask, lp);
    c->proximal[0] = lp[c->actions[0]];
    c->advantages[0] = 1;
    LossSums s = {0};
    c->behaviour[0] = c->proximal[0] - 5;
    loss_ppo(1, c->logits, c->values, c->obs, &t, &only_policy, 1, d, dv, &s);
    assert_true(fabs(s.policy + 2) < 1e-5);
    s = (LossSums){0};
    c->behaviour[0] = c->proximal[0] + 1;
    loss_ppo(1, c->logits, c->values, c->obs, &t, &only_policy, 1, d, dv, &s);
    assert_true(fabs(s.policy + exp(-1)) < 1e-5);
    free(c);
}

static void the_leash_is_zero_at_a_policy_like_its_reference(void **state) {
    (void)state;
    Case *c = case_new(2);
    PpoOptions leash = {.clip = 0.2f, .max_behaviour_weight = 2, .leash = 1};
    /* The reference is mixed with a little uniform: only the uniform policy equals it exactly. */
    memset(c->logits, 0, sizeof c->logits);
    for (int i = 0; i < STEPS; i++)
        masked_log_softmax(c->logits, c->obs[i].mask, c->reference + i * ENV_ACTIONS);
    memset(c->advantages, 0, sizeof c->advantages);
    PpoTargets t = {c->actions, c->behaviour, c->proximal, c->advantages, c->returns, c->reference};
    float d[STEPS * ENV_ACTIONS], dv[STEPS];
    LossSums s = {0};
    loss_ppo(STEPS, c->logits, c->values, c->obs, &t, &leash, 1, d, dv, &s);
    assert_true(fabs(s.leash) < 1e-6);
    /* And bounded where the reference says never. */
    for (int a = 0; a < ENV_ACTIONS; a++)
        if (c->obs[0].mask[a]) c->reference[a] = a == 0 ? 0 : -INFINITY;
    s = (LossSums){0};
    loss_ppo(1, c->logits, c->values, c->obs, &t, &leash, 1, d, dv, &s);
    assert_true(s.leash > 0.5 && s.leash < 8);
    free(c);
}

static void micro_batches_add_up_to_the_whole(void **state) {
    (void)state;
    Case *c = case_new(4);
    LossSums whole = {0}, parts = {0};
    float d[STEPS * ENV_ACTIONS], e[STEPS * ENV_ACTIONS];
    loss_imitation(STEPS, c->logits, c->obs, c->actions, smoothing, 1.0 / STEPS, d, &whole);
    loss_imitation(2, c->logits, c->obs, c->actions, smoothing, 1.0 / STEPS, e, &parts);
    loss_imitation(STEPS - 2, c->logits + 2 * ENV_ACTIONS, c->obs + 2, c->actions + 2, smoothing, 1.0 / STEPS,
                   e + 2 * ENV_ACTIONS, &parts);
    assert_memory_equal(d, e, sizeof d);
    assert_true(whole.imitation == parts.imitation && whole.n_steps == parts.n_steps);
    free(c);
}

static void advantages_follow_their_definition_per_bar(void **state) {
    (void)state;
    const float rewards[] = {0.1f, -0.2f, 0.5f, 1}, values[] = {0.3f, 0.2f, -0.1f, 0.4f};
    const int32_t bars[] = {0, 0, 2, 2, 5};
    const double lambda = 0.9;
    float advantages[4], returns[4];
    gae_episode(4, rewards, values, bars, lambda, advantages, returns);
    for (int t = 0; t < 4; t++) {
        double sum = 0;
        for (int k = t; k < 4; k++) {
            double delta = rewards[k] + (k + 1 < 4 ? values[k + 1] : 0) - values[k];
            sum += pow(lambda, bars[k] - bars[t]) * delta;
        }
        assert_true(fabs(advantages[t] - sum) < 1e-6);
        assert_true(fabs(returns[t] - (sum + values[t])) < 1e-6);
    }
}

static void with_lambda_one_the_return_is_what_was_earned(void **state) {
    (void)state;
    const float rewards[] = {1, 2, 3}, values[] = {9, -4, 0.5f};
    const int32_t bars[] = {0, 1, 2, 7};
    float advantages[3], returns[3];
    gae_episode(3, rewards, values, bars, 1, advantages, returns);
    assert_true(fabsf(returns[0] - 6) < 1e-5f && fabsf(returns[1] - 5) < 1e-5f &&
                fabsf(returns[2] - 3) < 1e-5f);
}

static void normalised_advantages_have_mean_0_and_deviation_1(void **state) {
    (void)state;
    float a[1000], alone = 5, flat[3] = {2, 2, 2};
    Rng r = rng_at(1, 1);
    for (int i = 0; i < 1000; i++) a[i] = (float)rng_between(&r, 3, 9);
    gae_normalise(a, 1000);
    double sum = 0, squares = 0;
    for (int i = 0; i < 1000; i++) sum += a[i], squares += a[i] * a[i];
    assert_true(fabs(sum) < 1e-3 && fabs(squares / 1000 - 1) < 1e-4);
    gae_normalise(&alone, 1);
    gae_normalise(flat, 3);
    assert_true(alone == 0 && flat[0] == 0);
}

static void explained_variance_is_1_for_the_truth_and_0_for_a_constant(void **state) {
    (void)state;
    const float returns[] = {1, 2, 3, 4}, constant[] = {2, 2, 2, 2};
    assert_true(fabs(explained_variance(returns, returns, 4) - 1) < 1e-9);
    assert_true(fabs(explained_variance(returns, constant, 4)) < 1e-9);
    assert_true(explained_variance(constant, returns, 4) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imitation_gradient_is_that_of_differences),
        cmocka_unit_test(ppo_gradient_is_that_of_differences),
        cmocka_unit_test(a_clipped_step_has_no_policy_gradient),
        cmocka_unit_test(behaviour_weight_is_truncated),
        cmocka_unit_test(the_leash_is_zero_at_a_policy_like_its_reference),
        cmocka_unit_test(micro_batches_add_up_to_the_whole),
        cmocka_unit_test(advantages_follow_their_definition_per_bar),
        cmocka_unit_test(with_lambda_one_the_return_is_what_was_earned),
        cmocka_unit_test(normalised_advantages_have_mean_0_and_deviation_1),
        cmocka_unit_test(explained_variance_is_1_for_the_truth_and_0_for_a_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
