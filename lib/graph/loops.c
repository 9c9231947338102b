/* loops: bodies, their rules, and what going back must do.
 *
 *   s -> head -> a -> loop node -> (break_path, timeout_path)
 *         ^             |
 *         └─ goes back ─┘        no edge: no cycle, nothing to wait for
 *
 * A body is every node on a path from the head to the loop node. The rules make it a region with one
 * way in, the head, and one way out, the loop node: so an iteration is over when the loop node runs
 * or is skipped, and bodies are nested or apart.
 */
#include "graph/loops.h"
#include "graph/compile.h"

struct bodies {
    struct compiler *c;
    struct graph_loop *loops;
    uint32_t count;
    uint64_t **bits; /* per loop: its body */
    size_t words;
    uint32_t *stack;
};

static bool has_bit(const uint64_t *bits, uint32_t n) { return bits[n / 64] >> n % 64 & 1; }
static void set_bit(uint64_t *bits, uint32_t n) { bits[n / 64] |= UINT64_C(1) << n % 64; }

static const struct path *loop_path(uint32_t node, const char *field, struct path parts[4])
{
    parts[0] = path_key(NULL, SLICE("nodes"));
    parts[1] = path_index(&parts[0], node);
    parts[2] = path_key(&parts[1], SLICE("loop"));
    if (!field)
        return &parts[2];
    parts[3] = path_key(&parts[2], slice_str(field));
    return &parts[3];
}

/* --- bodies --- */

/* Nodes from which the loop node can be reached, without going above the head. */
static void walk_back(struct bodies *b, const struct graph_loop *loop, uint64_t *into)
{
    uint32_t height = 0;
    b->stack[height++] = loop->node;
    set_bit(into, loop->node);
    while (height > 0) {
        const struct graph_node *node = &b->c->graph->nodes[b->stack[--height]];
        if (node->index == loop->head)
            continue;
        for (uint32_t i = 0; i < node->pred_count; i++) {
            if (has_bit(into, node->preds[i]))
                continue;
            set_bit(into, node->preds[i]);
            b->stack[height++] = node->preds[i];
        }
    }
}

/* Nodes that the head leads to, beyond the loop node none. */
static void walk_on(struct bodies *b, const struct graph_loop *loop, uint64_t *into)
{
    uint32_t height = 0;
    b->stack[height++] = loop->head;
    set_bit(into, loop->head);
    while (height > 0) {
        const struct graph_node *node = &b->c->graph->nodes[b->stack[--height]];
        if (node->index == loop->node)
            continue;
        for (uint32_t i = 0; i < node->edge_count; i++) {
            const uint32_t to = node->edges[i].to;
            if (has_bit(into, to))
                continue;
            set_bit(into, to);
            b->stack[height++] = to;
        }
    }
}

static int find_body(struct bodies *b, uint32_t index)
{
    const struct graph_loop *loop = &b->loops[index];
    uint64_t *below = arena_array(&b->c->scratch, b->words, sizeof(*below));
    uint64_t *above = arena_array(&b->c->scratch, b->words, sizeof(*above));
    struct path parts[4];
    if (!below || !above)
        return -1;
    walk_on(b, loop, below);
    walk_back(b, loop, above);
    b->bits[index] = below;
    const bool connected = has_bit(below, loop->node);
    for (size_t w = 0; w < b->words; w++)
        below[w] &= above[w];
    if (connected)
        return 0;
    report_error(
        b->c, b->c->nodes[loop->node].loop, loop_path(loop->node, "loop_back_to", parts),
        "no path leads from '%.*s' to this node: a loop goes back to where its body begins",
        SLICE_ARG(shown(b->c->graph->nodes[loop->head].id)));
    return 1;
}

/* --- rules --- */

static void check_edge_out(struct bodies *b, const struct graph_loop *loop, uint32_t edge,
                           const uint64_t *body)
{
    struct compiler *c = b->c;
    const struct graph_edge *e = &c->graph_edges[edge];
    const uint32_t draft = c->edge_drafts[edge];
    struct edge_place place;
    struct slice own = shown(c->graph->nodes[loop->node].id);
    const bool inside = has_bit(body, e->to);
    if (e->from == loop->node && inside)
        report_error(c, c->edges[draft].ref, edge_place(c, draft, &place),
                     "a loop's paths lead out of its body, and '%.*s' is in it",
                     SLICE_ARG(shown(c->graph->nodes[e->to].id)));
    else if (e->from != loop->node && !inside)
        report_error(c, c->edges[draft].ref, edge_place(c, draft, &place),
                     "leaves the body of the loop of '%.*s': lead it to the loop node, which alone "
                     "leads out",
                     SLICE_ARG(own));
}

/* Every way in goes through the head. */
static void check_edge_in(struct bodies *b, const struct graph_loop *loop, uint32_t edge,
                          const uint64_t *body)
{
    struct compiler *c = b->c;
    const struct graph_edge *e = &c->graph_edges[edge];
    const uint32_t draft = c->edge_drafts[edge];
    struct edge_place place;
    if (!has_bit(body, e->to) || has_bit(body, e->from) || e->to == loop->head)
        return;
    report_error(c, c->edges[draft].ref, edge_place(c, draft, &place),
                 "leads into the body of the loop of '%.*s' past its head '%.*s'",
                 SLICE_ARG(shown(c->graph->nodes[loop->node].id)),
                 SLICE_ARG(shown(c->graph->nodes[loop->head].id)));
}

static void check_rules(struct bodies *b, uint32_t index)
{
    const struct graph_loop *loop = &b->loops[index];
    const uint64_t *body = b->bits[index];
    for (uint32_t e = 0; e < b->c->graph->edge_count; e++) {
        if (has_bit(body, b->c->graph_edges[e].from))
            check_edge_out(b, loop, e, body);
        check_edge_in(b, loop, e, body);
    }
    /* An entry within the body would be a way in, too. */
    for (uint32_t n = 0; n < b->c->graph->node_count; n++) {
        struct path parts[4];
        if (has_bit(body, n) && b->c->graph->nodes[n].entry && n != loop->head)
            report_error(b->c, b->c->nodes[n].ref, loop_path(n, NULL, parts)->parent,
                         "'%.*s' is an entry in the body of the loop of '%.*s', and not its head",
                         SLICE_ARG(shown(b->c->graph->nodes[n].id)),
                         SLICE_ARG(shown(b->c->graph->nodes[loop->node].id)));
    }
}

/* Who loses at a join of the body runs on when the loop has gone back: then each iteration keeps its
 * outputs to itself. The head's predecessors are outside. */
static void find_losers(struct bodies *b, uint32_t index)
{
    struct graph_loop *loop = &b->loops[index];
    for (uint32_t n = 0; n < b->c->graph->node_count; n++) {
        const struct graph_node *node = &b->c->graph->nodes[n];
        if ((node->join == JOIN_ANY || node->join == JOIN_COUNT) && node->need < node->pred_count &&
            n != loop->head && has_bit(b->bits[index], n))
            loop->overlaps = true;
    }
}

static uint32_t body_size(const struct bodies *b, uint32_t index)
{
    uint32_t size = 0;
    for (size_t w = 0; w < b->words; w++)
        size += (uint32_t)__builtin_popcountll(b->bits[index][w]);
    return size;
}

static bool contains(const struct bodies *b, uint32_t outer, uint32_t inner)
{
    for (size_t w = 0; w < b->words; w++)
        if (b->bits[inner][w] & ~b->bits[outer][w])
            return false;
    return true;
}

static bool apart(const struct bodies *b, uint32_t one, uint32_t other)
{
    for (size_t w = 0; w < b->words; w++)
        if (b->bits[one][w] & b->bits[other][w])
            return false;
    return true;
}

static void check_pair(struct bodies *b, uint32_t one, uint32_t other)
{
    struct compiler *c = b->c;
    const struct graph_loop *l = &b->loops[other];
    struct path parts[4];
    struct slice name = shown(c->graph->nodes[b->loops[one].node].id);
    if (b->loops[one].head == l->head)
        report_error(c, c->nodes[l->node].loop, loop_path(l->node, "loop_back_to", parts),
                     "'%.*s' is the head of the loop of '%.*s' already: one loop per head",
                     SLICE_ARG(shown(c->graph->nodes[l->head].id)), SLICE_ARG(name));
    else if (!apart(b, one, other) && !contains(b, one, other) && !contains(b, other, one))
        report_error(c, c->nodes[l->node].loop, loop_path(l->node, NULL, parts),
                     "its body overlaps that of the loop of '%.*s': loops are nested or apart",
                     SLICE_ARG(name));
}

/* The smallest body around each loop and each node. */
static int nest(struct bodies *b)
{
    struct graph *graph = b->c->graph;
    uint32_t *sizes = arena_array(&b->c->scratch, b->count, sizeof(*sizes));
    if (!sizes)
        return -1;
    for (uint32_t i = 0; i < b->count; i++)
        sizes[i] = body_size(b, i);
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t parent = NO_NODE;
        for (uint32_t j = 0; j < b->count; j++)
            if (j != i && has_bit(b->bits[j], b->loops[i].node) && contains(b, j, i) &&
                (parent == NO_NODE || sizes[j] < sizes[parent]))
                parent = j;
        b->loops[i].parent = parent;
    }
    for (uint32_t n = 0; n < graph->node_count; n++) {
        struct graph_node *node = &b->c->graph_nodes[n];
        for (uint32_t i = 0; i < b->count; i++)
            if (has_bit(b->bits[i], n) &&
                (node->loop == GRAPH_NO_LOOP || sizes[i] < sizes[node->loop]))
                node->loop = i;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t depth = 1;
        for (uint32_t p = b->loops[i].parent; p != NO_NODE; p = b->loops[p].parent)
            depth++;
        b->loops[i].depth = depth;
        if (depth > GRAPH_MAX_LOOP_DEPTH) {
            struct path parts[4];
            report_error(b->c, b->c->nodes[b->loops[i].node].loop,
                         loop_path(b->loops[i].node, NULL, parts),
                         "loops are nested deeper than %d levels", GRAPH_MAX_LOOP_DEPTH);
        }
    }
    return 0;
}

/* Whose outputs an iteration leaves behind. */
static int list_bodies(struct bodies *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t *nodes = arena_array(b->c->arena, body_size(b, i), sizeof(*nodes));
        if (!nodes)
            return -1;
        for (uint32_t n = 0; n < b->c->graph->node_count; n++)
            if (has_bit(b->bits[i], n))
                nodes[b->loops[i].body_count++] = n;
        b->loops[i].body = nodes;
    }
    return 0;
}

int loops_pass(struct compiler *c)
{
    struct bodies b = {.c = c, .count = c->graph->loop_count, .loops = c->loops};
    const uint32_t errors = c->findings->errors;
    bool broken = false;
    if (b.count == 0 || c->cyclic || c->edges_unclear)
        return 0;
    b.words = ((size_t)c->graph->node_count + 63) / 64;
    b.bits = arena_array(&c->scratch, b.count, sizeof(uint64_t *));
    b.stack = arena_array(&c->scratch, c->graph->node_count, sizeof(*b.stack));
    if (!b.bits || !b.stack)
        return -1;
    for (uint32_t i = 0; i < b.count; i++) {
        const int rc = find_body(&b, i);
        if (rc < 0)
            return -1;
        broken |= rc > 0;
    }
    if (broken)
        return 0;
    for (uint32_t i = 0; i < b.count; i++)
        check_rules(&b, i);
    for (uint32_t i = 0; i < b.count; i++)
        for (uint32_t j = i + 1; j < b.count; j++)
            check_pair(&b, i, j);
    if (c->findings->errors > errors)
        return 0;
    if (nest(&b) != 0)
        return -1;
    for (uint32_t i = 0; i < b.count; i++)
        find_losers(&b, i);
    return list_bodies(&b);
}

/* --- for names: what is common, what is kept --- */

uint32_t loops_common(const struct graph *graph, uint32_t one, uint32_t other)
{
    uint32_t loop;
    (void)graph_shared_frame(graph, &graph->nodes[one], other, &loop);
    return loop;
}

/* What was named, as a bit per node and loop; then lists. */
int loops_keep(struct compiler *c, uint32_t loop, uint32_t node)
{
    const size_t words = ((size_t)c->graph->node_count + 63) / 64;
    if (!c->kept_bits) {
        c->kept_bits = arena_array(&c->scratch, c->graph->loop_count, sizeof(uint64_t *));
        if (!c->kept_bits)
            return -1;
    }
    if (!c->kept_bits[loop])
        c->kept_bits[loop] = arena_array(&c->scratch, words, sizeof(uint64_t));
    if (!c->kept_bits[loop])
        return -1;
    set_bit(c->kept_bits[loop], node);
    return 0;
}

int loops_end(struct compiler *c)
{
    for (uint32_t i = 0; i < c->graph->loop_count; i++) {
        struct graph_loop *loop = &c->loops[i];
        if (loops_keep(c, i, loop->node) != 0) /* the head's next input */
            return -1;
        uint32_t *kept = arena_array(c->arena, loop->body_count + 1, sizeof(*kept));
        if (!kept)
            return -1;
        for (uint32_t n = 0; n < c->graph->node_count; n++)
            if (has_bit(c->kept_bits[i], n))
                kept[loop->kept_count++] = n;
        loop->kept = kept;
    }
    return 0;
}
