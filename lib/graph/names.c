/* names: every expression and binding compiled, and who may name whom.
 *
 * A node may name those from which a path leads to it, so that what it sees does not depend on
 * timing; the output mapping may name all. What a node names beside its predecessors is listed in its
 * `reads`, for the worker to fetch.
 */
#include "graph/compile.h"
#include "graph/loops.h"

enum { HTTP_PAGES_MOST = 100 }; /* unless pages.max says otherwise */

/* A path can only be asked for where all edges are known and none closes a cycle; otherwise the
 * answer would blame the wrong place. */
static bool paths_known(const struct compiler *c) { return !c->cyclic && !c->edges_unclear; }

static void note_named(struct compiler *c, uint32_t node)
{
    if (c->named_stamp[node] == c->stamp)
        return;
    c->named_stamp[node] = c->stamp;
    c->named[c->named_count++] = node;
}

/* Named of the previous iteration of the innermost loop around both. */
static int note_previous(struct compiler *c, uint32_t node, uint32_t loop)
{
    if (c->previous_stamp[node] == c->stamp)
        return 0;
    c->previous_stamp[node] = c->stamp;
    c->previous[c->previous_count++] = node;
    return loops_keep(c, loop, node);
}

static void not_before(struct scope *scope, struct slice name, const char *sigil,
                       struct json_position position, const struct path *path)
{
    struct compiler *c = scope->c;
    struct slice self = c->graph->nodes[scope->node].id;
    report(c, FINDING_ERROR, position, path,
           "%s%.*s: '%.*s' cannot have run before '%.*s': no path leads from it to here", sigil,
           SLICE_ARG(shown(name)), SLICE_ARG(shown(name)), SLICE_ARG(shown(self)));
}

int scope_node(struct scope *scope, struct slice name, const char *sigil, struct json_ref string,
               size_t offset, const struct path *path, uint32_t *node)
{
    struct compiler *c = scope->c;
    const uint32_t found = compiler_find(c, name);
    struct json_position position = places_in_string(&c->places, string, offset);
    bool has = true;
    *node = NO_NODE;
    if (found == NO_NODE) {
        struct hint hint = hint_node(c, name);
        const char *plain = sigil[0] == '$' ? " (a plain '$' is written '$$')" : "";
        report(c, FINDING_ERROR, position, path, "%s%.*s: no node is called '%.*s'%s%s", sigil,
               SLICE_ARG(shown(name)), SLICE_ARG(shown(name)), hint.text, plain);
        return 0;
    }
    if (c->graph->nodes[found].is_probe) {
        report(c, FINDING_ERROR, position, path,
               "%s%.*s: '%.*s' is a probe: what it answers becomes its node's output", sigil,
               SLICE_ARG(shown(name)), SLICE_ARG(shown(name)));
        return 0;
    }
    const uint32_t common = scope->site == SITE_OUTPUT || scope->node == NO_NODE
                                ? GRAPH_NO_LOOP
                                : loops_common(c->graph, found, scope->node);
    if (scope->site != SITE_OUTPUT && found == scope->node && common != GRAPH_NO_LOOP) {
        *node = found;
        return note_previous(c, found, common);
    }
    if (scope->site != SITE_OUTPUT && found == scope->node) {
        report(c, FINDING_ERROR, position, path,
               "%s%.*s: a node's own name stands for its previous iteration, and this one is in no "
               "loop%s",
               sigil, SLICE_ARG(shown(name)),
               scope->site == SITE_CONDITION ? "; its current output is 'output'" : "");
        return 0;
    }
    if (scope->site != SITE_OUTPUT && scope->node != NO_NODE && paths_known(c)) {
        /* Predecessors are stamped; only others need the ancestors. */
        if (c->named_stamp[found] != c->stamp && reach_has(c, found, scope->node, &has) != 0)
            return -1;
        if (!has && common != GRAPH_NO_LOOP) {
            *node = found;
            return note_previous(c, found, common);
        }
        if (!has) {
            not_before(scope, name, sigil, position, path);
            return 0;
        }
    }
    *node = found;
    note_named(c, found);
    return 0;
}

static void begin_names(struct compiler *c, const struct graph_node *node)
{
    c->stamp++;
    c->named_count = c->previous_count = 0;
    /* The one predecessor comes as the input. Of several only those do whose edge was taken, and a head
     * that runs again has none of them: who is named comes for itself. */
    if (node && node->pred_count == 1 && node->head_of == GRAPH_NO_LOOP)
        c->named_stamp[node->preds[0]] = c->stamp;
}

static int copy_list(struct compiler *c, const uint32_t *from, uint32_t count,
                     const uint32_t **list)
{
    *list = NULL;
    if (count == 0)
        return 0;
    uint32_t *copy = arena_array(c->arena, count, sizeof(*copy));
    if (!copy)
        return -1;
    memcpy(copy, from, count * sizeof(*copy));
    *list = copy;
    return 0;
}

static int end_names(struct compiler *c, const uint32_t **reads, uint32_t *count)
{
    *count = c->named_count;
    return copy_list(c, c->named, c->named_count, reads);
}

static int compile_expression(struct scope *scope, struct json_ref string, const struct path *path,
                              const struct graph_expr **expr)
{
    struct slice text = json_string(string, &scope->c->scratch);
    return text.ptr ? expr_compile(scope, string, 0, text, path, expr) : -1;
}

/* A program in jq; nothing in it is a name of ours. */
static int keep_jq(struct compiler *c, struct json_ref string, const struct path *path,
                   struct slice *program, const char **where)
{
    struct slice text = json_string(string, &c->scratch);
    struct graph_problem problem;
    *program = text.ptr ? arena_copy(c->arena, text) : SLICE_NONE;
    *where = path_text(path, c->arena);
    if (!program->ptr || !*where)
        return -1;
    if (c->checks && c->checks->jq && !c->checks->jq(c->checks->context, *program, &problem))
        report(c, FINDING_ERROR, places_in_string(&c->places, string, problem.offset), path, "%s",
               problem.message);
    return 0;
}

static int http_pages(struct scope *scope, struct json_ref pages, struct graph_node *node,
                      const struct path *config)
{
    const struct path place = path_key(config, SLICE("pages"));
    const struct path items = path_key(&place, SLICE("items"));
    const struct path next = path_key(&place, SLICE("next"));
    struct scope page = {.c = scope->c,
                         .site = SITE_CONDITION,
                         .input = scope->input,
                         .node = scope->node,
                         .of_page = true};
    struct graph_http_pages *made = arena_zalloc(scope->c->arena, sizeof(*made));
    struct json_ref of_items = json_member(pages, SLICE("items"));
    struct json_ref of_next = json_member(pages, SLICE("next"));
    struct json_ref most = json_member(pages, SLICE("max"));
    int64_t max = HTTP_PAGES_MOST;
    if (!made)
        return -1;
    if (json_present(of_items) && json_type(of_items) == JSON_STRING &&
        compile_expression(&page, of_items, &items, &made->items) != 0)
        return -1;
    if (json_present(of_next) && json_type(of_next) == JSON_STRING &&
        compile_expression(&page, of_next, &next, &made->next) != 0)
        return -1;
    if (json_present(most) && json_type(most) == JSON_NUMBER && json_int(most, &max) &&
        max > UINT32_MAX)
        max = UINT32_MAX;
    made->max = (uint32_t)max;
    scope->names_context |= page.names_context;
    scope->names_run |= page.names_run;
    node->pages = made;
    return 0;
}

/* Those parts of a call that are sent and not stored. */
static bool takes_secrets(enum graph_http_part part)
{
    return part == HTTP_PART_URL || part == HTTP_PART_QUERY || part == HTTP_PART_HEADERS ||
           part == HTTP_PART_BODY || part == HTTP_PART_SIGNATURE;
}

/* What an http node sends. */
static int http_names(struct scope *scope, struct json_ref values, struct graph_node *node,
                      const struct path *config)
{
    const struct binding **parts =
        arena_array(scope->c->arena, HTTP_PART_COUNT, sizeof(const struct binding *));
    if (!parts)
        return -1;
    for (int i = 0; i < HTTP_PART_COUNT; i++) {
        const struct slice name = slice_str(http_part_name((enum graph_http_part)i));
        struct json_ref value = json_member(values, name);
        struct path place = path_key(config, name);
        scope->of_secrets = takes_secrets((enum graph_http_part)i);
        if (json_present(value) && binding_compile(scope, value, &place, &parts[i]) != 0)
            return -1;
    }
    scope->of_secrets = false;
    node->http = parts;
    struct json_ref pages = json_member(values, SLICE("pages"));
    return json_present(pages) && json_type(pages) == JSON_OBJECT
               ? http_pages(scope, pages, node, config)
               : 0;
}

/* What an exec node runs. */
static int exec_names(struct scope *scope, struct json_ref values, struct graph_node *node,
                      const struct path *config)
{
    const struct binding **parts =
        arena_array(scope->c->arena, EXEC_PART_COUNT, sizeof(const struct binding *));
    if (!parts)
        return -1;
    for (int i = 0; i < EXEC_PART_COUNT; i++) {
        const struct slice name = slice_str(exec_part_name((enum graph_exec_part)i));
        struct json_ref value = json_member(values, name);
        struct path place = path_key(config, name);
        if (json_present(value) && binding_compile(scope, value, &place, &parts[i]) != 0)
            return -1;
    }
    node->exec = parts;
    return 0;
}

static int config_names(struct scope *scope, const struct node_draft *draft,
                        struct graph_node *node, const struct path *place)
{
    struct path config = path_key(place, SLICE("config"));
    struct path input = path_key(&config, SLICE("input"));
    const bool filter = node->type == NODE_FILTER, aggregate = node->type == NODE_AGGREGATE;
    const bool asked = scope->input == INPUT_ASKED;
    struct path expression =
        path_key(&config, filter ? SLICE("filter_expression") : SLICE("expression"));
    struct path items = path_key(&config, SLICE("items"));
    struct path template = path_key(&config, SLICE("template"));
    struct path jq = path_key(&config, SLICE("jq"));
    if (!asked)
        scope->input = INPUT_NATURAL;
    if (json_present(draft->input) &&
        binding_compile(scope, draft->input, &input, &node->input) != 0)
        return -1;
    if (!asked)
        scope->input = INPUT_CHECKED;
    if (json_present(draft->config) &&
        binding_compile_members(scope, draft->config,
                                node->type == NODE_FUNCTION ? remote_function_takes
                                                            : remote_work_takes,
                                &config, &node->config) != 0)
        return -1;
    struct path delay = path_key(&config, node->delay_until ? SLICE("until") : SLICE("ms"));
    if (json_present(draft->delay) &&
        binding_compile(scope, draft->delay, &delay, &node->delay) != 0)
        return -1;
    if (json_present(draft->http) && http_names(scope, draft->http, node, &config) != 0)
        return -1;
    if (json_present(draft->exec) && exec_names(scope, draft->exec, node, &config) != 0)
        return -1;
    if (json_present(draft->items) &&
        binding_compile(scope, draft->items, &items, &node->items) != 0)
        return -1;
    scope->of_filter = filter;
    scope->of_aggregate = aggregate;
    if (json_present(draft->expression) &&
        compile_expression(scope, draft->expression, &expression, &node->expression) != 0)
        return -1;
    scope->of_filter = scope->of_aggregate = false;
    if (json_present(draft->template) &&
        binding_compile(scope, draft->template, &template, &node->template) != 0)
        return -1;
    return json_present(draft->jq) ? keep_jq(scope->c, draft->jq, &jq, &node->jq, &node->jq_path)
                                   : 0;
}

/* {"type": "schema", "schema": {…}} */
static int schema_condition(struct scope *scope, struct json_ref ref, const struct path *place,
                            const struct graph_expr **condition)
{
    struct compiler *c = scope->c;
    struct json_ref schema = json_member(ref, SLICE("schema"));
    struct path path = path_key(place, SLICE("schema"));
    if (!json_present(schema)) {
        report_error(c, ref, place, "schema is missing: what the value must fit");
        return 0;
    }
    if (json_present(json_member(ref, SLICE("expression"))))
        report_error(c, ref, place, "a condition by schema has a schema and no expression");
    struct graph_expr *expr = arena_zalloc(c->arena, sizeof(*expr));
    if (!expr || schema_keep(c, schema, &path, &expr->schema) != 0)
        return -1;
    expr->path = path_text(&path, c->arena);
    expr->of_input = scope->site != SITE_CONDITION;
    expr->position = places_position(&c->places, schema);
    *condition = expr->schema ? expr : NULL;
    return expr->path ? 0 : -1;
}

/* {"type": "jq", "expression": …}, or a schema */
static int object_condition(struct scope *scope, struct json_ref ref, const struct path *place,
                            const struct graph_expr **condition)
{
    struct compiler *c = scope->c;
    struct json_ref type = json_member(ref, SLICE("type"));
    struct json_ref text = json_member(ref, SLICE("expression"));
    struct path path = path_key(place, SLICE("expression"));
    if (!json_present(type) || json_type(type) != JSON_STRING)
        return 0; /* refused by its row */
    if (json_string_eq(type, SLICE("schema")))
        return schema_condition(scope, ref, place, condition);
    if (!json_string_eq(type, SLICE("jq")))
        return 0;
    if (json_present(json_member(ref, SLICE("schema"))))
        report_error(c, ref, place, "a condition in jq has an expression and no schema");
    if (!json_present(text)) {
        report_error(c, ref, place, "expression is missing: the program in jq");
        return 0;
    }
    if (json_type(text) != JSON_STRING)
        return 0;
    struct graph_expr *expr = arena_zalloc(c->arena, sizeof(*expr));
    if (!expr || keep_jq(c, text, &path, &expr->jq, &expr->path) != 0)
        return -1;
    expr->of_input = scope->site != SITE_CONDITION;
    expr->position = places_position(&c->places, text);
    *condition = expr;
    return 0;
}

static int compile_condition(struct scope *scope, struct json_ref ref, const struct path *place,
                             const struct graph_expr **condition)
{
    if (json_present(ref) && json_type(ref) == JSON_OBJECT)
        return object_condition(scope, ref, place, condition);
    if (!json_present(ref) || json_type(ref) != JSON_STRING)
        return 0; /* none, or refused by its row */
    if (compile_expression(scope, ref, place, condition) != 0)
        return -1;
    if (*condition && cel_is_static_non_bool((*condition)->program))
        report_error(scope->c, ref, place, "a condition is true or false; this is %.*s",
                     SLICE_ARG(shown(cel_type_text((*condition)->program))));
    return 0;
}

static int condition_names(struct scope *scope, uint32_t draft, const struct graph_expr **condition)
{
    struct edge_place place;
    if (scope->c->edges[draft].kind != ROUTE_EDGE)
        return 0;
    struct path member = path_key(edge_place(scope->c, draft, &place), SLICE("condition"));
    return compile_condition(scope, scope->c->edges[draft].condition, &member, condition);
}

/* The conditions of branch.rules. A rule whose condition does not compile stays without one: the graph
 * is refused anyway. */
static int rule_names(struct scope *scope, const struct node_draft *draft, struct graph_node *node,
                      const struct path *place)
{
    struct path branch = path_key(place, SLICE("branch")), list = path_key(&branch, SLICE("rules"));
    struct json_ref rules =
        json_present(draft->branch) ? json_member(draft->branch, SLICE("rules")) : JSON_NONE;
    if (!json_present(rules) || json_type(rules) != JSON_ARRAY)
        return 0;
    const struct graph_expr **compiled =
        arena_array(scope->c->arena, json_count(rules), sizeof(struct graph_expr *));
    if (!compiled)
        return -1;
    struct json_iter it = json_iter(rules);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct path rule = path_index(&list, i), member = path_key(&rule, SLICE("condition"));
        if (json_type(it.value) == JSON_OBJECT &&
            compile_condition(scope, json_member(it.value, SLICE("condition")), &member,
                              &compiled[i]) != 0)
            return -1;
    }
    node->rules = compiled;
    node->rule_count = json_count(rules);
    return 0;
}

/* A probe sees what its node sees: its names are among the node's. */
static int probe_names(struct scope *config, struct graph_node *node)
{
    struct compiler *c = config->c;
    struct path list = path_key(NULL, SLICE("nodes"));
    if (!node->probe)
        return 0;
    const uint32_t probe = node->probe->index;
    struct path place = path_index(&list, probe);
    config->input = INPUT_ASKED;
    if (config_names(config, &c->nodes[probe], &c->graph_nodes[probe], &place) != 0)
        return -1;
    config->names_run |= node->probe->remote.ptr != NULL;
    return 0;
}

static int node_names(struct compiler *c, uint32_t index)
{
    struct graph_node *node = &c->graph_nodes[index];
    struct path list = path_key(NULL, SLICE("nodes"));
    struct path place = path_index(&list, index);
    struct path when = path_key(&place, SLICE("when"));
    struct scope config = {.c = c, .site = SITE_CONFIG, .input = INPUT_GIVEN, .node = index};
    struct scope conditions = {.c = c, .site = SITE_CONDITION, .node = index};
    begin_names(c, node);
    if (compile_condition(&config, c->nodes[index].when, &when, &node->when) != 0 ||
        config_names(&config, &c->nodes[index], node, &place) != 0 ||
        probe_names(&config, node) != 0 ||
        rule_names(&conditions, &c->nodes[index], node, &place) != 0)
        return -1;
    const size_t first = (size_t)(node->routes - c->graph_routes);
    for (uint32_t i = 0; i < node->route_count; i++)
        if (condition_names(&conditions, c->route_drafts[first + i],
                            &c->graph_routes[first + i].condition) != 0)
            return -1;
    if (node->loops != GRAPH_NO_LOOP) {
        struct graph_loop *loop = &c->loops[node->loops];
        const struct node_draft *draft = &c->nodes[index];
        const bool in_config = !json_present(json_member(draft->ref, SLICE("loop")));
        struct path object = path_key(&place, in_config ? SLICE("config") : SLICE("loop"));
        struct path member = path_key(&object, SLICE("condition"));
        if (compile_condition(&conditions, json_member(draft->loop, SLICE("condition")), &member,
                              &loop->condition) != 0)
            return -1;
    }
    node->reads_context = config.names_context || conditions.names_context;
    /* A task names its run. */
    node->reads_run = config.names_run || conditions.names_run || node->remote.ptr;
    node->read_previous_count = c->previous_count;
    if (copy_list(c, c->previous, c->previous_count, &node->reads_previous) != 0)
        return -1;
    return end_names(c, &node->reads, &node->read_count);
}

/* Edges that lead nowhere have conditions too, and those their own mistakes. */
static int stray_conditions(struct compiler *c)
{
    for (uint32_t i = 0; i < c->edge_draft_count; i++) {
        const struct edge_draft *draft = &c->edges[i];
        const struct graph_expr *unused = NULL;
        if (draft->from != NO_NODE && draft->to != NO_NODE)
            continue;
        struct scope scope = {.c = c, .site = SITE_CONDITION, .node = draft->from};
        begin_names(c, NULL);
        if (condition_names(&scope, i, &unused) != 0)
            return -1;
    }
    return 0;
}

static int output_names(struct compiler *c)
{
    struct path path = path_key(NULL, SLICE("output"));
    struct scope scope = {.c = c, .site = SITE_OUTPUT, .node = NO_NODE};
    if (!json_present(c->output))
        return 0;
    begin_names(c, NULL);
    if (binding_compile(&scope, c->output, &path, &c->graph->output) != 0)
        return -1;
    c->graph->output_reads_context = scope.names_context || scope.names_input;
    c->graph->output_reads_run = scope.names_run;
    return end_names(c, &c->graph->output_reads, &c->graph->output_read_count);
}

int names_pass(struct compiler *c)
{
    const uint32_t count = c->graph->node_count;
    c->named_stamp = arena_array(&c->scratch, count, sizeof(*c->named_stamp));
    c->named = arena_array(&c->scratch, count, sizeof(*c->named));
    c->previous_stamp = arena_array(&c->scratch, count, sizeof(*c->previous_stamp));
    c->previous = arena_array(&c->scratch, count, sizeof(*c->previous));
    if (!c->named_stamp || !c->named || !c->previous_stamp || !c->previous)
        return -1;
    for (uint32_t n = 0; n < count; n++)
        if (!c->graph->nodes[n].is_probe && node_names(c, n) != 0)
            return -1;
    return stray_conditions(c) != 0 || output_names(c) != 0 ? -1 : loops_end(c);
}
