#include "worker/stretch.h"
#include "exec/exec.h"
#include "protocol/decimal.h"

/* The node that the result leads to, and to nothing else; NULL: none, or not to be executed here. */
static const struct graph_node *successor(const struct token *token)
{
    const struct token_result *result = &token->result;
    const struct route_op *op = result->ops;
    if (result->kind != LEDGER_EXECUTION || result->failed || result->op_count != 1 ||
        op->kind != ROUTE_EMIT || op->where != token->queue)
        return NULL;
    const struct graph_node *node = &token->graph->nodes[op->node];
    return exec_is_instant(node) ? node : NULL;
}

/* Not after a token that somebody had before: who dies of it dies of this node, and of no other. Nor with an
 * output that other frames have too. */
static bool may_go_on(const struct token *token, int64_t until_us)
{
    const struct slice field = token->result.output_field;
    uint32_t bars = 0;
    for (size_t i = 0; i < field.len; i++)
        bars += field.ptr[i] == '|';
    return token->generation == 0 && token->deliveries == 0 && bars < 2 &&
           token->step_count < STRETCH_STEPS_MOST && token->arena.used_bytes < STRETCH_BYTES &&
           token->result.ended_us < until_us;
}

static bool cut_name(struct slice *wanted, struct slice *name)
{
    size_t at = 0, end;
    while (at < wanted->len && (wanted->ptr[at] == ',' || wanted->ptr[at] == ';'))
        at++;
    for (end = at; end < wanted->len && wanted->ptr[end] != ',' && wanted->ptr[end] != ';';)
        end++;
    *name = slice_of(wanted->ptr + at, end - at);
    *wanted = slice_of(wanted->ptr + end, wanted->len - end);
    return name->len > 0;
}

/* Of the claim, or of what was executed since. ptr NULL: to be read from the run. */
static struct slice find_value(const struct token *token, struct slice name)
{
    const bool first = token->step_count == 0;
    const struct slice *values = first ? token->values : token->claimed_values;
    const uint32_t count = first ? token->value_count : token->claimed_count;
    struct slice wanted = first ? token->wanted : token->claimed_wanted, other;
    if (memchr(name.ptr, '?', name.len)) /* may have changed meanwhile */
        return SLICE_NONE;
    if (slice_eq(name, token->node))
        return token->result.output_value.len > 0 ? token->result.output_value : SLICE_NONE;
    for (uint32_t i = token->step_count; i-- > 0;) {
        if (slice_eq(name, token->steps[i].node))
            return token->steps[i].output_value.len > 0 ? token->steps[i].output_value : SLICE_NONE;
    }
    for (uint32_t i = 0; i < count && cut_name(&wanted, &other); i++) {
        if (slice_eq(name, other))
            return values[i];
    }
    return SLICE_NONE;
}

/* All that the successor wants, or NULL. */
static struct slice *find_values(struct token *token, struct slice wanted, uint32_t *count)
{
    struct slice rest = wanted, name;
    uint32_t n = 0;
    while (cut_name(&rest, &name))
        n++;
    struct slice *values = arena_array(&token->arena, n, sizeof(*values));
    *count = n;
    rest = wanted;
    for (uint32_t i = 0; values && i < n && cut_name(&rest, &name); i++) {
        values[i] = find_value(token, name);
        if (!values[i].ptr)
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
    const struct graph_node *next = successor(token);
    const struct route_op *op = token->result.ops;
    uint32_t count;
    if (!next || !may_go_on(token, until_us))
        return false;
    if (!token->steps)
        token->steps = arena_array(&token->arena, STRETCH_STEPS_MOST, sizeof(*token->steps));
    struct slice *values = find_values(token, op->wanted, &count);
    const struct slice node = decimal(&token->arena, next->index);
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
                            .record = token->result.record};
    token->node = node;
    token->wanted = op->wanted;
    token->values = values;
    token->value_count = count;
    token->attempt = 1;
    token->state = 'q';
    token->result = (struct token_result){.op_count = 0};
    return true;
}
