/* expr: compiling an expression with the names of its site. */
#include "graph/expr.h"
#include "graph/compile.h"

#define NAMES_EVERYWHERE                                                                           \
    {.name = "input", .type = CEL_DYN, .slot = SLOT_INPUT},                                        \
        {.name = "context", .type = CEL_DYN, .slot = SLOT_CONTEXT},                                \
    {                                                                                              \
        .name = "run", .type = CEL_STATIC_MAP, .slot = SLOT_RUN                                    \
    }

#define NAME_ERROR                                                                                 \
    {                                                                                              \
        .name = "error", .type = CEL_DYN, .slot = SLOT_ERROR                                       \
    }

#define HINTS_EVERYWHERE                                                                           \
    {"item", "'item' exists only inside a map"}, {"index", "'index' exists only inside a map"},    \
        {"iteration", "'iteration' exists only inside a loop"},                                    \
        {"error", "'error' exists only in the direct targets of a goto"},                          \
    {                                                                                              \
        "secrets", "secrets are not supported yet"                                                 \
    }

static const struct cel_variable names[] = {NAMES_EVERYWHERE};
static const struct cel_variable condition_names[] = {
    NAMES_EVERYWHERE, {.name = "output", .type = CEL_DYN, .slot = SLOT_OUTPUT}};

/* In the direct targets of a goto. */
static const struct cel_variable target_names[] = {NAMES_EVERYWHERE, NAME_ERROR};
static const struct cel_variable target_condition_names[] = {
    NAMES_EVERYWHERE, NAME_ERROR, {.name = "output", .type = CEL_DYN, .slot = SLOT_OUTPUT}};

static const struct cel_hint condition_hints[] = {HINTS_EVERYWHERE};
static const struct cel_hint config_hints[] = {
    HINTS_EVERYWHERE, {"output", "'output' exists only in conditions: it is what the node makes"}};
static const struct cel_hint mapping_hints[] = {
    HINTS_EVERYWHERE, {"output", "'output' exists only in conditions; a node's is ctx.N.output"}};

static const struct cel_namespace namespaces[] = {{.name = "ctx", .id = NAMESPACE_CTX}};

#define ENV(vars, hint_list)                                                                       \
    {                                                                                              \
        .variables = vars, .variable_count = ARRAY_LEN(vars), .namespaces = namespaces,            \
        .namespace_count = ARRAY_LEN(namespaces), .hints = hint_list,                              \
        .hint_count = ARRAY_LEN(hint_list)                                                         \
    }

static const struct cel_env envs[] = {
    [SITE_CONFIG] = ENV(names, config_hints),
    [SITE_CONDITION] = ENV(condition_names, condition_hints),
    [SITE_OUTPUT] = ENV(names, mapping_hints),
};

static const struct cel_env target_envs[] = {
    [SITE_CONFIG] = ENV(target_names, config_hints),
    [SITE_CONDITION] = ENV(target_condition_names, condition_hints),
};

static const struct cel_env *env_of(const struct scope *scope)
{
    const bool target = scope->node != NO_NODE && scope->site != SITE_OUTPUT &&
                        scope->c->graph->nodes[scope->node].goto_target;
    return target ? &target_envs[scope->site] : &envs[scope->site];
}

/* Which nodes the program names. *valid: all of them may be named here. */
static int resolve(struct scope *scope, const struct cel_program *program, struct json_ref string,
                   size_t offset, const struct path *path, uint32_t **nodes, bool *valid)
{
    uint32_t count;
    const struct cel_reference *references = cel_references(program, &count);
    *nodes = arena_array(scope->c->arena, count, sizeof(**nodes));
    *valid = true;
    if (!*nodes)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (scope_node(scope, references[i].member, "ctx.", string, offset + references[i].offset,
                       path, &(*nodes)[i]) != 0)
            return -1;
        *valid = *valid && (*nodes)[i] != NO_NODE;
    }
    return 0;
}

int expr_compile(struct scope *scope, struct json_ref string, size_t offset, struct slice text,
                 const struct path *path, const struct graph_expr **result)
{
    struct compiler *c = scope->c;
    struct cel_error error;
    *result = NULL;
    struct slice source = arena_copy(c->arena, text);
    struct graph_expr *expr = arena_zalloc(c->arena, sizeof(*expr));
    if (!source.ptr || !expr)
        return -1;
    const struct cel_program *program = cel_compile(c->arena, source, env_of(scope), &error);
    if (!program) {
        if (error.code == CEL_ERROR_MEMORY)
            return -1;
        report(c, FINDING_ERROR, places_in_string(&c->places, string, offset + error.offset), path,
               "%s", error.message);
        return 0;
    }
    /* At once: whatever comes of the expression, the graph gives its program back. */
    *expr = (struct graph_expr){.program = program, .next = c->graph->expressions};
    c->graph->expressions = expr;
    scope->names_input |= cel_uses_slot(program, SLOT_INPUT);
    scope->names_context |= cel_uses_slot(program, SLOT_CONTEXT);
    scope->names_run |= cel_uses_slot(program, SLOT_RUN);
    uint32_t *nodes;
    bool valid;
    if (resolve(scope, program, string, offset, path, &nodes, &valid) != 0)
        return -1;
    if (!valid)
        return 0;
    expr->reference_nodes = nodes;
    expr->path = path_text(path, c->arena);
    expr->position = places_in_string(&c->places, string, offset);
    if (!expr->path)
        return -1;
    *result = expr;
    return 0;
}
