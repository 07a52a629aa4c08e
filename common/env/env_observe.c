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
        x[OBS_SLOT_KEPT] = clip((float)e->place_kept[stands_for(es, e->now.place, p)] / 2, 0, 2);
        x[OBS_SLOT_RANK] = u->rank;
    }
    x[OBS_FORM_STEP] = form_distance(es, e->now.place, p);
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

/* What the episode does to a landing: samples become shares of the window, and two flags are set. */
typedef struct Lens {
    F8 scale[2], most[2];
    I8 low, high; /* 1 where the integer behind a flag's column lies between these */
} Lens;

static int32_t room_of(int64_t x) { return x > INT32_MAX - 1 ? INT32_MAX - 1 : x < -1 ? -1 : (int32_t)x; }

enum {
    RUN_LANE = OBS_TARGET_RUN_LENGTH - EDGE, /* of the first eight columns of a landing, then of the others */
    SECTION_LANE = OBS_TARGET_SECTION_LENGTH - EDGE - 8,
    LANDS_LANE = OBS_TARGET_SECTION_LANDS - EDGE - 8,
    LEFT_LANE = OBS_TARGET_FORM_LEFT - EDGE - 8,
    AHEAD_LANE = OBS_TARGET_AHEAD - EDGE - 8,
};
_Static_assert(LANDS_LANE == 2 && AHEAD_LANE == 4, "as flags_of shuffles them");
_Static_assert(LANDING_SECTION == 8 + 5 && LANDING_UNIT == 8 + 6, "as flags_of shuffles them");

_Static_assert(RUN_LANE == 4 && SECTION_LANE == 1 && LEFT_LANE == 3, "as lens_of lists them");

static Lens lens_of(const Env *e) {
    const float x = e->plan.per_sample, any = __builtin_inff();
    int32_t lo = room_of(e->plan.lo - e->now.length), hi = room_of(e->plan.hi - e->now.length);
    const int32_t no = INT32_MAX;
    return (Lens){.scale = {{1, 1, 1, 1, x, 1, 1, 1}, {1, x, 1, x, 1, 1, 1, 1}},
                  .most = {{any, any, any, any, 2, any, any, any}, {any, 2, any, 4, any, any, any, any}},
                  .low = {no, no, lo, no, e->now.playhead + 1, no, no, no},
                  .high = {-1, -1, hi, -1, INT32_MAX, -1, -1, -1}};
}

static inline I8 flags_of(const Lens *l, I8 landing) {
    const I8 one = (I8)(F8){1, 1, 1, 1, 1, 1, 1, 1};
    I8 x = __builtin_shufflevector(landing, landing, 0, 0, 5, 0, 6, 0, 0, 0);
    return (x >= l->low) & (x <= l->high) & one;
}

/* A row from its two parts; v = -1: a row of zeros. Writes three floats more than the row has: the next
 * row's, or the pairs', which are written later. */
static inline void put_row(const Env *e, const Lens *l, const float edge[EDGE], int32_t v, float *row) {
    static const float times[3] = {0, 1, 2};
    int32_t u = v < 0 ? e->es->n : v, k = v < 0 ? 0 : e->kept[v] < 2 ? e->kept[v] : 2;
    const float *landing = e->es->landings + (size_t)u * LANDING;
    F8 first = *(const F8 *)landing;
    I8 others = *(const I8 *)(landing + 8), columns = {-1, -1, -1, -1, -1, 0, 0, 0};
    *(I8 *)row = *(const I8 *)edge & (all_of(v) >= 0);
    *(F8 *)(row + 8) = at_most(first * l->scale[0], l->most[0]);
    *(I8 *)(row + 16) = (I8)at_most((F8)(others & columns) * l->scale[1], l->most[1]) | flags_of(l, others);
    row[OBS_TARGET_KEPT] = times[k];
}
_Static_assert(ENV_TARGET_FEATURES == 21 && 24 - 21 <= ENV_PAIRS * ENV_PAIR_FEATURES, "three rows of eight");

static void observe_targets(const Env *e, const Seam *here, EnvObs *obs) {
    const EnvSong *es = e->es;
    const EnvNow *now = &e->now;
    const EnvMenu *menu = &es->menus[anchor_of(e)];
    const Lens lens = lens_of(e);
    float(*rows)[ENV_TARGET_FEATURES] = obs->target_features;
    bool started = now->last >= 0; /* before that there is no seam, and every target is a start */
    int n_own = started ? MENU_DYNAMIC : ENV_TARGETS;
    copy_bytes(obs->target, now->menu, sizeof obs->target);
    for (int i = 0; i < n_own; i++) {
        int32_t v = now->menu[i];
        float edge[EDGE] = {0};
        if (v >= 0 && started && v == menu->first) {
            copy_bytes(edge, menu->first_edge, sizeof edge);
        } else if (v >= 0) {
            Seam s = {0};
            if (v == now->playhead)
                s = *here;
            else if (started)
                s = seam_of(es, now->last, v);
            edge_features(es, now->last, v, &s, edge);
        }
        put_row(e, &lens, edge, v, rows[i]);
        if (v >= 0 && !started) rows[i][OBS_TARGET_START] = start_cost(es, v);
    }
    for (int i = n_own; i < ENV_TARGETS; i++) put_row(e, &lens, menu->edge[i], now->menu[i], rows[i]);
}

static void observe_pairs(const Env *e, EnvObs *obs) {
    const EnvSong *es = e->es;
    if (e->now.last < 0) {
        memset(obs->pair, 0xff, sizeof obs->pair); /* -1: nothing to reorder yet */
        zero_bytes(obs->pair_features, sizeof obs->pair_features);
        return;
    }
    const EnvMenu *menu = &es->menus[e->now.last + 1];
    const float any = __builtin_inff();
    F8 scale = {1, 1, 1, 1, 1, 1, 1, 1}, most = {any, any, any, any, any, any, any, any};
    scale[OBS_PAIR_LENGTH] = e->plan.per_sample;
    most[OBS_PAIR_LENGTH] = 2;
    copy_bytes(obs->pair, menu->pair_seen, sizeof obs->pair);
    for (int i = 0; i < ENV_PAIRS; i++) {
        float *row = obs->pair_features[i];
        *(F8 *)row = at_most(*(const F8 *)menu->pair_features[i] * scale, most);
        if (menu->pair_section[i] < 0) continue;
        int32_t kept = e->section_kept[menu->pair_section[i]];
        if (kept > 0) row[OBS_PAIR_KEPT] = (float)kept / (float)(menu->pair_units[i] - 1);
    }
}
_Static_assert(ENV_PAIR_FEATURES == 8, "a row is one vector");

void env_observe(const Env *env, EnvObs *obs) {
    int32_t p = env->now.playhead, last = env->now.last;
    BS_ASSERT(!env->now.done);
    Seam here = {0};
    if (p < env->es->n && last >= 0) here = seam_of(env->es, last, p);
    obs->playhead = env->now.playhead < env->es->n ? env->now.playhead : -1;
    obs->last_kept = env->now.last;
    obs->last_action = env->now.last_action;
    zero_bytes(obs->step, sizeof obs->step);
    observe_window(env, obs->step);
    observe_last(env, obs->step);
    observe_here(env, &here, obs->step);
    observe_targets(env, &here, obs);
    observe_pairs(env, obs);
    obs->n_legal = legal_mask(env, obs->mask);
}
