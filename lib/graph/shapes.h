/* shapes: what schemas say of the values that expressions name. Internal to the compiler.
 *
 * Only what is certain: the output of a node that ends the run when it fails is as its schema says, one
 * that goes on with {"error": …} is not; a node's input is as its schema says once it has been looked
 * at, which is behind `when`.
 */
#ifndef TROUPE_GRAPH_SHAPES_H
#define TROUPE_GRAPH_SHAPES_H

#include "base/shape.h"
#include "graph/compile.h"

/* Once the schemas are compiled. -1 without memory. */
MUSTCHECK int shapes_make(struct compiler *c);

/* What the name is at the place that the scope describes; NULL: nothing is known. */
const struct shape *shapes_input(const struct scope *scope);
const struct shape *shapes_context(const struct scope *scope);
const struct shape *shapes_output(const struct scope *scope);
/* Of ctx.NAME. */
const struct shape *shapes_record(const struct compiler *c, struct slice name);

#endif
