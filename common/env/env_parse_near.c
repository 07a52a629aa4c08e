/* Parse near: from left to right, the first seam that no actions make is changed by the least change that
 * lets the parse come past it. Each change leaves fewer seams to come, so it ends. */
#include <stdlib.h>

#include "common/env/env_state.h"

/* Units by which the piece before ends later, and the piece behind begins later; the least change first. */
static const int8_t moves[][2] = {{1, 1}, {-1, -1}, {0, 1}, {0, -1},  {1, 0}, {-1, 0},
                                  {2, 2}, {-2, -2}, {3, 3}, {-3, -3}, {4, 4}, {-4, -4},
                                  {0, 4}, {0, -4},  {4, 0}, {-4, 0},  {8, 8}, {-8, -8}};
enum { MOVES = sizeof moves / sizeof *moves, CHANGES = MOVES + 2 }; /* and a short fade, and leaving out */

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

/* Change c of the seam at `at`, which then lies `*later`; false where it makes no sense. */
static bool change(const Draft *from, int32_t at, int c, int32_t n_units, Draft *to, int32_t *later) {
    const int32_t start = run_start(from, at - 1), end = run_end(from, at);
    const int32_t a = from->units[start], b = from->units[at - 1] + 1, x = from->units[at],
                  y = from->units[end - 1] + 1;
    int32_t leave = b, enter = x;
    uint8_t fade = from->fades[at];
    if (c == 0) {
        if (fade == FADE_SHORT) return false;
        fade = FADE_SHORT;
    } else if (c <= MOVES) {
        leave += moves[c - 1][0], enter += moves[c - 1][1];
        if (leave <= a || leave > n_units || enter < 0 || enter >= y || leave == enter) return false;
    } else {
        enter = y; /* leave it out */
    }
    *later = leave - b;
    to->n = 0;
    for (int32_t i = 0; i < start; i++) push(to, from->units[i], from->fades[i]);
    return push_run(to, a, leave, start ? from->fades[start] : FADE_SHORT) && push_run(to, enter, y, fade) &&
           push_rest(to, from, end);
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
    int32_t reached, past = 0, later;
    TRY(draft_new(&now));
    TRY(draft_new(&next));
    if (*n > ENV_MAX_UNITS) TRY(fail(BS_NOT_FOUND, "no actions make an edit of %d units", *n));
    for (int32_t i = 0; i < *n; i++) push(&now, units[i], fades[i]);
    st = parse_units(env, job, now.units, now.fades, now.n, actions, max, n_actions, &reached);
    for (int32_t left = 2 * now.n; st == BS_NOT_FOUND && left > 0; left--) {
        int32_t at = reached < now.n ? reached : now.n - 1;
        bool better = false;
        at = run_start(&now, at > 0 ? at : 0);
        if (at == 0) at = now.n ? run_end(&now, 0) : 0; /* nothing but the first seam can be changed */
        if (at <= 0 || at >= now.n) break;
        for (int c = 0; c < CHANGES && !better; c++) {
            if (!change(&now, at, c, env->es->n, &next, &later)) continue;
            st = parse_units(env, job, next.units, next.fades, next.n, actions, max, n_actions, &past);
            if (st != BS_OK && st != BS_NOT_FOUND) goto out;
            better = st == BS_OK || past - later > reached || c == CHANGES - 1;
        }
        if (!better) break;
        swap(&now, &next);
        reached = past;
    }
    if (st != BS_OK) goto out;
    for (int32_t i = 0; i < now.n; i++) units[i] = now.units[i], fades[i] = now.fades[i];
    *n = now.n;
out:
    free(now.units);
    free(now.fades);
    free(next.units);
    free(next.fades);
    return st;
}
