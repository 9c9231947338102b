/* binding_ops: what a compiled template is made of.
 *
 * Internal to lib/graph: binding.c makes them, binding_eval.c runs them. A template is a list of
 * pieces that are written one behind the other:
 *
 *   {"a": "$x.y", "b": "n is ${ctx.x.output.n}"}
 *
 *   TEXT {"a":   REFERENCE x.y   TEXT ,"b":"n is    PIECE ctx.x.output.n   TEXT "}
 */
#ifndef TROUPE_GRAPH_BINDING_OPS_H
#define TROUPE_GRAPH_BINDING_OPS_H

#include "graph/graph.h"

enum binding_op_kind {
    BINDING_TEXT,      /* JSON text as it is */
    BINDING_REFERENCE, /* a part of a value, its text copied */
    BINDING_VALUE,     /* an expression, with its type */
    BINDING_PIECE,     /* an expression inside a string */
};

enum binding_root { ROOT_INPUT, ROOT_CONTEXT, ROOT_ERROR, ROOT_NODE };

struct binding_step {
    struct slice member; /* ptr NULL: an element */
    uint32_t index;
};

struct binding_reference {
    enum binding_root root;
    uint32_t node;
    const struct binding_step *steps;
    uint32_t step_count;
    struct slice written; /* "$fetch.body", for messages */
    const char *path;
};

struct binding_op {
    enum binding_op_kind kind;
    union {
        struct slice text;
        const struct binding_reference *reference;
        const struct graph_expr *expr;
    };
};

struct binding {
    const struct binding_op *ops;
    uint32_t count;
};

/* Appends the content of a JSON string, without quotes. */
void binding_write_content(struct buf *out, struct slice bytes);

#endif
