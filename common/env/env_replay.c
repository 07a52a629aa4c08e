/* Replay: actions from elsewhere, played again. A trajectory is what was done; all else follows. */
#include "common/env/env_state.h"

Status env_replay(Env *env, const Job *job, const uint8_t *actions, int32_t n_actions, Edit *edit,
                  float *rewards, float terms[REWARD_TERMS]) {
    Status st = BS_OK;
    TRY(env_reset(env, job));
    for (int32_t i = 0; i < n_actions; i++) {
        if (env_done(env)) return fail(BS_CORRUPT, "step %d: the episode is over after %d steps", i, i);
        float r = env_step(env, actions[i], NULL, &st);
        if (st != BS_OK) return fail_in(BS_CORRUPT, "step %d", i);
        if (rewards) rewards[i] = r;
    }
    if (!env_done(env)) return fail(BS_CORRUPT, "%d steps do not end the episode", n_actions);
    if (terms) env_terms(env, terms);
    if (edit) TRY(env_edit(env, edit));
out:
    return st;
}
