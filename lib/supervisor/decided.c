/* decided: what an execution decided of its edges and what follows from it by the definition: rows
 * of the decision, of the nodes that its dead edges skipped, and of the joins that came to nothing.
 */
#include "base/json.h"
#include "supervisor/state.h"
#include <string.h>

/* --- edges --- */

bool decided_to_go_back(const struct ledger_execution *execution)
{
    return slice_eq_str(execution->taken, "b");
}

bool decided_to_lead_on(const struct ledger_execution *execution)
{
    return decided_to_go_back(execution) ||
           (execution->taken.len > 0 &&
            memchr(execution->taken.ptr, '1', execution->taken.len) != NULL);
}

/* --- skipped nodes --- */

struct skipping {
    struct supervisor *s;
    const struct run *run;
    struct slice scope;
    int64_t at_us;
};

static void add_skipped(void *context, uint32_t node)
{
    struct skipping *skipping = context;
    const struct graph *graph = skipping->run->graph;
    struct slice scope = graph_scope_fit(graph, skipping->scope,
                                         graph->nodes[node].head_of == GRAPH_NO_LOOP
                                             ? graph->nodes[node].loop
                                             : graph_outer_loop(graph, node));
    const struct archive_execution execution = {
        .run = slice_str(skipping->run->id),
        .node = &skipping->run->graph->nodes[node],
        .scope = shown_scope(skipping->s, graph, scope),
        .status = "skipped",
        .list_order = -1,
        .at_us = skipping->at_us,
    };
    archive_add_execution(&skipping->s->archive, &execution);
}

int decided_joins(struct supervisor *s, const struct run *run, struct slice joins, int64_t at_us,
                  bool *open_joins, struct err *err)
{
    struct ledger_join join;
    size_t at = 0;
    int more;
    while ((more = ledger_next_join(joins, &at, &join, open_joins, err)) > 0) {
        struct skipping skipping = {s, run, join.scope, at_us};
        const struct graph_dead_walk walk = {.skipped = add_skipped, .context = &skipping};
        if (join.fired)
            continue;
        if (join.node >= run->graph->node_count)
            return err_set(err, ERR_INTERNAL, "a ledger record of run %s names node %u", run->id,
                           join.node);
        add_skipped(&skipping, join.node);
        if (graph_dead_node(run->graph, join.node, &s->batch.arena, &walk) != 0)
            return err_set(err, ERR_LIMIT, "no memory to expand a skipped node");
    }
    return more;
}

static int add_dead_edges(struct supervisor *s, const struct run *run,
                          const struct graph_node *node, const struct ledger_execution *execution,
                          struct err *err)
{
    struct skipping skipping = {s, run, execution->scope, execution->ended_us};
    const struct graph_dead_walk walk = {.skipped = add_skipped, .context = &skipping};
    for (uint32_t i = 0; i < node->edge_count; i++) {
        if (execution->taken.ptr[i] == '0' &&
            graph_dead_edge(run->graph, &node->edges[i], &s->batch.arena, &walk) != 0)
            return err_set(err, ERR_LIMIT, "no memory to expand a dead edge");
    }
    return 0;
}

/* --- decisions --- */

static bool had_choice(const struct graph_node *node)
{
    if (node->routing != ROUTING_EACH || node->edge_count > 1 || node->when)
        return node->edge_count > 0;
    for (uint32_t i = 0; i < node->route_count; i++) {
        if (node->routes[i].condition)
            return true;
    }
    return false;
}

static struct slice edge_targets(struct supervisor *s, const struct run *run,
                                 const struct graph_node *node, struct slice taken, char wanted)
{
    struct buf out;
    buf_init(&out, ARCHIVE_BUF_BYTES);
    buf_char(&out, '[');
    for (uint32_t i = 0; i < node->edge_count; i++) {
        if (taken.ptr[i] != wanted)
            continue;
        if (out.len > 1)
            buf_char(&out, ',');
        json_write_string(&out, run->graph->nodes[node->edges[i].to].id);
    }
    buf_char(&out, ']');
    struct slice copy = buf_ok(&out) ? arena_copy(&s->batch.arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    return copy;
}

static int add_decision(struct supervisor *s, const struct run *run, const struct graph_node *node,
                        const struct ledger_execution *execution, struct err *err)
{
    const struct archive_decision decision = {
        .run = slice_str(run->id),
        .node = node,
        .scope = shown_scope(s, run->graph, execution->scope),
        .attempt = execution->attempt,
        .taken = edge_targets(s, run, node, execution->taken, '1'),
        .dead = edge_targets(s, run, node, execution->taken, '0'),
        .reason = execution->reason,
        .at_us = execution->ended_us,
    };
    if (!decision.taken.ptr || !decision.dead.ptr)
        return err_set(err, ERR_LIMIT, "no memory for a decision");
    archive_add_decision(&s->archive, &decision);
    return 0;
}

int decided_edges(struct supervisor *s, const struct run *run, const struct graph_node *node,
                  const struct ledger_execution *execution, struct err *err)
{
    if (execution->taken.len == 0 || decided_to_go_back(execution))
        return 0;
    if (add_dead_edges(s, run, node, execution, err) != 0)
        return -1;
    return had_choice(node) ? add_decision(s, run, node, execution, err) : 0;
}
