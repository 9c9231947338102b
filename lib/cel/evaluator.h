/* evaluator: walking a checked tree. Internal to lib/cel.
 *
 * Every node has a `run`. Errors are values of kind CEL_ERROR: a function passes the first one among
 * its arguments on, `&&` and `||` absorb them when another operand decides. Two errors are never
 * absorbed, cost and memory: they set `fatal`, and loops and logic stop at once.
 */
#ifndef TROUPE_CEL_EVALUATOR_H
#define TROUPE_CEL_EVALUATOR_H

#include "cel/ast.h"
#include "cel/fault.h"
#include "cel/program.h"
#include "cel/value.h"

struct cel_evaluator {
    const struct cel_program *program;
    const struct cel_activation *activation;
    struct arena *arena;
    struct cel_meter meter;
    struct cel_value *locals;      /* of the macros around, by ast.index */
    const struct cel_fault *fatal; /* cost or memory: the evaluation is over */
};

/* --- errors --- */

struct cel_value cel_fail(struct cel_evaluator *evaluator, const struct cel_ast *node,
                          const char *format, ...) PRINTF(3, 4);
struct cel_value cel_fail_memory(struct cel_evaluator *evaluator);
struct cel_value cel_fail_cost(struct cel_evaluator *evaluator);
/* "no overload of '+' for (int, string)" */
struct cel_value cel_fail_overload(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                   const struct cel_value *arguments);

static inline bool cel_failed(const struct cel_value *value) { return value->kind == CEL_ERROR; }

/* --- optionals (ext_optionals.c) --- */

/* An optional that holds the value; an error without memory. */
struct cel_value cel_some(struct cel_evaluator *evaluator, const struct cel_value *value);
static inline struct cel_value cel_none(void)
{
    return (struct cel_value){.kind = CEL_OPTIONAL, .optional = NULL};
}

/* --- evaluation --- */

/* One node; costs one step. */
static inline struct cel_value cel_evaluate(struct cel_evaluator *evaluator,
                                            const struct cel_ast *node)
{
    if (--evaluator->meter.left < 0)
        return cel_fail_cost(evaluator);
    return node->run(evaluator, node);
}

/* Work beyond the node itself, e.g. for each 64 bytes looked at. */
static inline void cel_charge(struct cel_evaluator *evaluator, size_t steps)
{
    evaluator->meter.left -= (int64_t)steps;
}

/* What `run` may be; the checker chooses. Behind each, which fields it reads. */
cel_run cel_run_literal;            /* literal */
cel_run cel_run_slot;               /* index */
cel_run cel_run_local;              /* index */
cel_run cel_run_bound;              /* index, cached: what the name stands for */
cel_run cel_run_reference;          /* index, name */
cel_run cel_run_reference_exists;   /* index */
cel_run cel_run_reference_optional; /* index */
cel_run cel_run_unknown_name;       /* unchecked only */
cel_run cel_run_unknown_function;   /* unchecked only */
cel_run cel_run_select;
cel_run cel_run_select_optional;
cel_run cel_run_has;
cel_run cel_run_call; /* call, reads_views */
cel_run cel_run_and;
cel_run cel_run_or;
cel_run cel_run_conditional;
cel_run cel_run_list;
cel_run cel_run_map;
cel_run cel_run_macro;   /* index: of the first variable */
cel_run cel_run_names;   /* cached: the places of what it binds */
cel_run cel_run_opt_map; /* index */

#endif
