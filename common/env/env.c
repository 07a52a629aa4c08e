/* Env: one block for an episode, its Job turned into tables, copies, and what people read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env/env_state.h"

static void *take_part(char *base, size_t *at, size_t bytes) {
    void *p = base ? base + *at : NULL;
    *at += (bytes + 63) & ~(size_t)63;
    return p;
}

/* Arrays after the struct; what a copy must always move lies before `out`. */
static size_t lay_out(Env *e, const EnvSong *es, char *base) {
    size_t n = (size_t)es->n, at = 0;
    take_part(base, &at, sizeof *e);
    e->never_sum = take_part(base, &at, (n + 1) * sizeof *e->never_sum);
    e->must_units = take_part(base, &at, n * sizeof *e->must_units);
    e->short_unit = take_part(base, &at, n * sizeof *e->short_unit);
    e->rest_samples = take_part(base, &at, (n + 1) * sizeof *e->rest_samples);
    e->kept = take_part(base, &at, n * sizeof *e->kept);
    e->place_kept = take_part(base, &at, n * sizeof *e->place_kept);
    e->section_kept = take_part(base, &at, n * sizeof *e->section_kept);
    e->must = take_part(base, &at, n);
    e->out = take_part(base, &at, MAX_OUT * sizeof *e->out);
    e->out_places = take_part(base, &at, MAX_OUT * sizeof *e->out_places);
    e->out_fades = take_part(base, &at, MAX_OUT);
    return at;
}

size_t env_bytes(const EnvSong *es) {
    Env e;
    return lay_out(&e, es, NULL);
}

Env *env_place(void *block, const EnvSong *es) {
    Env *e = block;
    memset(e, 0, sizeof *e); /* the tables are made by env_reset */
    lay_out(e, es, block);
    e->es = es;
    e->now.done = 1;
    e->plan.plain_tune = -1;
    return e;
}

Status env_new(Env **out, const EnvSong *es) {
    void *block;
    *out = NULL;
    size_t bytes = env_bytes(es);
    if (posix_memalign(&block, 64, bytes)) return fail(BS_NOMEM, "environment: out of memory");
    memset(block, 0, bytes); /* env_copy moves tables that a Job may not have made */
    *out = env_place(block, es);
    return BS_OK;
}

void env_free(Env *env) { free(env); }

const EnvSong *env_song_of(const Env *env) { return env->es; }

void env_copy(Env *to, const Env *from) {
    BS_ASSERT(to->es == from->es);
    size_t tables = (size_t)((const char *)from->out - (const char *)from->never_sum);
    to->plan = from->plan;
    to->now = from->now;
    memcpy(to->never_sum, from->never_sum, tables);
    memcpy(to->out, from->out, (size_t)from->now.n_out * sizeof *from->out);
    memcpy(to->out_places, from->out_places, (size_t)from->now.n_out * sizeof *from->out_places);
    memcpy(to->out_fades, from->out_fades, (size_t)from->now.n_out);
}

/* ---- the Job as tables --------------------------------------------------------------------------- */

static void mark_never(Env *e, int32_t plain_tune) {
    const EnvSong *es = e->es;
    const Job *job = &e->plan.job;
    e->plan.plain_tune = job->n_never == 0 ? job->tune : -1;
    if (plain_tune >= 0 && plain_tune == e->plan.plain_tune) return; /* as they were for the last Job */
    memset(e->never_sum, 0, (size_t)(es->n + 1) * sizeof *e->never_sum);
    for (int32_t i = 0; i < job->n_never; i++)
        for (int32_t k = 0; k < job->never[i].n_units; k++)
            e->never_sum[job->never[i].first_unit + k + 1] = 1;
    for (int32_t u = 0; u < es->n; u++)
        if (es->units[u].tune >= 0 && es->units[u].tune != job->tune) e->never_sum[u + 1] = 1;
    for (int32_t u = 0; u < es->n; u++) e->never_sum[u + 1] += e->never_sum[u];
}

/* Musts in the order they are offered: by time, or along the form where that is the order asked for. */
static void list_musts(Env *e) {
    const EnvSong *es = e->es;
    const Job *job = &e->plan.job;
    e->plan.n_must = 0;
    memset(e->must, 0, (size_t)es->n);
    if (job->n_must == 0) return;
    for (int32_t i = 0; i < job->n_must; i++)
        for (int32_t k = 0; k < job->must[i].n_units; k++) e->must[job->must[i].first_unit + k] = 1;
    if (e->plan.end >= 0) e->must[e->plan.end] = 0; /* comes last anyway */
    for (int pass = 0; pass < 2;
         pass++) /* units without a place in the form can be kept at any time: first */
        for (int32_t u = 0; u < es->n; u++) {
            bool placed = job->no_reorder && es->units[u].pid >= 0;
            if (e->must[u] && placed == (pass == 1)) e->must_units[e->plan.n_must++] = u;
        }
    if (!job->no_reorder) return;
    for (int32_t i = 1; i < e->plan.n_must; i++) { /* few and nearly sorted */
        int32_t u = e->must_units[i], k = i;
        for (; k > 0 && es->units[e->must_units[k - 1]].pid > es->units[u].pid; k--)
            e->must_units[k] = e->must_units[k - 1];
        e->must_units[k] = u;
    }
}

/* The shortest allowed way through the form from each of its beats: musts where there are some. */
static void measure_form(Env *e) {
    const EnvSong *es = e->es;
    e->rest_samples[es->n_pids] = 0;
    for (int32_t pid = es->n_pids - 1; pid >= 0; pid--) {
        int32_t best = -1;
        bool best_must = false;
        for (int32_t i = es->pid_first[pid]; i < es->pid_first[pid + 1]; i++) {
            int32_t u = es->pid_units[i];
            if (unit_never(e, u) || (best_must && !e->must[u])) continue;
            if (best < 0 || (e->must[u] && !best_must) ||
                span_samples(es, u, u + 1) < span_samples(es, best, best + 1)) {
                best = u;
                best_must = e->must[u];
            }
        }
        e->short_unit[pid] = best;
        e->rest_samples[pid] = e->rest_samples[pid + 1] + (best >= 0 ? span_samples(es, best, best + 1) : 0);
    }
}

static double seconds(const Env *e, int64_t samples) {
    return (double)samples / (e->es->song->sample_rate_hz > 0 ? e->es->song->sample_rate_hz : 1);
}

static Status check_order(const Env *e) {
    const EnvSong *es = e->es;
    const EnvPlan *plan = &e->plan;
    int32_t end_pid = plan->end >= 0 ? es->units[plan->end].pid : -1;
    for (int32_t i = 0; i < plan->n_must; i++) {
        int32_t pid = es->units[e->must_units[i]].pid;
        if (pid >= 0 && i && pid == es->units[e->must_units[i - 1]].pid)
            return fail(BS_CONFLICT, "job: two musts play the same beat of the form; no_reorder allows one");
        if (pid >= 0 && end_pid >= 0 && pid >= end_pid)
            return fail(BS_CONFLICT, "job: a must lies after the end in the form; no_reorder forbids that");
    }
    int64_t most = e->rest_samples[0];
    if (end_pid >= 0) most -= e->rest_samples[end_pid];
    if (plan->end >= 0) most += span_samples(es, plan->end, plan->end + 1);
    if (most < plan->lo && !(plan->end >= 0 && !plan->end_is_final))
        return fail(BS_CONFLICT, "job: without reordering only %.1f s can be promised, %.1f s are asked for",
                    seconds(e, most), seconds(e, plan->lo));
    return BS_OK;
}

/* All allowed beats together, and the shortest allowed unit. */
static void measure_allowed(const Env *e, int64_t *beats, int64_t *shortest) {
    const EnvSong *es = e->es;
    const EnvTune *tune = &es->tunes[e->plan.job.tune];
    *beats = tune->music_samples;
    *shortest = tune->shortest_unit;
    if (!e->plan.has_never) return;
    *beats = 0;
    *shortest = INT64_MAX;
    for (int32_t u = 0; u < es->n; u++) {
        if (unit_never(e, u)) continue;
        if (span_samples(es, u, u + 1) < *shortest) *shortest = span_samples(es, u, u + 1);
        if (es->units[u].kind == UNIT_BEAT) *beats += span_samples(es, u, u + 1);
    }
}

static Status check_plan(Env *e) {
    const EnvSong *es = e->es;
    EnvPlan *plan = &e->plan;
    const Job *job = &plan->job;
    int64_t must = 0, beats, shortest;
    int32_t tiny = 0, allowed = es->n - e->never_sum[es->n];
    for (int32_t i = 0; i < plan->n_must; i++) {
        int32_t u = e->must_units[i];
        if (unit_never(e, u))
            return fail(BS_CONFLICT, "job: a must lies in a never range or in another tune");
        must += span_samples(es, u, u + 1);
        tiny += span_samples(es, u, u + 1) < plan->tiny;
    }
    if (plan->end >= 0) must += span_samples(es, plan->end, plan->end + 1);
    for (int i = 0; i < 2; i++) {
        int32_t u = i ? job->end_unit : job->start_unit;
        if (u >= 0 && unit_never(e, u))
            return fail(BS_CONFLICT, "job: the %s lies in a never range or in another tune",
                        i ? "end" : "start");
    }
    if (must > plan->hi)
        return fail(BS_CONFLICT, "job: what must be kept is %.1f s long, the window ends at %.1f s",
                    seconds(e, must), seconds(e, plan->hi));
    measure_allowed(e, &beats, &shortest);
    plan->shortest = shortest < plan->hi ? shortest : plan->hi;
    plan->first_allowed = -1;
    for (int32_t u = 0; u < es->n && plan->first_allowed < 0; u++)
        if (es->units[u].kind == UNIT_BEAT && !unit_never(e, u) && span_samples(es, u, u + 1) >= plan->tiny &&
            !(plan->end_is_final && u == plan->end))
            plan->first_allowed = u;
    if (beats == 0) return fail(BS_CONFLICT, "job: no beat of tune %d is allowed", job->tune);
    if (plan->first_allowed < 0 && !job->no_loop)
        return fail(BS_CONFLICT, "job: a window of %.0f s is too long for units this short",
                    seconds(e, plan->hi));
    for (int32_t u = 0; plan->first_allowed < 0; u++) /* no_loop bounds the length by itself */
        if (es->units[u].kind == UNIT_BEAT && !unit_never(e, u)) plan->first_allowed = u;
    if (job->no_loop && beats < plan->lo)
        return fail(BS_CONFLICT, "job: without loops there are %.1f s of music, %.1f s are asked for",
                    seconds(e, beats), seconds(e, plan->lo));
    if (job->no_loop && allowed > FREE_UNITS + PACE_UNITS + TINY_UNITS)
        return fail(BS_CONFLICT, "job: no_loop over %d units, at most %d are possible", allowed,
                    FREE_UNITS + PACE_UNITS + TINY_UNITS);
    if (job->no_reorder)
        for (int32_t pid = 0; pid < es->n_pids; pid++) {
            int32_t u = e->short_unit[pid];
            tiny += u >= 0 && !e->must[u] && span_samples(es, u, u + 1) < plan->tiny;
        }
    if (tiny + 1 > TINY_UNITS)
        return fail(BS_CONFLICT, "job: %d units that must be kept are under %.3f s", tiny,
                    seconds(e, plan->tiny));
    return job->no_reorder ? check_order(e) : BS_OK;
}

Status plan_make(Env *e, const Job *job) {
    const EnvSong *es = e->es;
    EnvPlan *plan = &e->plan;
    int32_t plain_tune = plan->plain_tune;
    Status st = BS_OK;
    TRY(job_check_window(job, es->song, es->longest_unit));
    memset(plan, 0, sizeof *plan);
    plan->job = *job;
    plan->lo = job->lo_samples;
    plan->hi = job->hi_samples;
    plan->end = job->end_unit;
    plan->tiny = (plan->hi + PACE_UNITS - 1) / PACE_UNITS;
    plan->end_is_final =
        plan->end >= 0 && (job->no_loop || (job->no_reorder && es->units[plan->end].pid >= 0) ||
                           span_samples(es, plan->end, plan->end + 1) < plan->tiny);
    plan->constrained = job->n_must > 0 || plan->end >= 0 || job->no_loop || job->no_reorder;
    plan->has_never = job->n_never > 0;
    mark_never(e, plain_tune);
    list_musts(e);
    if (job->no_reorder) measure_form(e);
    TRY(check_plan(e));
    reward_plan(es, plan);
out:
    return st;
}

/* ---- views --------------------------------------------------------------------------------------- */

bool env_done(const Env *env) { return env->now.done; }
int64_t env_out_samples(const Env *env) { return env->now.length; }
int32_t env_bars_kept(const Env *env) { return env->now.bars; }

void env_terms(const Env *env, float terms[REWARD_TERMS]) {
    for (int i = 0; i < REWARD_TERMS; i++) terms[i] = (float)env->now.tally.terms[i];
}

int32_t env_out_units(const Env *env, const int32_t **units, const uint8_t **fades) {
    if (units) *units = env->out;
    if (fades) *fades = env->out_fades;
    return env->now.n_out;
}

Status env_edit(const Env *env, Edit *out) {
    return edit_from_units(out, env->es->song, env->out, env->out_fades, env->now.n_out);
}

ActionKind env_action_kind(int action) {
    return action < ACT_CUT         ? KIND_KEEP
           : action < ACT_LOOP      ? KIND_CUT
           : action < ACT_CROSSFADE ? KIND_LOOP
           : action < ACT_REORDER   ? KIND_CROSSFADE
                                    : KIND_REORDER;
}

const char *env_action_text(int action, char *buf, size_t buf_bytes) {
    static const char *const spans[] = {"beat", "bar", "phrase", "section"};
    static const char *const fades[] = {"short", "beat/2", "beat", "2 beats", "4 beats"};
    if (action < 0 || action >= ENV_ACTIONS)
        snprintf(buf, buf_bytes, "no action %d", action);
    else if (action < ACT_CUT)
        snprintf(buf, buf_bytes, "KEEP %s", spans[action - ACT_KEEP]);
    else if (action < ACT_REST)
        snprintf(buf, buf_bytes, "CUT %s", spans[action - ACT_CUT]);
    else if (action == ACT_REST)
        snprintf(buf, buf_bytes, "CUT rest");
    else if (action < ACT_CROSSFADE)
        snprintf(buf, buf_bytes, "LOOP %s x%d", spans[(action - ACT_LOOP) / 3], (action - ACT_LOOP) % 3 + 2);
    else if (action < ACT_REORDER)
        snprintf(buf, buf_bytes, "CROSSFADE %d %s", (action - ACT_CROSSFADE) / FADE_COUNT,
                 fades[(action - ACT_CROSSFADE) % FADE_COUNT]);
    else
        snprintf(buf, buf_bytes, "REORDER %d", action - ACT_REORDER);
    return buf;
}
