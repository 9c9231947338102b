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

static void add_marked(struct buf *out, char mark, uint32_t number)
{
    buf_char(out, mark);
    buf_uint(out, number);
}

/* A node as `reader` finds its output: in a frame that both have in common; once the loop `guard` has
 * ended, if there is one. */
static void add_read(struct buf *out, const struct graph *graph, const struct graph_node *reader,
                     uint32_t node, uint32_t guard, bool *first)
{
    uint32_t loop;
    const uint32_t depth = graph_shared_frame(graph, reader, node, &loop);
    add_index(out, node, first);
    if (guard != GRAPH_NO_LOOP) {
        /* How much of the reader's scope the guarding loop stands in. */
        uint32_t parts = graph->nodes[node].each_depth;
        if (loop != GRAPH_NO_LOOP)
            parts += graph->loops[loop].depth;
        add_marked(out, '?', graph->loops[guard].node);
        add_marked(out, '.', parts);
    }
    if (depth < reader->frame_depth)
        add_marked(out, '^', depth);
}

/* The same in the previous iteration of the innermost loop around both. */
static void add_previous(struct buf *out, const struct graph *graph,
                         const struct graph_node *reader, uint32_t node, bool *first)
{
    uint32_t loop;
    const uint32_t depth = graph_shared_frame(graph, reader, node, &loop);
    invariant(loop != GRAPH_NO_LOOP, "node %u has no previous iteration", node);
    if (!*first)
        buf_char(out, ',');
    *first = false;
    add_marked(out, 'q', node);
    add_marked(out, '.', graph->loops[loop].node);
    if (depth < reader->frame_depth)
        add_marked(out, '^', depth);
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
        add_read(out, graph, node, node->reads[i],
                 node->read_guards ? node->read_guards[i] : GRAPH_NO_LOOP, &first);
    for (uint32_t i = 0; i < node->read_previous_count; i++)
        add_previous(out, graph, node, node->reads_previous[i], &first);
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
        add_read(out, graph, n, n->preds[0], GRAPH_NO_LOOP, &first);
    buf_char(out, ';');
    write_extras(out, graph, n, n->pred_count == 0);
}

void wanted_write_back(struct buf *out, const struct graph *graph, const struct graph_loop *loop)
{
    bool first = true;
    add_previous(out, graph, &graph->nodes[loop->head], loop->node, &first);
    buf_char(out, ';');
    write_extras(out, graph, &graph->nodes[loop->head], false);
}

static bool was_taken(const struct graph_node *n, uint32_t node, const char *marks)
{
    for (uint32_t i = 0; i < n->pred_count; i++) {
        if (marks[i] == 't' && n->preds[i] == node)
            return true;
    }
    return false;
}

void wanted_write_join(struct buf *out, const struct graph *graph, uint32_t node, const char *marks)
{
    const struct graph_node *n = &graph->nodes[node];
    struct buf extras;
    struct wanted_item item;
    size_t at = 0;
    bool first = true, bad;
    for (uint32_t i = 0; i < n->pred_count; i++) {
        if (marks[i] == 't')
            add_index(out, n->preds[i], &first);
    }
    buf_init(&extras, out->cap_bytes);
    buf_char(&extras, ';');
    write_extras(&extras, graph, n, false);
    buf_char(out, ';');
    first = true;
    while (wanted_next(buf_slice(&extras), &at, &item, &bad)) {
        /* A predecessor may be named besides: then only if its edge was dead. */
        if (item.kind == WANTED_NODE && was_taken(n, item.node, marks))
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        buf_slice_append(out, item.text);
    }
    if (!buf_ok(&extras))
        out->failed = true;
    buf_free(&extras);
}

void wanted_write_output(struct buf *out, const struct graph *graph)
{
    if (!graph_makes_output(graph))
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

/* An item's text: a node index, `in`, `rn`, `p` or `y` and a number, `q5.7`, `5?7.2`; some with `^` and a depth. */
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
    if (text.len > 1 && text.ptr[0] != '\0' && strchr("pyq", text.ptr[0])) {
        /* p, y: the token's own number; q: a node of the previous iteration */
        item->kind = text.ptr[0] == 'p'   ? WANTED_PARKED
                     : text.ptr[0] == 'y' ? WANTED_RESULT
                                          : WANTED_PREVIOUS;
        text = slice_of(text.ptr + 1, text.len - 1);
    }
    const bool own = item->kind == WANTED_PARKED || item->kind == WANTED_RESULT;
    /* Of which loop, behind which one, in which frame: of no interest here. */
    for (size_t i = 1; i < text.len && !own; i++) {
        const char c = text.ptr[i];
        if (c == '^' || c == (item->kind == WANTED_PREVIOUS ? '.' : '?'))
            text.len = i;
    }
    if (text.len == 0 || (text.len > 9 && !own))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (!own) /* its number is the token's own, and may be large */
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
    item->text = slice_of(wanted.ptr + start, end - start);
    if (!parse_item(item->text, item))
        goto malformed;
    if (end < wanted.len && wanted.ptr[end] == ';' && !item->is_input)
        goto malformed;
    *at = end < wanted.len && wanted.ptr[end] == ',' ? end + 1 : end;
    return true;
malformed:
    *bad = true;
    return false;
}

uint32_t wanted_count(struct slice wanted)
{
    struct wanted_item item;
    size_t at = 0;
    bool bad;
    uint32_t count = 0;
    while (wanted_next(wanted, &at, &item, &bad))
        count++;
    return count;
}

struct dead_list {
    struct buf *out;
    bool first;
};

static void add_dead(void *context, uint32_t node, uint32_t slot)
{
    struct dead_list *list = context;
    add_index(list->out, node, &list->first);
    add_marked(list->out, '.', slot);
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
    write_extras(out, graph, n, false);
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
    if (n->head_of != GRAPH_NO_LOOP) {
        buf_uint(out, graph->loops[n->head_of].node);
        buf_char(out, graph->loops[n->head_of].overlaps ? '~' : '#');
    } else if (n->join == JOIN_EACH)
        buf_uint(out, n->each_depth - 1); /* the frame of its predecessors */
    return 0;
}

/* What an iteration of an overlapping loop leaves in its frame: outputs, previous ones, inner loops. */
static void write_leavings(struct buf *out, const struct graph *graph,
                           const struct graph_loop *loop)
{
    bool first = true;
    for (uint32_t i = 0; i < loop->body_count; i++)
        add_index(out, loop->body[i], &first);
    buf_char(out, ';');
    first = true;
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const struct graph_node *node = &graph->nodes[loop->body[i]];
        const struct graph_loop *inner =
            node->loops == GRAPH_NO_LOOP ? NULL : &graph->loops[node->loops];
        for (uint32_t k = 0; inner && k < inner->kept_count; k++) {
            add_index(out, inner->kept[k], &first);
            add_marked(out, '.', inner->node);
        }
    }
    buf_char(out, ';');
    first = true;
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const struct graph_node *node = &graph->nodes[loop->body[i]];
        if (node->loops != GRAPH_NO_LOOP && graph->loops[node->loops].overlaps &&
            node->index != loop->node)
            add_index(out, node->index, &first);
    }
}

static int write_name(struct buf *name, char kind, uint32_t node)
{
    buf_reset(name);
    if (kind)
        buf_char(name, kind);
    buf_uint(name, node);
    return buf_ok(name) ? 0 : -1;
}

uint32_t join_table_size(const struct graph *graph)
{
    uint32_t rows = 0;
    for (uint32_t node = 0; node < graph->node_count; node++)
        rows += graph->nodes[node].pred_count >= 2;
    for (uint32_t i = 0; i < graph->loop_count; i++)
        rows += graph->loops[i].overlaps;
    return rows;
}

int join_table_rows(const struct graph *graph, struct arena *arena,
                    void (*row)(void *context, struct slice name, struct slice text), void *context)
{
    struct buf text, name;
    int result = 0;
    buf_init(&text, 0);
    buf_init(&name, 0);
    for (uint32_t node = 0; node < graph->node_count && result == 0; node++) {
        if (graph->nodes[node].pred_count < 2)
            continue;
        buf_reset(&text);
        result = write_name(&name, '\0', node);
        if (result == 0 && (write_row(&text, graph, node, arena) != 0 || !buf_ok(&text)))
            result = -1;
        if (result == 0)
            row(context, buf_slice(&name), buf_slice(&text));
    }
    for (uint32_t i = 0; i < graph->loop_count && result == 0; i++) {
        if (!graph->loops[i].overlaps)
            continue;
        buf_reset(&text);
        write_leavings(&text, graph, &graph->loops[i]);
        result = write_name(&name, 'l', graph->loops[i].node);
        if (!buf_ok(&text))
            result = -1;
        if (result == 0)
            row(context, buf_slice(&name), buf_slice(&text));
    }
    buf_free(&name);
    buf_free(&text);
    return result;
}
