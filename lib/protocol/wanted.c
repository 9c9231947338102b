#include "protocol/wanted.h"
#include "base/err.h"

/* Names with commas between them, in a list that may go on. */
static void add_index(struct buf *out, uint32_t node, bool *first)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
    buf_uint(out, node);
}

/* A node as `reader` finds its output: one that stands behind fewer each joins keeps it in an outer
 * frame. */
static void add_read(struct buf *out, const struct graph *graph, const struct graph_node *reader,
                     uint32_t node, bool *first)
{
    add_index(out, node, first);
    if (graph->nodes[node].each_depth < reader->each_depth)
        buf_printf(out, "^%u", graph->nodes[node].each_depth);
}

static void add_name(struct buf *out, const char *name, bool *first)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
    buf_str(out, name);
}

/* has_input: `in` is among the inputs already, and one value serves both names. */
static void write_extras(struct buf *out, const struct graph *graph, const struct graph_node *node,
                         bool has_input)
{
    bool first = true;
    for (uint32_t i = 0; i < node->read_count; i++)
        add_read(out, graph, node, node->reads[i], &first);
    for (uint32_t i = 0; i < node->read_previous_count; i++) {
        buf_str(out, first ? "q" : ",q");
        buf_uint(out, node->reads_previous[i]);
        first = false;
    }
    if (node->reads_context && !has_input)
        add_name(out, "in", &first);
    if (node->reads_run)
        add_name(out, "rn", &first);
}

void wanted_write_node(struct buf *out, const struct graph *graph, uint32_t node)
{
    const struct graph_node *n = &graph->nodes[node];
    invariant(n->pred_count <= 1, "node %u has a join table row", node);
    bool first = true;
    if (n->pred_count == 0)
        buf_str(out, "in");
    else
        add_read(out, graph, n, n->preds[0], &first);
    buf_char(out, ';');
    write_extras(out, graph, n, n->pred_count == 0);
}

void wanted_write_back(struct buf *out, const struct graph *graph, const struct graph_loop *loop)
{
    buf_char(out, 'q');
    buf_uint(out, loop->node);
    buf_char(out, ';');
    write_extras(out, graph, &graph->nodes[loop->head], false);
}

void wanted_write_extras(struct buf *out, const struct graph *graph, uint32_t node)
{
    write_extras(out, graph, &graph->nodes[node], false);
}

void wanted_write_output(struct buf *out, const struct graph *graph)
{
    if (!graph->output)
        return;
    bool first = true;
    buf_char(out, ';');
    for (uint32_t i = 0; i < graph->output_read_count; i++)
        add_index(out, graph->output_reads[i], &first);
    if (graph->output_reads_context)
        add_name(out, "in", &first);
    if (graph->output_reads_run)
        add_name(out, "rn", &first);
}

/* An item's text: a node index, `in`, `rn`, or `p` or `q` and a number. */
static bool parse_item(struct slice text, struct wanted_item *item)
{
    item->node = 0;
    if (slice_eq_str(text, "in")) {
        item->kind = WANTED_INPUT;
        return true;
    }
    if (slice_eq_str(text, "rn")) {
        item->kind = WANTED_RUN;
        return true;
    }
    item->kind = WANTED_NODE;
    if (text.len > 1 && (text.ptr[0] == 'p' || text.ptr[0] == 'q')) {
        /* p: the token's own number; q: a node of the previous iteration */
        item->kind = text.ptr[0] == 'p' ? WANTED_PARKED : WANTED_PREVIOUS;
        text = slice_of(text.ptr + 1, text.len - 1);
    }
    /* Behind '^': in which frame it was read, of no interest here. */
    const char *frame = text.len > 0 ? memchr(text.ptr + 1, '^', text.len - 1) : NULL;
    if (frame && item->kind == WANTED_NODE)
        text.len = (size_t)(frame - text.ptr);
    if (text.len == 0 || (text.len > 9 && item->kind != WANTED_PARKED))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (item->kind != WANTED_PARKED) /* its number is the token's own, and may be large */
            item->node = item->node * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    return true;
}

/* A text is `items;items` with either side empty, or nothing at all. */
bool wanted_next(struct slice wanted, size_t *at, struct wanted_item *item, bool *bad)
{
    *bad = false;
    size_t start = *at;
    item->is_input = start == 0 || !memchr(wanted.ptr, ';', start);
    if (item->is_input && start < wanted.len && wanted.ptr[start] == ';') {
        if (start > 0 && wanted.ptr[start - 1] == ',')
            goto malformed;
        start++;
        item->is_input = false;
    }
    if (start >= wanted.len) {
        /* Without the ';' there was no second half; behind a ',' an item is missing. */
        if (wanted.len > 0 && (item->is_input || wanted.ptr[wanted.len - 1] == ','))
            goto malformed;
        return false;
    }
    size_t end = start;
    while (end < wanted.len && wanted.ptr[end] != ',' && wanted.ptr[end] != ';')
        end++;
    if (!parse_item(slice_of(wanted.ptr + start, end - start), item))
        goto malformed;
    if (end < wanted.len && wanted.ptr[end] == ';' && !item->is_input)
        goto malformed;
    *at = end < wanted.len && wanted.ptr[end] == ',' ? end + 1 : end;
    return true;
malformed:
    *bad = true;
    return false;
}

struct dead_list {
    struct buf *out;
    bool first;
};

static void add_dead(void *context, uint32_t node, uint32_t slot)
{
    struct dead_list *list = context;
    add_index(list->out, node, &list->first);
    buf_char(list->out, '.');
    buf_uint(list->out, slot);
}

/* Loop nodes from the outermost to this loop. */
static void write_chain(struct buf *out, const struct graph *graph, uint32_t loop)
{
    if (loop == GRAPH_NO_LOOP)
        return;
    const uint32_t parent = graph->loops[loop].parent;
    write_chain(out, graph, parent); /* GRAPH_MAX_LOOP_DEPTH levels */
    if (parent != GRAPH_NO_LOOP)
        buf_char(out, '/');
    buf_uint(out, graph->loops[loop].node);
}

static int write_row(struct buf *out, const struct graph *graph, uint32_t node, struct arena *arena)
{
    const struct graph_node *n = &graph->nodes[node];
    bool first = true;
    buf_char(out, n->join == JOIN_ALL ? 'a' : n->join == JOIN_EACH ? 'e' : 'k');
    buf_char(out, '|');
    buf_uint(out, n->pred_count);
    buf_char(out, '|');
    buf_uint(out, n->need);
    buf_char(out, '|');
    buf_slice_append(out, n->queue);
    buf_char(out, '|');
    for (uint32_t i = 0; i < n->pred_count; i++)
        add_index(out, n->preds[i], &first);
    buf_char(out, '|');
    wanted_write_extras(out, graph, node);
    buf_char(out, '|');
    struct dead_list list = {out, true};
    const struct graph_dead_walk walk = {.arrival = add_dead, .context = &list};
    if (graph_dead_node(graph, node, arena, &walk) != 0)
        return -1;
    const uint32_t outer = graph_outer_loop(graph, node);
    if (outer == GRAPH_NO_LOOP && n->head_of == GRAPH_NO_LOOP && n->join != JOIN_EACH)
        return 0;
    buf_char(out, '|');
    write_chain(out, graph, outer);
    buf_char(out, '|');
    if (n->head_of != GRAPH_NO_LOOP)
        buf_uint(out, graph->loops[n->head_of].node);
    else if (n->join == JOIN_EACH)
        buf_uint(out, n->each_depth - 1); /* the frame of its predecessors */
    return 0;
}

int join_table_rows(const struct graph *graph, struct arena *arena,
                    void (*row)(void *context, uint32_t node, struct slice text), void *context)
{
    struct buf text;
    int result = 0;
    buf_init(&text, 0);
    for (uint32_t node = 0; node < graph->node_count && result == 0; node++) {
        if (graph->nodes[node].pred_count < 2)
            continue;
        buf_reset(&text);
        result = write_row(&text, graph, node, arena);
        if (!buf_ok(&text))
            result = -1;
        if (result == 0)
            row(context, node, buf_slice(&text));
    }
    buf_free(&text);
    return result;
}
