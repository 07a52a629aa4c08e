#pragma once
/* The graph that the search for the right edit walks: bars as takes play them, their places in the form, and
 * what each join costs. Inside simulator/right_*.c only. */
#include "simulator/judge_terms.h"
#include "simulator/right_edit.h"

typedef int32_t Cost; /* ten-millionths of x */
enum { COST_ONE = 10000000, COST_NEVER = 1 << 30 };

/* An edit may end after any beat of a bar. */
typedef struct BarEnd {
    int64_t end; /* sample */
    Cost worth;  /* of the beats from the bar's start on */
} BarEnd;

typedef struct Bar {
    int32_t unit, slot;
    int64_t start, end;
    Cost worth;                  /* of keeping it */
    int32_t next;                /* the bar that follows uncut; -1 */
    int32_t first_node, n_nodes; /* its places in the form: slots of the same music */
} Bar;

typedef struct Node {
    int32_t bar, slot; /* slot: the place in the form that the bar fills */
} Node;

typedef struct Graph {
    Form form;
    uint32_t forbidden;
    int32_t n_bars, n_nodes;
    Bar *bars;
    Node *nodes;
    BarEnd *ends;        /* n_bars x meter */
    int32_t *slot_first; /* n_slots + 1: nodes that fill a slot are slot_nodes[slot_first[s] ..] */
    int32_t *slot_nodes;
    Cost *start;   /* per slot: of starting there */
    Cost *end;     /* per position + 1: of ending before it */
    Cost *uncut;   /* n_slots x n_slots: [from][to] after slot from, on at slot to without a cut */
    Cost *cut;     /* the same with a cut, without what depends on the bars */
    Cost *join;    /* n_bars x n_bars: tempo and fade of a cut from the end of one to the start of another */
    uint8_t *fade; /* Fade, likewise */
} Graph;

Status graph_init(Graph *graph, const Truth *truth, int32_t tune, int64_t lo, int64_t hi, uint32_t forbidden);
void graph_drop(Graph *graph);

/* What a join from node a to node b is; both may be joined uncut. */
typedef enum JoinKind { JOIN_UNCUT, JOIN_TAKE, JOIN_LOOP, JOIN_REORDER, JOIN_CUT } JoinKind;
JoinKind graph_join(const Graph *graph, int32_t a, int32_t b);
