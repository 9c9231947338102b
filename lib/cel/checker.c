#include "cel/checker.h"
#include "cel/check.h"
#include "cel/evaluator.h"

#define DYN cel_type_of_kind(CEL_TYPE_DYN)

void *cel_check_fail(struct cel_checker *checker, const struct cel_ast *node, const char *format,
                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    cel_error_vset(checker->error, checker->program->source, CEL_ERROR_CHECK, node->offset, format,
                   arguments);
    va_end(arguments);
    return NULL;
}

void *cel_check_no_memory(struct cel_checker *checker)
{
    cel_error_no_memory(checker->error, checker->program->source);
    return NULL;
}

const struct cel_type *cel_check_resolve(struct cel_checker *checker, const struct cel_type *type)
{
    const struct cel_type *resolved = cel_infer_resolve(&checker->inference, type);
    return resolved ? resolved : cel_check_no_memory(checker);
}

/* --- literals and constructors --- */

static const struct cel_type *check_literal(struct cel_ast *node)
{
    node->run = cel_run_literal;
    return cel_type_of_value(&node->literal);
}

/* The type of an element; of one that is spread, in a list or behind such a key, what the optional
 * holds. */
static const struct cel_type *element_type(struct cel_checker *checker, const struct cel_ast *node,
                                           uint32_t index, uint32_t step)
{
    const struct cel_ast *element = node->arguments[index];
    bool spread = step == 1 ? element->spread : index % 2 && node->arguments[index - 1]->spread;
    if (!spread)
        return element->type;
    const struct cel_type *type = cel_check_resolve(checker, element->type);
    if (!type || type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_VARIABLE)
        return type ? DYN : NULL;
    if (type->kind == CEL_TYPE_OPTIONAL)
        return type->parameters[0];
    char name[80];
    return cel_check_fail(checker, element, "an element with '?' must be an optional, not %s",
                          cel_type_write(type, name, sizeof(name)));
}

/* The common type of every second node from `first`, or of every node; a fresh variable for none. */
static const struct cel_type *check_elements(struct cel_checker *checker, struct cel_ast *node,
                                             uint32_t first, uint32_t step)
{
    const struct cel_type *joined = NULL;
    for (uint32_t i = first; i < node->argument_count; i += step) {
        const struct cel_type *type = element_type(checker, node, i, step);
        if (!type)
            return NULL;
        joined = cel_infer_join(&checker->inference, joined, type);
        if (!joined)
            return cel_check_no_memory(checker);
    }
    if (!joined)
        joined = cel_infer_fresh(&checker->inference);
    return joined ? joined : cel_check_no_memory(checker);
}

static const struct cel_type *check_constructor(struct cel_checker *checker, struct cel_ast *node)
{
    bool list = node->kind == CEL_AST_LIST;
    node->run = list ? cel_run_list : cel_run_map;
    for (uint32_t i = 0; i < node->argument_count; i++)
        if (!cel_check_node(checker, node->arguments[i]))
            return NULL;
    if (checker->env->disable_check)
        return DYN;
    const struct cel_type *first = check_elements(checker, node, 0, list ? 1 : 2);
    const struct cel_type *second = list || !first ? NULL : check_elements(checker, node, 1, 2);
    if (!first || (!list && !second))
        return NULL;
    const struct cel_type *type =
        list ? cel_type_list(checker->arena, first) : cel_type_map(checker->arena, first, second);
    return type ? type : cel_check_no_memory(checker);
}

/* --- members --- */

/* What the member of a value of that type is; not in a test. NULL on error. */
static const struct cel_type *member_type(struct cel_checker *checker, struct cel_ast *node,
                                          const struct cel_type *operand)
{
    const struct cel_type *member = DYN;
    const struct shape *shape = NULL;
    bool optional = node->optional || operand->kind == CEL_TYPE_OPTIONAL;
    if (operand->kind == CEL_TYPE_OPTIONAL)
        operand = operand->parameters[0];
    if (operand->kind == CEL_TYPE_MAP)
        member = operand->parameters[1];
    else if (operand->kind != CEL_TYPE_DYN && operand->kind != CEL_TYPE_VARIABLE) {
        char name[80];
        return cel_check_fail(checker, node, "%s has no members: '.%.*s' needs a map",
                              cel_type_write(operand, name, sizeof(name)), SLICE_ARG(node->name));
    }
    if (!cel_check_member(checker, node, node->arguments[0], node->name, &shape))
        return NULL;
    if (node->test)
        return cel_type_of_kind(CEL_TYPE_BOOL);
    const struct cel_type *type = optional ? cel_type_optional(checker->arena, member) : member;
    return type ? cel_check_shape(checker, node, type, shape) : cel_check_no_memory(checker);
}

static const struct cel_type *check_select(struct cel_checker *checker, struct cel_ast *node)
{
    bool done = false;
    const struct cel_type *qualified = cel_check_qualified(checker, node, &done);
    if (done)
        return qualified;
    const struct cel_type *operand = cel_check_node(checker, node->arguments[0]);
    if (!operand || !(operand = cel_check_resolve(checker, operand)))
        return NULL;
    node->run = node->test       ? cel_run_has
                : node->optional ? cel_run_select_optional
                                 : cel_run_select;
    return member_type(checker, node, operand);
}

/* --- entry --- */

/* A name that stands for an expression (cel.bind) is as deep as that: the evaluator goes there. */
static bool check_depth(struct cel_checker *checker, struct cel_ast *node)
{
    for (uint32_t i = 0; i < node->argument_count; i++)
        if (node->arguments[i]->depth >= node->depth)
            node->depth = node->arguments[i]->depth + 1;
    if (node->depth <= CEL_MAX_DEPTH)
        return true;
    cel_check_fail(checker, node,
                   "the expression is nested deeper than %u, with what names stand for",
                   CEL_MAX_DEPTH);
    return false;
}

const struct cel_type *cel_check_node(struct cel_checker *checker, struct cel_ast *node)
{
    const struct cel_type *type = NULL;
    switch (node->kind) {
    case CEL_AST_LITERAL:
        type = check_literal(node);
        break;
    case CEL_AST_NAME:
        type = cel_check_name(checker, node);
        break;
    case CEL_AST_SELECT:
        type = check_select(checker, node);
        break;
    case CEL_AST_CALL:
        type = cel_check_call(checker, node);
        break;
    case CEL_AST_LIST:
    case CEL_AST_MAP:
        type = check_constructor(checker, node);
        break;
    case CEL_AST_MACRO:
        type = cel_check_macro(checker, node);
        break;
    }
    if (!type || !check_depth(checker, node))
        return NULL;
    for (uint32_t i = 0; i < node->argument_count; i++)
        node->shaped |= node->arguments[i]->shaped;
    node->type = checker->env->disable_check ? DYN : type;
    return node->type;
}

int cel_check(struct arena *arena, const struct cel_declarations *declarations,
              struct cel_ast *root, struct cel_program *program, struct cel_error *error)
{
    struct cel_checker checker = {.arena = arena,
                                  .declarations = declarations,
                                  .env = declarations->env,
                                  .program = program,
                                  .error = error};
    cel_inference_init(&checker.inference, arena);
    if (!cel_check_node(&checker, root))
        return -1;
    /* Only the root's type is asked for later; variables that nothing bound are dyn there. */
    root->type = cel_check_resolve(&checker, root->type);
    return root->type ? 0 : -1;
}
