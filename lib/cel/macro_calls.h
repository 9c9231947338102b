/* macro_calls: from a call that is a macro to its node. Internal to lib/cel.
 *
 *   range.all(v, …)  range.all(i, v, …)  cel.bind(v, value, result)  cel.block([…], result)
 *
 * cel.block and the names that only it uses, cel.index(0) and cel.iterVar(0, 1), are what optimizers
 * write: index(n) is the n-th of its block's values. They become names which nobody can write.
 */
#ifndef TROUPE_CEL_MACRO_CALLS_H
#define TROUPE_CEL_MACRO_CALLS_H

#include "cel/ast.h"

#define CEL_INDEX_PREFIX "@index"
#define CEL_INDEX_NAME CEL_INDEX_PREFIX "%u"
#define CEL_ITERATION_PREFIX "@iteration"
#define CEL_ITERATION_NAME CEL_ITERATION_PREFIX "%u.%u"
#define CEL_MADE_NAME_SIZE 40

/* Turns a METHOD into the MACRO (or NAME) that it is, if it is one: its arguments are changed. 0, or
 * -1 with *error filled. */
MUSTCHECK int cel_macro_expand(struct cel_ast *node, struct arena *arena, struct slice source,
                               struct cel_error *error);

#endif
