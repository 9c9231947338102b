/* scope: where tokens stand in loops. Written `L#i/M#j`, outermost first: loop node indices and
 * iterations. */
#include "graph/graph.h"

/* The node index before `sign` in one component; UINT32_MAX when it is of another kind. */
static uint32_t component_node(struct slice component, char sign)
{
    uint32_t node = 0;
    size_t i = 0;
    for (; i < component.len && component.ptr[i] >= '0' && component.ptr[i] <= '9'; i++)
        node = node * 10 + (uint32_t)(component.ptr[i] - '0');
    return i > 0 && i < component.len && component.ptr[i] == sign ? node : UINT32_MAX;
}

static uint32_t component_loop(struct slice component) { return component_node(component, '#'); }

/* J@P; false when it is none. */
static bool component_each(struct slice component, uint32_t *join, uint32_t *from)
{
    *join = component_node(component, '@');
    *from = 0;
    if (*join == UINT32_MAX)
        return false;
    const char *at = memchr(component.ptr, '@', component.len);
    for (at++; at < component.ptr + component.len && *at >= '0' && *at <= '9'; at++)
        *from = *from * 10 + (uint32_t)(*at - '0');
    return true;
}

uint32_t graph_outer_loop(const struct graph *graph, uint32_t node)
{
    const struct graph_node *n = &graph->nodes[node];
    return n->head_of == GRAPH_NO_LOOP ? n->loop : graph->loops[n->head_of].parent;
}

/* The node of the loop that stands at `depth` (from 1) in the chain that ends with `loop`. */
static uint32_t chain_node(const struct graph *graph, uint32_t loop, uint32_t depth)
{
    while (loop != GRAPH_NO_LOOP && graph->loops[loop].depth > depth)
        loop = graph->loops[loop].parent;
    return loop == GRAPH_NO_LOOP || graph->loops[loop].depth != depth ? UINT32_MAX - 1
                                                                      : graph->loops[loop].node;
}

struct slice graph_scope_fit(const struct graph *graph, struct slice scope, uint32_t loop)
{
    size_t at = 0, kept = 0;
    for (uint32_t depth = 0; at < scope.len;) {
        const char *slash = memchr(scope.ptr + at, '/', scope.len - at);
        const size_t end = slash ? (size_t)(slash - scope.ptr) : scope.len;
        const uint32_t node = component_loop(slice_of(scope.ptr + at, end - at));
        if (node != UINT32_MAX && node != chain_node(graph, loop, ++depth))
            break;
        kept = end;
        at = end + 1;
    }
    return slice_of(scope.ptr, kept);
}

void graph_scope_enter(const struct graph *graph, struct slice scope, uint32_t from, uint32_t node,
                       struct buf *out)
{
    struct slice fitted = graph_scope_fit(graph, scope, graph_outer_loop(graph, node));
    const uint32_t loop = graph->nodes[node].head_of;
    buf_slice_append(out, fitted);
    if (loop != GRAPH_NO_LOOP)
        buf_printf(out, "%s%u#1", fitted.len > 0 ? "/" : "", graph->loops[loop].node);
    else if (graph->nodes[node].join == JOIN_EACH && from != UINT32_MAX)
        buf_printf(out, "%s%u@%u", fitted.len > 0 ? "/" : "", node, from);
}

int64_t graph_scope_order(const struct graph *graph, struct slice scope)
{
    int64_t order = -1;
    for (size_t at = 0; at < scope.len;) {
        const char *slash = memchr(scope.ptr + at, '/', scope.len - at);
        const size_t end = slash ? (size_t)(slash - scope.ptr) : scope.len;
        uint32_t join, from;
        if (component_each(slice_of(scope.ptr + at, end - at), &join, &from) &&
            join < graph->node_count) {
            const struct graph_node *node = &graph->nodes[join];
            uint32_t slot = 0;
            while (slot < node->pred_count && node->preds[slot] != from)
                slot++;
            order = (order < 0 ? 0 : order) * (GRAPH_MAX_NODES + 1) + slot;
        }
        at = end + 1;
    }
    return order;
}

int64_t graph_scope_iteration(struct slice scope)
{
    size_t at = scope.len;
    while (at > 0 && scope.ptr[at - 1] != '#' && scope.ptr[at - 1] != '/')
        at--;
    if (at == 0 || scope.ptr[at - 1] != '#')
        return 0;
    int64_t iteration = 0;
    for (; at < scope.len && scope.ptr[at] >= '0' && scope.ptr[at] <= '9'; at++)
        iteration = iteration * 10 + (scope.ptr[at] - '0');
    return iteration;
}

void graph_scope_next(struct slice scope, struct buf *out)
{
    size_t at = scope.len;
    while (at > 0 && scope.ptr[at - 1] != '#')
        at--;
    buf_append(out, scope.ptr, at);
    buf_int(out, graph_scope_iteration(scope) + 1);
}

void graph_scope_show(const struct graph *graph, struct slice scope, struct buf *out)
{
    for (size_t at = 0; at < scope.len;) {
        const char *slash = memchr(scope.ptr + at, '/', scope.len - at);
        const size_t end = slash ? (size_t)(slash - scope.ptr) : scope.len;
        struct slice component = slice_of(scope.ptr + at, end - at);
        const uint32_t node = component_loop(component);
        const char *hash = memchr(component.ptr, '#', component.len);
        uint32_t join, from;
        if (at > 0)
            buf_char(out, '/');
        if (node < graph->node_count && hash) {
            buf_slice_append(out, graph->nodes[node].id);
            buf_append(out, hash, component.len - (size_t)(hash - component.ptr));
        } else if (component_each(component, &join, &from) && join < graph->node_count &&
                   from < graph->node_count) {
            buf_slice_append(out, graph->nodes[join].id);
            buf_char(out, '@');
            buf_slice_append(out, graph->nodes[from].id);
        } else {
            buf_slice_append(out, component);
        }
        at = end + 1;
    }
}
