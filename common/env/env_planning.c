/* What planners may ask of the tables: the same costs as the reward has, without a state. */
#include "common/env/env_state.h"

int32_t env_stands_for(const EnvSong *es, int32_t place, int32_t u) { return stands_for(es, place, u); }

int env_places(const EnvSong *es, int32_t u, int32_t max, int32_t *places) {
    const int32_t own = es->units[u].pid;
    int n = 0;
    if (own < 0) return 0;
    const EnvTune *tune = &es->tunes[es->units[u].tune];
    for (int32_t i = tune->pid0; i < tune->pid0 + tune->n_pid && n < max; i++)
        if (es->music[i] == es->music[own]) places[n++] = i;
    return n;
}

float env_form_cost(const EnvSong *es, const Job *job, int32_t a, int32_t place, int32_t b) {
    EnvPlan plan = {.job = *job, .hi = job->hi_samples > 0 ? job->hi_samples : 1};
    reward_plan(es, &plan);
    float cost;
    if (a < 0)
        cost = reward_start_cost(es, b);
    else if (b < 0)
        cost = reward_end_cost(es, a - 1, a);
    else if (place < 0 || es->units[b].pid < 0)
        cost = 0;
    else
        cost = form_step_cost(es, a, place, b, plan.copies) * plan.per_phrase;
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
