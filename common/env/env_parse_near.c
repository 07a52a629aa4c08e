/* Parse near: from left to right, the first seam that no actions make is changed by the least change that
 * lets the parse come past it. What is tried: small moves of both sides or of one, and what the menus offer
 * from there. Each change leaves fewer seams to come, so it ends. */
#include <stdlib.h>

#include "common/env/env_state.h"

/* Units by which the piece before ends later, and the piece behind begins later. */
static const int8_t moves[][2] = {{0, 0},   {1, 1}, {-1, -1}, {0, 1}, {0, -1},  {1, 0}, {-1, 0}, {2, 2},
                                  {-2, -2}, {3, 3}, {-3, -3}, {4, 4}, {-4, -4}, {8, 8}, {-8, -8}};
/* And those after which the menu is asked. */
static const int8_t leaves[] = {0, 1, -1, 2, -2, 3, -3, 4, -4};
enum {
    MOVES = sizeof moves / sizeof *moves,
    LEAVES = sizeof leaves,
    MAX_OPTIONS = 2 * (MOVES + LEAVES * ENV_TARGETS),
    TRIED = 64,   /* of them, the cheapest */
    EARLIER = 16, /* units: a target that much before the wanted one will do */
    STUMBLE = 2,  /* units: what it costs that both sides move by different amounts */
};

typedef struct Draft {
    int32_t *units;
    uint8_t *fades;
    int32_t n;
} Draft;

static bool is_seam(const Draft *d, int32_t at) { return at > 0 && d->units[at] != d->units[at - 1] + 1; }

/* The last unit of the run that holds `at`, plus one. */
static int32_t run_end(const Draft *d, int32_t at) {
    do at++;
    while (at < d->n && !is_seam(d, at));
    return at;
}

static int32_t run_start(const Draft *d, int32_t at) {
    while (at > 0 && !is_seam(d, at)) at--;
    return at;
}

static bool push(Draft *to, int32_t unit, uint8_t fade) {
    if (to->n == ENV_MAX_UNITS) return false;
    to->units[to->n] = unit;
    to->fades[to->n++] = fade;
    return true;
}

static bool push_run(Draft *to, int32_t first, int32_t end, uint8_t fade) {
    for (int32_t u = first; u < end; u++)
        if (!push(to, u, u == first ? fade : FADE_SHORT)) return false;
    return true;
}

static bool push_rest(Draft *to, const Draft *from, int32_t at) {
    for (; at < from->n; at++)
        if (!push(to, from->units[at], is_seam(from, at) ? from->fades[at] : FADE_SHORT)) return false;
    return true;
}

/* A change of one seam: where the piece before ends, where the piece behind begins, and the fade. */
typedef struct Option {
    int32_t leave, enter, cost;
    uint8_t fade;
} Option;

/* The seam as it is: piece before [a, b), piece behind [x, y); before the first piece a = b = the anchor. */
typedef struct Place {
    int32_t at, start, end, a, b, x, y;
    uint8_t fade;
} Place;

static Place place_of(const Draft *d, int32_t at, int32_t first_anchor) {
    Place p = {.at = at, .end = run_end(d, at), .x = d->units[at], .fade = d->fades[at]};
    p.y = d->units[p.end - 1] + 1;
    p.start = at ? run_start(d, at - 1) : 0;
    p.a = at ? d->units[p.start] : first_anchor;
    p.b = at ? d->units[at - 1] + 1 : first_anchor;
    return p;
}

static int by_cost(const void *a, const void *b) {
    const Option *p = a, *q = b;
    if (p->cost != q->cost) return p->cost < q->cost ? -1 : 1;
    if (p->leave != q->leave) return p->leave < q->leave ? -1 : 1;
    return p->enter != q->enter ? (p->enter < q->enter ? -1 : 1) : p->fade - q->fade;
}

static void add_option(const Place *p, int32_t leave, int32_t enter, int32_t n_units, Option *out,
                       int32_t *n) {
    const int32_t l = leave - p->b, e = enter - p->x;
    if (p->at && (leave <= p->a || leave > n_units || leave == enter)) return;
    if (enter < 0 || enter >= p->y) return;
    const int32_t cost = 2 * (abs(l) + abs(e) + (p->at && l != e ? STUMBLE : 0));
    if (cost) out[(*n)++] = (Option){leave, enter, cost, p->at ? p->fade : FADE_SHORT};
    if (p->at && p->fade != FADE_SHORT) out[(*n)++] = (Option){leave, enter, cost + 1, FADE_SHORT};
}

static int32_t options_of(const EnvSong *es, const Place *p, Option *out) {
    int32_t n = 0, targets[ENV_TARGETS];
    for (int m = 0; m < MOVES; m++)
        if (p->at || !moves[m][0]) add_option(p, p->b + moves[m][0], p->x + moves[m][1], es->n, out, &n);
    for (int k = 0; k < (p->at ? LEAVES : 1); k++) {
        const int32_t leave = p->b + leaves[k];
        if (leave < 0 || leave > es->n) continue;
        const int n_targets = env_song_targets(es, leave, targets);
        for (int i = 0; i < n_targets; i++)
            if (targets[i] >= p->x - EARLIER) add_option(p, leave, targets[i], es->n, out, &n);
    }
    qsort(out, (size_t)n, sizeof *out, by_cost);
    return n;
}

static bool change(const Draft *from, const Place *p, const Option *o, Draft *to) {
    to->n = 0;
    for (int32_t i = 0; i < p->start; i++) push(to, from->units[i], from->fades[i]);
    if (p->at && !push_run(to, p->a, o->leave, p->start ? from->fades[p->start] : FADE_SHORT)) return false;
    return push_run(to, o->enter, p->y, o->fade) && push_rest(to, from, p->end) && to->n > 0;
}

static void swap(Draft *a, Draft *b) {
    const Draft keep = *a;
    *a = *b;
    *b = keep;
}

static Status draft_new(Draft *d) {
    d->units = malloc(sizeof *d->units * ENV_MAX_UNITS);
    d->fades = malloc(ENV_MAX_UNITS);
    return d->units && d->fades ? BS_OK : fail(BS_NOMEM, "parse: out of memory");
}

Status env_parse_near(Env *env, const Job *job, int32_t *units, uint8_t *fades, int32_t *n, uint8_t *actions,
                      int32_t max, int32_t *n_actions) {
    Status st = BS_OK;
    Draft now = {0}, next = {0};
    Option *options = malloc(sizeof *options * MAX_OPTIONS);
    int32_t reached, past = 0;
    if (!options) TRY(fail(BS_NOMEM, "parse: out of memory"));
    TRY(draft_new(&now));
    TRY(draft_new(&next));
    if (*n > ENV_MAX_UNITS) TRY(fail(BS_NOT_FOUND, "no actions make an edit of %d units", *n));
    for (int32_t i = 0; i < *n; i++) push(&now, units[i], fades[i]);
    st = parse_units(env, job, now.units, now.fades, now.n, actions, max, n_actions, &reached);
    for (int32_t left = 2 * now.n; st == BS_NOT_FOUND && left > 0 && now.n > 0; left--) {
        const int32_t at = run_start(&now, reached < now.n ? reached : now.n - 1);
        const Place place = place_of(&now, at, env->plan.first_allowed);
        const int32_t n_options = options_of(env->es, &place, options);
        bool better = false;
        for (int32_t k = 0; k <= n_options && k <= TRIED && !better; k++) {
            const bool leave_out = k == n_options || k == TRIED;
            const Option all = {place.b, place.y, 0, FADE_SHORT}, *o = leave_out ? &all : &options[k];
            if (!change(&now, &place, o, &next)) continue;
            st = parse_units(env, job, next.units, next.fades, next.n, actions, max, n_actions, &past);
            if (st != BS_OK && st != BS_NOT_FOUND) goto out;
            better = st == BS_OK || leave_out || past - (o->leave - place.b) > reached;
        }
        if (!better) break;
        swap(&now, &next);
        reached = past;
    }
    if (st != BS_OK) goto out;
    for (int32_t i = 0; i < now.n; i++) units[i] = now.units[i], fades[i] = now.fades[i];
    *n = now.n;
out:
    free(options);
    free(now.units);
    free(now.fades);
    free(next.units);
    free(next.fades);
    return st;
}
