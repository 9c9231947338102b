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
    uint32_t *top; /* per node: a loop */
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

static void check_edge_out(struct bodies *b, const struct graph_loop *loop,
                           const struct graph_edge *e, const uint64_t *body)
{
    struct compiler *c = b->c;
    const uint32_t draft = c->edge_drafts[e - c->graph_edges];
    struct edge_place place;
    const bool inside = has_bit(body, e->to);
    if (e->from == loop->node && inside)
        report_error(c, c->edges[draft].ref, edge_place(c, draft, &place),
                     "a loop's paths lead out of its body, and '%.*s' is in it",
                     SLICE_ARG(shown(c->graph->nodes[e->to].id)));
    else if (e->from != loop->node && !inside)
        report_error(c, c->edges[draft].ref, edge_place(c, draft, &place),
                     "leaves the body of the loop of '%.*s': lead it to the loop node, which alone "
                     "leads out",
                     SLICE_ARG(shown(c->graph->nodes[loop->node].id)));
}

/* Every way in goes through the head. */
static void report_edge_in(struct bodies *b, const struct graph_loop *loop, uint32_t from,
                           uint32_t to)
{
    struct compiler *c = b->c;
    const struct graph_node *source = &c->graph->nodes[from];
    const struct graph_edge *e = source->edges;
    struct edge_place place;
    while (e->to != to)
        e++;
    const uint32_t draft = c->edge_drafts[e - c->graph_edges];
    report_error(c, c->edges[draft].ref, edge_place(c, draft, &place),
                 "leads into the body of the loop of '%.*s' past its head '%.*s'",
                 SLICE_ARG(shown(c->graph->nodes[loop->node].id)),
                 SLICE_ARG(shown(c->graph->nodes[loop->head].id)));
}

static void check_rules(struct bodies *b, const struct graph_loop *loop, const uint64_t *body)
{
    struct compiler *c = b->c;
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const struct graph_node *node = &c->graph->nodes[loop->body[i]];
        for (uint32_t e = 0; e < node->edge_count; e++)
            check_edge_out(b, loop, &node->edges[e], body);
        if (node->index == loop->head)
            continue;
        for (uint32_t p = 0; p < node->pred_count; p++)
            if (!has_bit(body, node->preds[p]))
                report_edge_in(b, loop, node->preds[p], node->index);
        /* An entry within the body would be a way in, too. */
        struct path parts[4];
        if (node->entry)
            report_error(c, c->nodes[node->index].ref, loop_path(node->index, NULL, parts)->parent,
                         "'%.*s' is an entry in the body of the loop of '%.*s', and not its head",
                         SLICE_ARG(shown(node->id)),
                         SLICE_ARG(shown(c->graph->nodes[loop->node].id)));
    }
}

/* Who loses at a join of the body runs on when the loop has gone back: then each iteration keeps its
 * outputs to itself. The head's predecessors are outside. */
static void find_losers(struct bodies *b, struct graph_loop *loop)
{
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const struct graph_node *node = &b->c->graph->nodes[loop->body[i]];
        if ((node->join == JOIN_ANY || node->join == JOIN_COUNT) && node->need < node->pred_count &&
            node->index != loop->head)
            loop->overlaps = true;
    }
}

/* --- nesting --- */

static void check_heads(struct bodies *b)
{
    struct compiler *c = b->c;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct graph_loop *l = &b->loops[i];
        const uint32_t before = b->top[l->head];
        struct path parts[4];
        if (before == NO_NODE)
            b->top[l->head] = i;
        else
            report_error(c, c->nodes[l->node].loop, loop_path(l->node, "loop_back_to", parts),
                         "'%.*s' is the head of the loop of '%.*s' already: one loop per head",
                         SLICE_ARG(shown(c->graph->nodes[l->head].id)),
                         SLICE_ARG(shown(c->graph->nodes[b->loops[before].node].id)));
    }
}

/* Loops by the size of their bodies, smaller ones first. */
static void sort_by_size(struct bodies *b, uint32_t *order)
{
    uint32_t *counts = b->stack; /* node_count entries: bodies have 1 to node_count nodes */
    memset(counts, 0, b->c->graph->node_count * sizeof(*counts));
    for (uint32_t i = 0; i < b->count; i++)
        counts[b->loops[i].body_count - 1]++;
    for (uint32_t size = 0, sum = 0; size < b->c->graph->node_count; size++) {
        const uint32_t count = counts[size];
        counts[size] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < b->count; i++)
        order[counts[b->loops[i].body_count - 1]++] = i;
}

static void report_overlap(struct bodies *b, uint32_t one, uint32_t other)
{
    struct compiler *c = b->c;
    const struct graph_loop *later = &b->loops[one > other ? one : other];
    const struct graph_loop *before = &b->loops[one > other ? other : one];
    struct path parts[4];
    report_error(c, c->nodes[later->node].loop, loop_path(later->node, NULL, parts),
                 "its body overlaps that of the loop of '%.*s': loops are nested or apart",
                 SLICE_ARG(shown(c->graph->nodes[before->node].id)));
}

/* What stands in this body already stands there whole, or it overlaps. top: per node the outermost loop
 * seen around it. */
static void nest_one(struct bodies *b, uint32_t index, uint32_t *seen)
{
    struct graph_loop *loop = &b->loops[index];
    for (uint32_t i = 0; i < loop->body_count; i++) {
        struct graph_node *node = &b->c->graph_nodes[loop->body[i]];
        if (b->top[node->index] != NO_NODE)
            seen[b->top[node->index]]++;
        if (node->loop == GRAPH_NO_LOOP)
            node->loop = index;
    }
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const uint32_t inner = b->top[loop->body[i]];
        b->top[loop->body[i]] = index;
        if (inner == NO_NODE || seen[inner] == 0)
            continue;
        if (seen[inner] == b->loops[inner].body_count)
            b->loops[inner].parent = index;
        else
            report_overlap(b, index, inner);
        seen[inner] = 0;
    }
}

static int nest(struct bodies *b)
{
    uint32_t *order = arena_array(&b->c->scratch, b->count, sizeof(*order));
    uint32_t *seen = arena_array(&b->c->scratch, b->count, sizeof(*seen));
    if (!order || !seen)
        return -1;
    sort_by_size(b, order);
    for (uint32_t i = 0; i < b->count; i++)
        b->loops[i].parent = NO_NODE;
    memset(b->top, 0xff, b->c->graph->node_count * sizeof(*b->top));
    for (uint32_t i = 0; i < b->count; i++)
        nest_one(b, order[i], seen);
    return 0;
}

static void measure_depths(struct bodies *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t depth = 1;
        for (uint32_t p = b->loops[i].parent; p != NO_NODE && depth <= GRAPH_MAX_LOOP_DEPTH;
             p = b->loops[p].parent)
            depth++;
        b->loops[i].depth = depth;
        if (depth > GRAPH_MAX_LOOP_DEPTH) {
            struct path parts[4];
            report_error(b->c, b->c->nodes[b->loops[i].node].loop,
                         loop_path(b->loops[i].node, NULL, parts),
                         "loops are nested deeper than %d levels", GRAPH_MAX_LOOP_DEPTH);
        }
    }
}

/* Whose outputs an iteration leaves behind. */
static int list_body(struct bodies *b, uint32_t index)
{
    struct graph_loop *loop = &b->loops[index];
    const uint64_t *bits = b->bits[index];
    uint32_t size = 0;
    for (size_t w = 0; w < b->words; w++)
        size += (uint32_t)__builtin_popcountll(bits[w]);
    uint32_t *nodes = arena_array(b->c->arena, size, sizeof(*nodes));
    if (!nodes)
        return -1;
    for (size_t w = 0; w < b->words; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1)
            nodes[loop->body_count++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left);
    loop->body = nodes;
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
    b.top = arena_array(&c->scratch, c->graph->node_count, sizeof(*b.top));
    if (!b.bits || !b.stack || !b.top)
        return -1;
    memset(b.top, 0xff, c->graph->node_count * sizeof(*b.top));
    for (uint32_t i = 0; i < b.count; i++) {
        const int rc = find_body(&b, i);
        if (rc < 0)
            return -1;
        broken |= rc > 0;
    }
    if (broken)
        return 0;
    for (uint32_t i = 0; i < b.count; i++) {
        if (list_body(&b, i) != 0)
            return -1;
        check_rules(&b, &b.loops[i], b.bits[i]);
    }
    check_heads(&b);
    if (nest(&b) != 0)
        return -1;
    measure_depths(&b);
    if (c->findings->errors > errors)
        return 0;
    for (uint32_t i = 0; i < b.count; i++)
        find_losers(&b, &b.loops[i]);
    return 0;
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
