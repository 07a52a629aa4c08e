/* Decide: runs the policy on the Song as it is believed, and makes what must hold hold. */
#include "editor/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "editor/musts.h"

enum { TRIES = 8, MAX_UNITS_OUT = ENV_MAX_STEPS };
static const double least_distance = 0.1;

/* ---- belief ---- */

typedef struct Belief {
    Song song; /* the original, with units and takes of its own */
    EnvSong *es;
    Env *env;
} Belief;

static void belief_drop(Belief *b) {
    env_free(b->env);
    env_song_free(b->es);
    free(b->song.units);
    free(b->song.takes);
    *b = (Belief){0};
}

static float clamp01(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

/* A preferred take has a third of its flaws, the others a little more; what `doubt` says (0..1 a unit) is
 * added. */
static Status belief_make(Belief *b, const Song *song, int32_t prefer, const float *doubt) {
    Status st = BS_OK;
    *b = (Belief){.song = *song};
    b->song.units = malloc(sizeof *song->units * (size_t)song->n_units);
    b->song.takes = malloc(sizeof *song->takes * (size_t)(song->n_takes ? song->n_takes : 1));
    if (!b->song.units || !b->song.takes) TRY(fail(BS_NOMEM, "out of memory"));
    memcpy(b->song.units, song->units, sizeof *song->units * (size_t)song->n_units);
    memcpy(b->song.takes, song->takes, sizeof *song->takes * (size_t)song->n_takes);
    for (int32_t u = 0; u < song->n_units; u++) {
        SongUnit *x = &b->song.units[u];
        if (prefer >= 0) x->flaw = x->take == prefer ? x->flaw / 3 : x->flaw + 0.12f;
        x->flaw = clamp01(x->flaw + (doubt ? doubt[u] : 0));
    }
    if (prefer >= 0) b->song.takes[prefer].flaw = 0;
    TRY(env_song_new(&b->es, &b->song));
    TRY(env_new(&b->env, b->es));
out:
    if (st != BS_OK) belief_drop(b);
    return st;
}

/* ---- one edit ---- */

/* Runs that must be whole: the pieces of a locked edit, and every must range that is not made of them. */
static int32_t list_runs(const Asked *a, JobRange runs[MUSTS_MAX_RUNS]) {
    int32_t n = 0;
    for (int32_t i = 0; i < a->n_locked; i++) runs[n++] = a->locked[i];
    for (int32_t k = 0; k < a->job.n_must; k++) {
        const JobRange *m = &a->job.must[k];
        int32_t locked = 0;
        for (int32_t i = 0; i < a->n_locked; i++)
            if (a->locked[i].first_unit >= m->first_unit &&
                a->locked[i].first_unit < m->first_unit + m->n_units)
                locked += a->locked[i].n_units;
        if (locked < m->n_units) runs[n++] = *m;
    }
    return n;
}

static Status sequence_new(Sequence *s) {
    *s = (Sequence){.max = MAX_UNITS_OUT};
    s->units = malloc(sizeof *s->units * MAX_UNITS_OUT);
    s->fades = malloc(MAX_UNITS_OUT);
    return s->units && s->fades ? BS_OK : fail(BS_NOMEM, "out of memory");
}
static void sequence_drop(Sequence *s) {
    free(s->units);
    free(s->fades);
    *s = (Sequence){0};
}

/* Is it an edit under the Job? What cannot be told from the sequence is asked of the environment. */
static bool is_valid(const Decide *d, const Sequence *s) {
    const Job *job = &d->asked->job;
    if (!musts_hold(env_song_song(d->es), job, s)) return false;
    if (!job->no_reorder) return true;
    uint8_t *actions = malloc(ENV_MAX_STEPS);
    int32_t n;
    bool ok =
        actions && env_parse(d->env, job, s->units, s->fades, s->n, actions, ENV_MAX_STEPS, &n) == BS_OK;
    free(actions);
    return ok;
}

/* Keeps `cut` in *best where it is better. Takes the cut. */
static void offer(Cut *best, bool *any, Cut *cut) {
    if (*any && cut->reward <= best->reward) {
        cut_drop(cut);
        return;
    }
    if (*any) cut_drop(best);
    *best = *cut;
    *cut = (Cut){0};
    *any = true;
}

/* The policy's edit under `job`; then, where runs must be whole and are not, that edit with them in it. */
static Status try_job(const Decide *d, Policy *policy, const Belief *b, const Job *job, bool obeys,
                      uint64_t seed, Cut *best, bool *any) {
    Status st = BS_OK;
    Cut cut = {0}, fitted = {0};
    Sequence s = {0};
    JobRange runs[MUSTS_MAX_RUNS];
    const int32_t n_runs = list_runs(d->asked, runs);
    const Job *asked = &d->asked->job;
    TRY(cut_make(&cut, policy, b->es, b->env, job, seed));
    cut_score(&cut, d->es, asked);
    TRY(sequence_new(&s));
    if (n_runs) {
        if (cut.n_units <= s.max) {
            s.n = cut.n_units;
            memcpy(s.units, cut.units, sizeof *s.units * (size_t)s.n);
            memcpy(s.fades, cut.fades, (size_t)s.n);
            if (musts_fit(d->es, asked, runs, n_runs, &s) && is_valid(d, &s)) {
                TRY(cut_of_units(&fitted, d->es, asked, s.units, s.fades, s.n));
                offer(best, any, &fitted);
            }
        }
        if (obeys && !d->asked->n_locked) offer(best, any, &cut);
    } else {
        offer(best, any, &cut);
    }
out:
    sequence_drop(&s);
    cut_drop(&cut);
    cut_drop(&fitted);
    return st;
}

static bool plans(const Policy *policy) {
    const PolicyKind kind = policy_kind(policy);
    return kind == POLICY_RETARGET || kind == POLICY_CROP || kind == POLICY_LAST_TAKE;
}

static Status one_cut(const Decide *d, Policy *policy, const float *doubt, uint64_t seed, Cut *out) {
    Status st = BS_OK;
    Belief b;
    bool any = false;
    Cut best = {0};
    const Job *asked = &d->asked->job;
    TRY(belief_make(&b, env_song_song(d->es), d->prefer_take, doubt));
    TRY(try_job(d, policy, &b, asked, true, seed, &best, &any));
    if (plans(policy) && asked->n_must) { /* planners do not know of musts: plan without, then make room */
        Job free_job = *asked, short_job;
        int64_t needed = 0;
        for (int32_t i = 0; i < asked->n_must; i++)
            for (int32_t u = asked->must[i].first_unit;
                 u < asked->must[i].first_unit + asked->must[i].n_units; u++)
                needed += song_unit_samples(env_song_song(d->es), u);
        free_job.n_must = 0;
        TRY(try_job(d, policy, &b, &free_job, false, seed, &best, &any));
        short_job = free_job;
        short_job.hi_samples -= needed;
        short_job.lo_samples -= needed;
        if (short_job.lo_samples > 0) { /* room for what must be kept beside the rest */
            st = try_job(d, policy, &b, &short_job, false, seed, &best, &any);
            if (st == BS_CONFLICT) st = BS_OK;
            if (st != BS_OK) goto out;
        }
    }
    if (!any)
        TRY(fail(BS_CONFLICT, "no song found that keeps every part whole and has the length asked for (%s)",
                 d->asked->options));
    *out = best;
    best = (Cut){0};
out:
    cut_drop(&best);
    belief_drop(&b);
    return st;
}

/* ---- several ---- */

double decide_distance(const Song *song, const Cut *a, const Cut *b) {
    int32_t *count = calloc((size_t)song->n_units, sizeof *count);
    int64_t all = 0, other = 0;
    if (!count) return 0;
    for (int32_t i = 0; i < a->n_units; i++) count[a->units[i]]++;
    for (int32_t i = 0; i < b->n_units; i++) {
        const int64_t n = song_unit_samples(song, b->units[i]);
        all += n;
        if (count[b->units[i]]-- <= 0) other += n;
    }
    free(count);
    return all ? (double)other / (double)all : 0;
}

static bool differs(const Decide *d, const Cut *cuts, int32_t n, const Cut *cut) {
    for (int32_t i = 0; i < n; i++)
        if (decide_distance(env_song_song(d->es), &cuts[i], cut) < least_distance) return false;
    return true;
}

/* Rising doubt in what was kept before, and in each take at random, until the edit is another one. */
static Status another(const Decide *d, Cut *cuts, int32_t n, bool *found) {
    Status st = BS_OK;
    const Song *song = env_song_song(d->es);
    float *doubt = calloc((size_t)song->n_units, sizeof *doubt);
    bool any = false;
    Cut best = {0}, cut = {0};
    *found = false;
    if (!doubt) return fail(BS_NOMEM, "out of memory");
    for (int try = 0; try < TRIES && !any; try++) {
        const uint64_t seed = rng_mix(d->seed, (uint64_t)(n * TRIES + try));
        Rng rng = rng_at(seed, 1);
        float of_take[SONG_MAX_TAKES];
        for (int32_t t = 0; t < song->n_takes; t++) of_take[t] = 0.1f * (float)try * rng_f32(&rng);
        for (int32_t u = 0; u < song->n_units; u++)
            doubt[u] = song->units[u].take >= 0 ? of_take[song->units[u].take] : 0;
        for (int32_t k = 0; k < n; k++)
            for (int32_t i = 0; i < cuts[k].n_units; i++)
                doubt[cuts[k].units[i]] += 0.08f * (float)(try + 1) / (float)n;
        st = one_cut(d, d->sampler ? d->sampler : d->policy, d->sampler ? NULL : doubt, seed, &cut);
        if (st == BS_CONFLICT) {
            st = BS_OK;
            continue;
        }
        if (st != BS_OK) goto out;
        if (differs(d, cuts, n, &cut))
            offer(&best, &any, &cut);
        else
            cut_drop(&cut);
    }
    if (any) {
        cuts[n] = best;
        best = (Cut){0};
        *found = true;
    }
out:
    cut_drop(&best);
    cut_drop(&cut);
    free(doubt);
    return st;
}

Status decide(const Decide *d, Cut *cuts, int32_t n, int32_t *n_made) {
    Status st = BS_OK;
    *n_made = 0;
    st = env_reset(d->env, &d->asked->job); /* says what cannot be met */
    if (st != BS_OK)
        return d->asked->options[0] ? fail_in(st, "%s cannot be met together", d->asked->options) : st;
    TRY(one_cut(d, d->policy, NULL, d->seed, &cuts[0]));
    *n_made = 1;
    for (bool found = true; *n_made < n && found;) {
        TRY(another(d, cuts, *n_made, &found));
        *n_made += found;
    }
out:
    return st;
}
