#include "worker/stretch.h"
#include "exec/exec.h"
#include "protocol/decimal.h"
#include "protocol/wanted.h"

enum { CAPACITY_FIRST = 16 };

/* The frame that outputs are stored in stays the same if nothing but iterations of plain loops comes or goes. */
static bool is_plain(struct slice scope)
{
    return scope.len == 0 ||
           (!memchr(scope.ptr, '~', scope.len) && !memchr(scope.ptr, '@', scope.len));
}

/* `array` with room for one more, of which nothing is set; or NULL. */
static void *with_room(struct arena *arena, void *array, uint32_t count, uint32_t *capacity,
                       size_t size)
{
    const uint32_t more = *capacity ? *capacity * 2 : CAPACITY_FIRST;
    if (count < *capacity)
        return array;
    void *copy = arena_alloc(arena, more * size);
    if (!copy)
        return NULL;
    if (count > 0)
        memcpy(copy, array, count * size);
    *capacity = more;
    return copy;
}

static void add_branch(struct token *token, const struct route_op *op, struct slice scope)
{
    struct token_branch *branches = with_room(&token->arena, token->branches, token->branch_count,
                                              &token->branch_capacity, sizeof(*branches));
    if (!branches)
        return; /* then it goes through the queue */
    token->branches = branches;
    branches[token->branch_count++] = (struct token_branch){
        .node = op->node, .step = token->step_count, .wanted = op->wanted, .scope = scope};
}

/* --- joins --- */

static uint32_t parts_of(struct slice scope)
{
    uint32_t parts = scope.len > 0;
    for (size_t i = 0; i < scope.len; i++)
        parts += scope.ptr[i] == '/';
    return parts;
}

/* Whether an arrival in this scope is one in the join's own, and the join may be executed here. */
static bool may_join(const struct token *token, const struct graph_node *join, struct slice scope)
{
    const struct graph *graph = token->graph;
    const uint32_t loop = graph_outer_loop(graph, join->index);
    uint32_t node;
    return join->join == JOIN_ALL && join->head_of == GRAPH_NO_LOOP && exec_is_instant(join) &&
           is_plain(scope) && is_plain(token->scope) &&
           parts_of(scope) == (loop == GRAPH_NO_LOOP ? 0 : graph->loops[loop].depth) &&
           decimal_u32(token->node, &node) && slice_eq(join->queue, graph->nodes[node].queue);
}

static struct token_join *find_join(struct token *token, const struct graph_node *join,
                                    struct slice scope)
{
    for (uint32_t i = 0; i < token->join_count; i++) {
        if (token->joins[i].node == join->index && slice_eq(token->joins[i].scope, scope))
            return &token->joins[i];
    }
    struct token_join *joins = with_room(&token->arena, token->joins, token->join_count,
                                         &token->join_capacity, sizeof(*joins));
    char *marks = arena_zalloc(&token->arena, join->pred_count);
    if (!joins || !marks)
        return NULL;
    token->joins = joins;
    joins[token->join_count] =
        (struct token_join){.node = join->index, .scope = scope, .marks = marks};
    return &joins[token->join_count++];
}

/* Every edge is decided once: if all of a join's were here, it fires here, with what was taken. */
static void add_arrival(struct token *token, const struct route_op *op, struct slice scope)
{
    const struct graph_node *node = &token->graph->nodes[op->node];
    struct token_join *join = may_join(token, node, scope) ? find_join(token, node, scope) : NULL;
    struct buf wanted;
    if (!join || op->where >= node->pred_count)
        return;
    join->marks[op->where] = op->kind == ROUTE_TAKEN ? 't' : 'd';
    join->decided++;
    join->taken += op->kind == ROUTE_TAKEN;
    if (join->decided < node->pred_count || join->taken == 0)
        return;
    buf_init(&wanted, STRETCH_BYTES);
    wanted_write_join(&wanted, token->graph, op->node, join->marks);
    const struct route_op fires = {
        .node = op->node,
        .wanted = buf_ok(&wanted) ? arena_copy(&token->arena, buf_slice(&wanted)) : SLICE_NONE};
    buf_free(&wanted);
    if (fires.wanted.ptr)
        add_branch(token, &fires, scope);
}

/* --- branches --- */

static void reverse(struct token_branch *branches, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        const struct token_branch kept = branches[i];
        branches[i] = branches[count - 1 - i];
        branches[count - 1 - i] = kept;
    }
}

/* What the result leads to, as far as it may be executed here. Returns whether that is the next iteration of its
 * loop; what is left of this one goes its own way then. */
static bool add_branches(struct token *token)
{
    const struct token_result *result = &token->result;
    struct slice scope = token->scope;
    uint32_t before = token->branch_count;
    bool again = false;
    for (uint32_t i = 0; i < result->op_count; i++) {
        const struct route_op *op = &result->ops[i];
        if (op->kind == ROUTE_SCOPE)
            scope = op->wanted;
        if (op->kind == ROUTE_BACK) {
            again = true;
            before = token->branch_count = 0;
        }
        if (op->kind == ROUTE_TAKEN || op->kind == ROUTE_DEAD)
            add_arrival(token, op, scope);
        if (op->kind != ROUTE_EMIT || op->where != token->queue ||
            !exec_is_instant(&token->graph->nodes[op->node]))
            continue;
        if (result->op_count == 1 || (is_plain(token->scope) && is_plain(scope)))
            add_branch(token, op, scope);
    }
    reverse(token->branches + before, token->branch_count - before); /* the first is the next */
    return again;
}

/* Not after a token that somebody had before: who dies of it dies of this node, and of no other. Nor with an
 * output that other frames have too. */
static bool may_go_on(const struct token *token, int64_t until_us)
{
    const struct token_result *result = &token->result;
    return result->kind == LEDGER_EXECUTION && !result->failed && token->generation == 0 &&
           token->deliveries == 0 && !result->exports && token->step_count < STRETCH_STEPS_MOST &&
           token->arena.used_bytes < STRETCH_BYTES &&
           token->step_operations + result->op_count < STRETCH_OPERATIONS &&
           result->ended_us < until_us;
}

static struct slice present(struct slice value) { return value.len > 0 ? value : SLICE_NONE; }

/* `q5.5`, what the loop node 5 had in the iteration before: the head's input. */
static bool is_previous_of(struct slice name, struct slice node)
{
    return name.len == 2 * node.len + 2 && name.ptr[0] == 'q' && name.ptr[node.len + 1] == '.' &&
           memcmp(name.ptr + 1, node.ptr, node.len) == 0 &&
           memcmp(name.ptr + node.len + 2, node.ptr, node.len) == 0;
}

/* Of the claim, or of what was executed since. ptr NULL: to be read from the run. */
static struct slice find_value(const struct token *token, const struct wanted_item *item,
                               bool again)
{
    const bool first = token->step_count == 0;
    const struct slice *values = first ? token->values : token->claimed_values;
    const uint32_t count = first ? token->value_count : token->claimed_count;
    const struct slice wanted = first ? token->wanted : token->claimed_wanted, name = item->text;
    struct wanted_item other;
    size_t at = 0;
    bool bad;
    if (memchr(name.ptr, '?', name.len)) /* may have changed meanwhile */
        return SLICE_NONE;
    if (again && is_previous_of(name, token->node))
        return present(token->result.output_value);
    if (!again && slice_eq(name, token->node))
        return present(token->result.output_value);
    for (uint32_t i = token->step_count; !again && i-- > token->iteration_begins;) {
        if (slice_eq(name, token->steps[i].node))
            return present(token->steps[i].output_value);
    }
    if ((again || token->iteration_begins > 0) && item->kind != WANTED_INPUT &&
        item->kind != WANTED_RUN)
        return SLICE_NONE;
    for (uint32_t i = 0; i < count && wanted_next(wanted, &at, &other, &bad); i++) {
        if (slice_eq(name, other.text))
            return values[i];
    }
    return SLICE_NONE;
}

/* All that the successor wants, or NULL. */
static struct slice *find_values(struct token *token, const struct token_branch *next, bool again,
                                 uint32_t *count)
{
    const uint32_t most = wanted_count(next->wanted);
    struct slice *values = arena_array(&token->arena, most, sizeof(*values));
    struct wanted_item item;
    size_t at = 0;
    bool bad;
    *count = 0;
    while (values && wanted_next(next->wanted, &at, &item, &bad)) {
        values[*count] = find_value(token, &item, again);
        if (!values[(*count)++].ptr)
            return NULL;
    }
    return values;
}

static struct slice decimal(struct arena *arena, uint32_t number)
{
    char text[DECIMAL_SIZE];
    return arena_copy(arena, decimal_text(number, text));
}

static struct token_step *add_step(struct token *token)
{
    struct token_step *steps = with_room(&token->arena, token->steps, token->step_count,
                                         &token->step_capacity, sizeof(*steps));
    if (!steps)
        return NULL;
    token->steps = steps;
    if (token->step_count == 0) {
        token->first_identity = token->result.identity;
        token->claimed_wanted = token->wanted;
        token->claimed_values = token->values;
        token->claimed_count = token->value_count;
    }
    return &steps[token->step_count++];
}

/* The result becomes a step, and the token that of the branch. */
static bool go_on(struct token *token, const struct token_branch *next, struct slice *values,
                  uint32_t count)
{
    const bool apart = next->step != token->step_count;
    const bool leads_only =
        !apart && token->result.op_count == 1 && token->result.ops[0].kind == ROUTE_EMIT;
    const struct slice node = decimal(&token->arena, next->node);
    struct token_step *step = node.ptr ? add_step(token) : NULL;
    if (!step)
        return false;
    *step = (struct token_step){.node = token->node,
                                .scope = token->scope,
                                .output_value = token->result.output_value,
                                .record = token->result.record,
                                .ops = token->result.ops,
                                .op_count = leads_only ? 0 : token->result.op_count,
                                .leads_only = leads_only,
                                .apart = apart};
    token->step_operations += step->op_count;
    token->node = node;
    token->scope = next->scope;
    token->wanted = next->wanted;
    token->values = values;
    token->value_count = count;
    token->attempt = 1;
    token->state = 'q';
    token->result = (struct token_result){.op_count = 0};
    return true;
}

bool stretch_on(struct token *token, int64_t until_us)
{
    if (!may_go_on(token, until_us))
        return false;
    const bool again = add_branches(token);
    if (again && token->step_iterations == STRETCH_ITERATIONS)
        return false;
    while (token->branch_count > 0) {
        const struct token_branch next = token->branches[--token->branch_count];
        uint32_t count;
        struct slice *values = find_values(token, &next, again, &count);
        if (!values)
            continue; /* it goes through the queue */
        if (!go_on(token, &next, values, count))
            return false;
        if (again) {
            token->iteration_begins = token->step_count;
            token->step_iterations++;
        }
        return true;
    }
    return false;
}
