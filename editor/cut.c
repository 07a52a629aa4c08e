/* From a policy's actions to an edit with its score. */
#include "editor/cut.h"

#include <stdlib.h>
#include <string.h>

void cut_drop(Cut *cut) {
    edit_drop(&cut->edit);
    free(cut->units);
    free(cut->fades);
    *cut = (Cut){0};
}

static Status make_room(Cut *cut, int32_t n) {
    cut->units = malloc(sizeof *cut->units * (size_t)(n ? n : 1));
    cut->fades = malloc((size_t)(n ? n : 1));
    return cut->units && cut->fades ? BS_OK : fail(BS_NOMEM, "out of memory");
}

Status cut_make(Cut *out, Policy *policy, const EnvSong *es, Env *env, const Job *job, uint64_t seed) {
    Status st = BS_OK;
    Trajectory steps = {0};
    Cut cut = {0};
    const int32_t *units;
    const uint8_t *fades;
    edit_init(&cut.edit);
    TRY(trajectory_init(&steps, ENV_MAX_STEPS));
    TRY(policy_run(policy, es, 1, job, &seed, &steps, NULL, NULL));
    TRY(env_replay(env, job, steps.actions, steps.n_steps, &cut.edit, NULL, cut.terms));
    cut.n_units = env_out_units(env, &units, &fades);
    TRY(make_room(&cut, cut.n_units));
    memcpy(cut.units, units, sizeof *units * (size_t)cut.n_units);
    memcpy(cut.fades, fades, (size_t)cut.n_units);
    cut_score(&cut, es, job);
    *out = cut;
    cut = (Cut){0};
out:
    trajectory_drop(&steps);
    cut_drop(&cut);
    return st;
}

void cut_score(Cut *cut, const EnvSong *es, const Job *job) {
    env_score(es, job, cut->units, cut->fades, cut->n_units, cut->terms);
    cut->reward = env_score_total(job, cut->terms);
}

Status cut_of_units(Cut *out, const EnvSong *es, const Job *job, const int32_t *units, const uint8_t *fades,
                    int32_t n) {
    Status st = BS_OK;
    Cut cut = {.n_units = n};
    TRY(edit_from_units(&cut.edit, env_song_song(es), units, fades, n));
    TRY(make_room(&cut, n));
    memcpy(cut.units, units, sizeof *units * (size_t)n);
    memcpy(cut.fades, fades, (size_t)n);
    cut_score(&cut, es, job);
    *out = cut;
    cut = (Cut){0};
out:
    cut_drop(&cut);
    return st;
}

Status cut_of_edit(Cut *out, const Edit *edit, const EnvSong *es, const Job *job) {
    Status st = BS_OK;
    Cut cut = {0};
    TRY(edit_copy(&cut.edit, edit));
    TRY(make_room(&cut, ENV_MAX_STEPS * 4));
    TRY(edit_to_units(edit, env_song_song(es), cut.units, cut.fades, ENV_MAX_STEPS * 4, &cut.n_units, NULL));
    cut_score(&cut, es, job);
    *out = cut;
    cut = (Cut){0};
out:
    cut_drop(&cut);
    return st;
}
