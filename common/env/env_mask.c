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

static inline bool keep_legal(const Env *e, int span) {
    int32_t p = e->now.playhead;
    if (p >= e->es->n || !(e->es->units[p].spans >> span & 1)) return false;
    return append_fits(e, p, e->es->units[p].end[span], 1, -1);
}

static inline bool loop_legal(const Env *e, int span, int times) {
    int32_t p = e->now.playhead;
    if (e->now.owed > 1 || p >= e->es->n || !(e->es->units[p].loops >> span & 1)) return false;
    return append_fits(e, p, e->es->units[p].end[span], times, -1);
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
    if (i >= MENU_DYNAMIC) return menu->fade_room[i];
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

static inline bool may_cut(const Env *e) {
    const EnvNow *now = &e->now;
    return now->playhead < e->es->n && now->cuts < ENV_MAX_CUTS && now->n_steps < CUT_STEPS;
}

/* A jump that has not landed may be moved on to where it could have gone itself, so the state is one that is
 * known to have a way on. */
static inline bool may_land(const Env *e, int32_t v) {
    const EnvNow *now = &e->now;
    if (now->playhead == now->last + 1 || v == now->last + 1 || v >= e->es->n) return false;
    if (now->last < 0 && e->plan.job.start_unit >= 0) return false;
    if (now->armed != FADE_SHORT && fade_room(e->es, now->last, v) < now->owed) return false;
    return run_fits(e, v, now->owed);
}

static inline bool cut_legal(const Env *e, int span) {
    if (!may_cut(e) || !(e->es->units[e->now.playhead].spans >> span & 1)) return false;
    return !e->now.owed || may_land(e, e->es->units[e->now.playhead].end[span]);
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
    if (menu->pair_samples[i] > e->plan.hi - e->now.length) return false;
    return only_lengths(e, menu, menu->pair_units[i]) || append_fits(e, p[0], p[1], 1, p[2]);
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

/* ---- the mask ------------------------------------------------------------------------------------ */

/* What of a target is legal, as four bits: the short fade; half a beat and one beat; two beats; four. */
enum { BIT_SHORT = 1, BIT_BEAT = 2, BIT_2_BEATS = 4, BIT_4_BEATS = 8 };

/* The five mask bytes of a target by those bits, lowest byte first. */
#define FADE_BYTES(bits)                                                                                 \
    ((uint64_t)((bits)&1) | (uint64_t)((bits) >> 1 & 1) * 0x010100 | (uint64_t)((bits) >> 2 & 1) << 24 | \
     (uint64_t)((bits) >> 3 & 1) << 32)
static const uint64_t fade_bytes[16] = {FADE_BYTES(0),  FADE_BYTES(1),  FADE_BYTES(2),  FADE_BYTES(3),
                                        FADE_BYTES(4),  FADE_BYTES(5),  FADE_BYTES(6),  FADE_BYTES(7),
                                        FADE_BYTES(8),  FADE_BYTES(9),  FADE_BYTES(10), FADE_BYTES(11),
                                        FADE_BYTES(12), FADE_BYTES(13), FADE_BYTES(14), FADE_BYTES(15)};
_Static_assert(FADE_COUNT == 5 && FADE_SHORT == 0 && FADE_4_BEATS == 4, "five bytes a target");

static int target_bits(const Env *e, int i) {
    const EnvNow *now = &e->now;
    int32_t v = now->menu[i];
    if (!is_jump(e, v) || !append_fits(e, v, v + 1, 1, -1)) return 0;
    if (now->last < 0 || v == now->last + 1 || now->run < 1) return BIT_SHORT;
    int room = target_room(e, i, v);
    if (now->run < room) room = now->run;
    if (room < 1) return BIT_SHORT;
    int bits = BIT_SHORT | BIT_BEAT;
    if (room >= 2 && run_fits(e, v, 2)) bits |= BIT_2_BEATS;
    if (room >= 4 && run_fits(e, v, 4)) bits |= BIT_4_BEATS;
    return bits;
}

/* The same for the anchor's own menu by lengths alone, eight targets at a time: none of them is the anchor.
 * Entries of the episode's own are 0. */
static void menu_bits(const Env *e, int32_t bits[ENV_TARGETS]) {
    const EnvMenu *menu = &e->es->menus[e->now.last + 1];
    int64_t left = e->plan.hi - e->now.length;
    int32_t room = left < INT32_MAX - 1 ? (int32_t)left : INT32_MAX - 1, run = e->now.run;
    int32_t run1 = run >= 1 ? -1 : 0, run2 = run >= 2 ? -1 : 0, run4 = run >= 4 ? -1 : 0;
    for (int i = 0; i < ENV_TARGETS; i += 8) {
        const I8 *target = (const I8 *)(e->now.menu + i), *fade = (const I8 *)(menu->fade_room + i);
        const I8 *one = (const I8 *)(menu->samples[0] + i), *two = (const I8 *)(menu->samples[1] + i),
                 *four = (const I8 *)(menu->samples[2] + i);
        I8 there = (*target >= 0) & (*one <= room);
        I8 b = (BIT_SHORT & (I8){1, 1, 1, 1, 1, 1, 1, 1}) | (BIT_BEAT & run1 & (*fade >= 1)) |
               (BIT_2_BEATS & run2 & (*fade >= 2) & (*two <= room)) |
               (BIT_4_BEATS & run4 & (*fade >= 4) & (*four <= room));
        *(I8 *)(bits + i) = there & b;
    }
}

static int mask_jumps(const Env *e, uint8_t *mask) {
    int32_t bits[ENV_TARGETS];
    int n = ENV_TARGETS;
    if (e->now.last >= 0 && only_lengths(e, &e->es->menus[e->now.last + 1], 4)) {
        menu_bits(e, bits);
        n = MENU_DYNAMIC;
    }
    for (int i = 0; i < n; i++) bits[i] = e->now.menu[i] < 0 ? 0 : target_bits(e, i);
    int n_legal = 0;
    for (int i = 0; i < ENV_TARGETS;
         i++) { /* eight bytes at a time: three are the next one's, written later */
        uint64_t bytes = fade_bytes[bits[i]];
        memcpy(mask + ACT_CROSSFADE + i * FADE_COUNT, &bytes, sizeof bytes);
        n_legal += __builtin_popcountll(bytes);
    }
    return n_legal;
}
_Static_assert(ENV_PAIRS >= 3, "the last target's eight bytes end inside the pairs");

static int mask_pairs(const Env *e, uint8_t *mask) {
    int n_legal = 0;
    for (int i = 0; i < ENV_PAIRS; i++) mask[ACT_REORDER + i] = 0;
    if (e->now.last < 0 || e->plan.job.no_reorder) return 0;
    const EnvMenu *menu = &e->es->menus[e->now.last + 1];
    int64_t left = e->plan.hi - e->now.length;
    bool simple = only_lengths(e, menu, menu->pair_most_units);
    for (int i = 0; i < ENV_PAIRS; i++) {
        bool legal = menu->pair_samples[i] <= left && (simple || pair_legal(e, i));
        mask[ACT_REORDER + i] = legal;
        n_legal += legal;
    }
    return n_legal;
}

static int mask_spans(const Env *e, uint8_t *mask) {
    int32_t p = e->now.playhead;
    if (p >= e->es->n) return 0;
    const EnvUnit *x = &e->es->units[p];
    int cuts = may_cut(e) ? x->spans : 0;
    if (e->now.owed)
        for (int k = 0; k < SPANS; k++)
            if (cuts >> k & 1 && !may_land(e, x->end[k])) cuts &= ~(1 << k);
    int loops = e->now.owed <= 1 ? x->loops : 0, n_legal = 0;
    for (int k = 0; k < SPANS; k++) {
        bool keep = x->spans >> k & 1 && append_fits(e, p, x->end[k], 1, -1);
        mask[ACT_KEEP + k] = keep;
        mask[ACT_CUT + k] = cuts >> k & 1;
        n_legal += keep + (cuts >> k & 1);
        for (int times = 2; loops >> k & 1 && times <= 4; times++) {
            bool loop = append_fits(e, p, x->end[k], times, -1);
            mask[ACT_LOOP + k * 3 + times - 2] = loop;
            n_legal += loop;
        }
    }
    return n_legal;
}

int legal_mask(const Env *e, uint8_t mask[ENV_ACTIONS]) {
    zero_bytes(mask, ENV_ACTIONS);
    if (e->now.done) return 0;
    if (e->now.rest_only) {
        mask[ACT_REST] = 1;
        return 1;
    }
    int n_legal =
        mask_spans(e, mask) + rest_legal(e); /* counted on the way: bytes just written read back slowly */
    mask[ACT_REST] = rest_legal(e);
    if (!e->now.owed) n_legal += mask_jumps(e, mask) + mask_pairs(e, mask);
    return n_legal;
}

#define FOUND(action)           \
    do {                        \
        *only = (action);       \
        if (++n == 2) return n; \
    } while (0)

int legal_few(const Env *e, int *only) {
    int n = 0;
    *only = -1;
    if (e->now.done) return 0;
    if (e->now.rest_only) {
        *only = ACT_REST;
        return 1;
    }
    for (int k = 0; k < SPANS; k++)
        if (keep_legal(e, k)) FOUND(ACT_KEEP + k);
    for (int k = 0; k < SPANS; k++)
        if (cut_legal(e, k)) FOUND(ACT_CUT + k);
    if (rest_legal(e)) FOUND(ACT_REST);
    for (int k = 0; k < SPANS; k++)
        for (int times = 2; times <= 4; times++)
            if (loop_legal(e, k, times)) FOUND(ACT_LOOP + k * 3 + times - 2);
    if (e->now.owed) return n;
    for (int i = 0; i < ENV_TARGETS; i++) {
        int bits = e->now.menu[i] < 0 ? 0 : target_bits(e, i);
        if (bits) FOUND(ACT_CROSSFADE + i * FADE_COUNT);
        if (bits & ~BIT_SHORT) return 2;
    }
    for (int i = 0; i < ENV_PAIRS; i++)
        if (pair_legal(e, i)) FOUND(ACT_REORDER + i);
    return n;
}

int env_legal(const Env *e, uint8_t mask[ENV_ACTIONS]) { return legal_mask(e, mask); }
