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

/* The loop node of one component. */
static uint32_t component_loop(struct slice component)
{
    const uint32_t node = component_node(component, '#');
    return node != UINT32_MAX ? node : component_node(component, '~');
}

static char loop_sign(const struct graph_loop *loop) { return loop->overlaps ? '~' : '#'; }

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
    const bool each = graph->nodes[node].join == JOIN_EACH && from != UINT32_MAX;
    buf_slice_append(out, fitted);
    if (fitted.len > 0 && (loop != GRAPH_NO_LOOP || each))
        buf_char(out, '/');
    if (loop != GRAPH_NO_LOOP) {
        buf_uint(out, graph->loops[loop].node);
        buf_char(out, loop_sign(&graph->loops[loop]));
        buf_char(out, '1');
    } else if (each) {
        buf_uint(out, node);
        buf_char(out, '@');
        buf_uint(out, from);
    }
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

/* Where the last component's iteration begins; 0 when it is none of a loop. */
static size_t iteration_at(struct slice scope)
{
    size_t at = scope.len;
    while (at > 0 && scope.ptr[at - 1] >= '0' && scope.ptr[at - 1] <= '9')
        at--;
    return at > 0 && (scope.ptr[at - 1] == '#' || scope.ptr[at - 1] == '~') ? at : 0;
}

int64_t graph_scope_iteration(struct slice scope)
{
    size_t at = iteration_at(scope);
    if (at == 0)
        return 0;
    int64_t iteration = 0;
    for (; at < scope.len && scope.ptr[at] >= '0' && scope.ptr[at] <= '9'; at++)
        iteration = iteration * 10 + (scope.ptr[at] - '0');
    return iteration;
}

void graph_scope_next(struct slice scope, struct buf *out)
{
    buf_append(out, scope.ptr, iteration_at(scope));
    buf_int(out, graph_scope_iteration(scope) + 1);
}

void graph_scope_frame(struct slice scope, struct buf *out)
{
    bool first = true;
    for (size_t at = 0; at < scope.len;) {
        const char *slash = memchr(scope.ptr + at, '/', scope.len - at);
        const size_t end = slash ? (size_t)(slash - scope.ptr) : scope.len;
        if (!memchr(scope.ptr + at, '#', end - at)) {
            if (!first)
                buf_char(out, '/');
            buf_append(out, scope.ptr + at, end - at);
            first = false;
        }
        at = end + 1;
    }
}

uint32_t graph_shared_frame(const struct graph *graph, const struct graph_node *reader,
                            uint32_t node, uint32_t *loop)
{
    uint32_t a = reader->loop, b = graph->nodes[node].loop;
    while (a != b) {
        const uint32_t depth_a = a == GRAPH_NO_LOOP ? 0 : graph->loops[a].depth;
        const uint32_t depth_b = b == GRAPH_NO_LOOP ? 0 : graph->loops[b].depth;
        if (depth_a >= depth_b)
            a = graph->loops[a].parent;
        else
            b = graph->loops[b].parent;
    }
    *loop = a;
    uint32_t depth = graph->nodes[node].each_depth;
    if (depth > reader->each_depth)
        depth = reader->each_depth;
    for (; a != GRAPH_NO_LOOP; a = graph->loops[a].parent)
        depth += graph->loops[a].overlaps;
    return depth;
}

void graph_scope_show(const struct graph *graph, struct slice scope, struct buf *out)
{
    for (size_t at = 0; at < scope.len;) {
        const char *slash = memchr(scope.ptr + at, '/', scope.len - at);
        const size_t end = slash ? (size_t)(slash - scope.ptr) : scope.len;
        struct slice component = slice_of(scope.ptr + at, end - at);
        const uint32_t node = component_loop(component);
        const size_t iteration = iteration_at(component);
        uint32_t join, from;
        if (at > 0)
            buf_char(out, '/');
        if (node < graph->node_count && iteration > 0) {
            buf_slice_append(out, graph->nodes[node].id);
            buf_char(out, '#');
            buf_append(out, component.ptr + iteration, component.len - iteration);
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
