#include "common/env/env_near.h"

#include <stdlib.h>

/* Units by which a run may end later. */
static const int8_t leaves[] = {0, 1, -1, 2, -2, 3, -3, 4, -4, 8, -8};
enum {
    LEAVES = sizeof leaves,
    EARLIER = 16,       /* units: one that much before the wanted one will do */
    ENTERS = 4,         /* units to either side of the wanted one that are asked for beside the menus */
    LEFT_OUT = 3,       /* runs in a row, most */
    STUMBLE = 2,        /* units: what it costs that both sides move by different amounts */
    MOST_WAYS = 64,     /* over one seam: the cheapest */
    MAX_WAYS = 1 << 21, /* of an edit */
    CANDIDATES = LEAVES * (2 * ENTERS + 2 + SPANS + ENV_TARGETS + ENV_PAIRS) * FADE_COUNT,
};

static int32_t length(const Run *r) { return r->end - r->first; }

/* ---- what one seam may be -------------------------------------------------------------------------- */

typedef struct Asked {
    const Near *near;
    const Run *before, *behind; /* before: NULL at the start */
    int32_t from, skipped;      /* units of the runs between */
    Way *out;
    int32_t n;
} Asked;

static void add(Asked *a, Way way) {
    const Run *before = a->before, *behind = a->behind;
    if (way.enter < 0 || way.enter >= behind->end || way.enter < behind->first - EARLIER) return;
    if (way.leave == way.enter && before) return;
    const int32_t l = before ? way.leave - before->end : 0, e = way.enter - behind->first;
    const int32_t cost =
        2 * (abs(l) + abs(e) + (before && l != e ? STUMBLE : 0) + a->skipped) + (way.fade != behind->fade);
    for (int32_t i = 0; i < a->n; i++) {
        const Way *w = &a->out[i];
        if (w->leave == way.leave && w->enter == way.enter && w->fade == way.fade && w->back == way.back)
            return;
    }
    if (a->n == CANDIDATES) return;
    way.cost = cost;
    way.from = a->from;
    a->out[a->n++] = way;
}

static Way plain_way(int32_t leave, int32_t enter, int fade) {
    return (Way){.leave = leave,
                 .enter = enter,
                 .least = enter + fade_units(fade),
                 .back = -1,
                 .back_end = -1,
                 .reach = INT32_MAX,
                 .before = -1,
                 .fade = (uint8_t)fade};
}

/* A jump that lands on `at` and moves on to `enter`, in each fade that is not longer than wanted and for
 * which there is room. */
static void add_jump(Asked *a, int32_t leave, int32_t at, int32_t enter) {
    const EnvSong *es = a->near->es;
    int room = 0;
    if (enter < 0 || enter >= es->n || cuts_between(es, at, enter) > ENV_MAX_CUTS) return;
    if (a->before) {
        const int here = fade_room(es, leave - 1, enter), there = fade_room(es, leave - 1, at);
        room = at == leave || here < there ? here : there;
    }
    for (int fade = a->before ? a->behind->fade : FADE_SHORT; fade >= FADE_SHORT; fade--)
        if (fade == FADE_SHORT || fade_units(fade) <= room) add(a, plain_way(leave, enter, fade));
}

static void add_reorders(Asked *a, int32_t leave) {
    const EnvMenu *menu = &a->near->es->menus[leave];
    for (int i = 0; i < ENV_PAIRS; i++) {
        const int32_t *pair = menu->pair[i];
        if (pair[0] < 0) continue;
        Way way = plain_way(leave, pair[0], FADE_SHORT);
        way.least = way.back_end = pair[1];
        way.back = pair[2];
        add(a, way);
    }
}

static void add_loops(Asked *a, int32_t leave) {
    const EnvSong *es = a->near->es;
    for (int32_t enter = a->behind->first - ENTERS; enter <= a->behind->first + ENTERS; enter++) {
        if (enter < 0 || enter >= leave) continue;
        const EnvUnit *x = &es->units[enter];
        for (int span = 0; span < SPANS; span++) {
            if (x->end[span] != leave || !(x->loops >> span & 1)) continue;
            Way way = plain_way(leave, enter, FADE_SHORT);
            way.least = leave;
            way.reach = enter;
            add(a, way);
        }
    }
}

static void ask(Asked *a) {
    const EnvSong *es = a->near->es;
    int32_t targets[ENV_TARGETS + 2];
    for (int k = 0; k < (a->before ? LEAVES : 1); k++) {
        const int32_t leave = a->before ? a->before->end + leaves[k] : a->near->start_anchor;
        if (leave < 0 || leave > es->n || (a->before && leave <= a->before->first)) continue;
        const int n_targets = env_song_targets(es, leave, targets);
        targets[n_targets] = a->near->start_anchor;
        targets[n_targets + 1] = a->before ? leave : 0; /* no jump, but cuts and perhaps one at their end */
        for (int i = 0; i < n_targets + 2; i++) {
            add_jump(a, leave, targets[i], targets[i]);
            for (int32_t e = a->behind->first - ENTERS; e <= a->behind->first + ENTERS; e++)
                add_jump(a, leave, targets[i], e);
        }
        if (!a->before) continue;
        add_loops(a, leave);
        add_reorders(a, leave);
        Way end_of_reorder = plain_way(leave, a->behind->first, FADE_SHORT);
        end_of_reorder.only_back = true;
        add(a, end_of_reorder);
    }
}

static int by_cost(const void *a, const void *b) {
    const Way *p = a, *q = b;
    if (p->cost != q->cost) return p->cost < q->cost ? -1 : 1;
    if (p->leave != q->leave) return p->leave < q->leave ? -1 : 1;
    if (p->enter != q->enter) return p->enter < q->enter ? -1 : 1;
    if (p->fade != q->fade) return p->fade - q->fade;
    return (p->back > q->back) - (p->back < q->back);
}

/* ---- the graph -------------------------------------------------------------------------------------- */

static Status find_runs(Near *near, const int32_t *units, const uint8_t *fades, int32_t n) {
    near->runs = malloc(sizeof *near->runs * (size_t)n);
    if (!near->runs) return fail(BS_NOMEM, "parse: out of memory");
    for (int32_t i = 0; i < n; i++) {
        if (i > 0 && units[i] == units[i - 1] + 1)
            near->runs[near->n_runs - 1].end++;
        else
            near->runs[near->n_runs++] = (Run){units[i], units[i] + 1, i ? fades[i] : FADE_SHORT};
    }
    return BS_OK;
}

static Status find_ways(Near *near) {
    Status st = BS_OK;
    int32_t n = 0, room = 0, before_units = 0;
    Way *found = malloc(sizeof *found * CANDIDATES);
    near->first_way = calloc((size_t)near->n_runs + 1, sizeof *near->first_way);
    if (!found || !near->first_way) TRY(fail(BS_NOMEM, "parse: out of memory"));
    for (int32_t k = 0; k < near->n_runs; k++) {
        near->first_way[k] = n;
        int32_t skipped = 0;
        for (int32_t j = k - 1; j >= -1; j--) {
            if (k - 1 - j > LEFT_OUT) j = -1; /* all before may go, or the last few */
            Asked a = {near, j < 0 ? NULL : &near->runs[j],  &near->runs[k],
                       j,    j < 0 ? before_units : skipped, found,
                       0};
            ask(&a);
            qsort(found, (size_t)a.n, sizeof *found, by_cost);
            if (a.n > MOST_WAYS) a.n = MOST_WAYS;
            if (n + a.n > room) {
                room = 2 * room + MOST_WAYS * (LEFT_OUT + 2);
                Way *more = room > MAX_WAYS ? NULL : realloc(near->ways, sizeof *more * (size_t)room);
                if (!more) TRY(fail(BS_NOMEM, "parse: no memory for %d runs", near->n_runs));
                near->ways = more;
            }
            for (int32_t i = 0; i < a.n; i++) near->ways[n++] = found[i];
            if (j >= 0) skipped += length(&near->runs[j]);
        }
        before_units += length(&near->runs[k]);
    }
    near->first_way[near->n_runs] = n;
out:
    free(found);
    return st;
}

Status near_new(Near *near, const Env *env, const int32_t *units, const uint8_t *fades, int32_t n) {
    Status st = BS_OK;
    *near = (Near){.es = env->es, .start_anchor = env->plan.first_allowed};
    TRY(find_runs(near, units, fades, n));
    TRY(find_ways(near));
out:
    if (st != BS_OK) near_drop(near);
    return st;
}

void near_drop(Near *near) {
    free(near->runs);
    free(near->ways);
    free(near->first_way);
    *near = (Near){0};
}

/* May a run that was entered by v be left by w? */
static bool follows(const Way *v, const Way *w) {
    const int32_t run = w->leave - v->enter;
    if (run < 1 || w->leave < v->least) return false;
    if (v->back >= 0) return w->leave == v->back_end && w->enter == v->back && w->fade == FADE_SHORT;
    if (w->fade != FADE_SHORT && run < fade_units(w->fade)) return false;
    return !w->only_back && v->enter <= w->reach;
}

static void come_to(Near *near, Way *w) {
    w->total = INT32_MAX;
    w->before = -1;
    if (w->struck) return;
    if (w->from < 0) {
        w->total = w->cost;
        return;
    }
    for (int32_t i = near->first_way[w->from]; i < near->first_way[w->from + 1]; i++) {
        const Way *v = &near->ways[i];
        if (v->total == INT32_MAX || v->total + w->cost >= w->total || !follows(v, w)) continue;
        w->total = v->total + w->cost;
        w->before = i;
    }
}

Status near_find(Near *near, int32_t *path, int32_t *n) {
    int32_t best = -1, least = INT32_MAX, after = 0;
    for (int32_t i = 0; i < near->first_way[near->n_runs]; i++) come_to(near, &near->ways[i]);
    for (int32_t k = near->n_runs - 1; k >= 0; k--) {
        for (int32_t i = near->first_way[k]; i < near->first_way[k + 1]; i++) {
            const Way *w = &near->ways[i];
            if (w->total == INT32_MAX || w->back >= 0 || w->least > near->runs[k].end) continue;
            if (w->total + 2 * after < least) least = w->total + 2 * after, best = i;
        }
        after += length(&near->runs[k]);
    }
    *n = 0;
    for (int32_t i = best; i >= 0; i = near->ways[i].before) ++*n;
    for (int32_t i = best, at = *n; i >= 0; i = near->ways[i].before) path[--at] = i;
    return *n ? BS_OK : fail(BS_NOT_FOUND, "no actions make anything like this edit");
}

int32_t near_run(const Near *near, int32_t way) {
    int32_t k = 0;
    while (near->first_way[k + 1] <= way) k++;
    return k;
}
