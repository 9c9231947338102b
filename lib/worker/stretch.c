#include "worker/stretch.h"
#include "exec/exec.h"
#include "protocol/decimal.h"
#include "protocol/wanted.h"

/* What the result leads to first, of what may be executed here. */
struct successor {
    const struct graph_node *node; /* NULL: nothing */
    struct slice wanted;
    struct slice scope;
    bool alone; /* it leads to nothing else */
    bool again; /* in the next iteration of its loop */
};

/* The frame that outputs are stored in stays the same if nothing but iterations of plain loops comes or goes. */
static bool is_plain(struct slice scope)
{
    return scope.len == 0 ||
           (!memchr(scope.ptr, '~', scope.len) && !memchr(scope.ptr, '@', scope.len));
}

static struct successor find_successor(const struct token *token)
{
    const struct token_result *result = &token->result;
    struct successor found = {.scope = token->scope, .alone = result->op_count == 1};
    if (result->kind != LEDGER_EXECUTION || result->failed)
        return found;
    for (uint32_t i = 0; i < result->op_count; i++) {
        const struct route_op *op = &result->ops[i];
        if (op->kind == ROUTE_SCOPE)
            found.scope = op->wanted;
        if (op->kind == ROUTE_BACK)
            found.again = true;
        if (op->kind != ROUTE_EMIT || op->where != token->queue)
            continue;
        if (exec_is_instant(&token->graph->nodes[op->node]) &&
            (found.alone || (is_plain(token->scope) && is_plain(found.scope)))) {
            found.node = &token->graph->nodes[op->node];
            found.wanted = op->wanted;
        }
        return found;
    }
    return found;
}

/* Not after a token that somebody had before: who dies of it dies of this node, and of no other. Nor with an
 * output that other frames have too. */
static bool may_go_on(const struct token *token, int64_t until_us)
{
    return token->generation == 0 && token->deliveries == 0 && !token->result.exports &&
           token->step_count < STRETCH_STEPS_MOST && token->arena.used_bytes < STRETCH_BYTES &&
           token->result.ended_us < until_us;
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
static struct slice *find_values(struct token *token, const struct successor *next, uint32_t *count)
{
    const uint32_t most = wanted_count(next->wanted);
    struct slice *values = arena_array(&token->arena, most, sizeof(*values));
    struct wanted_item item;
    size_t at = 0;
    bool bad;
    *count = 0;
    while (values && wanted_next(next->wanted, &at, &item, &bad)) {
        values[*count] = find_value(token, &item, next->again);
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

bool stretch_on(struct token *token, int64_t until_us)
{
    const struct successor next = find_successor(token);
    uint32_t count;
    if (!next.node || !may_go_on(token, until_us))
        return false;
    if (!token->steps)
        token->steps = arena_array(&token->arena, STRETCH_STEPS_MOST, sizeof(*token->steps));
    struct slice *values = find_values(token, &next, &count);
    const struct slice node = decimal(&token->arena, next.node->index);
    if (!token->steps || !values || !node.ptr)
        return false;
    if (token->step_count == 0) {
        token->first_identity = token->result.identity;
        token->claimed_wanted = token->wanted;
        token->claimed_values = token->values;
        token->claimed_count = token->value_count;
    }
    token->steps[token->step_count++] =
        (struct token_step){.node = token->node,
                            .output_value = token->result.output_value,
                            .record = token->result.record,
                            .ops = next.alone ? NULL : token->result.ops,
                            .op_count = next.alone ? 0 : token->result.op_count};
    if (next.again)
        token->iteration_begins = token->step_count;
    token->node = node;
    token->scope = next.scope;
    token->wanted = next.wanted;
    token->values = values;
    token->value_count = count;
    token->attempt = 1;
    token->state = 'q';
    token->result = (struct token_result){.op_count = 0};
    return true;
}
