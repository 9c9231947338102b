#include "worker/submit.h"

size_t submit_bytes(const struct token *token)
{
    size_t bytes = token->result.record.len + token->result.output_value.len +
                   (size_t)token->result.op_count * 64 + 512;
    if (token->result.op_count == 1 && token->result.ops[0].kind == ROUTE_TASK)
        bytes += token->result.ops[0].task->task.len;
    for (uint32_t i = 0; i < token->step_count; i++)
        bytes += token->steps[i].record.len + token->steps[i].output_value.len +
                 (size_t)token->steps[i].op_count * 64 + 64;
    return bytes;
}

uint32_t submit_operations(const struct token *token)
{
    return token->result.op_count + token->step_operations + token->step_count;
}

static void add_op(struct command *command, const struct graph *graph, const struct route_op *op)
{
    switch (op->kind) {
    case ROUTE_EMIT:
        settle_op_emit(command, op->node, op->where, op->wanted);
        break;
    case ROUTE_TAKEN:
        settle_op_arrive(command, true, op->node, op->where);
        break;
    case ROUTE_DEAD:
        settle_op_arrive(command, false, op->node, op->where);
        break;
    case ROUTE_SCOPE:
        settle_op_scope(command, op->wanted);
        break;
    case ROUTE_BACK:
        settle_op_back(command, graph, op->loop);
        break;
    case ROUTE_PARK:
        settle_op_park(command, op->due_ms, op->attempt, op->where, op->data, op->wanted);
        break;
    case ROUTE_TASK:
        settle_op_task(command, op->task);
        break;
    case ROUTE_FAIL:
        settle_op_fail(command);
        break;
    }
}

static uint32_t step_triples(const struct token *token)
{
    return token->step_count + token->step_operations;
}

void submit_token(struct command *command, const struct token *token)
{
    const struct token_result *result = &token->result;
    settle_token(command, &(struct settle_token){.run = token->run,
                                                 .incarnation = token->incarnation,
                                                 .number = token->number,
                                                 .identity = result->identity,
                                                 .queue = token->queue,
                                                 .entry_id = token->entry_id,
                                                 .output_field = result->output_field,
                                                 .output_value = result->output_value,
                                                 .kind = result->kind,
                                                 .record = result->record,
                                                 .op_count = result->op_count,
                                                 .step_triples = step_triples(token)});
    for (uint32_t i = 0; i < result->op_count; i++)
        add_op(command, token->graph, &result->ops[i]);
    for (uint32_t i = 0; i < token->step_count; i++) {
        const struct token_step *step = &token->steps[i];
        const bool last = i + 1 == token->step_count;
        settle_step(command,
                    &(struct settle_step){.next = last ? token->node : token->steps[i + 1].node,
                                          .scope = last ? token->scope : token->steps[i + 1].scope,
                                          .leads_only = step->leads_only,
                                          .op_count = step->op_count,
                                          .apart = step->apart,
                                          .output_value = step->output_value,
                                          .record = step->record});
        for (uint32_t k = 0; k < step->op_count; k++)
            add_op(command, token->graph, &step->ops[k]);
    }
}
