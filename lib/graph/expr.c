/* expr: compiling an expression with the names of its site. */
#include "graph/expr.h"
#include "graph/compile.h"
#include "graph/shapes.h"

#define HINTS_EVERYWHERE                                                                           \
    {"item", "'item' exists only inside a map"}, {"index", "'index' exists only inside a map"},    \
        {"iteration", "'iteration' exists only inside a loop"},                                    \
        {"error", "'error' exists only in the direct targets of a goto"},                          \
    {                                                                                              \
        "secrets", "'secrets' exists only in the url, query, headers, body and signature of an "   \
                   "http node: elsewhere its value would be stored"                                \
    }

static const struct cel_hint condition_hints[] = {HINTS_EVERYWHERE};
static const struct cel_hint config_hints[] = {
    HINTS_EVERYWHERE, {"output", "'output' exists only in conditions: it is what the node makes"}};
static const struct cel_hint mapping_hints[] = {
    HINTS_EVERYWHERE, {"output", "'output' exists only in conditions; a node's is ctx.N.output"}};

static const struct cel_namespace namespaces[] = {{.name = "ctx", .id = NAMESPACE_CTX},
                                                  {.name = "secrets", .id = NAMESPACE_SECRETS}};

enum { SECRET_NAME_BYTES = 128 };

/* The names of a site, made for one compilation. */
struct site_env {
    struct cel_variable names[SLOT_COUNT];
    const struct shape *shapes[SLOT_COUNT];
    struct cel_env env;
};

static void add_name(struct site_env *site, const char *name, enum cel_static_type type,
                     uint32_t slot)
{
    site->names[site->env.variable_count++] =
        (struct cel_variable){.name = name, .type = type, .slot = slot};
}

static void add_shaped(struct site_env *site, const char *name, uint32_t slot,
                       const struct shape *shape)
{
    site->shapes[site->env.variable_count] = shape;
    add_name(site, name, CEL_DYN, slot);
}

static const struct shape *member_shape(void *context, uint32_t namespace_id, struct slice member)
{
    return namespace_id == NAMESPACE_CTX ? shapes_record(context, member) : NULL;
}

static void make_env(const struct scope *scope, struct site_env *site)
{
    const struct graph_node *node = scope->node == NO_NODE || scope->site == SITE_OUTPUT
                                        ? NULL
                                        : &scope->c->graph->nodes[scope->node];
    *site = (struct site_env){.env = {.variables = site->names,
                                      .shapes = site->shapes,
                                      .member_shape = member_shape,
                                      .shape_context = scope->c,
                                      .namespaces = namespaces,
                                      .namespace_count = scope->of_secrets ? 2 : 1,
                                      .hints = config_hints,
                                      .hint_count = ARRAY_LEN(config_hints)}};
    add_shaped(site, "input", SLOT_INPUT, shapes_input(scope));
    add_shaped(site, "context", SLOT_CONTEXT, shapes_context(scope));
    add_name(site, "run", CEL_STATIC_MAP, SLOT_RUN);
    if (node && node->goto_target)
        add_name(site, "error", CEL_DYN, SLOT_ERROR);
    if (node && node->loop != GRAPH_NO_LOOP)
        add_name(site, "iteration", CEL_STATIC_INT, SLOT_ITERATION);
    if (scope->of_filter) {
        add_name(site, "value", CEL_DYN, SLOT_VALUE);
        add_name(site, "index", CEL_STATIC_INT, SLOT_INDEX);
    }
    if (scope->of_aggregate)
        add_name(site, "inputs", CEL_STATIC_LIST, SLOT_INPUTS);
    if (scope->site == SITE_CONDITION) {
        add_shaped(site, "output", SLOT_OUTPUT, shapes_output(scope));
        site->env.hints = condition_hints;
        site->env.hint_count = ARRAY_LEN(condition_hints);
    } else if (scope->site == SITE_OUTPUT) {
        site->env.hints = mapping_hints;
        site->env.hint_count = ARRAY_LEN(mapping_hints);
    }
}

/* What a file and, in capitals, a variable of the environment can be called. */
static bool secret_named(struct scope *scope, struct slice name, struct json_ref string,
                         size_t offset, const struct path *path)
{
    static const char others[] = "_-.";
    bool good =
        name.len > 0 && name.len <= SECRET_NAME_BYTES && name.ptr[0] != '.' && name.ptr[0] != '-';
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        good = good && c != '\0' &&
               ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                strchr(others, c));
    }
    if (!good)
        report(scope->c, FINDING_ERROR, places_in_string(&scope->c->places, string, offset), path,
               "secrets['%.*s']: the name of a secret has letters, digits, '_', '-' and '.', %d at "
               "most, and does not begin with '-' or '.'",
               SLICE_ARG(shown(name)), (int)SECRET_NAME_BYTES);
    return good;
}

/* Which nodes the program names. *valid: all of them may be named here. */
static int resolve(struct scope *scope, const struct cel_program *program, struct json_ref string,
                   size_t offset, const struct path *path, uint32_t **nodes, bool *of_secrets,
                   bool *valid)
{
    uint32_t count;
    const struct cel_reference *references = cel_references(program, &count);
    *nodes = arena_array(scope->c->arena, count, sizeof(**nodes));
    *valid = true;
    if (!*nodes)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (references[i].namespace_id == NAMESPACE_SECRETS) {
            (*nodes)[i] = NO_NODE;
            *of_secrets = true;
            *valid &= secret_named(scope, references[i].member, string,
                                   offset + references[i].offset, path);
            continue;
        }
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
    struct site_env site;
    make_env(scope, &site);
    *result = NULL;
    struct slice source = arena_copy(c->arena, text);
    struct graph_expr *expr = arena_zalloc(c->arena, sizeof(*expr));
    if (!source.ptr || !expr)
        return -1;
    const struct cel_program *program = cel_compile(c->arena, source, &site.env, &error);
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
    if (resolve(scope, program, string, offset, path, &nodes, &expr->of_secrets, &valid) != 0)
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
