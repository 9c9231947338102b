/* expr: the names of expressions as slots of an activation.
 *
 * Internal to lib/graph: expr.c compiles, expr_eval.c evaluates by the same slots.
 */
#ifndef TROUPE_GRAPH_EXPR_H
#define TROUPE_GRAPH_EXPR_H

#include "graph/graph.h"

enum {
    SLOT_INPUT,
    SLOT_CONTEXT,
    SLOT_OUTPUT,
    SLOT_RUN,
    SLOT_ERROR,
    SLOT_ITERATION,
    SLOT_VALUE,
    SLOT_INDEX,
    SLOT_INPUTS,
    SLOT_COUNT
};
enum { NAMESPACE_CTX, NAMESPACE_SECRETS };

/* The output of a node among the values, or NULL; the search begins at *cursor, for those who ask in
 * the order in which the outputs were fetched. */
struct graph_output *values_output(struct graph_values *values, uint32_t node, uint32_t *cursor);

/* Fills failure and returns -1. */
int failure_set(struct graph_failure *failure, const char *code, const char *format, ...)
    PRINTF(3, 4);

#endif
