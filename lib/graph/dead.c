/* dead: what a dead edge makes dead in turn. */
#include "graph/graph.h"

struct frame {
    const struct graph_edge *next, *end;
};

enum { FIRST_FRAMES = 32 };

struct walk {
    const struct graph *graph;
    struct arena *arena;
    const struct graph_dead_walk *to;
    struct frame *stack;
    size_t height, capacity;
};

static int push(struct walk *walk, const struct graph_edge *edges, uint32_t count)
{
    if (walk->height == walk->capacity) {
        struct frame *stack = arena_array(walk->arena, walk->capacity * 2, sizeof(*stack));
        if (!stack)
            return -1;
        memcpy(stack, walk->stack, walk->height * sizeof(*stack));
        walk->stack = stack;
        walk->capacity *= 2;
    }
    walk->stack[walk->height++] = (struct frame){.next = edges, .end = edges + count};
    return 0;
}

/* Depth first: an edge's whole consequence before the next edge. A node that is skipped here has one
 * predecessor only, so none is met twice and the walk ends. */
static int run(struct walk *walk)
{
    while (walk->height > 0) {
        struct frame *frame = &walk->stack[walk->height - 1];
        if (frame->next == frame->end) {
            walk->height--;
            continue;
        }
        const struct graph_edge *edge = frame->next++;
        const struct graph_node *node = &walk->graph->nodes[edge->to];
        if (node->pred_count > 1) {
            if (walk->to->arrival)
                walk->to->arrival(walk->to->context, edge->to, edge->slot);
            continue;
        }
        if (walk->to->skipped)
            walk->to->skipped(walk->to->context, edge->to);
        if (push(walk, node->edges, node->edge_count) != 0)
            return -1;
    }
    return 0;
}

static int walk_edges(const struct graph *graph, const struct graph_edge *edges, uint32_t count,
                      struct arena *arena, const struct graph_dead_walk *to)
{
    struct frame first[FIRST_FRAMES]; /* most walks are short */
    struct walk walk = {
        .graph = graph, .arena = arena, .to = to, .stack = first, .capacity = FIRST_FRAMES};
    if (push(&walk, edges, count) != 0)
        return -1;
    return run(&walk);
}

int graph_dead_edge(const struct graph *graph, const struct graph_edge *edge, struct arena *arena,
                    const struct graph_dead_walk *walk)
{
    return walk_edges(graph, edge, 1, arena, walk);
}

int graph_dead_node(const struct graph *graph, uint32_t node, struct arena *arena,
                    const struct graph_dead_walk *walk)
{
    const struct graph_node *from = &graph->nodes[node];
    return walk_edges(graph, from->edges, from->edge_count, arena, walk);
}
