/* warnings: what is legal and looks like a mistake. */
#include "graph/compile.h"

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static void warn_route(struct compiler *c, uint32_t draft, uint32_t earlier, const char *why)
{
    struct edge_place place, other;
    char text[PATH_TEXT_BYTES];
    path_write(edge_place(c, earlier, &other), text);
    report_warning(c, c->edges[draft].ref, edge_place(c, draft, &place), "shadowed by %s: %s", text,
                   why);
}

/* The routes of one node, with the drafts they come from. */
struct routes {
    const struct graph_node *node;
    const struct graph_route *list;
    const uint32_t *drafts;
    uint32_t count;
};

/* The first route that holds wins: none is reached behind `true`, nor twice by the same text. Then
 * *always says whether one always holds. */
static int exclusive(struct compiler *c, const struct routes *routes, bool *always)
{
    struct strmap cel_texts, jq_texts;
    uint32_t certain = NO_NODE;
    int rc = 0;
    strmap_init(&cel_texts);
    strmap_init(&jq_texts);
    for (uint32_t i = 0; i < routes->count && rc == 0; i++) {
        const uint32_t draft = routes->drafts[i];
        if (!routes->list[i].condition)
            continue;
        const struct graph_expr *condition = routes->list[i].condition;
        struct slice text = trimmed(graph_expr_source(condition));
        struct strmap *texts = condition->program ? &cel_texts : &jq_texts;
        const struct edge_draft *same = strmap_get(texts, text);
        if (certain != NO_NODE)
            warn_route(c, draft, certain, "its condition always holds");
        else if (same)
            warn_route(c, draft, (uint32_t)(same - c->edges), "it has the same condition");
        else
            rc = strmap_put(texts, text, &c->edges[draft]);
        if (certain == NO_NODE && slice_eq_str(text, "true"))
            certain = draft;
    }
    for (uint32_t i = 0; i < routes->count && certain != NO_NODE; i++)
        if (routes->list[i].kind == ROUTE_EDGE && !c->edges[routes->drafts[i]].conditional)
            warn_route(c, routes->drafts[i], certain, "its condition always holds");
    strmap_free(&cel_texts);
    strmap_free(&jq_texts);
    *always = certain != NO_NODE;
    return rc;
}

/* Several routes to one node, one of them without condition: the others decide nothing. `plain` has
 * room for each edge of the node. */
static void repeated(struct compiler *c, const struct routes *routes, uint32_t *plain)
{
    for (uint32_t e = 0; e < routes->node->edge_count; e++)
        plain[e] = NO_NODE;
    for (uint32_t i = 0; i < routes->count; i++)
        if (routes->list[i].kind == ROUTE_EDGE && !c->edges[routes->drafts[i]].conditional &&
            plain[routes->list[i].edge] == NO_NODE)
            plain[routes->list[i].edge] = routes->drafts[i];
    for (uint32_t i = 0; i < routes->count; i++) {
        const uint32_t first = plain[routes->list[i].edge];
        const bool conditional = c->edges[routes->drafts[i]].conditional;
        if (first == NO_NODE || first == routes->drafts[i] || routes->list[i].kind != ROUTE_EDGE)
            continue;
        if (conditional && routes->node->routing == ROUTING_EXCLUSIVE)
            continue; /* a choice, with the same node as default */
        warn_route(c, routes->drafts[i], first, "it leads there without a condition");
    }
}

static int node_warnings(struct compiler *c, uint32_t index, uint32_t *plain)
{
    const struct graph_node *node = &c->graph->nodes[index];
    const size_t first = (size_t)(node->routes - c->graph_routes);
    const struct routes routes = {.node = node,
                                  .list = node->routes,
                                  .drafts = &c->route_drafts[first],
                                  .count = node->route_count};
    struct path list = path_key(NULL, SLICE("nodes"));
    struct path place = path_index(&list, index);
    bool always = false, has_default = node->terminal;
    if (node->entry && node->terminal && c->graph->node_count > c->probe_count + 1)
        report_warning(c, c->nodes[index].ref, &place, "isolated: no edge leads to or from '%.*s'",
                       SLICE_ARG(shown(node->id)));
    if (node->routing == ROUTING_EACH || node->routing == ROUTING_EXCLUSIVE)
        repeated(c, &routes, plain);
    if (node->routing != ROUTING_EXCLUSIVE)
        return 0;
    if (exclusive(c, &routes, &always) != 0)
        return -1;
    for (uint32_t i = 0; i < routes.count; i++)
        has_default |= routes.list[i].kind == ROUTE_EDGE && !c->edges[routes.drafts[i]].conditional;
    if (!has_default && !always)
        report_warning(c, c->nodes[index].ref, &place,
                       "a conditional without default: when no condition holds, nothing follows "
                       "(an edge without condition is the default)");
    return 0;
}

int warnings_pass(struct compiler *c)
{
    if (c->edges_unclear)
        return 0; /* what is missing would be blamed on the wrong node */
    uint32_t *plain = arena_array(&c->scratch, c->graph->node_count, sizeof(*plain));
    if (!plain)
        return -1;
    for (uint32_t n = 0; n < c->graph->node_count; n++)
        if (node_warnings(c, n, plain) != 0)
            return -1;
    return 0;
}
