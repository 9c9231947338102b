/* route: conditions first, then one pass over the edges in file order. */
#include "worker/route.h"
#include "base/utf8.h"
#include "protocol/wanted.h"
#include "worker/failure.h"

enum { REASON_MAX_BYTES = 500, WANTED_MAX_BYTES = 1 << 20 };

struct planner {
    const struct graph *graph;
    const struct graph_node *node;
    enum route_outcome outcome;
    struct slice scope;   /* of the token */
    struct slice current; /* of the operations that follow */
    bool back;
    struct graph_values *values;
    struct call_queues queues;
    struct arena *arena;   /* of the plan */
    struct arena *scratch; /* of what making it takes */
    struct graph_failure *failure;
    char *taken;
    struct buf reason;
    struct route_op *ops;
    uint32_t count, capacity;
    bool no_memory;
};

static bool has_conditions(const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->route_count; i++) {
        if (node->routes[i].condition)
            return true;
    }
    return false;
}

static void add_reason(struct planner *p, const struct graph_route *route,
                       const struct graph_expr *condition)
{
    const struct graph_node *to = &p->graph->nodes[p->node->edges[route->edge].to];
    struct slice source = utf8_cut(graph_expr_source(condition), REASON_MAX_BYTES);
    if (p->reason.len > REASON_MAX_BYTES)
        return;
    if (p->reason.len > 0)
        buf_str(&p->reason, "; ");
    buf_slice_append(&p->reason, to->id);
    buf_str(&p->reason, ": ");
    buf_slice_append(&p->reason, source);
}

/* Every condition is evaluated, also those of an edge that is taken already: whether an execution
 * fails must not depend on the order of its edges. */
static int decide_each(struct planner *p)
{
    for (uint32_t i = 0; i < p->node->route_count; i++) {
        const struct graph_route *route = &p->node->routes[i];
        bool holds = true;
        if (route->kind == ROUTE_GOTO)
            continue;
        if (route->condition &&
            graph_expr_holds(route->condition, p->values, p->scratch, &holds, p->failure) != 0)
            return -1;
        if (!holds)
            continue;
        p->taken[route->edge] = '1';
        if (route->condition)
            add_reason(p, route, route->condition);
    }
    if (has_conditions(p->node) && p->reason.len == 0)
        buf_str(&p->reason, "no condition holds");
    return 0;
}

static int decide_exclusive(struct planner *p)
{
    bool otherwise = false;
    for (uint32_t i = 0; i < p->node->route_count; i++) {
        const struct graph_route *route = &p->node->routes[i];
        bool holds = false;
        if (!route->condition)
            continue;
        if (graph_expr_holds(route->condition, p->values, p->scratch, &holds, p->failure) != 0)
            return -1;
        if (holds) {
            p->taken[route->edge] = '1';
            add_reason(p, route, route->condition);
            return 0;
        }
    }
    for (uint32_t i = 0; i < p->node->route_count; i++) {
        const struct graph_route *route = &p->node->routes[i];
        if (route->condition || route->kind == ROUTE_GOTO)
            continue;
        p->taken[route->edge] = '1';
        otherwise = true;
    }
    if (has_conditions(p->node))
        buf_str(&p->reason, otherwise ? "no condition holds: the default"
                                      : "no condition holds, and there is no default");
    return 0;
}

/* Takes all routes of a kind (of one rule, for rules). */
static uint32_t take_kind(struct planner *p, enum route_kind kind, uint32_t rule)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->node->route_count; i++) {
        const struct graph_route *route = &p->node->routes[i];
        if (route->kind != kind || route->rule != rule)
            continue;
        p->taken[route->edge] = '1';
        count++;
    }
    return count;
}

static int decide_rules(struct planner *p)
{
    for (uint32_t i = 0; i < p->node->rule_count; i++) {
        const struct graph_expr *condition = p->node->rules[i];
        bool holds = false;
        if (graph_expr_holds(condition, p->values, p->scratch, &holds, p->failure) != 0)
            return -1;
        if (!holds)
            continue;
        (void)take_kind(p, ROUTE_RULE, i);
        buf_printf(&p->reason, "rule %u: ", i + 1);
        buf_slice_append(&p->reason, utf8_cut(graph_expr_source(condition), REASON_MAX_BYTES));
        return 0;
    }
    buf_str(&p->reason, take_kind(p, ROUTE_DEFAULT, 0) > 0
                            ? "no rule holds: the default"
                            : "no rule holds, and there is no default");
    return 0;
}

static int bad_choice(struct planner *p, const char *why, struct slice what)
{
    return failure_fill(p->failure, "routing", "output.next_nodes of node '%.*s' %s%.*s",
                        SLICE_ARG(p->node->id), why, SLICE_ARG(utf8_cut(what, 80)));
}

/* One name of output.next_nodes. */
static int take_name(struct planner *p, struct json_ref name)
{
    if (json_type(name) != JSON_STRING)
        return bad_choice(p, "holds something that is no name: ", json_text(name));
    for (uint32_t i = 0; i < p->node->route_count; i++) {
        const struct graph_route *route = &p->node->routes[i];
        if (route->kind != ROUTE_AVAILABLE ||
            !json_string_eq(name, p->graph->nodes[p->node->edges[route->edge].to].id))
            continue;
        p->taken[route->edge] = '1';
        return 0;
    }
    return bad_choice(p, "names what is not among available_next_nodes: ", json_text(name));
}

static int decide_agent(struct planner *p)
{
    struct json_ref output, list;
    if (graph_text_ref(&p->values->output, p->scratch, &output) != 0)
        return bad_choice(p, "cannot be read", SLICE(""));
    list = json_member(output, SLICE("next_nodes"));
    if (!json_present(list) || json_type(list) != JSON_ARRAY)
        return bad_choice(p, "is no list", SLICE(""));
    struct json_iter it = json_iter(list);
    while (json_next(&it)) {
        if (take_name(p, it.value) != 0)
            return -1;
    }
    buf_str(&p->reason, "output.next_nodes: ");
    buf_slice_append(&p->reason, utf8_cut(json_text(list), REASON_MAX_BYTES));
    return 0;
}

static int decide_loop(struct planner *p)
{
    const struct graph_loop *loop = &p->graph->loops[p->node->loops];
    const int64_t iteration = p->values->iteration;
    bool holds = false;
    if (graph_expr_holds(loop->condition, p->values, p->scratch, &holds, p->failure) != 0)
        return -1;
    p->back = holds && iteration < loop->max_iterations;
    buf_str(&p->reason, "iteration ");
    buf_int(&p->reason, iteration);
    buf_str(&p->reason, ": ");
    if (p->back) {
        buf_str(&p->reason, "the condition holds: again");
    } else if (!holds) {
        (void)take_kind(p, ROUTE_BREAK, 0);
        buf_str(&p->reason, "the condition does not hold");
    } else if (take_kind(p, ROUTE_TIMEOUT, 0) > 0) {
        buf_str(&p->reason, "none is left");
    } else {
        return failure_fill(p->failure, "loop_limit",
                            "node '%.*s': its condition still holds after %lld iterations",
                            SLICE_ARG(p->node->id), (long long)loop->max_iterations);
    }
    return 0;
}

static int decide(struct planner *p)
{
    switch (p->outcome) {
    case ROUTE_SKIPPED:
        buf_str(&p->reason, "when is false");
        return 0;
    case ROUTE_GOES_TO:
        (void)take_kind(p, ROUTE_GOTO, 0);
        buf_str(&p->reason, "it failed: on_error.goto");
        return 0;
    case ROUTE_COMPLETED:
    case ROUTE_CONTINUES:
        break;
    }
    switch (p->node->routing) {
    case ROUTING_EACH:
        return decide_each(p);
    case ROUTING_EXCLUSIVE:
        return decide_exclusive(p);
    case ROUTING_RULES:
        return decide_rules(p);
    case ROUTING_AGENT:
        return decide_agent(p);
    case ROUTING_LOOP:
        return decide_loop(p);
    }
    panic("routing %d", (int)p->node->routing);
}

static void add_op(struct planner *p, const struct route_op *op)
{
    if (p->count == p->capacity) {
        const uint32_t capacity = p->capacity ? p->capacity * 2 : 8;
        struct route_op *ops = arena_alloc(p->scratch, capacity * sizeof(*ops));
        if (!ops) {
            p->no_memory = true;
            return;
        }
        if (p->count > 0)
            memcpy(ops, p->ops, p->count * sizeof(*ops));
        p->ops = ops;
        p->capacity = capacity;
    }
    p->ops[p->count++] = *op;
}

static void add_dead(void *context, uint32_t node, uint32_t slot)
{
    add_op(context, &(struct route_op){.kind = ROUTE_DEAD, .node = node, .where = slot});
}

/* What a buf holds, in the arena; the buf is freed. */
static struct slice keep(struct planner *p, struct buf *text)
{
    struct slice kept = buf_ok(text) ? arena_copy(p->arena, buf_slice(text)) : SLICE_NONE;
    buf_free(text);
    if (!kept.ptr)
        p->no_memory = true;
    return kept;
}

static void set_scope(struct planner *p, struct slice scope)
{
    if (slice_eq(p->current, scope))
        return;
    p->current = scope;
    add_op(p, &(struct route_op){.kind = ROUTE_SCOPE, .wanted = scope});
}

/* Into a loop, out of one, or neither. */
static void enter(struct planner *p, const struct graph_node *to)
{
    struct buf text;
    if (p->scope.len == 0 && to->head_of == GRAPH_NO_LOOP && to->join != JOIN_EACH)
        return;
    buf_init(&text, WANTED_MAX_BYTES);
    graph_scope_enter(p->graph, p->scope, p->node->index, to->index, &text);
    set_scope(p, keep(p, &text));
}

static int find_queue(struct planner *p, const struct graph_node *to, uint32_t *index)
{
    if (!call_queues_find(p->queues, to->queue, index))
        return failure_fill(p->failure, "internal", "node '%.*s': this worker has no queue '%.*s'",
                            SLICE_ARG(to->id), SLICE_ARG(to->queue));
    return 0;
}

static int add_emit(struct planner *p, const struct graph_node *to)
{
    struct buf wanted;
    uint32_t queue;
    if (find_queue(p, to, &queue) != 0)
        return -1;
    enter(p, to);
    buf_init(&wanted, WANTED_MAX_BYTES);
    wanted_write_node(&wanted, p->graph, to->index);
    add_op(p,
           &(struct route_op){
               .kind = ROUTE_EMIT, .node = to->index, .where = queue, .wanted = keep(p, &wanted)});
    set_scope(p, p->scope);
    return 0;
}

/* The head at once, in the next iteration's scope. No edge is decided. */
static int add_back(struct planner *p)
{
    const struct graph_loop *loop = &p->graph->loops[p->node->loops];
    const struct graph_node *head = &p->graph->nodes[loop->head];
    struct buf scope, wanted;
    uint32_t queue;
    if (find_queue(p, head, &queue) != 0)
        return -1;
    add_op(p, &(struct route_op){.kind = ROUTE_BACK, .loop = loop});
    buf_init(&scope, WANTED_MAX_BYTES);
    graph_scope_next(p->scope, &scope);
    set_scope(p, keep(p, &scope));
    buf_init(&wanted, WANTED_MAX_BYTES);
    wanted_write_back(&wanted, p->graph, loop);
    add_op(p, &(struct route_op){.kind = ROUTE_EMIT,
                                 .node = head->index,
                                 .where = queue,
                                 .wanted = keep(p, &wanted)});
    return 0;
}

static int add_edges(struct planner *p)
{
    const struct graph_dead_walk walk = {.arrival = add_dead, .context = p};
    for (uint32_t i = 0; i < p->node->edge_count; i++) {
        const struct graph_edge *edge = &p->node->edges[i];
        const struct graph_node *to = &p->graph->nodes[edge->to];
        if (p->taken[i] != '1') {
            if (graph_dead_edge(p->graph, edge, p->scratch, &walk) != 0)
                p->no_memory = true;
        } else if (to->pred_count > 1) {
            add_op(p,
                   &(struct route_op){.kind = ROUTE_TAKEN, .node = edge->to, .where = edge->slot});
        } else if (add_emit(p, to) != 0) {
            return -1;
        }
    }
    return 0;
}

static int plan(struct planner *p)
{
    p->taken = arena_alloc(p->scratch, (size_t)p->node->edge_count + 1);
    if (!p->taken) {
        p->no_memory = true;
        return 0;
    }
    memset(p->taken, '0', p->node->edge_count);
    p->taken[p->node->edge_count] = '\0';
    if (decide(p) != 0)
        return -1;
    return p->back ? add_back(p) : add_edges(p);
}

int route_plan(const struct graph *graph, const struct graph_node *node, enum route_outcome outcome,
               struct slice scope, struct graph_values *values, struct call_queues queues,
               struct arena *arena, struct arena *scratch, struct route *route,
               struct graph_failure *failure)
{
    struct planner p = {.graph = graph,
                        .node = node,
                        .outcome = outcome,
                        .scope = scope,
                        .current = scope,
                        .values = values,
                        .queues = queues,
                        .arena = arena,
                        .scratch = scratch,
                        .failure = failure};
    buf_init(&p.reason, 4 * REASON_MAX_BYTES);
    int rc = plan(&p);
    struct route_op *ops = p.count > 0 ? arena_alloc(arena, p.count * sizeof(*ops)) : NULL;
    if (ops)
        memcpy(ops, p.ops, p.count * sizeof(*ops));
    p.no_memory = p.no_memory || (p.count > 0 && !ops);
    if (rc == 0 && !p.no_memory) {
        struct slice reason = buf_slice(&p.reason);
        *route = (struct route){.taken = p.back ? SLICE("b") : slice_of(p.taken, node->edge_count),
                                .reason = arena_copy(scratch, utf8_cut(reason, REASON_MAX_BYTES)),
                                .ops = ops,
                                .op_count = p.count};
        p.no_memory = !route->reason.ptr || !buf_ok(&p.reason);
    }
    buf_free(&p.reason);
    if (rc == 0 && p.no_memory)
        rc = failure_fill(failure, "too_large", "routing of node '%.*s': out of memory",
                          SLICE_ARG(node->id));
    return rc;
}
