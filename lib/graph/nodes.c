/* nodes: ids, types and what each type needs. */
#include "graph/compile.h"

enum { NAME_BYTES = 128 };

static bool valid_id(struct slice id)
{
    if (id.len == 0 || id.len > NODE_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char ch = id.ptr[i];
        bool letter = (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || ch == '_';
        if (!letter && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '-')))
            return false;
    }
    return true;
}

/* Even an id that may not be one is kept: edges that name it are right about it. */
static int read_id(struct compiler *c, struct graph_node *node, struct json_ref ref,
                   const struct path *path)
{
    struct slice id = json_string(ref, &c->scratch);
    if (!id.ptr)
        return -1;
    struct path place = path_key(path, SLICE("id"));
    if (!valid_id(id))
        report_error(c, ref, &place,
                     "'%.*s' is no node id: expected a letter or '_', then letters, digits, '_' or "
                     "'-', 128 at most",
                     SLICE_ARG(shown(id)));
    for (size_t i = 0; node_ids_reserved[i]; i++)
        if (slice_eq_str(id, node_ids_reserved[i]))
            report_error(c, ref, &place, "'%s' is reserved: it is a name in expressions",
                         node_ids_reserved[i]);
    uint32_t first = compiler_find(c, id);
    if (first != NO_NODE) {
        report_error(c, ref, &place, "duplicate id '%.*s': nodes[%u] has it already",
                     SLICE_ARG(shown(id)), first);
        c->edges_unclear = true;
        return 0;
    }
    node->id = arena_copy(c->arena, id);
    if (!node->id.ptr)
        return -1;
    c->nodes[node->index].id = ref;
    return strmap_put(&c->graph->ids, node->id, node);
}

/* The names of the rows of which a context needs exactly one: "ms or until", "a, b and c". Returns how
 * many of those work. */
static uint32_t one_of_text(enum field_context context, struct buf *text)
{
    const char *names[FIELDS_PER_CONTEXT];
    uint32_t count = 0;
    int first, end;
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++)
        if (fields_table[i].flags & FIELD_ONE_OF && fields_table[i].flags & FIELD_BUILT)
            names[count++] = fields_table[i].name;
    for (uint32_t i = 0; i < count; i++)
        buf_printf(text, "%s%s",
                   i == 0          ? ""
                   : i + 1 < count ? ", "
                   : count == 2    ? " or "
                                   : " and ",
                   names[i]);
    return count;
}

/* Rows that are one another's alternatives: one of them must be there, and one only. What is of the
 * wrong kind was reported, and meant. */
static int check_one_of(struct compiler *c, struct json_ref node, const struct node_fields *fields,
                        const struct path *path)
{
    const enum field_context context =
        config_context(fields->type, fields->function != FUNCTION_NONE);
    const struct path place = path_key(path, SLICE("config"));
    const struct json_ref config = fields->config;
    const char *found = NULL;
    struct json_ref second = JSON_NONE;
    bool wanted = false;
    int first, end;
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++) {
        if (!(fields_table[i].flags & FIELD_ONE_OF))
            continue;
        wanted = true;
        struct slice name = slice_str(fields_table[i].name);
        struct json_ref value = json_present(config) ? json_member(config, name) : JSON_NONE;
        if (json_present(value) && found && !json_present(second))
            second = value;
        if (json_present(value) && !found)
            found = fields_table[i].name;
    }
    if (!wanted || (found && !json_present(second)))
        return 0;
    struct buf text;
    buf_init(&text, 0);
    const char *type = node_type_name(fields->type);
    const char *article = strchr("aeiou", type[0]) ? "an" : "a";
    const char *one_of = one_of_text(context, &text) > 2 ? "one of " : "";
    const bool ok = buf_ok(&text);
    if (ok && found)
        report_error(c, second, &place, "%s %s has %s%s; this one has '%s' already", article, type,
                     one_of, buf_slice(&text).ptr, found);
    else if (ok)
        report_error(c, json_present(config) ? config : node, &place, "%s %s needs %s%s", article,
                     type, one_of, buf_slice(&text).ptr);
    buf_free(&text);
    return ok ? 0 : -1;
}

static enum graph_transformation find_transformation(struct json_ref name)
{
    for (int i = 0; json_present(name) && i < TRANSFORMATION_NONE; i++)
        if (json_string_eq(name, slice_str(transformation_name((enum graph_transformation)i))))
            return (enum graph_transformation)i;
    return TRANSFORMATION_NONE;
}

static enum graph_strategy find_strategy(struct json_ref name)
{
    for (int i = 0; json_present(name) && i < STRATEGY_NONE; i++)
        if (json_string_eq(name, slice_str(aggregate_strategy_name((enum graph_strategy)i))))
            return (enum graph_strategy)i;
    return STRATEGY_NONE;
}

/* What the passes behind read of a config; the function's name is for fields.def's rows to check. */
static void read_values(struct node_draft *draft, struct graph_node *node,
                        const struct node_fields *fields)
{
    const enum field_context context =
        config_context(fields->type, fields->function != FUNCTION_NONE);
    node->function = fields->function;
    draft->input = fields_named(&fields->config_fields, context, "input");
    if (fields->type == NODE_DELAY) {
        struct json_ref until = FIELD_VALUE(&fields->config_fields, DELAY, UNTIL);
        node->delay_until = json_present(until);
        draft->delay = node->delay_until ? until : FIELD_VALUE(&fields->config_fields, DELAY, MS);
    }
    if (fields->type == NODE_HTTP)
        draft->http = fields->config;
    if (fields->type == NODE_EXEC)
        draft->exec = fields->config;
    if (fields->type == NODE_FILTER) {
        draft->expression = FIELD_VALUE(&fields->config_fields, FILTER, FILTER_EXPRESSION);
        draft->items = FIELD_VALUE(&fields->config_fields, FILTER, ITEMS);
    }
    if (fields->type == NODE_AGGREGATE) {
        draft->expression = FIELD_VALUE(&fields->config_fields, AGGREGATE, EXPRESSION);
        draft->items = FIELD_VALUE(&fields->config_fields, AGGREGATE, ITEMS);
        node->strategy = find_strategy(FIELD_VALUE(&fields->config_fields, AGGREGATE, STRATEGY));
    }
    if (fields->type == NODE_LOOP)
        node->transformation =
            find_transformation(FIELD_VALUE(&fields->config_fields, LOOP_CONFIG, TRANSFORMATION));
    if (fields->type == NODE_LOOP) {
        draft->expression = FIELD_VALUE(&fields->config_fields, LOOP_CONFIG, EXPRESSION);
        draft->template = FIELD_VALUE(&fields->config_fields, LOOP_CONFIG, TEMPLATE);
        draft->jq = FIELD_VALUE(&fields->config_fields, LOOP_CONFIG, JQ);
    }
    if (fields->type != NODE_TRANSFORM)
        return;
    draft->expression = FIELD_VALUE(&fields->config_fields, TRANSFORM, EXPRESSION);
    draft->template = FIELD_VALUE(&fields->config_fields, TRANSFORM, TEMPLATE);
    draft->jq = FIELD_VALUE(&fields->config_fields, TRANSFORM, JQ);
    node->transformation =
        find_transformation(FIELD_VALUE(&fields->config_fields, TRANSFORM, TRANSFORMATION));
}

/* Fields that lead somewhere and are refused: what else is said about paths would be wrong. */
static bool implies_edges(const struct node_fields *fields)
{
    const struct fields *node = &fields->node;
    return json_present(FIELD_VALUE(node, NODE, COMPENSATE));
}

/* Beside `loop`, config has none of its fields: they would be ignored. */
static void check_loop_apart(struct compiler *c, struct json_ref config, const struct path *path)
{
    const struct path place = path_key(path, SLICE("config"));
    int first, end;
    context_rows(CONTEXT_LOOP, &first, &end);
    for (int i = first; i < end && json_present(config); i++) {
        struct json_ref value = json_member(config, slice_str(fields_table[i].name));
        struct path member = path_key(&place, slice_str(fields_table[i].name));
        if (json_present(value))
            report_error(c, value, &member, "the node has loop: this belongs into it");
    }
}

/* What a loop node makes of its input is said once. */
static void check_loop_value(struct compiler *c, const struct node_fields *fields,
                             const struct path *path)
{
    static const char *const others[] = {"expression", "template", "jq", "transformation"};
    const struct path config = path_key(path, SLICE("config"));
    if (fields->type != NODE_LOOP || !json_present(fields->config) ||
        !json_present(json_member(fields->config, SLICE("function_name"))))
        return;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct json_ref value = json_member(fields->config, slice_str(others[i]));
        const struct path member = path_key(&config, slice_str(others[i]));
        if (json_present(value))
            report_error(c, value, &member,
                         "the loop has 'function_name' already: its output is made by one of them");
    }
}

/* Any node may have `loop`; in one of type loop its fields may stand in config, and must somewhere. */
static void read_loop(struct compiler *c, struct node_draft *draft,
                      const struct node_fields *fields, const struct path *path)
{
    struct json_ref condition = JSON_NONE, most = JSON_NONE;
    const bool beside = json_present(FIELD_VALUE(&fields->node, NODE, LOOP));
    struct path place = path_key(path, beside ? SLICE("loop") : SLICE("config"));
    draft->loop = FIELD_VALUE(&fields->node, NODE, LOOP);
    if (!fields->type_known || fields->type != NODE_LOOP)
        return;
    if (beside)
        check_loop_apart(c, fields->config, path);
    else
        draft->loop = fields->config;
    if (json_present(draft->loop)) {
        condition = json_member(draft->loop, SLICE("condition"));
        most = json_member(draft->loop, SLICE("max_iterations"));
    }
    if (!beside && !json_present(condition))
        report_error(c, json_present(draft->loop) ? draft->loop : draft->ref, &place,
                     "condition is missing: a loop goes back while it holds");
    if (!beside && !json_present(most))
        report_error(c, json_present(draft->loop) ? draft->loop : draft->ref, &place,
                     "max_iterations is missing");
}

static int read_node(struct compiler *c, uint32_t index, struct json_ref ref,
                     const struct path *path)
{
    struct graph_node *node = &c->graph_nodes[index];
    *node = (struct graph_node){.id = SLICE_NONE,
                                .index = index,
                                .type = NODE_NOOP,
                                .function = FUNCTION_NONE,
                                .loop = GRAPH_NO_LOOP,
                                .head_of = GRAPH_NO_LOOP,
                                .loops = GRAPH_NO_LOOP,
                                .transformation = TRANSFORMATION_NONE,
                                .strategy = STRATEGY_NONE,
                                .retry = {.max_attempts = 1},
                                .queue = SLICE("default")};
    if (json_type(ref) != JSON_OBJECT) {
        report_error(c, ref, path, "expected a node (an object), not %.*s",
                     SLICE_ARG(shown(json_text(ref))));
        c->edges_unclear = true;
        return 0;
    }
    struct node_draft *draft = &c->nodes[index];
    struct node_fields fields;
    draft->ref = ref;
    if (definition_node(c, ref, path, &fields) != 0)
        return -1;
    draft->join = FIELD_VALUE(&fields.node, NODE, JOIN);
    draft->branch = FIELD_VALUE(&fields.node, NODE, BRANCH);
    draft->on_error = FIELD_VALUE(&fields.node, NODE, ON_ERROR);
    draft->when = FIELD_VALUE(&fields.node, NODE, WHEN);
    draft->retry = FIELD_VALUE(&fields.node, NODE, RETRY);
    draft->timeout = FIELD_VALUE(&fields.node, NODE, TIMEOUT_MS);
    draft->probe = FIELD_VALUE(&fields.node, NODE, PROBE);
    read_loop(c, draft, &fields, path);
    node->type = fields.type;
    node->routing = fields.type == NODE_CONDITIONAL ? ROUTING_EXCLUSIVE : ROUTING_EACH;
    draft->type_known = fields.type_known;
    struct json_ref id = FIELD_VALUE(&fields.node, NODE, ID);
    if (!json_present(id))
        c->edges_unclear = true;
    else if (read_id(c, node, id, path) != 0)
        return -1;
    if (!fields.type_known)
        return 0;
    c->edges_unclear |= implies_edges(&fields);
    if (check_one_of(c, ref, &fields, path) != 0)
        return -1;
    check_loop_value(c, &fields, path);
    read_values(draft, node, &fields);
    if (remote_read(c, node, &fields, path) != 0)
        return -1;
    draft->config = node->remote.ptr && node->type != NODE_LOOP ? fields.config : JSON_NONE;
    return 0;
}

/* A string member of metadata; of another kind it was reported. ptr NULL when there is none, and
 * without memory (then -1). */
static int metadata_text(struct compiler *c, struct slice name, struct json_ref *ref,
                         struct slice *text)
{
    *text = SLICE_NONE;
    *ref = json_member(c->metadata, name);
    if (!json_present(*ref) || json_type(*ref) != JSON_STRING)
        return 0;
    struct slice view = json_string(*ref, &c->scratch);
    if (view.ptr)
        *text = arena_copy(c->arena, view);
    return text->ptr ? 0 : -1;
}

/* Definitions are stored under their name, and URLs, lists and lines of output show it. */
static bool valid_name(struct slice name)
{
    if (name.len == 0 || name.len > NAME_BYTES || name.ptr[0] == ' ' ||
        name.ptr[name.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7F || name.ptr[i] == '/')
            return false;
    return true;
}

static int read_metadata(struct compiler *c)
{
    struct json_ref ref;
    if (!json_present(c->metadata))
        return 0;
    if (metadata_text(c, SLICE("name"), &ref, &c->graph->name) != 0)
        return -1;
    if (c->graph->name.ptr && !valid_name(c->graph->name)) {
        struct path metadata = path_key(NULL, SLICE("metadata"));
        struct path place = path_key(&metadata, SLICE("name"));
        report_error(c, ref, &place,
                     "expected 1 to 128 bytes without '/' and control characters, and no space "
                     "around them");
    }
    return metadata_text(c, SLICE("description"), &ref, &c->graph->description);
}

int nodes_pass(struct compiler *c)
{
    if (read_metadata(c) != 0)
        return -1;
    if (!json_present(c->node_list))
        return 0; /* missing or no list: reported */
    const struct path list = path_key(NULL, SLICE("nodes"));
    const uint32_t count = json_count(c->node_list);
    if (count == 0)
        report_error(c, c->node_list, &list, "a definition needs at least one node in nodes");
    if (count > GRAPH_MAX_NODES) {
        report_error(c, c->node_list, &list, "%u nodes; the limit is %u", count, GRAPH_MAX_NODES);
        c->edges_unclear = true;
        return 0;
    }
    c->nodes = arena_array(&c->scratch, count, sizeof(*c->nodes));
    c->graph_nodes = arena_array(c->arena, count, sizeof(*c->graph_nodes));
    if (!c->nodes || !c->graph_nodes)
        return -1;
    c->graph->nodes = c->graph_nodes;
    struct json_iter it = json_iter(c->node_list);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct path place = path_index(&list, i);
        c->graph->node_count = i + 1;
        if (read_node(c, i, it.value, &place) != 0)
            return -1;
    }
    return 0;
}
