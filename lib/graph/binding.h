/* binding: a JSON template whose strings may refer to data.
 *
 *   "$fetch.body.items[0]"   whole string: a part of node fetch's output, with its type
 *   "$input.x" "$context.x" "$item" "$error"
 *   "${ CEL }"               alone: the value, with its type
 *   "costs ${ CEL } each"    interpolated; non-strings as JSON
 *   "$$5"                    a plain "$5"; a '$' that no letter or '{' follows is plain too
 *
 * Compiled once with the graph; a template without references is kept as its minified text. Objects
 * keep the order of their members. Evaluation writes JSON text.
 */
#ifndef TROUPE_GRAPH_BINDING_H
#define TROUPE_GRAPH_BINDING_H

#include "base/buf.h"
#include "graph/values.h"

struct binding; /* immutable, in the graph's arena */

/* Why an execution failed, as users see it: code (`binding`, `expression`, …), message with the
 * place. */
struct graph_failure {
    char code[64];
    char message[500];
};

/* Appends the value as JSON to out. -1 with code `binding` naming the path in the definition
 * ("nodes[2].config.input.q: context.nope: no such member"). Nothing is ever silently null; with
 * `too_large` for more than out takes, and for what nests deeper than JSON is read. */
MUSTCHECK int binding_eval(const struct binding *binding, struct graph_values *values,
                           struct arena *arena, struct buf *out, struct graph_failure *failure);

#endif
