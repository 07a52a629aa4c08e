#include "featurizer/dsp/presence.h"

#include <math.h>

#include "featurizer/dsp/mlp.h"
#include "featurizer/dsp/presence_weights.inc"

/* A take goes on for twenty seconds and a pause for five, as chances of a change per block. */
static const float STOPS = 0.005F, STARTS = 0.02F;

static float log_add(float a, float b) { return a > b ? a + log1pf(expf(b - a)) : b + log1pf(expf(a - b)); }

/* Posterior by the forward-backward algorithm and the likeliest path, of two states: off, on. */
static Status smooth(Presence *p, Arena *mem) {
    const float turn[2][2] = {{log1pf(-STARTS), logf(STARTS)},
                              {logf(STOPS), log1pf(-STOPS)}}; /* [from][to] */
    float(*ahead)[2] = arena_alloc(mem, sizeof *ahead * (size_t)p->n);
    float(*path)[2] = arena_alloc(mem, sizeof *path * (size_t)p->n);
    if (!ahead || !path) return fail(BS_NOMEM, "presence: out of memory");
    ahead[p->n - 1][0] = ahead[p->n - 1][1] = path[p->n - 1][0] = path[p->n - 1][1] = 0;
    for (int32_t b = p->n - 2; b >= 0; b--)
        for (int s = 0; s < 2; s++) {
            float on = p->odds[b + 1];
            ahead[b][s] = log_add(turn[s][0] + ahead[b + 1][0], turn[s][1] + on + ahead[b + 1][1]);
            path[b][s] = fmaxf(turn[s][0] + path[b + 1][0], turn[s][1] + on + path[b + 1][1]);
        }
    float before[2] = {0, 0};
    int state = 0;
    for (int32_t b = 0; b < p->n; b++) {
        float on = p->odds[b], now[2];
        for (int s = 0; s < 2; s++)
            now[s] = s * on + (b ? log_add(before[0] + turn[0][s], before[1] + turn[1][s]) : 0);
        p->music[b] = 1 / (1 + expf(now[0] + ahead[b][0] - now[1] - ahead[b][1]));
        state = path[b][1] + on + (b ? turn[state][1] : 0) > path[b][0] + (b ? turn[state][0] : 0);
        p->on[b] = (uint8_t)state;
        float most = fmaxf(now[0], now[1]);
        before[0] = now[0] - most, before[1] = now[1] - most;
    }
    return BS_OK;
}

Status presence_find(Presence *p, const Frames *f, float loud_db, float soft_db, Arena *mem) {
    Status st = BS_OK;
    TRY(presence_inputs(p, f, loud_db, soft_db, mem));
    p->odds = arena_alloc(mem, sizeof(float) * (size_t)p->n);
    p->music = arena_alloc(mem, sizeof(float) * (size_t)p->n);
    p->on = arena_alloc(mem, (size_t)p->n);
    if (!p->odds || !p->music || !p->on) return fail(BS_NOMEM, "presence: out of memory");
    for (int32_t b = 0; b < p->n; b++)
        p->odds[b] = mlp_run(&presence_net, p->inputs + (size_t)b * PRESENCE_INPUTS);
    TRY(smooth(p, mem));
out:
    return st;
}
