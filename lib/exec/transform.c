/* transform: an expression or a template over the values of the execution, or a program over its input. */
#include "exec/executors.h"

static int write_expression(struct exec_task *task)
{
    struct cel_value value;
    struct cel_error error;
    const struct graph_expr *expr = task->node->expression;
    if (graph_expr_eval(expr, task->values, task->arena, &value, &task->failure) != 0)
        return -1;
    if (cel_write_json(task->output, &value, &error) != 0)
        return exec_failed(task, error.code == CEL_ERROR_TYPE ? "type" : "too_large", "%s: %s",
                           expr->path, error.message);
    return 0;
}

int exec_transform(struct exec_task *task)
{
    if (task->node->expression)
        return write_expression(task);
    if (task->node->template)
        return binding_eval(task->node->template, task->values, task->arena, task->output,
                            &task->failure);
    if (task->node->jq.ptr)
        return exec_jq(task);
    if (task->node->transformation != TRANSFORMATION_NONE)
        return exec_named(task);
    return exec_failed(task, "internal", "a transform without expression and template");
}
