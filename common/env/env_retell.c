/* Retelling: the nearest edit is looked for in a wide window, for it may be shorter; its actions are then
 * those of a window of its own. */
#include "common/env/env_retell.h"

#include <stdlib.h>
#include <string.h>

static const double tolerance = 0.05;
static const double shortest = 0.5, longest = 1.25; /* of what is retold, where it has to be changed */

static Status make_job(Job *job, const Song *song, int32_t tune, int64_t n_samples, double lo, double hi) {
    const double length_s = (double)n_samples / song->sample_rate_hz;
    job_init(job, song);
    job->tune = tune;
    return job_target(job, song, (lo + hi) / 2 * length_s, (hi - lo) / 2 * length_s);
}

static int64_t samples_of(const Song *song, const int32_t *units, int32_t n) {
    int64_t sum = 0;
    for (int32_t i = 0; i < n; i++) sum += song_unit_samples(song, units[i]);
    return sum;
}

static Status tell(Retelling *r, Env *env, const Song *song, int32_t tune) {
    Status st = make_job(&r->job, song, tune, samples_of(song, r->units, r->n), 1 - tolerance, 1 + tolerance);
    if (st == BS_OK)
        st = env_parse(env, &r->job, r->units, r->fades, r->n, r->actions, ENV_MAX_STEPS, &r->n_actions);
    return st;
}

Status env_retell(Retelling *out, Env *env, const Projection *p) {
    Status st = BS_OK;
    const Song *song = env_song_song(env_song_of(env));
    Job wide;
    *out = (Retelling){0};
    edit_init(&out->edit);
    if (p->n > ENV_MAX_UNITS)
        return fail(BS_NOT_FOUND, "an edit of %d units; the environment makes %d at most", p->n,
                    ENV_MAX_UNITS);
    out->units = malloc(sizeof *out->units * ENV_MAX_UNITS);
    out->fades = malloc(ENV_MAX_UNITS);
    out->actions = malloc(ENV_MAX_STEPS);
    if (!out->units || !out->fades || !out->actions) TRY(fail(BS_NOMEM, "retelling: out of memory"));
    out->n = p->n;
    memcpy(out->units, p->units, sizeof *out->units * (size_t)p->n);
    memcpy(out->fades, p->fades, (size_t)p->n);
    st = tell(out, env, song, p->tune);
    out->whole = st == BS_OK;
    if (st == BS_NOT_FOUND) {
        TRY(make_job(&wide, song, p->tune, edit_samples(&p->edit), shortest, longest));
        TRY(env_parse_near(env, &wide, out->units, out->fades, &out->n, out->actions, ENV_MAX_STEPS,
                           &out->n_actions));
        st = tell(out, env, song, p->tune);
    }
    TRY(st);
    TRY(env_replay(env, &out->job, out->actions, out->n_actions, &out->edit, NULL, NULL));
out:
    if (st != BS_OK) retelling_drop(out);
    return st;
}

void retelling_drop(Retelling *r) {
    free(r->units);
    free(r->fades);
    free(r->actions);
    edit_drop(&r->edit);
    *r = (Retelling){0};
}
