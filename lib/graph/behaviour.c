/* behaviour: what a node's fields say of its join, its routing, its errors and its attempts. */
#include "graph/compile.h"

struct place_of_node {
    struct path list, node, field;
};

static const struct path *node_field(struct place_of_node *place, uint32_t index, const char *field)
{
    place->list = path_key(NULL, SLICE("nodes"));
    place->node = path_index(&place->list, index);
    place->field = path_key(&place->node, slice_str(field));
    return &place->field;
}

/* --- join --- */

static void read_join(struct compiler *c, struct graph_node *node, struct json_ref join)
{
    struct place_of_node place;
    int64_t count = 0;
    if (json_type(join) == JSON_STRING) {
        if (json_string_eq(join, SLICE("any"))) {
            node->join = JOIN_ANY;
            node->need = 1;
        } else if (json_string_eq(join, SLICE("each"))) {
            node->join = JOIN_EACH;
            node->need = 1;
        }
        return;
    }
    struct json_ref value = json_member(join, SLICE("count"));
    if (!json_present(value) || !json_int(value, &count) || count < 1)
        return; /* reported */
    if (c->edges_unclear)
        return;
    if (count > node->pred_count) {
        const struct path *field = node_field(&place, node->index, "join");
        struct path member = path_key(field, SLICE("count"));
        report_error(c, value, &member, "%lld is more than the node has predecessors (%u)",
                     (long long)count, node->pred_count);
        return;
    }
    node->join = JOIN_COUNT;
    node->need = (uint32_t)count;
}

/* --- routing --- */

/* The first route that is none of a goto and none of the branch; NO_NODE when there is none. */
static uint32_t other_route(const struct compiler *c, const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->route_count; i++)
        if (node->routes[i].kind == ROUTE_EDGE)
            return c->route_drafts[(size_t)(node->routes - c->graph_routes) + i];
    return NO_NODE;
}

static void read_branch(struct compiler *c, struct graph_node *node, struct json_ref branch)
{
    struct place_of_node place;
    const struct path *field = node_field(&place, node->index, "branch");
    const uint32_t other = other_route(c, node);
    const bool agent = json_present(json_member(branch, SLICE("type")));
    const bool rules = json_present(json_member(branch, SLICE("rules")));
    const bool list = json_present(json_member(branch, SLICE("available_next_nodes")));
    if (other != NO_NODE)
        report_error(c, branch, field,
                     "edges[%u] leads from here too: a node routes by its edges or by branch",
                     other);
    if (agent && (rules || json_present(json_member(branch, SLICE("default")))))
        report_error(
            c, branch, field,
            "an agent_driven branch has available_next_nodes, and neither rules nor default");
    else if (agent && !list)
        report_error(c, branch, field, "an agent_driven branch needs available_next_nodes");
    else if (!agent && !rules)
        report_error(c, branch, field, "a branch needs rules");
    else if (!agent && list)
        report_error(c, branch, field,
                     "available_next_nodes belongs to a branch of type \"agent_driven\"");
    node->routing = agent ? ROUTING_AGENT : ROUTING_RULES;
}

/* --- loops --- */

static int read_loop(struct compiler *c, struct graph_node *node, struct json_ref loop)
{
    struct place_of_node place;
    const struct path *field = node_field(&place, node->index, "loop");
    const uint32_t other = other_route(c, node);
    struct json_ref back = json_member(loop, SLICE("loop_back_to"));
    struct json_ref most = json_member(loop, SLICE("max_iterations"));
    struct graph_loop *made = &c->loops[c->graph->loop_count];
    uint32_t head = node->index;
    if (other != NO_NODE)
        report_error(
            c, loop, field,
            "edges[%u] leads from here too: a loop node has no edges but its break_path and "
            "timeout_path",
            other);
    if (json_present(c->nodes[node->index].branch))
        report_error(c, loop, field, "a node routes by branch or by loop, not by both");
    if (json_present(back) && json_type(back) == JSON_STRING) {
        struct path member = path_key(field, SLICE("loop_back_to"));
        if (edge_resolve(c, back, &member, &head) != 0)
            return -1;
        c->edges_unclear |= head == NO_NODE;
        head = head == NO_NODE ? node->index : head;
    }
    *made = (struct graph_loop){.node = node->index, .head = head, .parent = GRAPH_NO_LOOP};
    if (json_present(most) && json_int(most, &made->max_iterations) && made->max_iterations < 1)
        made->max_iterations = 1; /* reported */
    node->routing = ROUTING_LOOP;
    node->loops = c->graph->loop_count;
    c->graph_nodes[head].head_of = c->graph->loop_count++;
    return 0;
}

static int read_loops(struct compiler *c)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < c->graph->node_count; n++)
        count += json_present(c->nodes[n].loop) && json_type(c->nodes[n].loop) == JSON_OBJECT;
    c->loops = arena_array(c->arena, count, sizeof(*c->loops));
    if (!c->loops)
        return -1;
    c->graph->loops = c->loops;
    for (uint32_t n = 0; n < c->graph->node_count; n++)
        if (json_present(c->nodes[n].loop) && json_type(c->nodes[n].loop) == JSON_OBJECT &&
            read_loop(c, &c->graph_nodes[n], c->nodes[n].loop) != 0)
            return -1;
    return 0;
}

/* --- errors and attempts --- */

static double number_or(struct json_ref object, struct slice name, double otherwise)
{
    struct json_ref value = json_member(object, name);
    return json_present(value) && json_type(value) == JSON_NUMBER ? json_double(value) : otherwise;
}

static void read_retry(struct compiler *c, struct graph_node *node, struct json_ref retry)
{
    struct place_of_node place;
    const struct path *field = node_field(&place, node->index, "retry");
    struct json_ref jitter = json_member(retry, SLICE("jitter"));
    struct json_ref multiplier = json_member(retry, SLICE("backoff_multiplier"));
    const double most = 365.0 * 86400e3;
    node->retry = (struct graph_retry){
        .max_attempts = (uint32_t)number_or(retry, SLICE("max_attempts"), 3),
        .backoff_ms = (int64_t)number_or(retry, SLICE("backoff_ms"), 0),
        .max_backoff_ms = (int64_t)number_or(retry, SLICE("max_backoff_ms"), most),
        .multiplier = number_or(retry, SLICE("backoff_multiplier"), 1),
        .jitter = number_or(retry, SLICE("jitter"), 0),
    };
    if (json_present(jitter) && node->retry.jitter > 1) {
        struct path member = path_key(field, SLICE("jitter"));
        report_error(c, jitter, &member, "expected a part of the pause, 0 to 1");
    }
    if (json_present(multiplier) && node->retry.multiplier < 1) {
        struct path member = path_key(field, SLICE("backoff_multiplier"));
        report_error(c, multiplier, &member, "expected a number not below 1: pauses do not shrink");
    }
}

static void read_on_error(struct graph_node *node, struct json_ref on_error)
{
    if (json_type(on_error) == JSON_OBJECT)
        node->on_error = ON_ERROR_GOTO;
    else if (json_string_eq(on_error, SLICE("continue")))
        node->on_error = ON_ERROR_CONTINUE;
}

int behaviour_pass(struct compiler *c)
{
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        struct graph_node *node = &c->graph_nodes[n];
        const struct node_draft *draft = &c->nodes[n];
        int64_t timeout = 0;
        if (json_present(draft->join))
            read_join(c, node, draft->join);
        if (json_present(draft->branch) && json_type(draft->branch) == JSON_OBJECT)
            read_branch(c, node, draft->branch);
        if (json_present(draft->retry) && json_type(draft->retry) == JSON_OBJECT)
            read_retry(c, node, draft->retry);
        if (json_present(draft->on_error))
            read_on_error(node, draft->on_error);
        if (json_present(draft->timeout) && json_int(draft->timeout, &timeout))
            node->timeout_ms = timeout;
    }
    return read_loops(c);
}
