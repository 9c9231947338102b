/* transform: an expression or a template over the values of the execution, or a program over its input. */
#include "exec/executors.h"

int exec_transform(struct exec_task *task)
{
    if (task->node->expression)
        return graph_expr_write(task->node->expression, task->values, task->arena, task->output,
                                &task->failure);
    if (task->node->template)
        return binding_eval(task->node->template, task->values, task->arena, task->output,
                            &task->failure);
    if (task->node->jq.ptr)
        return exec_jq(task);
    if (task->node->transformation != TRANSFORMATION_NONE)
        return exec_named(task);
    return exec_failed(task, "internal", "a transform without expression and template");
}
