/* Bars, places and prices, once per search. Prices of a join fall into one for the two places and one for the
 * two bars, so that tables of slots x slots and bars x bars hold them all. */
#include "simulator/right_graph.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BARS = 4096 };

/* At most what a beat costs that is spoilt and fills its window: so the sum over a bar is a Cost too. */
static Cost cost_of(double x) {
    const Cost most = COST_NEVER / (2 * TRUTH_MAX_METER);
    return x * COST_ONE < most ? (Cost)(x * COST_ONE + 0.5) : most;
}

static bool bar_of_tune(const Graph *g, int32_t u) {
    return truth_bar_at(g->form.t, u) && truth_unit_tune(g->form.t, u) == g->form.tune;
}

static Cost beat_worth(const Graph *g, int32_t u) {
    const Truth *t = g->form.t;
    double samples = (double)(truth_unit_end(t, u) - t->units[u].start_sample);
    return cost_of(PRICE_FLAW * (double)g->form.excess[u] * samples / g->form.target);
}

static void find_beats(const Graph *g, Bar *bar, BarEnd *ends) {
    Cost worth = 0;
    for (int32_t i = 0; i < g->form.meter; i++) {
        worth += beat_worth(g, bar->unit + i);
        ends[i] = (BarEnd){.end = truth_unit_end(g->form.t, bar->unit + i), .worth = worth};
    }
    bar->end = ends[g->form.meter - 1].end;
    bar->worth = worth;
}

static Status find_bars(Graph *g) {
    const Truth *t = g->form.t;
    for (int32_t u = 0; u < t->n_units; u++) g->n_bars += bar_of_tune(g, u);
    if (g->n_bars == 0) return fail(BS_CONFLICT, "there is no whole bar to keep");
    if (g->n_bars > MAX_BARS) return fail(BS_TOO_BIG, "%d bars are too many to search", g->n_bars);
    g->bars = calloc((size_t)g->n_bars, sizeof *g->bars);
    g->ends = calloc((size_t)g->n_bars * (size_t)g->form.meter, sizeof *g->ends);
    if (!g->bars || !g->ends) return fail(BS_NOMEM, "no memory for the right edit");
    int32_t b = 0;
    for (int32_t u = 0; u < t->n_units; u++) {
        if (!bar_of_tune(g, u)) continue;
        Bar *bar = &g->bars[b];
        *bar = (Bar){.unit = u, .slot = t->units[u].slot, .start = t->units[u].start_sample, .next = -1};
        find_beats(g, bar, &g->ends[b * g->form.meter]);
        if (b > 0 && bar[-1].end == bar->start && t->units[bar[-1].unit].take == t->units[u].take)
            bar[-1].next = b;
        b++;
    }
    return BS_OK;
}

/* A bar fills its own slot and those of the same music. */
static Status find_nodes(Graph *g) {
    const Form *f = &g->form;
    for (int pass = 0; pass < 2; pass++) {
        g->n_nodes = 0;
        for (int32_t b = 0; b < g->n_bars; b++) {
            Bar *bar = &g->bars[b];
            int32_t slot = bar->slot;
            bar->first_node = g->n_nodes;
            do {
                if (pass) g->nodes[g->n_nodes] = (Node){.bar = b, .slot = slot};
                g->n_nodes++;
                slot = f->alike[slot];
            } while (slot != bar->slot && !(g->forbidden & RIGHT_NO_REORDER));
            bar->n_nodes = g->n_nodes - bar->first_node;
        }
        if (pass) break;
        g->nodes = calloc((size_t)g->n_nodes, sizeof *g->nodes);
        g->slot_nodes = calloc((size_t)g->n_nodes, sizeof *g->slot_nodes);
        g->slot_first = calloc((size_t)f->n_slots + 1, sizeof *g->slot_first);
        if (!g->nodes || !g->slot_nodes || !g->slot_first)
            return fail(BS_NOMEM, "no memory for the right edit");
    }
    for (int32_t i = 0; i < g->n_nodes; i++) g->slot_first[g->nodes[i].slot + 1]++;
    for (int32_t s = 0; s < f->n_slots; s++) g->slot_first[s + 1] += g->slot_first[s];
    for (int32_t i = g->n_nodes; i-- > 0;) g->slot_nodes[--g->slot_first[g->nodes[i].slot + 1]] = i;
    for (int32_t s = 0; s < f->n_slots; s++) g->slot_first[s] = g->slot_first[s + 1];
    g->slot_first[f->n_slots] = g->n_nodes;
    return BS_OK;
}

static JoinKind kind_of(const Form *f, int32_t from, int32_t to) {
    if (to <= from) return f->section[to] == f->section[from] ? JOIN_LOOP : JOIN_REORDER;
    return f->before[to * f->meter] > f->before[(from + 1) * f->meter] ? JOIN_CUT : JOIN_TAKE;
}

static bool is_forbidden(uint32_t forbidden, JoinKind kind) {
    return ((forbidden & RIGHT_NO_LOOP) && kind == JOIN_LOOP) ||
           ((forbidden & RIGHT_NO_REORDER) && kind == JOIN_REORDER) ||
           ((forbidden & RIGHT_NO_TAKE_CHANGE) && kind == JOIN_TAKE) ||
           ((forbidden & RIGHT_NO_CUT) && kind == JOIN_CUT);
}

static Status price_places(Graph *g) {
    const Form *f = &g->form;
    size_t n = (size_t)f->n_slots;
    double edge;
    g->start = calloc(n, sizeof *g->start);
    g->end = calloc((size_t)f->n_positions + 1, sizeof *g->end);
    g->uncut = calloc(n * n, sizeof *g->uncut);
    g->cut = calloc(n * n, sizeof *g->cut);
    if (!g->start || !g->end || !g->uncut || !g->cut) return fail(BS_NOMEM, "no memory for the right edit");
    for (int32_t s = 0; s < f->n_slots; s++) g->start[s] = cost_of(form_start_price(f, s * f->meter, &edge));
    for (int32_t p = 0; p <= f->n_positions; p++) g->end[p] = cost_of(form_end_price(f, p, &edge));
    for (int32_t a = 0; a < f->n_slots; a++)
        for (int32_t b = 0; b < f->n_slots; b++) {
            int32_t from = (a + 1) * f->meter, to = b * f->meter;
            Cost jump = cost_of(form_jump_price(f, from, to));
            Cost *uncut = &g->uncut[(size_t)a * n + (size_t)b], *cut = &g->cut[(size_t)a * n + (size_t)b];
            *uncut = jump;
            *cut = jump + cost_of(PRICE_CUT) + cost_of(PRICE_SEAM * line_fault(f, from, to));
            if (is_forbidden(g->forbidden, kind_of(f, a, b))) *cut = COST_NEVER;
        }
    return BS_OK;
}

static Status price_bars(Graph *g) {
    const Truth *t = g->form.t;
    size_t n = (size_t)g->n_bars;
    const int32_t last = g->form.meter - 1;
    g->join = calloc(n * n, sizeof *g->join);
    g->fade = calloc(n * n, sizeof *g->fade);
    if (!g->join || !g->fade) return fail(BS_NOMEM, "no memory for the right edit");
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            int32_t out = g->bars[a].unit + last, in = g->bars[b].unit;
            Fade fade = g->forbidden & RIGHT_NO_LONG_FADE ? FADE_SHORT : right_fade(t, out + 1, in);
            g->fade[a * n + b] = (uint8_t)fade;
            g->join[a * n + b] = cost_of(PRICE_SEAM * tempo_fault(t, out, in)) +
                                 cost_of(PRICE_JOIN * join_fault(t, out + 1, in, fade));
        }
    return BS_OK;
}

Status graph_init(Graph *g, const Truth *t, int32_t tune, int64_t lo, int64_t hi, uint32_t forbidden) {
    Status st = BS_OK;
    *g = (Graph){.forbidden = forbidden};
    TRY(form_init(&g->form, t, tune, lo, hi));
    TRY(find_bars(g));
    TRY(find_nodes(g));
    TRY(price_places(g));
    TRY(price_bars(g));
out:
    return st;
}

void graph_drop(Graph *g) {
    form_drop(&g->form);
    free(g->bars);
    free(g->nodes);
    free(g->ends);
    free(g->slot_first);
    free(g->slot_nodes);
    free(g->start);
    free(g->end);
    free(g->uncut);
    free(g->cut);
    free(g->join);
    free(g->fade);
    *g = (Graph){0};
}

JoinKind graph_join(const Graph *g, int32_t a, int32_t b) {
    const Node *from = &g->nodes[a], *to = &g->nodes[b];
    if (g->bars[from->bar].next == to->bar) return JOIN_UNCUT;
    JoinKind kind = kind_of(&g->form, from->slot, to->slot);
    if (kind == JOIN_TAKE && g->bars[to->bar].slot != to->slot) return JOIN_REORDER;
    return kind;
}
