/* each: what follows an `each` join runs once per taken edge, in a scope of its own.
 *
 * Everything that the join leads to is its region. Only through the join may one come in: then every
 * node of it stands in exactly one such scope, and nothing has to be put together again.
 */
#include "graph/compile.h"

struct region {
    struct compiler *c;
    uint32_t join;
    bool *in;        /* by node */
    uint32_t *stack; /* node_count entries */
};

static void walk(struct region *r)
{
    uint32_t height = 0;
    memset(r->in, 0, r->c->graph->node_count * sizeof(*r->in));
    r->in[r->join] = true;
    r->stack[height++] = r->join;
    while (height > 0) {
        const struct graph_node *node = &r->c->graph->nodes[r->stack[--height]];
        for (uint32_t i = 0; i < node->edge_count; i++) {
            const uint32_t to = node->edges[i].to;
            if (r->in[to])
                continue;
            r->in[to] = true;
            r->stack[height++] = to;
        }
    }
}

static void check(struct region *r)
{
    struct compiler *c = r->c;
    const struct graph_node *join = &c->graph->nodes[r->join];
    struct path list = path_key(NULL, SLICE("nodes"));
    struct path place = path_index(&list, r->join);
    struct path member = path_key(&place, SLICE("join"));
    if (join->loop != GRAPH_NO_LOOP)
        report_error(c, c->nodes[r->join].join, &member,
                     "an each join may not lie in the body of a loop, here that of '%.*s'",
                     SLICE_ARG(shown(c->graph->nodes[c->graph->loops[join->loop].node].id)));
    for (uint32_t e = 0; e < c->graph->edge_count; e++) {
        const struct graph_edge *edge = &c->graph_edges[e];
        const uint32_t draft = c->edge_drafts[e];
        struct edge_place where;
        if (!r->in[edge->to] || r->in[edge->from] || edge->to == r->join)
            continue;
        report_error(c, c->edges[draft].ref, edge_place(c, draft, &where),
                     "leads past the each join '%.*s' to '%.*s', which runs once per edge of that "
                     "join: only through it may one come there",
                     SLICE_ARG(shown(join->id)), SLICE_ARG(shown(c->graph->nodes[edge->to].id)));
    }
}

int each_pass(struct compiler *c)
{
    struct region r = {.c = c};
    if (c->cyclic || c->edges_unclear)
        return 0;
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        if (c->graph->nodes[n].join != JOIN_EACH)
            continue;
        if (!r.in) {
            r.in = arena_array(&c->scratch, c->graph->node_count, sizeof(*r.in));
            r.stack = arena_array(&c->scratch, c->graph->node_count, sizeof(*r.stack));
            if (!r.in || !r.stack)
                return -1;
        }
        r.join = n;
        walk(&r);
        check(&r);
        for (uint32_t i = 0; i < c->graph->node_count; i++)
            c->graph_nodes[i].each_depth += r.in[i];
    }
    return 0;
}
