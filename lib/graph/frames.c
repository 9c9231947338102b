/* frames: where outputs are kept, and who may not look yet.
 *
 * The iterations of a loop overwrite one another's outputs, unless they overlap: then each has a frame of
 * its own. A loop overlaps when
 *   - its body has a join that takes some of its edges and lets the others run on (loops.c),
 *   - somebody outside may run before it has ended, past an any, count or each join, and names one of its
 *     nodes: what stands there is the last iteration's, or nothing,
 *   - the loop around it may go back before it has ended, and keeps one of its nodes.
 * The readers of the last two are guarded: while tokens of the iteration at hand live, they see nothing.
 */
#include "graph/compile.h"
#include "graph/loops.h"

/* The outermost loop around `node` that does not stand around what is in `common`. */
static uint32_t loop_below(const struct graph *graph, uint32_t node, uint32_t common)
{
    uint32_t below = GRAPH_NO_LOOP;
    for (uint32_t l = graph->nodes[node].loop; l != common; l = graph->loops[l].parent)
        below = l;
    return below;
}

/* The loop that may still run when `reader` looks at `node`, or GRAPH_NO_LOOP. */
static int find_guard(struct compiler *c, uint32_t reader, uint32_t node, uint32_t common,
                      uint32_t *guard)
{
    bool settled = false;
    *guard = loop_below(c->graph, node, common);
    if (*guard == GRAPH_NO_LOOP)
        return 0;
    /* The loop node may have ended while the rest of its body runs on: past an any or count join. */
    if (reach_settled(c, c->graph->loops[*guard].node, reader, &settled) != 0 ||
        (settled && reach_settled(c, node, reader, &settled) != 0))
        return -1;
    if (settled)
        *guard = GRAPH_NO_LOOP;
    else
        c->loops[*guard].overlaps = true;
    return 0;
}

static int guard_reads(struct compiler *c, struct graph_node *node)
{
    if (node->read_count == 0)
        return 0;
    uint32_t *guards = arena_array(c->arena, node->read_count, sizeof(*guards));
    if (!guards)
        return -1;
    for (uint32_t i = 0; i < node->read_count; i++) {
        uint32_t common;
        (void)graph_shared_frame(c->graph, node, node->reads[i], &common);
        if (find_guard(c, node->index, node->reads[i], common, &guards[i]) != 0)
            return -1;
    }
    node->read_guards = guards;
    return 0;
}

static int guard_kept(struct compiler *c, uint32_t index)
{
    struct graph_loop *loop = &c->loops[index];
    uint32_t *guards = arena_array(c->arena, loop->kept_count, sizeof(*guards));
    if (!guards)
        return -1;
    for (uint32_t i = 0; i < loop->kept_count; i++)
        if (find_guard(c, loop->node, loop->kept[i], index, &guards[i]) != 0)
            return -1;
    loop->kept_guards = guards;
    return 0;
}

static void measure(struct compiler *c)
{
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        struct graph_node *node = &c->graph_nodes[n];
        node->frame_depth = node->each_depth;
        for (uint32_t l = node->loop; l != GRAPH_NO_LOOP; l = c->graph->loops[l].parent)
            node->frame_depth += c->graph->loops[l].overlaps;
        node->export_depth = node->frame_depth;
    }
}

/* Who is read from outside of an overlapping loop has its output there too. */
static void export_to(struct compiler *c, const struct graph_node *reader, const uint32_t *nodes,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t loop;
        struct graph_node *node = &c->graph_nodes[nodes[i]];
        const uint32_t depth = reader ? graph_shared_frame(c->graph, reader, nodes[i], &loop)
                                      : node->each_depth; /* the output mapping */
        if (depth < node->export_depth)
            node->export_depth = depth;
    }
}

static void find_exports(struct compiler *c)
{
    for (uint32_t n = 0; n < c->graph->node_count; n++) {
        const struct graph_node *node = &c->graph->nodes[n];
        export_to(c, node, node->preds, node->pred_count);
        export_to(c, node, node->reads, node->read_count);
        export_to(c, node, node->reads_previous, node->read_previous_count);
    }
    export_to(c, NULL, c->graph->output_reads, c->graph->output_read_count);
}

int frames_pass(struct compiler *c)
{
    if (c->cyclic || c->edges_unclear || c->findings->errors > 0)
        return 0; /* the graph is refused anyway */
    for (uint32_t i = 0; c->graph->loop_count > 0 && i < c->graph->node_count; i++)
        if (guard_reads(c, &c->graph_nodes[i]) != 0)
            return -1;
    for (uint32_t i = 0; i < c->graph->loop_count; i++)
        if (guard_kept(c, i) != 0)
            return -1;
    measure(c);
    find_exports(c);
    return 0;
}
