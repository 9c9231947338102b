/* edges: references resolved, edges between the same two nodes merged, and every node told its
 * routes, edges and predecessors. Linear in nodes and edges.
 */
#include "graph/compile.h"

int edge_resolve(struct compiler *c, struct json_ref ref, const struct path *path, uint32_t *node)
{
    *node = NO_NODE;
    if (!json_present(ref))
        return 0;
    struct slice id = json_string(ref, &c->scratch);
    if (!id.ptr)
        return -1;
    *node = compiler_find(c, id);
    if (*node == NO_NODE)
        report_error(c, ref, path, "no node is called '%.*s'%s", SLICE_ARG(shown(id)),
                     hint_node(c, id).text);
    return 0;
}

const struct path *edge_place(const struct compiler *c, uint32_t index, struct edge_place *place)
{
    const struct edge_draft *draft = &c->edges[index];
    struct path *parts = place->parts;
    if (draft->kind == ROUTE_EDGE) {
        parts[0] = path_key(NULL, SLICE("edges"));
        parts[1] = path_index(&parts[0], index);
        return &parts[1];
    }
    static const struct {
        const char *field, *list;
    } names[] = {
        [ROUTE_RULE] = {"branch", "rules"},
        [ROUTE_DEFAULT] = {"branch", "default"},
        [ROUTE_AVAILABLE] = {"branch", "available_next_nodes"},
        [ROUTE_BREAK] = {"loop", "break_path"},
        [ROUTE_TIMEOUT] = {"loop", "timeout_path"},
        [ROUTE_GOTO] = {"on_error", "goto"},
    };
    parts[0] = path_key(NULL, SLICE("nodes"));
    parts[1] = path_index(&parts[0], draft->from);
    parts[2] = path_key(&parts[1], slice_str(names[draft->kind].field));
    parts[3] = path_key(&parts[2], slice_str(names[draft->kind].list));
    struct path *list = &parts[3];
    if (draft->kind == ROUTE_RULE) {
        parts[4] = path_index(&parts[3], draft->rule);
        parts[5] = path_key(&parts[4], SLICE("next_nodes"));
        list = &parts[5];
    }
    if (json_type(draft->ref) != JSON_STRING || draft->index == NO_NODE)
        return list;
    list[1] = path_index(list, draft->index);
    return &list[1];
}

static int read_edge(struct compiler *c, struct edge_draft *draft, struct json_ref ref,
                     const struct path *path)
{
    struct fields fields;
    *draft = (struct edge_draft){.ref = ref, .from = NO_NODE, .to = NO_NODE};
    if (json_type(ref) != JSON_OBJECT) {
        report_error(c, ref, path, "expected an edge (an object), not %.*s",
                     SLICE_ARG(shown(json_text(ref))));
        c->edges_unclear = true;
        return 0;
    }
    const struct path from = path_key(path, SLICE("from")), to = path_key(path, SLICE("to"));
    if (definition_object(c, CONTEXT_EDGE, ref, path, &fields) != 0 ||
        edge_resolve(c, FIELD_VALUE(&fields, EDGE, FROM), &from, &draft->from) != 0 ||
        edge_resolve(c, FIELD_VALUE(&fields, EDGE, TO), &to, &draft->to) != 0)
        return -1;
    draft->conditional = json_present(json_member(ref, SLICE("condition")));
    draft->condition = FIELD_VALUE(&fields, EDGE, CONDITION);
    if (draft->from == NO_NODE || draft->to == NO_NODE)
        c->edges_unclear = true;
    return 0;
}

static bool resolved(const struct edge_draft *draft)
{
    return draft->from != NO_NODE && draft->to != NO_NODE;
}

static int read_edges(struct compiler *c)
{
    const struct path list = path_key(NULL, SLICE("edges"));
    const uint32_t written = json_present(c->edge_list) ? json_count(c->edge_list) : 0;
    const uint32_t implied = implied_count(c);
    if (written > GRAPH_MAX_EDGES || implied > GRAPH_MAX_EDGES - written) {
        report_error(c, written > 0 ? c->edge_list : c->node_list, &list,
                     "%u edges; the limit is %u", written + implied, GRAPH_MAX_EDGES);
        c->edges_unclear = true;
        return 0;
    }
    c->edges = arena_array(&c->scratch, (size_t)written + implied + 1, sizeof(*c->edges));
    if (!c->edges)
        return -1;
    if (written == 0)
        return implied_edges(c);
    struct json_iter it = json_iter(c->edge_list);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct path place = path_index(&list, i);
        if (read_edge(c, &c->edges[i], it.value, &place) != 0)
            return -1;
        c->edge_draft_count = i + 1;
    }
    return implied_edges(c);
}

/* Draft indices by source, each source's in file order; starts[n] to starts[n + 1] are n's. */
static int by_source(struct compiler *c, uint32_t **starts, uint32_t **order)
{
    const uint32_t nodes = c->graph->node_count;
    *starts = arena_array(&c->scratch, (size_t)nodes + 2, sizeof(**starts));
    *order = arena_array(&c->scratch, c->edge_draft_count, sizeof(**order));
    if (!*starts || !*order)
        return -1;
    for (uint32_t i = 0; i < c->edge_draft_count; i++)
        if (resolved(&c->edges[i]))
            (*starts)[c->edges[i].from + 2]++;
    for (uint32_t n = 0; n < nodes; n++)
        (*starts)[n + 2] += (*starts)[n + 1];
    /* Filling moves each start to where the next one's was. */
    for (uint32_t i = 0; i < c->edge_draft_count; i++)
        if (resolved(&c->edges[i]))
            (*order)[(*starts)[c->edges[i].from + 1]++] = i;
    return 0;
}

static int merge(struct compiler *c, const uint32_t *starts, const uint32_t *order)
{
    const uint32_t nodes = c->graph->node_count;
    /* edge_of[to]: the current source's edge there, when seen[to] says so. */
    uint32_t *seen = arena_array(&c->scratch, nodes, sizeof(*seen));
    uint32_t *edge_of = arena_array(&c->scratch, nodes, sizeof(*edge_of));
    struct graph_route *routes = arena_array(c->arena, c->edge_draft_count, sizeof(*routes));
    c->graph_routes = routes;
    c->route_drafts = arena_array(&c->scratch, c->edge_draft_count, sizeof(*c->route_drafts));
    c->graph_edges = arena_array(c->arena, c->edge_draft_count, sizeof(*c->graph_edges));
    c->edge_drafts = arena_array(&c->scratch, c->edge_draft_count, sizeof(*c->edge_drafts));
    if (!seen || !edge_of || !routes || !c->graph_edges || !c->edge_drafts || !c->route_drafts)
        return -1;
    uint32_t merged = 0, route = 0;
    for (uint32_t n = 0; n < nodes; n++) {
        struct graph_node *node = &c->graph_nodes[n];
        node->edges = &c->graph_edges[merged];
        node->routes = &routes[route];
        node->terminal = true;
        for (uint32_t i = starts[n]; i < starts[n + 1]; i++) {
            struct edge_draft *draft = &c->edges[order[i]];
            if (seen[draft->to] != n + 1) {
                seen[draft->to] = n + 1;
                edge_of[draft->to] = node->edge_count++;
                draft->first = true;
                c->edge_drafts[merged] = order[i];
                c->graph_edges[merged++] = (struct graph_edge){.from = n, .to = draft->to};
            }
            draft->edge = edge_of[draft->to];
            c->route_drafts[route] = order[i];
            routes[route++] =
                (struct graph_route){.edge = draft->edge, .kind = draft->kind, .rule = draft->rule};
            node->route_count++;
            node->terminal &= draft->kind == ROUTE_GOTO;
            if (draft->kind == ROUTE_GOTO)
                c->graph_nodes[draft->to].goto_target = true;
        }
    }
    c->graph->edge_count = merged;
    return 0;
}

/* Slots go by file order over all edges, not by source. */
static int predecessors(struct compiler *c)
{
    uint32_t *preds = arena_array(c->arena, c->graph->edge_count, sizeof(*preds));
    uint32_t *starts = arena_array(&c->scratch, c->graph->node_count, sizeof(*starts));
    if (!preds || !starts)
        return -1;
    for (uint32_t e = 0; e < c->graph->edge_count; e++)
        c->graph_nodes[c->graph_edges[e].to].pred_count++;
    uint32_t start = 0;
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        struct graph_node *node = &c->graph_nodes[n];
        starts[n] = start;
        node->preds = &preds[start];
        start += node->pred_count;
        node->join = JOIN_ALL;
        node->need = node->pred_count;
        node->entry = node->pred_count == 0;
        node->pred_count = 0;
    }
    for (uint32_t i = 0; i < c->edge_draft_count; i++) {
        const struct edge_draft *draft = &c->edges[i];
        if (!draft->first)
            continue;
        struct graph_node *to = &c->graph_nodes[draft->to];
        ptrdiff_t edge = c->graph_nodes[draft->from].edges - c->graph_edges + draft->edge;
        c->graph_edges[edge].slot = to->pred_count;
        preds[starts[draft->to] + to->pred_count++] = draft->from;
    }
    return 0;
}

static int entries(struct compiler *c)
{
    uint32_t *list = arena_array(c->arena, c->graph->node_count, sizeof(*list));
    if (!list)
        return -1;
    for (uint32_t n = 0; n < c->graph->node_count; n++)
        if (c->graph->nodes[n].entry)
            list[c->graph->entry_count++] = n;
    c->graph->entries = list;
    return 0;
}

int edges_pass(struct compiler *c)
{
    uint32_t *starts, *order;
    if (read_edges(c) != 0 || by_source(c, &starts, &order) != 0 || merge(c, starts, order) != 0 ||
        predecessors(c) != 0 || asking_pass(c) != 0)
        return -1;
    return entries(c) != 0 ? -1 : behaviour_pass(c);
}
