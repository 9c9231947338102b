/* filter: the items of a list for which an expression holds, in their order. */
#include "exec/executors.h"
#include "exec/items.h"

int exec_filter(struct exec_task *task)
{
    struct json_ref list;
    bool first = true;
    if (items_read(task, &task->values->input, "the input of a filter", &list) != 0)
        return -1;
    buf_char(task->output, '[');
    task->values->index = 0;
    struct json_iter it = json_iter(list);
    for (; json_next(&it); task->values->index++) {
        bool holds = false;
        task->values->value = cel_from_json(it.value, task->arena);
        if (graph_expr_holds(task->node->expression, task->values, task->arena, &holds,
                             &task->failure) != 0)
            return -1;
        if (!holds)
            continue;
        if (!first)
            buf_char(task->output, ',');
        first = false;
        buf_slice_append(task->output, json_text(it.value));
    }
    buf_char(task->output, ']');
    return 0;
}
