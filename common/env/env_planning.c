/* What planners may ask of the tables: the same costs as the reward has, without a state. */
#include "common/env/env_state.h"

float env_form_cost(const EnvSong *es, const Job *job, int32_t a, int32_t b) {
    EnvPlan plan = {.job = *job, .hi = job->hi_samples > 0 ? job->hi_samples : 1};
    reward_plan(es, &plan);
    float cost;
    if (a < 0)
        cost = reward_start_cost(es, b);
    else if (b < 0)
        cost = reward_end_cost(es, a - 1, a);
    else if (b == a + 1 || es->units[a].pos < 0 || es->units[b].pos < 0)
        cost = 0;
    else
        cost = form_step_cost(es, a, b, plan.copies) * plan.per_phrase;
    return job->weights[REWARD_FORM] * cost;
}

EnvSeam env_seam(const EnvSong *es, const Job *job, int32_t a, int32_t b, Fade fade) {
    const Seam s = seam_of(es, a, b);
    return (EnvSeam){.sound = s.sound,
                     .chroma = s.chroma,
                     .level = s.level,
                     .phase = s.phase,
                     .tempo = s.tempo,
                     .phrase = s.phrase,
                     .cost = env_seam_cost(es, job, a, b, fade)};
}
