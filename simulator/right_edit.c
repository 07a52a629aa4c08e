/* Bounds backward over (node, bucket), then best-first over (node, exact length). See the header for why the
 * first end that is taken from the heap is the best one. Where many lengths tie, buckets get finer and the
 * search starts again; the last attempt keeps one length a bucket, so it always ends, and says that nothing
 * is proved. */
#include "simulator/right_edit.h"

#include <stdlib.h>
#include <string.h>

#include "simulator/right_graph.h"

enum {
    MAX_BOUNDS = 24 << 20,  /* node x bucket */
    MAX_STATES = 3 << 20,   /* held at once */
    FIRST_EXPANDED = 20000, /* before buckets get finer */
    LAST_EXPANDED = 200000, /* before lengths are merged */
    FINER = 4,
    NONE = -1
};

/* The relaxed problem. Bounds of bucket q are at [q * n_nodes]. */
typedef struct Bounds {
    int64_t bucket; /* samples */
    int32_t n_buckets, lo, hi;
    Cost *to_go;  /* [n_buckets][n_nodes]: from the node's start on, lengths as bars add up in buckets */
    Cost *nearby; /* the same, a bucket more or less allowed: bounds an exact state */
    Cost *hub;    /* [n_buckets][n_slots]: least of nearby among the nodes that fill a slot */
} Bounds;

typedef struct State {
    int64_t length; /* samples kept before the node; of an end, in all */
    Cost cost;
    int32_t node;  /* NONE: an end */
    int32_t from;  /* state, NONE at the start */
    int16_t beats; /* of an end: kept of the last bar */
} State;

typedef struct Entry {
    Cost estimate, cost;
    int32_t state;
} Entry;

typedef struct Search {
    const Graph *g;
    int64_t lo, hi;
    Bounds bounds;
    State *states;
    Entry *heap;
    int32_t *seen;                    /* hash of (node, length): state */
    int32_t n_states, n_heap, n_room; /* room: of states and heap; twice as much and more in seen */
    int32_t seen_size;                /* a power of two */
    bool merge;                       /* one length a bucket */
    int64_t n_expanded, nearest; /* nearest: length of the end that is nearest to the window, -1 before */
} Search;

static Cost least(Cost a, Cost b) { return a < b ? a : b; }
static Cost sum(int64_t a, int64_t b, int64_t c) {
    int64_t all = a + b + c;
    return all < COST_NEVER ? (Cost)all : COST_NEVER;
}
static int32_t in_buckets(const Bounds *b, int64_t samples) { return (int32_t)(samples / b->bucket); }

/* ---- bounds */
static void bounds_drop(Bounds *b) {
    free(b->to_go);
    free(b->nearby);
    free(b->hub);
    *b = (Bounds){0};
}

/* Half the shortest bar at most, so that each bar leads to a later bucket even when shortened by one. */
static Status bounds_init(Bounds *b, const Graph *g, int64_t lo, int64_t hi, int64_t bucket) {
    int64_t shortest = INT64_MAX;
    for (int32_t i = 0; i < g->n_bars; i++)
        if (g->bars[i].end - g->bars[i].start < shortest) shortest = g->bars[i].end - g->bars[i].start;
    *b = (Bounds){.bucket = bucket < shortest / 2 ? bucket : shortest / 2};
    int64_t least_bucket = hi * g->n_nodes / MAX_BOUNDS + 1;
    if (b->bucket < least_bucket) b->bucket = least_bucket;
    if (b->bucket > shortest / 2)
        return fail(BS_TOO_BIG, "a window of %lld samples over %d bars is too much to search", (long long)hi,
                    g->n_bars);
    b->lo = in_buckets(b, lo);
    b->hi = in_buckets(b, hi);
    b->n_buckets = b->hi + 2;
    size_t n = (size_t)b->n_buckets;
    b->to_go = malloc(n * (size_t)g->n_nodes * sizeof *b->to_go);
    b->nearby = malloc(n * (size_t)g->n_nodes * sizeof *b->nearby);
    b->hub = malloc(n * (size_t)g->form.n_slots * sizeof *b->hub);
    if (!b->to_go || !b->nearby || !b->hub) return fail(BS_NOMEM, "no memory for the right edit");
    return BS_OK;
}

static Cost *row(const Graph *g, Cost *table, int32_t q) { return &table[(size_t)q * (size_t)g->n_nodes]; }

/* Rows q - 1, q and q + 1 are known. */
static void settle_nearby(const Graph *g, Bounds *b, int32_t q) {
    Cost *near = row(g, b->nearby, q), *hub = &b->hub[(size_t)q * (size_t)g->form.n_slots];
    const Cost *here = row(g, b->to_go, q), *less = q > 0 ? row(g, b->to_go, q - 1) : here,
               *more = q + 1 < b->n_buckets ? row(g, b->to_go, q + 1) : here;
    for (int32_t s = 0; s < g->form.n_slots; s++) hub[s] = COST_NEVER;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        near[i] = least(here[i], least(less[i], more[i]));
        hub[g->nodes[i].slot] = least(hub[g->nodes[i].slot], near[i]);
    }
}

/* Least cost to go on after node i, whose bar ends in bucket q; `best` is known to be possible. */
static Cost bound_after(const Graph *g, const Bounds *b, int32_t i, int32_t q, Cost best) {
    const Node *node = &g->nodes[i];
    const Bar *bar = &g->bars[node->bar];
    const int32_t n_slots = g->form.n_slots;
    const Cost *cut = &g->cut[(size_t)node->slot * (size_t)n_slots],
               *uncut = &g->uncut[(size_t)node->slot * (size_t)n_slots],
               *join = &g->join[(size_t)node->bar * (size_t)g->n_bars],
               *hub = &b->hub[(size_t)q * (size_t)n_slots], *near = row(g, b->nearby, q);
    if (bar->next != NONE) {
        const Bar *next = &g->bars[bar->next];
        for (int32_t k = next->first_node; k < next->first_node + next->n_nodes; k++)
            best = least(best, sum(uncut[g->nodes[k].slot], row(g, b->to_go, q)[k], 0));
    }
    for (int32_t s = 0; s < n_slots; s++) {
        if ((int64_t)cut[s] + hub[s] >= best) continue;
        for (int32_t k = g->slot_first[s]; k < g->slot_first[s + 1]; k++) {
            int32_t to = g->slot_nodes[k];
            best = least(best, sum(cut[s], near[to], join[g->nodes[to].bar]));
        }
    }
    return best;
}

static void find_bounds(const Graph *g, Bounds *b) {
    const int32_t meter = g->form.meter;
    for (int32_t q = b->n_buckets - 1; q >= 0; q--) {
        Cost *here = row(g, b->to_go, q);
        for (int32_t i = 0; i < g->n_nodes; i++) {
            const Node *node = &g->nodes[i];
            const Bar *bar = &g->bars[node->bar];
            const BarEnd *ends = &g->ends[node->bar * meter];
            int32_t start = in_buckets(b, bar->start), after = q + in_buckets(b, bar->end) - start;
            Cost best = COST_NEVER;
            for (int32_t k = 0; k < meter && after >= b->lo; k++) {
                int32_t end = q + in_buckets(b, ends[k].end) - start;
                if (end >= b->lo && end <= b->hi)
                    best = least(best, sum(ends[k].worth, g->end[node->slot * meter + k + 1], 0));
            }
            if (after <= b->hi)
                best =
                    least(best, sum(bar->worth, bound_after(g, b, i, after, sum(best, -bar->worth, 0)), 0));
            here[i] = best;
        }
        if (q + 1 < b->n_buckets) settle_nearby(g, b, q + 1);
    }
    settle_nearby(g, b, 0);
}

/* ---- search */
static bool before(const Entry *a, const Entry *b) {
    return a->estimate < b->estimate || (a->estimate == b->estimate && a->cost > b->cost);
}

static void heap_push(Search *s, Entry e) {
    int32_t i = s->n_heap++;
    for (; i > 0 && before(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

static Entry heap_pop(Search *s) {
    Entry top = s->heap[0], last = s->heap[--s->n_heap];
    int32_t i = 0;
    for (int32_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!before(&s->heap[child], &last)) break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return top;
}

/* The place in `seen` of a state at (node, length), or the free place for it. */
static int32_t *seen_at(Search *s, int32_t node, int64_t length) {
    uint64_t key = (uint64_t)(s->merge ? length / s->bounds.bucket : length) * 0x9e3779b97f4a7c15u ^
                   (uint64_t)node * 0xc2b2ae3d27d4eb4fu;
    uint32_t i = (uint32_t)(key >> 32) & (uint32_t)(s->seen_size - 1);
    for (; s->seen[i] != NONE; i = (i + 1) & (uint32_t)(s->seen_size - 1)) {
        const State *state = &s->states[s->seen[i]];
        if (state->node != node) continue;
        if (s->merge ? state->length / s->bounds.bucket == length / s->bounds.bucket
                     : state->length == length)
            break;
    }
    return &s->seen[i];
}

/* A way to (node, length); forgotten where it is no better than one that is known, or cannot lead to an end.
 */
static void reach(Search *s, int32_t node, int64_t length, int64_t cost, int32_t from) {
    if (length > s->hi || cost >= COST_NEVER) return;
    Cost to_go = row(s->g, s->bounds.nearby, in_buckets(&s->bounds, length))[node];
    if (to_go + cost >= COST_NEVER) return;
    int32_t *seen = seen_at(s, node, length);
    if (*seen != NONE && s->states[*seen].cost <= cost) return;
    *seen = s->n_states++;
    s->states[*seen] = (State){.length = length, .cost = (Cost)cost, .node = node, .from = from};
    heap_push(s, (Entry){.estimate = (Cost)cost + to_go, .cost = (Cost)cost, .state = *seen});
}

static void reach_end(Search *s, int64_t length, int64_t cost, int32_t from, int32_t beats) {
    int64_t off = length < s->lo ? s->lo - length : length > s->hi ? length - s->hi : 0;
    int64_t had = s->nearest < s->lo ? s->lo - s->nearest : s->nearest - s->hi;
    if (s->nearest < 0 || off < had) s->nearest = length;
    if (off || cost >= COST_NEVER) return;
    s->states[s->n_states] =
        (State){.length = length, .cost = (Cost)cost, .node = NONE, .from = from, .beats = (int16_t)beats};
    heap_push(s, (Entry){.estimate = (Cost)cost, .cost = (Cost)cost, .state = s->n_states++});
}

static void expand(Search *s, int32_t at) {
    const Graph *g = s->g;
    const State state = s->states[at];
    const Node *node = &g->nodes[state.node];
    const Bar *bar = &g->bars[node->bar];
    const int32_t meter = g->form.meter, n_slots = g->form.n_slots;
    for (int32_t k = 0; k < meter; k++) {
        const BarEnd *end = &g->ends[node->bar * meter + k];
        reach_end(s, state.length + end->end - bar->start,
                  (int64_t)state.cost + end->worth + g->end[node->slot * meter + k + 1], at, k + 1);
    }
    int64_t length = state.length + bar->end - bar->start, cost = (int64_t)state.cost + bar->worth;
    if (length > s->hi) return;
    const Cost *cut = &g->cut[(size_t)node->slot * (size_t)n_slots],
               *uncut = &g->uncut[(size_t)node->slot * (size_t)n_slots],
               *join = &g->join[(size_t)node->bar * (size_t)g->n_bars];
    if (bar->next != NONE) {
        const Bar *next = &g->bars[bar->next];
        for (int32_t k = next->first_node; k < next->first_node + next->n_nodes; k++)
            reach(s, k, length, cost + uncut[g->nodes[k].slot], at);
    }
    for (int32_t to = 0; to < g->n_nodes; to++) {
        const Node *next = &g->nodes[to];
        if (next->bar == bar->next || cut[next->slot] >= COST_NEVER) continue;
        reach(s, to, length, cost + cut[next->slot] + join[next->bar], at);
    }
}

static Status grow(Search *s, int32_t n_room) {
    State *states = realloc(s->states, (size_t)n_room * sizeof *states);
    if (states) s->states = states;
    Entry *heap = realloc(s->heap, (size_t)n_room * sizeof *heap);
    if (heap) s->heap = heap;
    if (!states || !heap) return fail(BS_NOMEM, "no memory for the right edit");
    s->n_room = n_room;
    if (s->seen_size >= 2 * n_room) return BS_OK;
    int32_t size = s->seen_size ? s->seen_size : 1 << 14, *old = s->seen, n_old = s->seen_size;
    while (size < 2 * n_room) size *= 2;
    s->seen = malloc((size_t)size * sizeof *s->seen);
    if (!s->seen) {
        s->seen = old;
        return fail(BS_NOMEM, "no memory for the right edit");
    }
    s->seen_size = size;
    for (int32_t i = 0; i < size; i++) s->seen[i] = NONE;
    for (int32_t i = 0; i < n_old; i++)
        if (old[i] != NONE) *seen_at(s, s->states[old[i]].node, s->states[old[i]].length) = old[i];
    free(old);
    return BS_OK;
}

/* Room for what one state leads to, at most. */
static Status make_room(Search *s) {
    const int32_t needed = s->n_states + 2 * s->g->n_nodes + s->g->form.meter;
    return needed <= s->n_room ? BS_OK : grow(s, 2 * needed);
}

/* The state of the best end; NONE when there is none, or when it takes more than max_expanded. */
static Status best_end(Search *s, int64_t max_expanded, int32_t *end) {
    Status st = BS_OK;
    const Graph *g = s->g;
    *end = NONE;
    s->n_states = s->n_heap = 0;
    TRY(make_room(s));
    for (int32_t i = 0; i < s->seen_size; i++) s->seen[i] = NONE;
    for (int32_t i = 0; i < g->n_nodes; i++) reach(s, i, 0, g->start[g->nodes[i].slot], NONE);
    for (int64_t n = 0; s->n_heap > 0 && n < max_expanded && s->n_states < MAX_STATES;) {
        Entry e = heap_pop(s);
        const State *state = &s->states[e.state];
        if (state->node == NONE) {
            *end = e.state;
            break;
        }
        if (*seen_at(s, state->node, state->length) != e.state) continue; /* a cheaper way was found */
        TRY(make_room(s));
        expand(s, e.state);
        s->n_expanded++;
        n++;
    }
out:
    return st;
}

static bool exhausted(const Search *s) { return s->n_heap == 0 && s->n_states < MAX_STATES; }

static Status search(Search *s, int32_t *end, bool *proved) {
    Status st = BS_OK;
    int64_t bucket = s->hi / 512 + 1;
    *end = NONE;
    *proved = true;
    for (int round = 0;; round++) {
        bounds_drop(&s->bounds);
        TRY(bounds_init(&s->bounds, s->g, s->lo, s->hi, bucket));
        find_bounds(s->g, &s->bounds);
        bool finest = round > 0 && (round == 3 || s->bounds.bucket > bucket);
        TRY(best_end(s, finest ? LAST_EXPANDED : FIRST_EXPANDED, end));
        if (*end != NONE || exhausted(s)) return BS_OK;
        if (finest) break;
        bucket = s->bounds.bucket / FINER + 1;
    }
    *proved = false;
    s->merge = true;
    TRY(best_end(s, INT64_MAX, end));
out:
    return st;
}

/* ---- the edit */
static void count_join(const Graph *g, int32_t a, int32_t b, Fade fade, RightUse *use) {
    switch (graph_join(g, a, b)) {
    case JOIN_LOOP:
        use->n_loops++;
        break;
    case JOIN_REORDER:
        use->n_reorders++;
        break;
    case JOIN_TAKE:
        use->n_take_changes++;
        break;
    case JOIN_CUT:
        use->n_cuts++;
        break;
    case JOIN_UNCUT:
        return;
    }
    use->n_long_fades += fade != FADE_SHORT;
}

static Status build(const Search *s, int32_t end, Edit *out, RightUse *use) {
    Status st = BS_OK;
    const Graph *g = s->g;
    int32_t n = 0;
    for (int32_t i = s->states[end].from; i != NONE; i = s->states[i].from) n++;
    int32_t *nodes = malloc((size_t)n * sizeof *nodes), at = n;
    if (!nodes) return fail(BS_NOMEM, "no memory for the right edit");
    for (int32_t i = s->states[end].from; i != NONE; i = s->states[i].from) nodes[--at] = s->states[i].node;
    for (int32_t i = 0; i < n; i++) {
        const int32_t b = g->nodes[nodes[i]].bar;
        const Bar *bar = &g->bars[b];
        int64_t until = i + 1 < n ? bar->end : g->ends[b * g->form.meter + s->states[end].beats - 1].end;
        Fade fade = FADE_SHORT;
        if (i > 0 && graph_join(g, nodes[i - 1], nodes[i]) != JOIN_UNCUT) {
            fade = (Fade)g->fade[(size_t)g->nodes[nodes[i - 1]].bar * (size_t)g->n_bars + (size_t)b];
            count_join(g, nodes[i - 1], nodes[i], fade, use);
        }
        TRY(edit_append(out, bar->start, until, fade));
    }
    out->sample_rate_hz = g->form.t->sample_rate_hz;
    use->fault = (double)s->states[end].cost / COST_ONE;
out:
    free(nodes);
    return st;
}

Status right_edit_without(const Truth *t, int32_t tune, int64_t lo, int64_t hi, uint32_t forbidden, Edit *out,
                          RightUse *use) {
    Status st = BS_OK;
    Graph g = {0};
    Search s = {.g = &g, .lo = lo, .hi = hi, .nearest = -1};
    int32_t end;
    edit_init(out);
    *use = (RightUse){0};
    if (hi > INT32_MAX) return fail(BS_INVALID, "a window up to %lld samples is too long", (long long)hi);
    TRY(graph_init(&g, t, tune, lo, hi, forbidden));
    TRY(search(&s, &end, &use->proved));
    use->n_expanded = s.n_expanded;
    if (end == NONE && s.nearest < 0) {
        st = fail(BS_CONFLICT, "no edit of this tune is %.1f to %.1f s long, and none is near",
                  (double)lo / t->sample_rate_hz, (double)hi / t->sample_rate_hz);
        goto out;
    }
    if (end == NONE) {
        st = fail(BS_CONFLICT, "no edit is %.1f to %.1f s long; the nearest that can be made is %.1f s",
                  (double)lo / t->sample_rate_hz, (double)hi / t->sample_rate_hz,
                  (double)s.nearest / t->sample_rate_hz);
        goto out;
    }
    TRY(build(&s, end, out, use));
out:
    if (st != BS_OK) edit_drop(out);
    bounds_drop(&s.bounds);
    free(s.states);
    free(s.heap);
    free(s.seen);
    graph_drop(&g);
    return st;
}

Status right_edit(const Truth *t, int32_t tune, int64_t lo, int64_t hi, Edit *out) {
    RightUse use;
    return right_edit_without(t, tune, lo, hi, 0, out, &use);
}
