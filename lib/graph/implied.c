/* implied: the edges that fields of nodes imply, appended behind those of `edges` in node order. They
 * are edges like any other.
 */
#include "graph/compile.h"

/* A list of ids, or one id; `visit` for each with its index (NO_NODE: not in a list). */
static int each_id(struct json_ref ids,
                   int (*visit)(void *context, struct json_ref id, uint32_t index), void *context)
{
    if (!json_present(ids))
        return 0;
    if (json_type(ids) == JSON_STRING)
        return visit(context, ids, NO_NODE);
    if (json_type(ids) != JSON_ARRAY)
        return 0; /* reported */
    struct json_iter it = json_iter(ids);
    for (uint32_t i = 0; json_next(&it); i++)
        if (json_type(it.value) == JSON_STRING && visit(context, it.value, i) != 0)
            return -1;
    return 0;
}

struct source {
    struct compiler *c; /* NULL: only counts */
    uint32_t from;
    enum route_kind kind;
    uint32_t rule;
    uint32_t count;
};

static int add_edge(void *context, struct json_ref id, uint32_t index)
{
    struct source *source = context;
    struct compiler *c = source->c;
    source->count++;
    if (!c)
        return 0;
    const uint32_t at = c->edge_draft_count++;
    struct edge_draft *draft = &c->edges[at];
    struct edge_place place;
    *draft = (struct edge_draft){.ref = id,
                                 .kind = source->kind,
                                 .rule = source->rule,
                                 .index = index,
                                 .from = source->from,
                                 .to = NO_NODE,
                                 .conditional = source->kind == ROUTE_RULE};
    if (edge_resolve(c, id, edge_place(c, at, &place), &draft->to) != 0)
        return -1;
    c->edges_unclear |= draft->to == NO_NODE;
    return 0;
}

static int add_ids(struct source *source, enum route_kind kind, struct json_ref object,
                   struct slice field)
{
    source->kind = kind;
    return each_id(json_member(object, field), add_edge, source);
}

static int add_branch(struct source *source, struct json_ref branch)
{
    struct json_ref rules = json_member(branch, SLICE("rules"));
    if (json_present(rules) && json_type(rules) == JSON_ARRAY) {
        struct json_iter it = json_iter(rules);
        for (source->rule = 0; json_next(&it); source->rule++)
            if (json_type(it.value) == JSON_OBJECT &&
                add_ids(source, ROUTE_RULE, it.value, SLICE("next_nodes")) != 0)
                return -1;
        source->rule = 0;
    }
    if (add_ids(source, ROUTE_DEFAULT, branch, SLICE("default")) != 0)
        return -1;
    return add_ids(source, ROUTE_AVAILABLE, branch, SLICE("available_next_nodes"));
}

static int add_node(struct source *source, const struct node_draft *draft)
{
    if (json_present(draft->branch) && add_branch(source, draft->branch) != 0)
        return -1;
    if (json_present(draft->loop) &&
        (add_ids(source, ROUTE_BREAK, draft->loop, SLICE("break_path")) != 0 ||
         add_ids(source, ROUTE_TIMEOUT, draft->loop, SLICE("timeout_path")) != 0))
        return -1;
    if (json_present(draft->on_error) && json_type(draft->on_error) == JSON_OBJECT)
        return add_ids(source, ROUTE_GOTO, draft->on_error, SLICE("goto"));
    return 0;
}

uint32_t implied_count(const struct compiler *c)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        struct source source = {.from = n};
        (void)add_node(&source, &c->nodes[n]); /* counting cannot fail */
        count += source.count;
    }
    return count;
}

int implied_edges(struct compiler *c)
{
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        struct source source = {.c = c, .from = n};
        if (add_node(&source, &c->nodes[n]) != 0)
            return -1;
    }
    return 0;
}
