/* scope: where tokens stand in loops. Written `L#i/M#j`, outermost first: loop node indices and
 * iterations. */
#include "graph/graph.h"

/* The loop node's index of one component; UINT32_MAX when it is none. */
static uint32_t component_loop(struct slice component)
{
    uint32_t node = 0;
    size_t i = 0;
    for (; i < component.len && component.ptr[i] >= '0' && component.ptr[i] <= '9'; i++)
        node = node * 10 + (uint32_t)(component.ptr[i] - '0');
    return i > 0 && i < component.len && component.ptr[i] == '#' ? node : UINT32_MAX;
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

void graph_scope_enter(const struct graph *graph, struct slice scope, uint32_t node,
                       struct buf *out)
{
    struct slice fitted = graph_scope_fit(graph, scope, graph_outer_loop(graph, node));
    const uint32_t loop = graph->nodes[node].head_of;
    buf_slice_append(out, fitted);
    if (loop != GRAPH_NO_LOOP)
        buf_printf(out, "%s%u#1", fitted.len > 0 ? "/" : "", graph->loops[loop].node);
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
        if (at > 0)
            buf_char(out, '/');
        if (node < graph->node_count && hash) {
            buf_slice_append(out, graph->nodes[node].id);
            buf_append(out, hash, component.len - (size_t)(hash - component.ptr));
        } else {
            buf_slice_append(out, component);
        }
        at = end + 1;
    }
}
