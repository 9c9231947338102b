/* loops: for the passes behind loops_pass. Internal to lib/graph. */
#ifndef TROUPE_GRAPH_LOOPS_H
#define TROUPE_GRAPH_LOOPS_H

#include "graph/compile.h"

/* Bodies, nesting, rules. */
MUSTCHECK int loops_pass(struct compiler *c);
/* The innermost loop that holds both nodes, an index into graph->loops; GRAPH_NO_LOOP: none. */
uint32_t loops_common(const struct graph *graph, uint32_t one, uint32_t other);
/* Somebody in the loop names this node's output of the previous iteration. -1 without memory. */
MUSTCHECK int loops_keep(struct compiler *c, uint32_t loop, uint32_t node);
/* Once all names are known: what each loop keeps. */
MUSTCHECK int loops_end(struct compiler *c);

#endif
