/* Parse: the canonical actions that make an edit; the inverse of replay.
 *
 * Depth first over the real state: LOOP, then the longest KEEP, then the end, REORDER, CROSSFADE, CUT.
 * What an action does to the rest of the edit depends only on how much is matched, what is owed and what
 * fade is armed (and, among cuts, on the playhead and their number), so a position that failed once is never
 * tried again and the search is linear in practice; PARSE_NODES bounds it anyway. Cuts go straight to the
 * wanted unit by the longest spans (spans are nested, so that is the fewest cuts), after a jump where that
 * takes fewer steps. */
#include <stdlib.h>
#include <string.h>

#include "common/env/env_state.h"

enum {
    PARSE_NODES = 1 << 20,
    ARMED_STATES = 5 * FADE_COUNT,
    PLAYHEAD = ENV_TARGETS + ENV_PAIRS,
    PLACES = PLAYHEAD + 1,
    JUMPS = ENV_TARGETS * FADE_COUNT + ENV_PAIRS, /* all CROSSFADEs, then all REORDERs */
    TOO_FAR = 255,
};
_Static_assert((int)ACT_REORDER == (int)ACT_CROSSFADE + ENV_TARGETS * FADE_COUNT, "jumps are adjacent");

typedef struct Wanted {
    const int32_t *units;
    const uint8_t *fades;
    int32_t n;
} Wanted;

typedef struct Frame {
    EnvNow before;        /* to undo the action that was tried from here */
    int32_t next;         /* place in the order of candidates */
    int32_t action;       /* tried now; -1 forced ones only */
    bool measured;        /* the next is filled */
    uint8_t cuts[PLACES]; /* to the wanted unit from where each jump lands, and from the playhead; TOO_FAR */
} Frame;

int cuts_between(const EnvSong *es, int32_t at, int32_t to) {
    int n = 0;
    for (; at < to; n++) {
        int span = SPAN_SECTION;
        if (n == ENV_MAX_CUTS) return TOO_FAR;
        while (span > SPAN_BEAT && es->units[at].end[span] > to) span--;
        at = es->units[at].end[span];
    }
    return at == to ? n : TOO_FAR;
}

/* The candidates in the order of preference, mapped to actions; *cuts: how many must follow. */
static int candidate(int i, int *cuts) {
    *cuts = 0;
    if (i < SPANS * 3) { /* the longest span and most repeats first */
        int span = SPANS - 1 - i / 3, times = 4 - i % 3;
        return ACT_LOOP + span * 3 + times - 2;
    }
    i -= SPANS * 3;
    if (i < SPANS) return ACT_KEEP + SPANS - 1 - i;
    i -= SPANS;
    if (i == 0) return ACT_REST;
    i -= 1;
    if (i < ENV_PAIRS) return ACT_REORDER + i;
    i -= ENV_PAIRS;
    if (i < ENV_TARGETS * FADE_COUNT) return ACT_CROSSFADE + i;
    i -= ENV_TARGETS * FADE_COUNT;
    *cuts = i / (SPANS + JUMPS);
    i %= SPANS + JUMPS;
    if (*cuts > ENV_MAX_CUTS) return -1;
    return i < SPANS ? ACT_CUT + SPANS - 1 - i : ACT_CROSSFADE + i - SPANS;
}

static int landing_of(int action) {
    return action < ACT_REORDER ? (action - ACT_CROSSFADE) / FADE_COUNT : ENV_TARGETS + action - ACT_REORDER;
}

static void measure(const Env *e, const Wanted *w, uint8_t cuts[PLACES]) {
    const EnvNow *now = &e->now;
    const int32_t at = now->n_out;
    for (int i = 0; i < PLACES; i++) cuts[i] = TOO_FAR;
    if (at < w->n) cuts[PLAYHEAD] = (uint8_t)cuts_between(e->es, now->playhead, w->units[at]);
    for (int i = 0; i < ENV_TARGETS && at < w->n; i++)
        if (now->menu[i] >= 0) cuts[i] = (uint8_t)cuts_between(e->es, now->menu[i], w->units[at]);
    for (int i = 0; i < ENV_PAIRS && now->last >= 0; i++) {
        const int32_t *pair = e->es->menus[now->last + 1].pair[i];
        if (pair[0] < 0 || pair[1] - pair[0] >= w->n - at) continue;
        cuts[ENV_TARGETS + i] = (uint8_t)cuts_between(e->es, pair[2], w->units[at + pair[1] - pair[0]]);
    }
}

static bool run_matches(const Env *e, const Wanted *w, int32_t at, int32_t a, int32_t b) {
    if (w->n - at < b - a) return false;
    int32_t last = at > 0 ? w->units[at - 1] : e->now.last;
    for (int32_t u = a; u < b; u++, at++) {
        int fade = u == a && last >= 0 && u != last + 1 ? e->now.armed : FADE_SHORT;
        if (w->units[at] != u || w->fades[at] != fade) return false;
    }
    return true;
}

static bool loop_matches(const Env *e, const Wanted *w, int32_t a, int32_t b, int times) {
    int32_t at = e->now.n_out;
    if (w->n - at < (b - a) * times || !run_matches(e, w, at, a, b)) return false;
    for (int i = 1; i < times; i++)
        for (int32_t u = a; u < b; u++)
            if (w->units[at + i * (b - a) + u - a] != u || w->fades[at + i * (b - a) + u - a] != FADE_SHORT)
                return false;
    return true;
}

/* Could this action be part of the wanted edit, where a jump may land before the wanted unit or must not?
 * Cheap; legality is asked afterwards. */
static bool worth_trying(const Env *e, const Wanted *w, int action, bool cuts_follow) {
    const EnvNow *now = &e->now;
    int32_t p = now->playhead, at = now->n_out, want = at < w->n ? w->units[at] : -1;
    const EnvUnit *x = p < e->es->n ? &e->es->units[p] : NULL;
    if (action == ACT_REST) return at == w->n;
    if (want < 0) return false;
    switch (env_action_kind(action)) {
    case KIND_KEEP:
        return x && p == want && run_matches(e, w, at, p, x->end[action - ACT_KEEP]);
    case KIND_LOOP:
        return x && p == want &&
               loop_matches(e, w, p, x->end[(action - ACT_LOOP) / 3], (action - ACT_LOOP) % 3 + 2);
    case KIND_CUT:
        return x && p < want && x->end[action - ACT_CUT] <= want;
    case KIND_CROSSFADE: {
        if (!cuts_follow && now->menu[landing_of(action)] != want) return false;
        int fade = (action - ACT_CROSSFADE) % FADE_COUNT;
        bool seam = now->last >= 0 && want != now->last + 1;
        return seam ? fade == w->fades[at] : fade == FADE_SHORT;
    }
    case KIND_REORDER: {
        if (now->last < 0) return false;
        const int32_t *pair = e->es->menus[now->last + 1].pair[action - ACT_REORDER];
        if (pair[0] != want || !run_matches(e, w, at, pair[0], pair[1])) return false;
        at += pair[1] - pair[0];
        return at < w->n && (cuts_follow || w->units[at] == pair[2]) && w->fades[at] == FADE_SHORT;
    }
    default:
        return false;
    }
}

/* Index of the state for what can still be done, or -1 while cuts are on the way: those have CutsFailed. */
static int64_t state_key(const EnvNow *now, const Wanted *w) {
    if (now->cuts || (now->owed && now->n_out < w->n && now->playhead != w->units[now->n_out])) return -1;
    return (int64_t)now->n_out * ARMED_STATES + now->owed * FADE_COUNT + now->armed;
}

/* On the way through cuts, what can still be done depends on the playhead as well, and is no more after more
 * cuts: the fewest that failed at a playhead, for one length of what is matched. */
typedef struct CutsFailed {
    int32_t n_out;
    uint8_t cuts, owed, armed;
} CutsFailed;

static bool same_length(const CutsFailed *f, const EnvNow *now) {
    return f->cuts && f->n_out == now->n_out && f->owed == now->owed && f->armed == now->armed;
}

static bool cuts_failed(const CutsFailed *failed, const EnvNow *now) {
    const CutsFailed *f = &failed[now->playhead];
    return now->cuts && same_length(f, now) && now->cuts >= f->cuts;
}

static void fail_cuts(CutsFailed *failed, const EnvNow *now) {
    CutsFailed *f = &failed[now->playhead];
    if (now->cuts && !(same_length(f, now) && f->cuts <= now->cuts))
        *f = (CutsFailed){now->n_out, (uint8_t)now->cuts, (uint8_t)now->owed, now->armed};
}

static bool get_bit(const uint8_t *bits, int64_t i) { return i >= 0 && (bits[i / 8] >> (i % 8) & 1); }
static void set_bit(uint8_t *bits, int64_t i) {
    if (i >= 0) bits[i / 8] |= (uint8_t)(1 << (i % 8));
}

/* The next action worth trying from a frame, -1 when there is none. */
static int next_candidate(const Env *e, const Wanted *w, Frame *f) {
    for (int cuts, action; (action = candidate(f->next, &cuts)) >= 0;) {
        f->next++;
        const bool cut = action >= ACT_CUT && action < ACT_REST;
        if ((cut || cuts) && !f->measured) {
            measure(e, w, f->cuts);
            f->measured = true;
        }
        if (cut ? f->cuts[PLAYHEAD] != cuts + 1 : cuts && f->cuts[landing_of(action)] != cuts) continue;
        if (worth_trying(e, w, action, cuts > 0) && action_legal(e, action)) return action;
    }
    return -1;
}

/* What the state forces must be part of the wanted edit as well. */
static bool play_forced(Env *e, const Wanted *w) {
    int only;
    while (!e->now.done) {
        int n = legal_few(e, &only);
        if (n > 1) return true;
        if (n == 0 || !worth_trying(e, w, only, true)) return false;
        state_apply(e, only, false);
    }
    return e->now.n_out == w->n;
}

static bool wanted_is_whole(const EnvSong *es, const int32_t *units, const uint8_t *fades, int32_t n) {
    if (n < 1 || n > MAX_OUT) return false;
    for (int32_t i = 0; i < n; i++)
        if (units[i] < 0 || units[i] >= es->n || fades[i] >= FADE_COUNT) return false;
    return true;
}

Status parse_units(Env *e, const Job *job, const int32_t *units, const uint8_t *fades, int32_t n,
                   uint8_t *actions, int32_t max, int32_t *n_actions, int32_t *reached) {
    Status st = BS_OK;
    Frame *frames = NULL;
    uint8_t *failed = NULL;
    CutsFailed *past_cuts = NULL;
    int32_t depth = 0, nodes = 0, most = max < ENV_MAX_STEPS ? max : ENV_MAX_STEPS;
    Wanted w = {units, fades, n};
    *n_actions = *reached = 0;
    if (!wanted_is_whole(e->es, units, fades, n))
        return fail(BS_NOT_FOUND, "no actions make this edit: %d units, or a unit outside the recording", n);
    TRY(env_reset(e, job));
    /* env_reset plays what is forced at the start */
    for (int32_t i = 0; i < e->now.n_out; i++)
        if (i >= n || e->out[i] != units[i] || e->out_fades[i] != fades[i])
            return fail(BS_NOT_FOUND, "no actions make this edit: unit %d is forced at its start", e->out[i]);
    if (e->now.done) return e->now.n_out == n ? BS_OK : fail(BS_NOT_FOUND, "no actions make this edit");
    if (most > 12 * n + 64) most = 12 * n + 64;
    frames = malloc(sizeof *frames * (size_t)(most + 1));
    failed = calloc(1, (size_t)((n + 1) * ARMED_STATES / 8 + 8));
    past_cuts = calloc((size_t)e->es->n + 1, sizeof *past_cuts);
    if (!frames || !failed || !past_cuts) {
        st = fail(BS_NOMEM, "parse: out of memory");
        goto out;
    }
    frames[0] = (Frame){.before = e->now};
    while (depth >= 0) {
        Frame *f = &frames[depth];
        bool deeper = false;
        for (int action; (action = next_candidate(e, &w, f)) >= 0;) {
            if (++nodes > PARSE_NODES) {
                st = fail(BS_NOT_FOUND, "no actions found for this edit in %d nodes", PARSE_NODES);
                goto out;
            }
            f->action = action;
            e->now.n_steps++;
            state_apply(e, action, false);
            const bool on = play_forced(e, &w);
            if (on && e->now.n_out > *reached) *reached = e->now.n_out;
            if (on && (e->now.done || (depth + 1 < most && !get_bit(failed, state_key(&e->now, &w)) &&
                                       !cuts_failed(past_cuts, &e->now)))) {
                deeper = true;
                break;
            }
            state_pop(e, &f->before);
        }
        if (deeper) {
            if (e->now.done) break;
            frames[++depth] = (Frame){.before = e->now};
            continue;
        }
        set_bit(failed, state_key(&f->before, &w));
        fail_cuts(past_cuts, &f->before);
        if (--depth >= 0) state_pop(e, &frames[depth].before);
    }
    if (depth < 0 || depth + 1 > max) {
        st = fail(BS_NOT_FOUND, "no actions make this edit under this job");
        goto out;
    }
    for (int32_t i = 0; i <= depth; i++) actions[i] = (uint8_t)frames[i].action;
    *n_actions = depth + 1;
out:
    free(frames);
    free(failed);
    free(past_cuts);
    return st;
}

Status env_parse(Env *e, const Job *job, const int32_t *units, const uint8_t *fades, int32_t n,
                 uint8_t *actions, int32_t max, int32_t *n_actions) {
    int32_t reached;
    return parse_units(e, job, units, fades, n, actions, max, n_actions, &reached);
}
