/* Observation: obs.def filled in. Most of a step's numbers lie ready in the anchor's menu. */
#include <string.h>

#include "common/env/env_state.h"

static float clip(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

static bool lands(const EnvPlan *plan, int64_t length) { return length >= plan->lo && length <= plan->hi; }

static void observe_window(const Env *e, float *x) {
    const EnvSong *es = e->es;
    const EnvPlan *plan = &e->plan;
    const EnvNow *now = &e->now;
    const EnvTune *tune = &es->tunes[plan->job.tune];
    float scale = plan->per_sample, room = (float)(plan->hi - now->length);
    x[OBS_OUT_SHARE] = (float)now->length * scale;
    x[OBS_SLACK_LO] = now->length < plan->lo ? (float)(plan->lo - now->length) * scale : 0;
    x[OBS_SLACK_HI] = room * scale;
    x[OBS_SLACK_BARS] = clip(room / (float)(tune->beat_samples * tune->meter * 32), 0, 4);
    x[OBS_WINDOW] = clip((float)plan->hi / (float)tune->longest_take_samples, 0, 4);
    x[OBS_WINDOW + 1] = clip((float)plan->hi / (float)es->start[es->n], 0, 4);
    x[OBS_MUST] = clip((float)now->n_open / 16, 0, 4);
    x[OBS_MUST + 1] = plan->end >= 0;
    x[OBS_BIAS] = 1;
}

static void observe_last(const Env *e, float *x) {
    const EnvNow *now = &e->now;
    x[OBS_RUN] = clip((float)now->run / 32, 0, 4);
    if (now->last >= 0) {
        x[OBS_BAR_PHASE] = e->es->units[now->last].bar_cos;
        x[OBS_BAR_PHASE + 1] = e->es->units[now->last].bar_sin;
        x[OBS_REST_END] = end_cost(e->es, now->before_last, now->last);
    }
    x[OBS_OWED] = (float)now->owed / 4;
    if (now->owed) x[OBS_ARMED + now->armed] = 1;
    x[OBS_CUTS] = (float)now->cuts / ENV_MAX_CUTS;
    const EnvTune *tune = &e->es->tunes[e->plan.job.tune];
    if (tune->n_slots > 0) x[OBS_FORM_PLACE] = (float)(now->furthest_slot + 1) / (float)tune->n_slots;
    if (tune->n_pid > 0) x[OBS_FORM_COVERED] = (float)now->n_covered / (float)tune->n_pid;
}

static void observe_here(const Env *e, const Seam *s, float *x) {
    const EnvSong *es = e->es;
    int32_t p = e->now.playhead, last = e->now.last;
    x[OBS_PLAYHEAD_PLACE] = (float)p / (float)es->n;
    if (p >= es->n) return;
    const EnvUnit *u = &es->units[p];
    x[OBS_IN_TAKE] = u->in_take;
    if (last >= 0 && p != last + 1) {
        x[OBS_SEAM_HERE] = seam_transition(s, e->now.armed);
        x[OBS_SEAM_HERE + 1] = s->tempo;
        x[OBS_SEAM_HERE + 2] = s->phrase;
        x[OBS_SEAM_HERE + 3] = s->phase;
        x[OBS_SEAM_HERE + 4] = s->chroma;
        x[OBS_SEAM_HERE + 5] = s->level;
    }
    if (u->pid >= 0) {
        x[OBS_SLOT_TAKES] = clip((float)(es->pid_first[u->pid + 1] - es->pid_first[u->pid]) / 8, 0, 2);
        x[OBS_SLOT_KEPT] = clip((float)e->pid_kept[u->pid] / 2, 0, 2);
        x[OBS_SLOT_RANK] = u->rank;
    }
    x[OBS_FORM_STEP] = form_distance(es, e->now.last_slotted, u);
    x[OBS_FORM_LEFT] = clip(form_left(es, p) * e->plan.per_sample, 0, 4);
    for (int k = 0; k < SPANS; k++) {
        int32_t end = u->end[k];
        x[OBS_FLAW_HERE + k] = u->flaw_ahead[k];
        int64_t length = span_samples(es, p, end);
        x[OBS_KEEP_LENGTH + k] = clip((float)length * e->plan.per_sample, 0, 2);
        float worth = (float)(es->content_sum[end] - es->content_sum[p]) * e->plan.per_sample;
        x[OBS_KEEP_WORTH + k] = clip(worth, -1, 2);
        x[OBS_KEEP_END + k] = end_cost(es, end - 1 > p ? end - 2 : last, end - 1);
        x[OBS_KEEP_LANDS + k] = lands(&e->plan, e->now.length + length);
    }
}

typedef float F8 __attribute__((vector_size(32), aligned(4), may_alias));

/* What of the anchor's rows depends on the episode, a column at a time. */
typedef struct Columns {
    float run_length[ENV_TARGETS], section_length[ENV_TARGETS], form_left[ENV_TARGETS];
    float lands[ENV_TARGETS], ahead[ENV_TARGETS];
} Columns;

/* out = min(x scale, most), eight at a time */
static inline void scale_column(float *out, const float *x, float scale, float most) {
    F8 limit = {most, most, most, most, most, most, most, most};
    for (int i = 0; i < ENV_TARGETS; i += 8) {
        F8 y = *(const F8 *)(x + i) * scale;
        I8 over = y > limit;
        *(I8 *)(out + i) = (over & (I8)limit) | (~over & (I8)y);
    }
}

static int32_t room_of(int64_t x) { return x > INT32_MAX - 1 ? INT32_MAX - 1 : x < -1 ? -1 : (int32_t)x; }

static void make_columns(const Env *e, const EnvMenu *menu, Columns *c) {
    const EnvNow *now = &e->now;
    float scale = e->plan.per_sample;
    scale_column(c->run_length, menu->run_length, scale, 2);
    scale_column(c->section_length, menu->section_length, scale, 2);
    scale_column(c->form_left, menu->form_left, scale, 4);
    int32_t lo = room_of(e->plan.lo - now->length), hi = room_of(e->plan.hi - now->length);
    const F8 one = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < ENV_TARGETS; i += 8) {
        I8 section = *(const I8 *)(menu->section_samples + i), v = *(const I8 *)(now->menu + i);
        *(I8 *)(c->lands + i) = (section >= lo) & (section <= hi) & (I8)one;
        *(I8 *)(c->ahead + i) = (v > now->playhead) & (I8)one;
    }
}

/* A row of the tables as it is observed now. */
static void observe_row(const Env *e, int32_t v, float *row) {
    const EnvNow *now = &e->now;
    float section = row[OBS_TARGET_SECTION_LENGTH];
    row[OBS_TARGET_KEPT] = e->kept[v] < 2 ? e->kept[v] : 2;
    row[OBS_TARGET_RUN_LENGTH] = clip(row[OBS_TARGET_RUN_LENGTH] * e->plan.per_sample, 0, 2);
    row[OBS_TARGET_SECTION_LANDS] = lands(&e->plan, now->length + (int64_t)section);
    row[OBS_TARGET_SECTION_LENGTH] = clip(section * e->plan.per_sample, 0, 2);
    row[OBS_TARGET_FORM_LEFT] = clip(row[OBS_TARGET_FORM_LEFT] * e->plan.per_sample, 0, 4);
    row[OBS_TARGET_AHEAD] = v > now->playhead;
}

/* The rows that lie ready in the anchor's menu. */
static void observe_menu(const Env *e, const EnvMenu *menu, float (*rows)[ENV_TARGET_FEATURES]) {
    Columns c;
    make_columns(e, menu, &c);
    memcpy(rows[MENU_DYNAMIC], menu->features, sizeof menu->features);
    for (int i = MENU_DYNAMIC; i < ENV_TARGETS; i++) {
        int32_t v = e->now.menu[i];
        float *row = rows[i];
        if (v < 0) {
            memset(row, 0, sizeof *rows);
            continue;
        }
        row[OBS_TARGET_KEPT] = e->kept[v] < 2 ? e->kept[v] : 2;
        row[OBS_TARGET_RUN_LENGTH] = c.run_length[i];
        row[OBS_TARGET_SECTION_LENGTH] = c.section_length[i];
        row[OBS_TARGET_SECTION_LANDS] = c.lands[i];
        row[OBS_TARGET_FORM_LEFT] = c.form_left[i];
        row[OBS_TARGET_AHEAD] = c.ahead[i];
    }
}

static void observe_targets(const Env *e, const Seam *here, EnvObs *obs) {
    const EnvSong *es = e->es;
    const EnvNow *now = &e->now;
    const EnvMenu *menu = &es->menus[anchor_of(e)];
    float(*rows)[ENV_TARGET_FEATURES] = obs->target_features;
    bool started = now->last >= 0; /* before that there is no seam, and every target is a start */
    memcpy(obs->target, now->menu, sizeof obs->target);
    memset(rows, 0, (started ? MENU_DYNAMIC : ENV_TARGETS) * sizeof *rows);
    if (started) observe_menu(e, menu, rows);
    for (int i = 0; i < (started ? MENU_DYNAMIC : ENV_TARGETS); i++) {
        int32_t v = now->menu[i];
        if (v < 0) continue;
        if (started && v == menu->first) {
            memcpy(rows[i], menu->first_features, sizeof menu->first_features);
        } else {
            Seam s = {0};
            if (v == now->playhead)
                s = *here;
            else if (started)
                s = seam_of(es, now->last, v);
            target_features(es, now->last, v, &s, rows[i]);
        }
        observe_row(e, v, rows[i]);
    }
}

static void observe_pairs(const Env *e, EnvObs *obs) {
    const EnvSong *es = e->es;
    if (e->now.last < 0) {
        memset(obs->pair, 0xff, sizeof obs->pair); /* -1: nothing to reorder yet */
        memset(obs->pair_features, 0, sizeof obs->pair_features);
        return;
    }
    const EnvMenu *menu = &es->menus[e->now.last + 1];
    memcpy(obs->pair, menu->pair_seen, sizeof obs->pair);
    memcpy(obs->pair_features, menu->pair_features, sizeof obs->pair_features);
    for (int i = 0; i < ENV_PAIRS; i++) {
        float *row = obs->pair_features[i];
        if (menu->pair_section[i] < 0) continue;
        row[OBS_PAIR_LENGTH] = clip(row[OBS_PAIR_LENGTH] * e->plan.per_sample, 0, 2);
        int32_t kept = e->section_kept[menu->pair_section[i]];
        if (kept > 0) row[OBS_PAIR_KEPT] = (float)kept / (float)(menu->pair_units[i] - 1);
    }
}

void env_observe(const Env *env, EnvObs *obs) {
    int32_t p = env->now.playhead, last = env->now.last;
    BS_ASSERT(!env->now.done);
    Seam here = {0};
    if (p < env->es->n && last >= 0) here = seam_of(env->es, last, p);
    obs->playhead = env->now.playhead < env->es->n ? env->now.playhead : -1;
    obs->last_kept = env->now.last;
    obs->last_action = env->now.last_action;
    memset(obs->step, 0, sizeof obs->step);
    observe_window(env, obs->step);
    observe_last(env, obs->step);
    observe_here(env, &here, obs->step);
    observe_targets(env, &here, obs);
    observe_pairs(env, obs);
    obs->n_legal = legal_mask(env, obs->mask);
}
