/* reach: from which nodes there is a path to a node, and which are decided whenever it runs.
 *
 * One bit set of ancestors per node, filled in topological order: 12.5 MB for 10,000 nodes. Made when
 * the first node names one that is not its predecessor, which most definitions never do. The decided ones
 * are the same but behind joins that do not wait for all: there only those that are so by every edge.
 */
#include "graph/compile.h"

struct reach {
    size_t words; /* per node */
    uint64_t *bits;
};

static void fill(struct reach *reach, const struct graph_node *node)
{
    uint64_t *row = reach->bits + node->index * reach->words;
    for (uint32_t i = 0; i < node->pred_count; i++) {
        const uint32_t pred = node->preds[i];
        const uint64_t *above = reach->bits + pred * reach->words;
        for (size_t w = 0; w < reach->words; w++)
            row[w] |= above[w];
        row[pred / 64] |= UINT64_C(1) << pred % 64;
    }
}

static void fill_settled(struct reach *reach, const struct graph_node *node)
{
    const bool some = node->join == JOIN_EACH || node->need < node->pred_count;
    uint64_t *row = reach->bits + node->index * reach->words;
    if (node->pred_count < 2 || !some) {
        fill(reach, node);
        return;
    }
    memset(row, 0xff, reach->words * sizeof(*row));
    for (uint32_t i = 0; i < node->pred_count; i++) {
        const uint32_t pred = node->preds[i];
        const uint64_t *above = reach->bits + pred * reach->words;
        for (size_t w = 0; w < reach->words; w++)
            row[w] &= above[w] | (w == pred / 64 ? UINT64_C(1) << pred % 64 : 0);
    }
}

static struct reach *make(struct compiler *c,
                          void (*fill_one)(struct reach *reach, const struct graph_node *node))
{
    const uint32_t count = c->graph->node_count;
    invariant(!c->cyclic, "ancestors asked for in a cyclic graph");
    struct reach *reach = arena_zalloc(&c->scratch, sizeof(*reach));
    if (!reach)
        return NULL;
    reach->words = ((size_t)count + 63) / 64;
    reach->bits = arena_array(&c->scratch, count * reach->words, sizeof(*reach->bits));
    if (!reach->bits)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        fill_one(reach, &c->graph->nodes[c->topological[i]]);
    return reach;
}

static bool has_bit(const struct reach *reach, uint32_t row, uint32_t node)
{
    return reach->bits[row * reach->words + node / 64] >> node % 64 & 1;
}

int reach_has(struct compiler *c, uint32_t from, uint32_t to, bool *has)
{
    if (!c->reach && !(c->reach = make(c, fill)))
        return -1;
    *has = has_bit(c->reach, to, from);
    return 0;
}

int reach_settled(struct compiler *c, uint32_t node, uint32_t reader, bool *settled)
{
    if (!c->settled && !(c->settled = make(c, fill_settled)))
        return -1;
    *settled = has_bit(c->settled, reader, node);
    return 0;
}
