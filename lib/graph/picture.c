/* picture: a graph for Graphviz, and as JSON. */
#include "base/utf8.h"
#include "graph/graph.h"

static void dot_text(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '"' || c == '\\')
            buf_char(out, '\\');
        if (c == '\n')
            buf_str(out, "\\n");
        else
            buf_char(out, (unsigned char)c < 0x20 ? ' ' : c);
    }
}

static const char *dot_shape(const struct graph_node *node)
{
    switch (node->type) {
    case NODE_CONDITIONAL:
        return "diamond";
    case NODE_PARALLEL:
    case NODE_JOIN:
        return "invtrapezium";
    case NODE_NOOP:
        return "ellipse";
    case NODE_TRANSFORM:
    case NODE_FILTER:
    case NODE_AGGREGATE:
        return "parallelogram";
    case NODE_LOOP:
    case NODE_MAP:
        return "box3d";
    case NODE_WORKFLOW:
        return "component";
    case NODE_DELAY:
    case NODE_SIGNAL:
    case NODE_HUMAN:
        return "hexagon";
    case NODE_FUNCTION:
    case NODE_HTTP:
    case NODE_EXEC:
    case NODE_AGENT:
    case NODE_TOOL:
        return "box";
    }
    panic("node type %d", (int)node->type);
}

static void dot_node(const struct graph_node *node, struct buf *out)
{
    buf_str(out, "  \"");
    dot_text(out, node->id);
    buf_printf(out, "\" [shape=%s, tooltip=\"%s\"%s];\n", dot_shape(node),
               node_type_name(node->type), node->entry ? ", style=bold" : "");
}

/* Calls back for each route of one edge, in file order. */
static bool next_route(const struct graph_node *node, uint32_t edge, uint32_t *at)
{
    while (*at < node->route_count && node->routes[*at].edge != edge)
        (*at)++;
    return *at < node->route_count;
}

/* What decides it; ptr NULL: nothing. */
static struct slice route_label(const struct graph_node *node, const struct graph_route *route)
{
    switch (route->kind) {
    case ROUTE_EDGE:
        if (route->condition)
            return graph_expr_source(route->condition);
        return node->routing == ROUTING_EXCLUSIVE ? SLICE("else") : SLICE_NONE;
    case ROUTE_RULE:
        return graph_expr_source(node->rules[route->rule]);
    case ROUTE_DEFAULT:
        return SLICE("else");
    case ROUTE_BREAK:
        return SLICE("break");
    case ROUTE_TIMEOUT:
        return SLICE("timeout");
    case ROUTE_GOTO:
        return SLICE("on error");
    case ROUTE_AVAILABLE:
        break;
    }
    return SLICE_NONE;
}

static void dot_edge(const struct graph *graph, const struct graph_node *node, uint32_t edge,
                     struct buf *out)
{
    const char *glue = " [label=\"";
    buf_str(out, "  \"");
    dot_text(out, node->id);
    buf_str(out, "\" -> \"");
    dot_text(out, graph->nodes[node->edges[edge].to].id);
    buf_char(out, '"');
    bool labelled = false;
    for (uint32_t at = 0; next_route(node, edge, &at); at++) {
        struct slice label = route_label(node, &node->routes[at]);
        if (!label.ptr)
            continue;
        buf_str(out, glue);
        dot_text(out, label);
        glue = "\\nor ";
        labelled = true;
    }
    buf_str(out, labelled ? "\"];\n" : ";\n");
}

static void dot_back(const struct graph *graph, const struct graph_loop *loop, struct buf *out)
{
    buf_str(out, "  \"");
    dot_text(out, graph->nodes[loop->node].id);
    buf_str(out, "\" -> \"");
    dot_text(out, graph->nodes[loop->head].id);
    buf_str(out, "\" [style=dashed, constraint=false, label=\"");
    dot_text(out, graph_expr_source(loop->condition));
    buf_str(out, "\"];\n");
}

static void dot_probe(const struct graph_node *node, struct buf *out)
{
    buf_str(out, "  \"");
    dot_text(out, node->id);
    buf_str(out, "\" -> \"");
    dot_text(out, node->probe->id);
    buf_str(out, "\" [style=dotted, arrowhead=none, label=\"probe\"];\n");
}

void graph_write_dot(const struct graph *graph, struct buf *out)
{
    buf_str(out, "digraph \"");
    dot_text(out, graph->name.ptr ? graph->name : SLICE("workflow"));
    buf_str(out, "\" {\n  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\"];\n");
    for (uint32_t n = 0; n < graph->node_count; n++)
        dot_node(&graph->nodes[n], out);
    for (uint32_t n = 0; n < graph->node_count; n++)
        for (uint32_t e = 0; e < graph->nodes[n].edge_count; e++)
            dot_edge(graph, &graph->nodes[n], e, out);
    for (uint32_t i = 0; i < graph->loop_count; i++)
        dot_back(graph, &graph->loops[i], out);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].probe)
            dot_probe(&graph->nodes[n], out);
    buf_str(out, "}\n");
}

/* --- mermaid --- */

/* Mermaid takes entities of its own: what ends a label goes as one. */
static void mermaid_text(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '"' || c == '#' || c == '<' || c == '>' || c == '&' || c == '`')
            buf_printf(out, "#%d;", c);
        else
            buf_char(out, (unsigned char)c < 0x20 ? ' ' : c);
    }
}

static void mermaid_node(const struct graph_node *node, struct buf *out)
{
    const bool choice = node->routing != ROUTING_EACH && node->routing != ROUTING_LOOP;
    buf_printf(out, "  n%u%s\"", node->index,
               choice                         ? "{"
               : node->loops != GRAPH_NO_LOOP ? "[["
                                              : "[");
    mermaid_text(out, node->id);
    buf_printf(out, "\"%s\n", choice ? "}" : node->loops != GRAPH_NO_LOOP ? "]]" : "]");
}

static void mermaid_edge(const struct graph_node *node, uint32_t edge, struct buf *out)
{
    const char *glue = " -->|\"";
    bool labelled = false;
    buf_printf(out, "  n%u", node->index);
    for (uint32_t at = 0; next_route(node, edge, &at); at++) {
        struct slice label = route_label(node, &node->routes[at]);
        if (!label.ptr)
            continue;
        buf_str(out, glue);
        mermaid_text(out, utf8_cut(label, 80));
        glue = " or ";
        labelled = true;
    }
    buf_printf(out, "%s n%u\n", labelled ? "\"|" : " -->", node->edges[edge].to);
}

void graph_write_mermaid(const struct graph *graph, struct buf *out)
{
    buf_str(out, "flowchart TD\n");
    for (uint32_t n = 0; n < graph->node_count; n++)
        mermaid_node(&graph->nodes[n], out);
    for (uint32_t n = 0; n < graph->node_count; n++)
        for (uint32_t e = 0; e < graph->nodes[n].edge_count; e++)
            mermaid_edge(&graph->nodes[n], e, out);
    for (uint32_t i = 0; i < graph->loop_count; i++)
        buf_printf(out, "  n%u -. again .-> n%u\n", graph->loops[i].node, graph->loops[i].head);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].probe)
            buf_printf(out, "  n%u -. probe .- n%u\n", n, graph->nodes[n].probe->index);
}

/* --- json --- */

static void json_join(const struct graph_node *node, struct buf *out)
{
    switch (node->join) {
    case JOIN_ALL:
        buf_str(out, "\"all\"");
        return;
    case JOIN_ANY:
        buf_str(out, "\"any\"");
        return;
    case JOIN_EACH:
        buf_str(out, "\"each\"");
        return;
    case JOIN_COUNT:
        buf_printf(out, "{\"count\":%u}", node->need);
        return;
    }
    panic("join %d", (int)node->join);
}

static void json_node_line(const struct graph_node *node, struct buf *out)
{
    buf_str(out, "{\"id\":");
    json_write_string(out, node->id);
    buf_printf(
        out, ",\"type\":\"%s\",\"entry\":%s,\"terminal\":%s,\"join\":", node_type_name(node->type),
        node->entry ? "true" : "false", node->terminal ? "true" : "false");
    json_join(node, out);
    if (node->probe) {
        buf_str(out, ",\"probe\":");
        json_write_string(out, node->probe->id);
    }
    buf_char(out, '}');
}

/* A route without condition is null among the conditions. */
static void json_edge(const struct graph *graph, const struct graph_node *node, uint32_t edge,
                      struct buf *out)
{
    const char *glue = "";
    buf_str(out, "{\"from\":");
    json_write_string(out, node->id);
    buf_str(out, ",\"to\":");
    json_write_string(out, graph->nodes[node->edges[edge].to].id);
    buf_str(out, ",\"conditions\":[");
    for (uint32_t at = 0; next_route(node, edge, &at); at++) {
        const struct graph_expr *condition = node->routes[at].condition;
        buf_str(out, glue);
        if (condition)
            json_write_string(out, graph_expr_source(condition));
        else
            buf_str(out, "null");
        glue = ",";
    }
    buf_str(out, "]}");
}

void graph_write_json(const struct graph *graph, struct buf *out)
{
    const char *glue = "";
    buf_str(out, "{\"name\":");
    if (graph->name.ptr)
        json_write_string(out, graph->name);
    else
        buf_str(out, "null");
    buf_printf(out, ",\"digest\":\"%s\",\"nodes\":[", graph->digest);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        buf_str(out, n > 0 ? "," : "");
        json_node_line(&graph->nodes[n], out);
    }
    buf_str(out, "],\"edges\":[");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        for (uint32_t e = 0; e < graph->nodes[n].edge_count; e++) {
            buf_str(out, glue);
            json_edge(graph, &graph->nodes[n], e, out);
            glue = ",";
        }
    }
    buf_str(out, "]}");
}
