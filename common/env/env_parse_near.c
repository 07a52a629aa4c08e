/* Parse near: the cheapest changes of seams are found at once, under a model of what each action can reach;
 * then the edit that they make is parsed, and the way at which that stops is not taken again. */
#include <stdlib.h>

#include "common/env/env_near.h"

enum { STRIKES = 96, ENDINGS = 8 };

typedef struct Draft {
    int32_t *units;
    uint8_t *fades;
    int32_t n;
} Draft;

static Status draft_new(Draft *d) {
    d->units = malloc(sizeof *d->units * ENV_MAX_UNITS);
    d->fades = malloc(ENV_MAX_UNITS);
    return d->units && d->fades ? BS_OK : fail(BS_NOMEM, "parse: out of memory");
}

static void draft_free(Draft *d) {
    free(d->units);
    free(d->fades);
}

/* What the Job forbids goes: units of other tunes above all. */
static void take_allowed(const Env *env, const int32_t *units, const uint8_t *fades, int32_t n, Draft *out) {
    out->n = 0;
    for (int32_t i = 0; i < n; i++) {
        if (units[i] < 0 || units[i] >= env->es->n || unit_never(env, units[i])) continue;
        out->units[out->n] = units[i];
        out->fades[out->n++] = fades[i];
    }
}

/* Where each run of the path begins in the draft, as far as it goes; false when it is too long. */
static bool make_draft(const Near *near, const int32_t *path, int32_t n_path, Draft *out, int32_t *starts) {
    out->n = 0;
    for (int32_t i = 0; i < n_path; i++) starts[i] = ENV_MAX_UNITS;
    for (int32_t i = 0; i < n_path; i++) {
        const Way *in = &near->ways[path[i]];
        const int32_t end =
            i + 1 < n_path ? near->ways[path[i + 1]].leave : near->runs[near_run(near, path[i])].end;
        starts[i] = out->n;
        for (int32_t u = in->enter; u < end; u++) {
            if (out->n == ENV_MAX_UNITS) return false;
            out->units[out->n] = u;
            out->fades[out->n++] = u == in->enter ? in->fade : FADE_SHORT;
        }
    }
    return true;
}

/* STRIKES ways are tried where the parse stops; after that the edit ends where it does. */
static void strike(Near *near, int32_t way, bool all_behind) {
    const int32_t end = near->first_way[near->n_runs];
    near->ways[way].struck = true;
    for (int32_t i = all_behind ? near->first_way[near_run(near, way)] : end; i < end; i++)
        near->ways[i].struck = true;
}

static Status search(Env *env, const Job *job, Draft *wanted, Draft *now, uint8_t *actions, int32_t max,
                     int32_t *n_actions) {
    Status st = BS_OK;
    Near near = {0};
    int32_t *path = malloc(sizeof *path * 2 * (size_t)wanted->n), n_path, reached;
    if (!path) return fail(BS_NOMEM, "parse: out of memory");
    int32_t *starts = path + wanted->n;
    TRY(near_new(&near, env, wanted->units, wanted->fades, wanted->n));
    for (int32_t struck = 0;; struck++) {
        TRY(near_find(&near, path, &n_path));
        if (make_draft(&near, path, n_path, now, starts)) {
            st = parse_units(env, job, now->units, now->fades, now->n, actions, max, n_actions, &reached);
        } else {
            st = fail(BS_NOT_FOUND, "no actions make an edit of more than %d units", ENV_MAX_UNITS);
            reached = ENV_MAX_UNITS - 1;
        }
        if (st != BS_NOT_FOUND || struck == STRIKES + ENDINGS) break;
        int32_t at = n_path - 1;
        while (at > 0 && starts[at] > reached) at--;
        strike(&near, path[at], struck >= STRIKES);
    }
out:
    near_drop(&near);
    free(path);
    return st;
}

Status env_parse_near(Env *env, const Job *job, int32_t *units, uint8_t *fades, int32_t *n, uint8_t *actions,
                      int32_t max, int32_t *n_actions) {
    Status st = BS_OK;
    Draft wanted = {0}, now = {0};
    int32_t reached;
    if (*n < 1 || *n > ENV_MAX_UNITS) return fail(BS_NOT_FOUND, "no actions make an edit of %d units", *n);
    st = parse_units(env, job, units, fades, *n, actions, max, n_actions, &reached);
    if (st != BS_NOT_FOUND) return st;
    st = BS_OK;
    TRY(draft_new(&wanted));
    TRY(draft_new(&now));
    TRY(env_reset(env, job));
    take_allowed(env, units, fades, *n, &wanted);
    if (!wanted.n) TRY(fail(BS_NOT_FOUND, "no actions make this edit: the job allows none of its units"));
    TRY(search(env, job, &wanted, &now, actions, max, n_actions));
    for (int32_t i = 0; i < now.n; i++) units[i] = now.units[i], fades[i] = now.fades[i];
    *n = now.n;
out:
    draft_free(&wanted);
    draft_free(&now);
    return st;
}
