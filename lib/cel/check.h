/* check: what the checker's files share. Internal to the checker. */
#ifndef TROUPE_CEL_CHECK_H
#define TROUPE_CEL_CHECK_H

#include "cel/checker.h"
#include "cel/fault.h"
#include "cel/inference.h"

/* The variable of a macro, inside its condition and body. */
struct cel_scope {
    struct slice name;
    const struct cel_type *type;
    const struct shape *shape;   /* or NULL */
    bool shaped;                 /* as of a node */
    uint32_t index;              /* local */
    const struct cel_ast *bound; /* what it stands for, evaluated when it is first used; or NULL */
    const struct cel_scope *outer;
};

struct cel_checker {
    struct arena *arena;
    const struct cel_declarations *declarations;
    const struct cel_env *env;
    struct cel_program *program;
    struct cel_error *error;
    struct cel_inference inference;
    const struct cel_scope *scope;
};

/* --- errors; all return NULL --- */

void *cel_check_fail(struct cel_checker *checker, const struct cel_ast *node, const char *format,
                     ...) PRINTF(3, 4);
void *cel_check_no_memory(struct cel_checker *checker);

/* --- checker.c --- */

/* The type of a node, everything below it resolved; NULL on error. */
MUSTCHECK const struct cel_type *cel_check_node(struct cel_checker *checker, struct cel_ast *node);

/* With the variables bound so far; for decisions by kind and for messages. */
MUSTCHECK const struct cel_type *cel_check_resolve(struct cel_checker *checker,
                                                   const struct cel_type *type);

/* --- member_shapes.c --- */

/* Gives the node, whose type is not, or only roughly, known otherwise, the type of the shape, and the
 * shape itself; as an optional when it is one. Without a shape the type stays. NULL without memory. */
MUSTCHECK const struct cel_type *cel_check_shape(struct cel_checker *checker, struct cel_ast *node,
                                                 const struct cel_type *type,
                                                 const struct shape *shape);
/* The node is the member of that name of `operand`. *shape is what is known of it, or NULL. False after
 * an error: there can be none of that name. */
MUSTCHECK bool cel_check_member(struct cel_checker *checker, const struct cel_ast *node,
                                const struct cel_ast *operand, struct slice name,
                                const struct shape **shape);
/* The node is operand[index], and has that type otherwise. NULL after an error. */
MUSTCHECK const struct cel_type *cel_check_index(struct cel_checker *checker, struct cel_ast *node,
                                                 const struct cel_type *type);
/* What each element of a list of that shape is; or NULL. */
const struct shape *cel_shape_element(const struct shape *list);
/* The call's arguments fit no signature. Those whose types come of shapes were never declared to be of
 * one kind: gives them back with what they hold left open, where that may help; else false. */
MUSTCHECK bool cel_check_loosen(struct cel_checker *checker, const struct cel_ast *node,
                                const struct cel_type **types);

/* --- macro_types.c --- */

MUSTCHECK const struct cel_type *cel_check_macro(struct cel_checker *checker, struct cel_ast *node);

/* --- names.c --- */

/* Is the node the name of a variable of a macro around it? */
bool cel_check_is_local(const struct cel_checker *checker, const struct cel_ast *node);
/* … of one of the environment? */
bool cel_check_is_variable(const struct cel_checker *checker, const struct cel_ast *node);
/* A NAME that may be used as a value. */
MUSTCHECK const struct cel_type *cel_check_name(struct cel_checker *checker, struct cel_ast *node);
/* A SELECT that is a qualified name ("a.b.c") or a member of a namespace: resolved, *done set, and
 * its type (NULL on error). Else *done is false. */
MUSTCHECK const struct cel_type *cel_check_qualified(struct cel_checker *checker,
                                                     struct cel_ast *node, bool *done);
/* The same for the operators of namespaces: ctx["a"], 'a' in ctx. */
MUSTCHECK const struct cel_type *cel_check_namespace_operator(struct cel_checker *checker,
                                                              struct cel_ast *node, bool *done);

/* --- calls.c --- */

MUSTCHECK const struct cel_type *cel_check_call(struct cel_checker *checker, struct cel_ast *node);

#endif
