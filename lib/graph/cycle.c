/* cycle: edges that close a cycle, and the topological order where there is none.
 *
 * Depth first from the entries, then from the nodes that no entry leads to, both in file order, edges
 * in file order: which edge closes a cycle is thereby the same for everybody. Without cycles there is
 * an entry and a terminal; so there is no finding of its own for their absence.
 */
#include "graph/compile.h"
#include <stdio.h>

enum color { WHITE, ON_PATH, DONE };

struct frame {
    uint32_t node;
    uint32_t next; /* edge to look at */
};

struct walk {
    struct compiler *c;
    uint8_t *color;
    uint32_t *depth; /* of a node on the path */
    struct frame *stack;
    uint32_t height;
    uint32_t done; /* nodes finished: the topological order is filled from behind */
};

enum { CYCLE_SHOWN = 8 };

/* "a -> b -> c -> a" */
static void cycle_text(const struct walk *walk, uint32_t to, char *text, size_t size)
{
    const struct graph_node *nodes = walk->c->graph->nodes;
    size_t used = 0;
    for (uint32_t i = walk->depth[to]; i < walk->height && used < size; i++) {
        bool skip = i - walk->depth[to] >= CYCLE_SHOWN && i + 1 < walk->height;
        if (skip && i - walk->depth[to] > CYCLE_SHOWN)
            continue;
        struct slice id = utf8_cut(nodes[walk->stack[i].node].id, 40);
        int n = skip ? snprintf(text + used, size - used, "… -> ")
                     : snprintf(text + used, size - used, "%.*s -> ", SLICE_ARG(id));
        used += n < 0 ? size : (size_t)n;
    }
    if (used < size)
        (void)snprintf(text + used, size - used, "%.*s", SLICE_ARG(utf8_cut(nodes[to].id, 40)));
}

static void report_cycle(const struct walk *walk, const struct graph_edge *edge)
{
    struct compiler *c = walk->c;
    const uint32_t draft = c->edge_drafts[edge - c->graph_edges];
    struct edge_place place;
    char text[600];
    cycle_text(walk, edge->to, text, sizeof(text));
    c->cyclic = true;
    report_error(c, c->edges[draft].ref, edge_place(c, draft, &place), "closes a cycle: %s%s", text,
                 c->graph->entry_count == 0 ? " (no node is an entry: each has a predecessor)"
                                            : "");
}

static void enter(struct walk *walk, uint32_t node)
{
    walk->color[node] = ON_PATH;
    walk->depth[node] = walk->height;
    walk->stack[walk->height++] = (struct frame){.node = node};
}

static void visit(struct walk *walk, uint32_t root)
{
    struct compiler *c = walk->c;
    if (walk->color[root] != WHITE)
        return;
    enter(walk, root);
    while (walk->height > 0) {
        struct frame *frame = &walk->stack[walk->height - 1];
        const struct graph_node *node = &c->graph->nodes[frame->node];
        if (frame->next == node->edge_count) {
            walk->color[frame->node] = DONE;
            c->topological[c->graph->node_count - ++walk->done] = frame->node;
            walk->height--;
            continue;
        }
        const struct graph_edge *edge = &node->edges[frame->next++];
        if (walk->color[edge->to] == WHITE)
            enter(walk, edge->to);
        else if (walk->color[edge->to] == ON_PATH)
            report_cycle(walk, edge);
    }
}

int cycle_pass(struct compiler *c)
{
    const uint32_t count = c->graph->node_count;
    struct walk walk = {.c = c};
    walk.color = arena_array(&c->scratch, count, sizeof(*walk.color));
    walk.depth = arena_array(&c->scratch, count, sizeof(*walk.depth));
    walk.stack = arena_array(&c->scratch, count, sizeof(*walk.stack));
    c->topological = arena_array(&c->scratch, count, sizeof(*c->topological));
    if (!walk.color || !walk.depth || !walk.stack || !c->topological)
        return -1;
    for (uint32_t i = 0; i < c->graph->entry_count; i++)
        visit(&walk, c->graph->entries[i]);
    for (uint32_t n = 0; n < count; n++)
        visit(&walk, n);
    return 0;
}
