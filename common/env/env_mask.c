/* Masks: which actions are legal. One predicate an action, used by the mask and by the step alike.
 *
 * The invariant behind them: from every reachable state the window can be reached. With R what open musts
 * and the end unit still need, out + R <= hi always holds. While out + R < lo, one more unit of at most
 * hi - lo fits, and the menu always holds one that may be taken; once out + R >= lo, the open units
 * themselves are legal and finish the edit. no_loop needs an unkept beat (there is one while out + R < lo,
 * since lo is at most all allowed beats together); no_reorder needs out plus the shortest way through the
 * rest of the form to stay >= lo. */
#include <string.h>

#include "common/env/env_state.h"

typedef struct Append {
    int32_t a, b, times, then; /* units [a, b) `times` times, then `then` (-1: nothing) */
    int32_t n;
    int64_t samples;
} Append;

static bool in_append(const Append *x, int32_t u) { return (u >= x->a && u < x->b) || u == x->then; }

/* After a few hundred units the average unit of an append is at least plan.tiny long, so that the number
 * of units and steps is bounded; what constraints ask for is exempt, and so is what a jump owes. */
static bool keeps_pace(const Env *e, const Append *x) {
    if (e->now.n_out + x->n <= FREE_UNITS || e->plan.job.no_loop) return true;
    int32_t owed = e->now.owed; /* the jump was only legal because these keep pace */
    int32_t n = x->n - owed;
    if (n <= 0) return true;
    if (x->samples - span_samples(e->es, x->a, x->a + owed) >= n * e->plan.tiny) return true;
    if (x->n > 1) return false;
    return unit_open(e, x->a) || x->a == e->plan.end || (e->plan.job.no_reorder && x->a == e->now.menu[3]);
}

/* no_reorder: beats of the form only go forward (a repeat inside one append is a loop, not a reorder),
 * open musts and the end are not passed, and the rest of the form still reaches lo. */
static bool keeps_order(const Env *e, const Append *x, int32_t last, bool final) {
    const EnvSong *es = e->es;
    int32_t next = e->now.next_pid;
    for (int32_t u = x->a; u < x->b; u++) {
        int32_t pid = es->units[u].pid;
        if (pid < 0) continue;
        if (pid < next) return false;
        next = pid + 1;
    }
    if (x->then >= 0 && (x->then < x->a || x->then >= x->b) && es->units[x->then].pid >= 0) {
        if (es->units[x->then].pid < next) return false;
        next = es->units[x->then].pid + 1;
    }
    for (int32_t i = e->now.must_at; e->now.n_open > 0 && i < e->plan.n_must; i++) {
        int32_t u = e->must_units[i];
        if (!e->kept[u] && !in_append(x, u) && es->units[u].pid >= 0 && es->units[u].pid < next) return false;
    }
    if (final) return true;
    int32_t end_pid = e->plan.end >= 0 ? es->units[e->plan.end].pid : -1;
    int64_t rest = e->rest_samples[next];
    if (end_pid >= 0) {
        if (next > end_pid) return last == e->plan.end;
        rest -= e->rest_samples[end_pid];
    }
    if (e->plan.end >= 0) {
        if (!e->plan.end_is_final) return true; /* it can be kept again until lo is reached */
        rest += span_samples(es, e->plan.end, e->plan.end + 1);
    }
    return e->now.length + x->samples + rest >= e->plan.lo;
}

static bool meets_constraints(const Env *e, const Append *x) {
    const EnvPlan *plan = &e->plan;
    const EnvNow *now = &e->now;
    int32_t last = x->then >= 0 ? x->then : x->b - 1, n_open = now->n_open;
    int64_t open = now->open_samples;
    if (n_open > 0) {
        for (int32_t u = x->a; u < x->b; u++)
            if (unit_open(e, u)) n_open--, open -= span_samples(e->es, u, u + 1);
        if (x->then >= 0 && (x->then < x->a || x->then >= x->b) && unit_open(e, x->then))
            n_open--, open -= span_samples(e->es, x->then, x->then + 1);
    }
    bool final = false;
    if (plan->end >= 0) {
        bool holds = in_append(x, plan->end);
        if (plan->end_is_final && holds) {
            int32_t times = plan->end >= x->a && plan->end < x->b ? x->times + (x->then == plan->end) : 1;
            if (last != plan->end || times > 1 || n_open > 0 || now->length + x->samples < plan->lo)
                return false;
            final = true;
        }
        if (plan->end_is_final && e->kept[plan->end]) return false;
        if (last != plan->end || n_open > 0) open += span_samples(e->es, plan->end, plan->end + 1);
    }
    if (now->length + x->samples + open > plan->hi) return false;
    if (plan->job.no_loop) {
        if (x->times > 1 || (x->then >= x->a && x->then < x->b)) return false;
        for (int32_t u = x->a; u < x->b; u++)
            if (e->kept[u]) return false;
        if (x->then >= 0 && e->kept[x->then]) return false;
    }
    return !plan->job.no_reorder || keeps_order(e, x, last, final);
}

bool append_fits_all(const Env *e, int32_t a, int32_t b, int32_t times, int32_t then) {
    const EnvSong *es = e->es;
    Append x = {a, b, times, then, (b - a) * times, span_samples(es, a, b) * times};
    if (then >= 0) {
        if (unit_never(e, then)) return false;
        x.n++;
        x.samples += span_samples(es, then, then + 1);
    }
    if (e->now.length + x.samples > e->plan.hi) return false;
    if (!keeps_pace(e, &x)) return false;
    return !e->plan.constrained || meets_constraints(e, &x);
}

/* A span's end at the playhead, or -1 where a shorter span has the same end. */
static inline int32_t span_end(const Env *e, int span) {
    const EnvUnit *x = &e->es->units[e->now.playhead];
    return span && x->end[span] == x->end[span - 1] ? -1 : x->end[span];
}

static inline bool keep_legal(const Env *e, int span) {
    if (e->now.playhead >= e->es->n) return false;
    int32_t end = span_end(e, span);
    return end >= 0 && append_fits(e, e->now.playhead, end, 1, -1);
}

static inline bool cut_legal(const Env *e, int span) {
    const EnvNow *now = &e->now;
    if (now->owed || now->playhead >= e->es->n || now->cuts >= ENV_MAX_CUTS || now->n_steps >= CUT_STEPS)
        return false;
    return span_end(e, span) >= 0;
}

static inline bool loop_legal(const Env *e, int span, int times) {
    const EnvNow *now = &e->now;
    if (now->owed > 1 || now->playhead >= e->es->n) return false;
    const EnvUnit *x = &e->es->units[now->playhead];
    if (x->kind != UNIT_BEAT || !x->starts[span]) return false;
    for (int k = 0; k < span; k++)
        if (x->starts[k] && x->end[k] == x->end[span]) return false;
    return append_fits(e, now->playhead, x->end[span], times, -1);
}

/* The edit may end: long enough, nothing open, on the end unit where one is asked. */
static inline bool rest_legal(const Env *e) {
    const EnvNow *now = &e->now;
    return now->n_out > 0 && !now->owed && now->length >= e->plan.lo && now->n_open == 0 &&
           (e->plan.end < 0 || now->last == e->plan.end);
}

/* A jump to what would come anyway is none. */
static inline bool is_jump(const Env *e, int32_t v) {
    const EnvNow *now = &e->now;
    if (v < 0 || now->owed) return false;
    return now->last < 0 ? v != now->playhead : v != now->last + 1 || v != now->playhead;
}

static inline int target_room(const Env *e, int i, int32_t v) {
    const EnvMenu *menu = &e->es->menus[anchor_of(e)];
    if (i >= MENU_DYNAMIC) return menu->fade_room[i - MENU_DYNAMIC];
    if (v == menu->first) return menu->first_room;
    return fade_room(e->es, e->now.last, v);
}

/* Every prefix of what a jump owes fits, so none of it can get stuck half-way. */
static inline bool run_fits(const Env *e, int32_t v, int n) {
    if (!append_fits(e, v, v + 1, 1, -1)) return false;
    for (int m = e->plan.constrained ? 2 : n; m <= n; m++)
        if (m > 1 && !append_fits(e, v, v + m, 1, -1)) return false;
    return true;
}

static inline bool jump_legal(const Env *e, int i, int fade) {
    int32_t v = e->now.menu[i], n = fade_units(fade);
    if (!is_jump(e, v)) return false;
    if (fade != FADE_SHORT &&
        (e->now.last < 0 || v == e->now.last + 1 || e->now.run < n || target_room(e, i, v) < n))
        return false;
    return run_fits(e, v, n);
}

/* With nothing asked but the window, and an edit still short, only lengths decide on the anchor's menu. */
static inline bool only_lengths(const Env *e, const EnvMenu *menu, int n_units) {
    return !e->plan.constrained && !e->plan.has_never && e->now.n_out + n_units <= FREE_UNITS &&
           menu->tune == e->plan.job.tune;
}

static inline bool pair_legal(const Env *e, int i) {
    if (e->now.owed || e->now.last < 0 || e->plan.job.no_reorder) return false;
    const EnvMenu *menu = &e->es->menus[e->now.last + 1];
    const int32_t *p = menu->pair[i];
    if (p[0] < 0 || e->now.length + menu->pair_samples[i] > e->plan.hi) return false;
    return (only_lengths(e, menu, p[1] - p[0] + 1) && !unit_never(e, p[2])) ||
           append_fits(e, p[0], p[1], 1, p[2]);
}

bool action_legal(const Env *e, int action) {
    if (e->now.done || action < 0 || action >= ENV_ACTIONS) return false;
    if (e->now.rest_only) return action == ACT_REST;
    if (action < ACT_CUT) return keep_legal(e, action - ACT_KEEP);
    if (action < ACT_REST) return cut_legal(e, action - ACT_CUT);
    if (action == ACT_REST) return rest_legal(e);
    if (action < ACT_CROSSFADE) return loop_legal(e, (action - ACT_LOOP) / 3, (action - ACT_LOOP) % 3 + 2);
    if (action < ACT_REORDER)
        return jump_legal(e, (action - ACT_CROSSFADE) / FADE_COUNT, (action - ACT_CROSSFADE) % FADE_COUNT);
    return pair_legal(e, action - ACT_REORDER);
}

#define LEGAL(action)                    \
    do {                                 \
        if (n++ == 0) *first = (action); \
        if (mask) mask[action] = 1;      \
        if (n >= limit) return n;        \
    } while (0)

/* The targets of the anchor's own menu, by lengths alone; none of them is the anchor. */
static int scan_lengths(const Env *e, uint8_t *mask) {
    const EnvMenu *menu = &e->es->menus[e->now.last + 1];
    int64_t left = e->plan.hi - e->now.length;
    int32_t room = left < INT32_MAX - 1 ? (int32_t)left : INT32_MAX - 1;
    int n = 0;
    for (int i = 0; i < MENU_STATIC; i++) {
        uint8_t *m = mask + ACT_CROSSFADE + (MENU_DYNAMIC + i) * FADE_COUNT;
        int fade = menu->fade_room[i] < e->now.run ? menu->fade_room[i] : e->now.run;
        uint8_t there = e->now.menu[MENU_DYNAMIC + i] >= 0 && menu->samples[i][0] <= room;
        m[FADE_SHORT] = there;
        m[FADE_HALF_BEAT] = m[FADE_1_BEAT] = there & (fade >= 1);
        m[FADE_2_BEATS] = there & (fade >= 2) & (menu->samples[i][1] <= room);
        m[FADE_4_BEATS] = there & (fade >= 4) & (menu->samples[i][2] <= room);
        n += m[0] + 2 * m[1] + m[3] + m[4];
    }
    return n;
}

static int scan_jumps(const Env *e, uint8_t *mask, int n, int limit, int *first) {
    const EnvNow *now = &e->now;
    int n_targets = ENV_TARGETS;
    if (mask && limit > ENV_ACTIONS && now->last >= 0 && only_lengths(e, &e->es->menus[now->last + 1], 4)) {
        n += scan_lengths(e, mask);
        n_targets = MENU_DYNAMIC;
    }
    for (int i = 0; i < n_targets; i++) {
        int32_t v = now->menu[i];
        if (v < 0 || !is_jump(e, v) || !append_fits(e, v, v + 1, 1, -1)) continue;
        int action = ACT_CROSSFADE + i * FADE_COUNT;
        LEGAL(action);
        if (now->last < 0 || v == now->last + 1 || now->run < 1) continue;
        int room = target_room(e, i, v);
        if (now->run < room) room = now->run;
        if (room < 1) continue;
        LEGAL(action + FADE_HALF_BEAT);
        LEGAL(action + FADE_1_BEAT);
        if (room >= 2 && run_fits(e, v, 2)) LEGAL(action + FADE_2_BEATS);
        if (room >= 4 && run_fits(e, v, 4)) LEGAL(action + FADE_4_BEATS);
    }
    return n;
}

int legal_scan(const Env *e, uint8_t *mask, int limit, int *first) {
    int n = 0;
    if (mask) memset(mask, 0, ENV_ACTIONS);
    *first = -1;
    if (e->now.done) return 0;
    if (e->now.rest_only) {
        LEGAL(ACT_REST);
        return n;
    }
    for (int k = 0; k < SPANS; k++)
        if (keep_legal(e, k)) LEGAL(ACT_KEEP + k);
    for (int k = 0; k < SPANS; k++)
        if (cut_legal(e, k)) LEGAL(ACT_CUT + k);
    if (rest_legal(e)) LEGAL(ACT_REST);
    if (e->now.playhead < e->es->n && e->es->units[e->now.playhead].kind == UNIT_BEAT && e->now.owed <= 1)
        for (int k = 0; k < SPANS; k++)
            for (int times = 2; times <= 4; times++)
                if (loop_legal(e, k, times)) LEGAL(ACT_LOOP + k * 3 + times - 2);
    if (e->now.owed) return n;
    n = scan_jumps(e, mask, n, limit, first);
    if (n >= limit) return n;
    for (int i = 0; i < ENV_PAIRS; i++)
        if (pair_legal(e, i)) LEGAL(ACT_REORDER + i);
    return n;
}

int env_legal(const Env *e, uint8_t mask[ENV_ACTIONS]) {
    int first;
    return legal_scan(e, mask, ENV_ACTIONS + 1, &first);
}
