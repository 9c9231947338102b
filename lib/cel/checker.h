/* checker: names, types and overloads; fills the resolved part of a tree. Internal to lib/cel.
 *
 * Checking stops at the first error. With cel_env.disable_check names are resolved all the same, but
 * nothing has a type, and what is unknown fails when it is evaluated.
 */
#ifndef TROUPE_CEL_CHECKER_H
#define TROUPE_CEL_CHECKER_H

#include "cel/ast.h"
#include "cel/program.h"
#include "cel/types.h"

struct cel_declared_variable {
    struct slice name; /* may be qualified: "a.b" */
    const struct cel_type *type;
    uint32_t slot;
    const struct shape *shape; /* or NULL */
};

/* A function known to the checker only; programs that call it cannot be evaluated. */
struct cel_declared_function {
    struct slice name;
    bool method;
    uint32_t count;
    const struct cel_type *const *parameters; /* type parameters: VARIABLE, by id below variables */
    const struct cel_type *result;
    uint32_t variables;
};

/* A cel_env with types as rich as the checker's. */
struct cel_declarations {
    const struct cel_env *env; /* its variables are not used */
    const struct cel_declared_variable *variables;
    uint32_t variable_count;
    const struct cel_declared_function *functions;
    uint32_t function_count;
};

/* 0, or -1 with *error filled. References, slots and patterns are added to the program. */
MUSTCHECK int cel_check(struct arena *arena, const struct cel_declarations *declarations,
                        struct cel_ast *root, struct cel_program *program, struct cel_error *error);

/* cel_compile with declarations. */
MUSTCHECK const struct cel_program *
cel_compile_declared(struct arena *arena, struct slice source,
                     const struct cel_declarations *declarations, struct cel_error *error);

#endif
