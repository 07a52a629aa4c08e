/* Viterbi over bars; states are the slots and nothing, before, after:
 *     V[i][j] = like(i, j) - floor + max(V[i-1][j-1], V[i-1][j-2] - skip, V[i-1][j] - skip, best_i-1 - jump)
 * A take may thus start in the middle, break off, go back and begin again, and may begin before the form does
 * or go on after it. */
#include "featurizer/dsp/form_path.h"

/* In likeness; fitted with `tests/bench/bench_hearing`'s slots on sessions of seed 616161. */
static const double skip = 0.6,             /* a bar left out, or played twice */
    jump = 1.4,                             /* to any other slot */
    late_start = 0.16, later_start = 0.005, /* a take begins at the form's second bar; per bar more */
    leave = 0.8, idle = 0.012,              /* into bars of nothing and out of them; per bar */
    hang_over = 0.05, fresh = 0.035;        /* out of the form at an end; per bar */

typedef struct Path {
    int32_t n_slots, n_states, nothing, before, after;
    double *value, *next; /* [n_states] */
    int32_t *from;        /* [n_bars x n_states] */
} Path;

static void offer(double *best, int32_t *from, double value, int32_t state) {
    if (value > *best) *best = value, *from = state;
}

static void first_bar(Path *p, const BarSound *bar, const BarSound *form, double floor_likeness) {
    for (int32_t j = 0; j < p->n_slots; j++)
        p->value[j] = bar_likeness(bar, &form[j]) - floor_likeness - (j ? late_start + later_start * j : 0);
    p->value[p->nothing] = -idle;
    p->value[p->before] = -fresh;
    p->value[p->after] = -1e30;
}

static void next_bar(Path *p, const BarSound *bar, const BarSound *form, double floor_likeness,
                     int32_t *from) {
    const int32_t n = p->n_slots;
    int32_t top = p->nothing;
    for (int32_t j = 0; j < n; j++)
        if (p->value[j] > p->value[top]) top = j;
    for (int32_t j = 0; j < n; j++) {
        double best = p->value[top] - jump;
        from[j] = top;
        offer(&best, &from[j], p->value[p->nothing] - leave, p->nothing);
        offer(&best, &from[j], p->value[j] - skip, j);
        if (j > 1) offer(&best, &from[j], p->value[j - 2] - skip, j - 2);
        if (j > 0) offer(&best, &from[j], p->value[j - 1], j - 1);
        if (j == 0) offer(&best, &from[j], p->value[p->before] - hang_over, p->before);
        p->next[j] = best + bar_likeness(bar, &form[j]) - floor_likeness;
    }
    double nothing = p->value[p->nothing], after = p->value[p->after];
    from[p->nothing] = p->nothing;
    for (int32_t j = 0; j < n; j++) offer(&nothing, &from[p->nothing], p->value[j] - leave, j);
    p->next[p->nothing] = nothing - idle;
    from[p->before] = p->before;
    p->next[p->before] = p->value[p->before] - fresh;
    from[p->after] = p->after;
    offer(&after, &from[p->after], p->value[n - 1] - hang_over, n - 1);
    p->next[p->after] = after - fresh;
    double *swap = p->value;
    p->value = p->next, p->next = swap;
}

double form_path(const BarSound *bars, int32_t n_bars, const BarSound *form, int32_t n_slots,
                 double floor_likeness, Arena *scratch, int32_t *places, Status *st) {
    Path p = {n_slots, n_slots + 3, n_slots, n_slots + 1, n_slots + 2, NULL, NULL, NULL};
    const size_t width = (size_t)p.n_states;
    p.value = arena_alloc(scratch, sizeof(double) * width);
    p.next = arena_alloc(scratch, sizeof(double) * width);
    p.from = arena_alloc(scratch, sizeof(int32_t) * width * (size_t)(n_bars + 1));
    if (!p.value || !p.next || !p.from) {
        *st = fail(BS_NOMEM, "form: out of memory for %d x %d bars", n_bars, n_slots);
        return 0;
    }
    for (int32_t i = 0; i < n_bars; i++) places[i] = PATH_NOTHING;
    if (!n_bars || !n_slots) return 0;
    first_bar(&p, &bars[0], form, floor_likeness);
    for (int32_t i = 1; i < n_bars; i++)
        next_bar(&p, &bars[i], form, floor_likeness, p.from + (size_t)i * width);
    int32_t state = p.nothing;
    for (int32_t j = 0; j < p.n_states; j++)
        if (j != p.before && p.value[j] > p.value[state]) state = j;
    const double worth = p.value[state];
    for (int32_t i = n_bars - 1; i >= 0; i--) {
        places[i] = state < n_slots      ? state
                    : state == p.nothing ? PATH_NOTHING
                    : state == p.before  ? PATH_BEFORE
                                         : PATH_AFTER;
        state = p.from[(size_t)i * width + (size_t)state];
    }
    return worth;
}
