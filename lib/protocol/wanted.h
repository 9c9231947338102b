/* wanted: which values a token's execution needs, as text in queue entries and join tables. */
#ifndef TROUPE_PROTOCOL_WANTED_H
#define TROUPE_PROTOCOL_WANTED_H

#include "base/attr.h"
#include "base/buf.h"
#include "graph/graph.h"
#include <stdint.h>

/* "inputs;extras" of a node with no or one predecessor. `in` stands once: among the inputs of an entry
 * node it serves `context` too. */
void wanted_write_node(struct buf *out, const struct graph *graph, uint32_t node);
/* Of a loop's head when the loop goes back: its input is the loop node's output. */
void wanted_write_back(struct buf *out, const struct graph *graph, const struct graph_loop *loop);
/* Of a join in whose marks (by slot) what was taken is 't', without frames around it: as `settle` puts it. */
void wanted_write_join(struct buf *out, const struct graph *graph, uint32_t node,
                       const char *marks);
/* Of the hidden last token; empty when the graph has no output mapping. ";" when it needs nothing. */
void wanted_write_output(struct buf *out, const struct graph *graph);

enum wanted_kind {
    WANTED_NODE,
    WANTED_INPUT,
    WANTED_RUN,
    WANTED_PARKED,
    WANTED_RESULT,
    WANTED_PREVIOUS
};

struct wanted_item {
    enum wanted_kind kind;
    bool is_input;     /* left of ';' */
    uint32_t node;     /* NODE */
    struct slice text; /* in `wanted` */
};

/* Reads item after item: false at the end. *at starts at 0. A malformed text is an invariant of ours
 * that broke: *bad is set. */
bool wanted_next(struct slice wanted, size_t *at, struct wanted_item *item, bool *bad);
/* How many items it reads. */
uint32_t wanted_count(struct slice wanted);

/* How many rows the join table of a graph has. */
uint32_t join_table_size(const struct graph *graph);
/* Row by row (docs/protocol.md, "Join tables"). 0, or -1 without memory. */
MUSTCHECK int join_table_rows(const struct graph *graph, struct arena *arena,
                              void (*row)(void *context, struct slice name, struct slice text),
                              void *context);

#endif
