/* ast: the tree of an expression, and what the checker writes into it for the evaluator.
 *
 * The parser makes nodes; the checker fills the part below "resolved" and changes nothing else, so
 * that a checked tree prints as it was written. After compilation a tree is immutable.
 *
 *   kind      name            arguments
 *   LITERAL   -               -                       literal holds the value
 *   NAME      the name        -                       rooted: written ".name"
 *   SELECT    the member      operand                 test: under has(); optional: a.?b
 *   CALL      function, or    operands                form says how it is written
 *             operator symbol
 *   LIST      -               elements
 *   MAP       -               key, value, key, value …
 *   MACRO     the variable    range, [condition,] body; of cel.bind: what the variable stands for,
 *                             body; of cel.block: what each index stands for, body
 *
 * `a && b && c` is one CALL of three operands (so is `||`): long chains make no deep trees.
 * Internal to lib/cel.
 */
#ifndef TROUPE_CEL_AST_H
#define TROUPE_CEL_AST_H

#include "cel/cel.h"

#define CEL_MAX_SOURCE_BYTES (100u * 1024u)
#define CEL_MAX_DEPTH 250u   /* of the tree, and of the parser's recursion */
#define CEL_MAX_ARGUMENTS 4u /* of fixed functions, the receiver included; others take memory */

enum cel_ast_kind {
    CEL_AST_LITERAL,
    CEL_AST_NAME,
    CEL_AST_SELECT,
    CEL_AST_CALL,
    CEL_AST_LIST,
    CEL_AST_MAP,
    CEL_AST_MACRO,
};

enum cel_form {
    CEL_FORM_FUNCTION,    /* f(a, b) */
    CEL_FORM_METHOD,      /* a.f(b): the receiver is arguments[0] */
    CEL_FORM_PREFIX,      /* !a -a */
    CEL_FORM_BINARY,      /* a + b */
    CEL_FORM_LOGIC,       /* a && b && c */
    CEL_FORM_CONDITIONAL, /* a ? b : c, named "?:" */
    CEL_FORM_INDEX,       /* a[b], named "[]"; a[?b], named "[?]" */
};

/* name, how messages say that it is written, arguments behind one variable (least, most) and behind
 * two (the index or key, and the element) */
#define CEL_MACROS(X)                                                                              \
    X(ALL, "all", "list.all(variable, condition)", 1, 1, 1, 1)                                     \
    X(EXISTS, "exists", "list.exists(variable, condition)", 1, 1, 1, 1)                            \
    X(EXISTS_ONE, "exists_one", "list.exists_one(variable, condition)", 1, 1, 1, 1)                \
    X(EXISTS_ONE_CAMEL, "existsOne", "list.existsOne(variable, condition)", 1, 1, 1, 1)            \
    X(MAP, "map", "list.map(variable, value) or (variable, condition, value)", 1, 2, 0, 0)         \
    X(FILTER, "filter", "list.filter(variable, condition)", 1, 1, 0, 0)                            \
    X(TRANSFORM_LIST, "transformList",                                                             \
      "list.transformList(index, element, value) or (index, element, condition, value)", 0, 0, 1,  \
      2)                                                                                           \
    X(TRANSFORM_MAP, "transformMap",                                                               \
      "map.transformMap(key, element, value) or (key, element, condition, value)", 0, 0, 1, 2)     \
    X(TRANSFORM_MAP_ENTRY, "transformMapEntry",                                                    \
      "map.transformMapEntry(key, element, map) or (key, element, condition, map)", 0, 0, 1, 2)    \
    X(OPT_MAP, "optMap", "optional.optMap(variable, value)", 1, 1, 0, 0)                           \
    X(OPT_FLAT_MAP, "optFlatMap", "optional.optFlatMap(variable, optional)", 1, 1, 0, 0)           \
    X(BIND, "cel.bind", "cel.bind(variable, value, result)", 0, 0, 0, 0)                           \
    X(BLOCK, "cel.block", "cel.block([value, …], result)", 0, 0, 0, 0)

enum cel_macro {
#define X(macro, ...) CEL_MACRO_##macro,
    CEL_MACROS(X)
#undef X
        CEL_MACRO_COUNT
};

struct cel_ast;
struct cel_evaluator;
struct cel_type;

/* Evaluates one node. */
typedef struct cel_value cel_run(struct cel_evaluator *evaluator, const struct cel_ast *node);
/* A function over evaluated arguments, none of which is an error. */
typedef struct cel_value cel_function(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments);

struct cel_ast {
    enum cel_ast_kind kind;
    enum cel_form form;
    enum cel_macro macro;
    uint32_t offset; /* what messages point at: operator, name, first byte */
    uint32_t depth;  /* 1 for leaves */
    uint32_t argument_count;
    bool rooted;
    bool test;
    bool optional; /* SELECT: written "a.?b" */
    bool spread;   /* an element of a LIST or key of a MAP with a '?' before it */
    struct slice name;
    struct slice second; /* MACRO: the other variable; ptr NULL when there is none */
    struct cel_ast **arguments;
    struct cel_value literal;

    /* resolved */
    const struct cel_type *type;
    const struct shape *shape; /* of its value, or of what an optional holds; or NULL */
    bool shaped;               /* its type comes of shapes, its own or others' */
    cel_run *run;
    cel_function *call;
    uint32_t index;   /* slot, local or reference */
    uint32_t first;   /* CALL: 1 when arguments[0] is no value but a namespace, as in math.abs(x) */
    bool reads_views; /* CALL: `call` takes strings that are still escaped in their document */
    const void *cached; /* compiled pattern, loaded time zone */
};

/* Of a CALL: the values it takes, its receiver included. */
static inline uint32_t cel_argument_count(const struct cel_ast *node)
{
    return node->argument_count - node->first;
}
/* Of a CALL: is arguments[0] a receiver? */
static inline bool cel_has_receiver(const struct cel_ast *node)
{
    return node->form == CEL_FORM_METHOD && node->first == 0;
}

#endif
