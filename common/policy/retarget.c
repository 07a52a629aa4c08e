/* Retarget: the strongest policy without learning. Dynamic programming over bars and length.
 *
 * A node is a bar of some take, read as a place in the form that it may stand for. From the end of a node the
 * playhead can go on uncut, follow a menu entry of the environment, or cut ahead to a phrase or section of
 * the same take. With V[node, l] the best value of an edit of length bucket l that ends with the node,
 *
 *     V[j, l + len(j)] = max over i of V[i, l] + worth(j) - seam(i, j) - form(i, j)
 *
 * and each state keeps its exact length, so the window is met to the sample. What does not add up along the
 * edit (energy, the end) is settled by scoring the best few hundred ends with the environment's own reward.
 */
#include <stdlib.h>
#include <string.h>

#include "common/policy/policy_private.h"

enum {
    MAX_NODES = 4096,
    MAX_EDGES = 48,
    MAX_BUCKETS = 2048,
    MAX_ENDS = 256,
    MAX_READINGS = 8,
    CUT_PHRASES = 4,
    CUT_SECTIONS = 4
};

typedef struct Node {
    int32_t first, end;        /* units */
    int32_t place, last_place; /* beats of the form that the first and the last stand for, -1 */
    int32_t next_reading;      /* the same bar read as another place, -1 */
    int64_t samples;
    float worth;
    int32_t n_edges;
    int32_t to[MAX_EDGES];
    float cost[MAX_EDGES];
} Node;

typedef struct State {
    float value, worth;             /* worth: what its units bring, by their share of hi */
    int32_t from_node, from_bucket; /* -1: the edit starts here */
    int64_t samples;
} State;

typedef struct End {
    float value;
    int32_t node, bucket, extra; /* extra: units of the timeline appended after the node */
} End;

typedef struct Retarget {
    const EnvSong *es;
    const Song *song;
    const Job *job;
    Node *nodes;
    int32_t n_nodes, n_buckets;
    int32_t *node_at; /* per unit: the node that starts there, -1 */
    int64_t bucket_samples;
    State *states; /* n_nodes x n_buckets */
    End ends[MAX_ENDS];
    int32_t n_ends;
} Retarget;

/* ---- the graph --------------------------------------------------------------------------------- */

static bool allowed(const Job *job, int32_t u) {
    for (int32_t i = 0; i < job->n_never; i++)
        if (u >= job->never[i].first_unit && u - job->never[i].first_unit < job->never[i].n_units)
            return false;
    return true;
}

/* Content, and the form's worth of a first copy. */
static float unit_worth(const Retarget *r, int32_t u) {
    float share = (float)song_unit_samples(r->song, u) / (float)r->job->hi_samples;
    return env_unit_worth(r->es, r->job, u) +
           (r->song->units[u].slot >= 0 ? r->job->weights[REWARD_FORM] * share : 0);
}

/* The bar as a node for each place that it may stand for. */
static void add_readings(Retarget *r, const Node *bar) {
    int32_t places[MAX_READINGS] = {-1};
    int n = env_places(r->es, bar->first, MAX_READINGS, places);
    for (int k = 0; k < (n ? n : 1) && r->n_nodes < MAX_NODES; k++) {
        Node *node = &r->nodes[r->n_nodes];
        *node = *bar;
        node->place = node->last_place = places[k];
        for (int32_t u = bar->first + 1; u < bar->end; u++)
            node->last_place = env_stands_for(r->es, node->last_place, u);
        node->next_reading = r->node_at[bar->first];
        r->node_at[bar->first] = r->n_nodes++;
    }
}

/* The node of the bar that starts with `unit`, after one that stood for `place`; -1: none. */
static int32_t node_after(const Retarget *r, int32_t place, int32_t unit) {
    const int32_t stands_for = env_stands_for(r->es, place, unit);
    int32_t i = r->node_at[unit];
    while (i >= 0 && r->nodes[i].place != stands_for) i = r->nodes[i].next_reading;
    return i;
}

static void make_nodes(Retarget *r) {
    const Song *song = r->song;
    for (int32_t u = 0; u < song->n_units; u++) r->node_at[u] = -1;
    for (int32_t t = 0; t < song->n_takes; t++) {
        const SongTake *take = &song->takes[t];
        if (take->tune != r->job->tune) continue;
        int32_t end = take->first_unit + take->n_units;
        for (int32_t u = take->first_unit; u < end && r->n_nodes < MAX_NODES;) {
            Node bar_node = {.first = u, .next_reading = -1}, *node = &bar_node;
            int32_t bar = song->units[u].bar;
            bool whole = true;
            do {
                whole = whole && allowed(r->job, u);
                node->samples += song_unit_samples(song, u);
                node->worth += unit_worth(r, u);
                u++;
            } while (u < end && bar >= 0 && song->units[u].bar == bar);
            node->end = u;
            if (whole) add_readings(r, node);
        }
    }
}

static void add_edge(Retarget *r, Node *from, int32_t unit) {
    if (unit < 0 || unit >= r->song->n_units || from->n_edges == MAX_EDGES) return;
    const int32_t to = node_after(r, from->last_place, unit);
    if (to < 0) return;
    for (int32_t e = 0; e < from->n_edges; e++)
        if (from->to[e] == to) return;
    from->cost[from->n_edges] = env_seam_cost(r->es, r->job, from->end - 1, unit, FADE_SHORT) +
                                env_form_cost(r->es, r->job, from->end - 1, from->last_place, unit);
    from->to[from->n_edges++] = to;
}

static void make_edges(Retarget *r) {
    const Song *song = r->song;
    int32_t targets[ENV_TARGETS];
    for (int32_t i = 0; i < r->n_nodes; i++) {
        Node *node = &r->nodes[i];
        add_edge(r, node, node->end);
        int n = env_song_targets(r->es, node->end, targets);
        for (int32_t k = 0; k < n; k++) add_edge(r, node, targets[k]);
        int32_t take = song->units[node->first].take, phrases = 0, sections = 0;
        for (int32_t u = node->end;
             u < song->n_units && song->units[u].take == take && sections < CUT_SECTIONS; u++) {
            bool phrase = song->units[u].phrase != song->units[u - 1].phrase,
                 section = song->units[u].section != song->units[u - 1].section;
            if (section || (phrase && phrases < CUT_PHRASES)) add_edge(r, node, u);
            phrases += phrase;
            sections += section;
        }
        for (int32_t u = node->first; u >= 0 && song->units[u].take == take;
             u--) /* the section again: LOOP */
            if (u == 0 || song->units[u - 1].section != song->units[node->first].section) {
                add_edge(r, node, u);
                break;
            }
    }
}

/* ---- the table --------------------------------------------------------------------------------- */

static State *state_at(Retarget *r, int32_t node, int32_t bucket) {
    return &r->states[(size_t)node * (size_t)r->n_buckets + (size_t)bucket];
}

static void reach(Retarget *r, int32_t node, int64_t samples, float value, float worth, int32_t from_node,
                  int32_t from_bucket) {
    if (samples > r->job->hi_samples) return;
    int32_t bucket = (int32_t)(samples / r->bucket_samples);
    State *s = state_at(r, node, bucket);
    if (s->samples && s->value >= value) return;
    *s = (State){value, worth, from_node, from_bucket, samples};
}

static void fill(Retarget *r) {
    int32_t starts[ENV_TARGETS + 1], first = 0;
    while (first < r->song->n_units - 1 && (r->node_at[first] < 0 || r->song->units[first].kind != UNIT_BEAT))
        first++;
    starts[0] = first; /* the first menu is that of the first beat */
    int n = 1 + env_song_targets(r->es, first, starts + 1);
    if (r->job->start_unit >= 0) { /* asked for: nothing else may start */
        starts[0] = r->job->start_unit;
        n = 1;
    }
    for (int k = 0; k < n; k++) {
        const int32_t i = node_after(r, -1, starts[k]);
        if (i >= 0)
            reach(r, i, r->nodes[i].samples,
                  r->nodes[i].worth - env_form_cost(r->es, r->job, -1, -1, starts[k]), r->nodes[i].worth, -1,
                  -1);
    }
    for (int32_t bucket = 0; bucket < r->n_buckets; bucket++)
        for (int32_t i = 0; i < r->n_nodes; i++) {
            const State s = *state_at(r, i, bucket);
            if (!s.samples) continue;
            const Node *node = &r->nodes[i];
            for (int32_t e = 0; e < node->n_edges; e++) {
                const Node *to = &r->nodes[node->to[e]];
                reach(r, node->to[e], s.samples + to->samples, s.value + to->worth - node->cost[e],
                      s.worth + to->worth, i, bucket);
            }
        }
}

/* ---- the ends ---------------------------------------------------------------------------------- */

static void keep_end(Retarget *r, End end) {
    int32_t at;
    if (r->n_ends < MAX_ENDS)
        at = r->n_ends++;
    else if (end.value <= r->ends[MAX_ENDS - 1].value)
        return;
    else
        at = MAX_ENDS - 1;
    for (; at > 0 && r->ends[at - 1].value < end.value; at--) r->ends[at] = r->ends[at - 1];
    r->ends[at] = end;
}

/* Every state inside the window, or made long enough by some of the units that follow (beats of the next
 * bar, or the tail that rings out). */
static void collect_ends(Retarget *r) {
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t bucket = 0; bucket < r->n_buckets; bucket++) {
            const State *s = state_at(r, i, bucket);
            if (!s->samples) continue;
            int64_t samples = s->samples;
            float value = s->value, worth = s->worth;
            int32_t u = r->nodes[i].end;
            for (int32_t extra = 0; extra <= 4; extra++, u++) {
                if (samples > r->job->hi_samples) break;
                const bool ends = r->job->end_unit < 0 || r->job->end_unit == u - 1; /* asked for: no other */
                const float more =
                    (float)r->job->hi_samples / (float)samples - 1; /* worth by share of the edit */
                if (samples >= r->job->lo_samples && ends)
                    keep_end(r, (End){value + more * worth - env_form_cost(r->es, r->job, u - 1, -1, -1), i,
                                      bucket, extra});
                if (u >= r->song->n_units ||
                    r->song->units[u].take != r->song->units[r->nodes[i].first].take || !allowed(r->job, u))
                    break;
                samples += song_unit_samples(r->song, u);
                value += unit_worth(r, u);
                worth += unit_worth(r, u);
            }
        }
}

static int32_t write_plan(Retarget *r, const End *end, Plan *plan) {
    int32_t chain[MAX_NODES], n_chain = 0, n = 0;
    for (int32_t node = end->node, bucket = end->bucket; node >= 0 && n_chain < MAX_NODES;) {
        chain[n_chain++] = node;
        const State *s = state_at(r, node, bucket);
        node = s->from_node;
        bucket = s->from_bucket;
    }
    while (n_chain > 0) {
        const Node *node = &r->nodes[chain[--n_chain]];
        for (int32_t u = node->first; u < node->end && n < ENV_MAX_STEPS; u++) plan->units[n++] = u;
    }
    for (int32_t k = 0; k < end->extra && n < ENV_MAX_STEPS; k++) {
        plan->units[n] = plan->units[n - 1] + 1;
        n++;
    }
    memset(plan->fades, FADE_SHORT, (size_t)n);
    return n;
}

/* ---- all --------------------------------------------------------------------------------------- */

static Status make_room(Retarget *r) {
    int64_t shortest = r->job->hi_samples;
    for (int32_t i = 0; i < r->n_nodes; i++)
        if (r->nodes[i].samples < shortest) shortest = r->nodes[i].samples;
    r->bucket_samples = shortest > 0 ? shortest : 1; /* every step reaches a later bucket */
    int64_t beat =
        r->song->tunes[r->job->tune].tempo_bpm > 0
            ? (int64_t)(30.0 * r->song->sample_rate_hz / (double)r->song->tunes[r->job->tune].tempo_bpm)
            : r->bucket_samples;
    if (r->bucket_samples > beat && beat > 0) r->bucket_samples = beat;
    if (r->job->hi_samples / r->bucket_samples >= MAX_BUCKETS)
        r->bucket_samples = r->job->hi_samples / (MAX_BUCKETS - 1) + 1;
    r->n_buckets = (int32_t)(r->job->hi_samples / r->bucket_samples) + 1;
    r->states = calloc((size_t)(r->n_nodes ? r->n_nodes : 1) * (size_t)r->n_buckets, sizeof *r->states);
    return r->states ? BS_OK : fail(BS_NOMEM, "retarget: out of memory");
}

Status plan_retarget(Planner *planner, const EnvSong *es, const Job *job, Plan *scratch) {
    Status st = BS_OK;
    Retarget *r = calloc(1, sizeof *r);
    if (!r) return fail(BS_NOMEM, "retarget: out of memory");
    r->es = es;
    r->song = env_song_song(es);
    r->job = job;
    r->node_at = malloc(sizeof *r->node_at * (size_t)r->song->n_units);
    r->nodes = malloc(sizeof *r->nodes * MAX_NODES);
    if (!r->node_at || !r->nodes) {
        st = fail(BS_NOMEM, "retarget: out of memory");
        goto out;
    }
    make_nodes(r);
    make_edges(r);
    TRY(make_room(r));
    fill(r);
    collect_ends(r);
    for (int32_t k = 0; k < r->n_ends; k++) {
        int32_t n = write_plan(r, &r->ends[k], scratch);
        float terms[REWARD_TERMS];
        env_score(es, job, scratch->units, scratch->fades, n, terms);
        planner_offer(planner, env_score_total(job, terms), scratch->units, scratch->fades, n);
    }
out:
    free(r->states);
    free(r->node_at);
    free(r->nodes);
    free(r);
    return st;
}
