#include "cel/macro_calls.h"
#include "cel/fault.h"
#include "cel/syntax.h"
#include <stdio.h>

struct expansion {
    struct cel_ast *node;
    struct arena *arena;
    struct slice source;
    struct cel_error *error;
};

static int fail(const struct expansion *expansion, const struct cel_ast *node, const char *format,
                ...) PRINTF(3, 4);
static int fail(const struct expansion *expansion, const struct cel_ast *node, const char *format,
                ...)
{
    va_list arguments;
    va_start(arguments, format);
    cel_error_vset(expansion->error, expansion->source, CEL_ERROR_SYNTAX, node->offset, format,
                   arguments);
    va_end(arguments);
    return -1;
}

/* --- with variables --- */

static int take_variable(const struct expansion *expansion, uint32_t index, struct slice *name)
{
    static const char *const places[] = {"", "first", "second"};
    const struct cel_ast *variable = expansion->node->arguments[index];
    if (variable->kind != CEL_AST_NAME || variable->rooted)
        return fail(expansion, variable,
                    "the %s argument of %.*s() must be a name: the variable that takes each "
                    "element",
                    places[index], SLICE_ARG(expansion->node->name));
    *name = variable->name;
    return 0;
}

/* How many variables the call has in front: 1, 2, or 0 when its arguments are not those of the
 * macro. */
static uint32_t variables_of(enum cel_macro macro, uint32_t count)
{
    static const unsigned char counts[][4] = {
#define X(macro, text, usage, least, most, least_of_two, most_of_two)                              \
    {least, most, least_of_two, most_of_two},
        CEL_MACROS(X)
#undef X
    };
    for (uint32_t variables = 1; variables <= 2; variables++) {
        const unsigned char *range = &counts[macro][2 * (variables - 1)];
        if (range[1] > 0 && count >= variables + range[0] && count <= variables + range[1])
            return variables;
    }
    return 0;
}

static int expand_walk(const struct expansion *expansion, enum cel_macro macro)
{
    struct cel_ast *node = expansion->node;
    struct slice names[2] = {SLICE_NONE, SLICE_NONE};
    uint32_t variables = variables_of(macro, node->argument_count - 1);
    if (variables == 0)
        return 0;
    for (uint32_t i = 0; i < variables; i++)
        if (take_variable(expansion, 1 + i, &names[i]) != 0)
            return -1;
    if (variables == 2 && slice_eq(names[0], names[1]))
        return fail(expansion, node->arguments[2], "the two variables of %.*s() have one name",
                    SLICE_ARG(node->name));
    node->kind = CEL_AST_MACRO;
    node->macro = macro;
    node->name = names[0];
    node->second = names[1];
    node->argument_count -= variables;
    memmove(&node->arguments[1], &node->arguments[1 + variables],
            (node->argument_count - 1) * sizeof(struct cel_ast *));
    return 0;
}

static int expand_bind(const struct expansion *expansion)
{
    struct cel_ast *node = expansion->node;
    if (node->argument_count != 4)
        return 0;
    const struct cel_ast *variable = node->arguments[1];
    if (variable->kind != CEL_AST_NAME || variable->rooted)
        return fail(expansion, variable, "the first argument of cel.bind() must be a name");
    node->kind = CEL_AST_MACRO;
    node->macro = CEL_MACRO_BIND;
    node->name = variable->name;
    node->arguments += 2;
    node->argument_count -= 2;
    return 0;
}

/* --- blocks --- */

static int expand_block(const struct expansion *expansion)
{
    struct cel_ast *node = expansion->node;
    if (node->argument_count != 3)
        return 0;
    const struct cel_ast *values = node->arguments[1];
    if (values->kind != CEL_AST_LIST)
        return fail(expansion, values, "the first argument of cel.block() must be a list [...]");
    uint32_t count = values->argument_count;
    struct cel_ast **arguments =
        arena_array(expansion->arena, (size_t)count + 1, sizeof(struct cel_ast *));
    if (!arguments) {
        cel_error_no_memory(expansion->error, expansion->source);
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (values->arguments[i]->spread)
            return fail(expansion, values->arguments[i], "the values of cel.block() take no '?'");
        arguments[i] = values->arguments[i];
    }
    arguments[count] = node->arguments[2];
    node->kind = CEL_AST_MACRO;
    node->macro = CEL_MACRO_BLOCK;
    node->arguments = arguments;
    node->argument_count = count + 1;
    return 0;
}

/* A small number, as an argument. */
static bool is_small(const struct cel_ast *node)
{
    return node->kind == CEL_AST_LITERAL && node->literal.kind == CEL_INT &&
           node->literal.integer >= 0 && node->literal.integer < 100000;
}

/* cel.index(0), cel.iterVar(0, 1); other forms stay calls of what does not exist. */
static int expand_name(const struct expansion *expansion)
{
    struct cel_ast *node = expansion->node;
    struct cel_ast *const *arguments = node->arguments;
    char text[CEL_MADE_NAME_SIZE];
    if (arguments[0]->kind != CEL_AST_NAME || !slice_eq_str(arguments[0]->name, "cel"))
        return 0;
    if (slice_eq_str(node->name, "index") && node->argument_count == 2 && is_small(arguments[1]))
        (void)snprintf(text, sizeof(text), CEL_INDEX_NAME, (unsigned)arguments[1]->literal.integer);
    else if (slice_eq_str(node->name, "iterVar") && node->argument_count == 3 &&
             is_small(arguments[1]) && is_small(arguments[2]))
        (void)snprintf(text, sizeof(text), CEL_ITERATION_NAME,
                       (unsigned)arguments[1]->literal.integer,
                       (unsigned)arguments[2]->literal.integer);
    else
        return 0;
    struct slice name = arena_copy(expansion->arena, slice_str(text));
    if (!name.ptr) {
        cel_error_no_memory(expansion->error, expansion->source);
        return -1;
    }
    node->kind = CEL_AST_NAME;
    node->form = CEL_FORM_FUNCTION;
    node->name = name;
    node->argument_count = 0;
    return 0;
}

/* --- entry --- */

int cel_macro_expand(struct cel_ast *node, struct arena *arena, struct slice source,
                     struct cel_error *error)
{
    const struct expansion expansion = {node, arena, source, error};
    enum cel_macro macro = cel_macro_of_call(node);
    if (macro == CEL_MACRO_COUNT)
        return expand_name(&expansion);
    if (macro == CEL_MACRO_BIND)
        return expand_bind(&expansion);
    if (macro == CEL_MACRO_BLOCK)
        return expand_block(&expansion);
    return expand_walk(&expansion, macro);
}
