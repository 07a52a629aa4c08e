// needs: common/env common/nn common/model common/host
/* The policy's speed on one core: acting (encoding included), encoding alone, and one training step of a
 * group. First it is checked that acting and training agree. Prints `name value unit` lines.
 *
 *     bench_policy [size=small] [units=300] [steps=60] [episodes=8] */
#include "common/host/clock.h"
#include "common/model/policy_acting.h"
#include "common/nn/act.h"
#include "common/nn/adamw.h"
#include "tests/unit/model_fixture.h"
#include <math.h>
#include <stdio.h>

typedef struct Bench {
    PolicySpec spec;
    int32_t n_units, n_steps, n_episodes;
    Song song;
    EnvObs *obs;
    int32_t *start;
    PolicyNet *net;
    PolicyActing *acting;
    float *log_probs, *logits, *values;
} Bench;

static double now_s(void) { return clock_s(); }

static void must(Status st) {
    if (st == BS_OK) return;
    fprintf(stderr, "bench_policy: %s\n", error_text());
    exit(1);
}

static void init(Bench *b, const char *size) {
    ByteWriter weights;
    const size_t n = (size_t)b->n_episodes * (size_t)b->n_steps;
    must(policy_spec_named(&b->spec, size));
    fixture_song(&b->song, b->n_units, 1);
    b->obs = calloc(n, sizeof *b->obs);
    b->start = calloc((size_t)b->n_episodes + 1, sizeof *b->start);
    b->log_probs = malloc(n * ENV_ACTIONS * sizeof *b->log_probs);
    b->logits = malloc(n * ENV_ACTIONS * sizeof *b->logits);
    b->values = malloc(n * sizeof *b->values);
    if (!b->obs || !b->start || !b->log_probs || !b->logits || !b->values) must(fail(BS_NOMEM, "bench"));
    for (int e = 0; e < b->n_episodes; e++) {
        for (int i = 0; i < b->n_steps; i++)
            fixture_obs(&b->obs[e * b->n_steps + i], b->n_units, i, (uint64_t)e);
        b->start[e + 1] = (e + 1) * b->n_steps;
    }
    must(policy_net_new(&b->net, nn_ops_cpu(), &b->spec,
                        (PolicyLimits){b->n_units, (int32_t)n, b->n_episodes}, 1));
    must(policy_acting_new(&b->acting, &b->spec, (PolicyLimits){b->n_units, b->n_steps, b->n_episodes}));
    bytes_init(&weights, 1 << 28);
    must(policy_net_save(b->net, true, &weights));
    must(policy_net_load(b->net, weights.bytes, weights.n_bytes));
    must(policy_acting_load(b->acting, weights.bytes, weights.n_bytes));
    bytes_drop(&weights);
}

/* All episodes side by side; log_probs in the order of obs. */
static void act(Bench *b, float *log_probs) {
    float rows[64 * ENV_ACTIONS], values[64];
    int32_t episodes[64];
    const EnvObs *obs[64];
    must(policy_acting_begin(b->acting, &b->song, b->n_episodes));
    for (int i = 0; i < b->n_steps; i++) {
        for (int e = 0; e < b->n_episodes; e++) episodes[e] = e, obs[e] = &b->obs[e * b->n_steps + i];
        must(policy_acting_step(b->acting, b->n_episodes, episodes, obs, rows, values));
        for (int e = 0; e < b->n_episodes; e++)
            memcpy(log_probs + (size_t)(e * b->n_steps + i) * ENV_ACTIONS, rows + e * ENV_ACTIONS,
                   ENV_ACTIONS * sizeof *rows);
    }
}

static PolicyBatch batch_of(const Bench *b) {
    return (PolicyBatch){&b->song, b->n_episodes, b->n_episodes * b->n_steps, b->start, b->obs};
}

static void check(Bench *b) {
    const PolicyBatch batch = batch_of(b);
    float row[ENV_ACTIONS];
    double worst = 0;
    act(b, b->log_probs);
    must(policy_net_forward(b->net, &batch, b->logits, b->values));
    for (int i = 0; i < batch.n_steps; i++) {
        nn_ops_cpu()->masked_log_softmax(row, b->logits + (size_t)i * ENV_ACTIONS, b->obs[i].mask, 1,
                                         ENV_ACTIONS);
        for (int c = 0; c < ENV_ACTIONS; c++)
            if (b->obs[i].mask[c])
                worst = fmax(worst, fabs((double)row[c] - (double)b->log_probs[(size_t)i * ENV_ACTIONS + c]));
    }
    if (!(worst < 1e-3))
        must(fail(BS_NONFINITE, "acting and training differ by %g in log probability", worst));
    printf("policy_acting_error %.2g log_probability\n", worst);
}

/* Seconds of one call: the best of several, each long enough for the clock. */
#define TIME(seconds, call)                             \
    do {                                                \
        seconds = 1e9;                                  \
        for (int repeat_ = 0; repeat_ < 5; repeat_++) { \
            double t0_ = now_s();                       \
            int n_ = 0;                                 \
            do {                                        \
                call;                                   \
                n_++;                                   \
            } while (now_s() - t0_ < 0.2);              \
            double each_ = (now_s() - t0_) / n_;        \
            if (each_ < seconds) seconds = each_;       \
        }                                               \
    } while (0)

int main(int argc, char **argv) {
    const char *size = argc > 1 ? argv[1] : "small";
    Bench b = {.n_units = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 300,
               .n_steps = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 60,
               .n_episodes = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 8};
    if (b.n_episodes > 64) must(fail(BS_INVALID, "at most 64 episodes"));
    nn_threads(1);
    init(&b, size);
    check(&b);
    const PolicyBatch batch = batch_of(&b);
    const int steps = batch.n_steps;
    const size_t n_params = policy_net_n_params(b.net);
    double s;

    TIME(s, act(&b, b.log_probs));
    printf("policy_acting_%s %.0f steps/s\n", act_kernels()->name, steps / s);
    TIME(s, must(policy_acting_begin(b.acting, &b.song, b.n_episodes)));
    printf("policy_encode %.2f ms\n", s * 1e3);

    for (size_t i = 0; i < (size_t)steps * ENV_ACTIONS; i++) b.log_probs[i] = 1e-3f * (float)(i % 7);
    TIME(s, must(policy_net_forward(b.net, &batch, b.logits, b.values)));
    printf("policy_forward %.1f ms\n", s * 1e3);
    double both;
    TIME(both, {
        must(policy_net_forward(b.net, &batch, b.logits, b.values));
        must(policy_net_backward(b.net, &batch, b.log_probs, b.values));
    });
    printf("policy_forward_backward %.1f ms\n", both * 1e3);
    AdamW opt;
    AdamWOptions options = {1e-9f, 0.9f, 0.999f, 1e-8f, 0.01f, 1};
    must(adamw_init(&opt, n_params));
    float norm;
    TIME(s, must(adamw_step(&opt, policy_net_params(b.net), policy_net_grads(b.net), policy_net_decay(b.net),
                            &options, &norm)));
    printf("policy_adamw %.2f ms\n", s * 1e3);
    printf("policy_training %.0f steps/s\n", steps / both);
    printf("policy_parameters %zu count\n", n_params);

    adamw_drop(&opt);
    policy_net_free(b.net);
    policy_acting_free(b.acting);
    fixture_song_drop(&b.song);
    free(b.obs), free(b.start), free(b.log_probs), free(b.logits), free(b.values);
    return 0;
}
