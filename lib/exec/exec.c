/* exec: the table of executors, and what all executions share. */
#include "exec/exec.h"
#include "exec/executors.h"
#include <stdarg.h>
#include <stdio.h>

typedef int executor_fn(struct exec_task *task);

static executor_fn *find_function(enum graph_function function)
{
    switch (function) {
    case FUNCTION_ECHO:
        return exec_pass;
    case FUNCTION_FAIL:
        return exec_fail;
    case FUNCTION_LOG:
        return exec_log;
    case FUNCTION_SLEEP:
        return exec_sleep;
    case FUNCTION_SHA256:
        return exec_sha256;
    case FUNCTION_UUID:
        return exec_uuid;
    case FUNCTION_NOW:
        return exec_now;
    case FUNCTION_NONE:
        break;
    }
    return NULL;
}

static bool makes_value(const struct graph_node *node)
{
    return node->expression || node->template || node->jq.ptr ||
           node->transformation != TRANSFORMATION_NONE;
}

static executor_fn *find_executor(const struct graph_node *node)
{
    switch (node->type) {
    case NODE_FUNCTION:
        return find_function(node->function);
    case NODE_TRANSFORM:
        return exec_transform;
    case NODE_CONDITIONAL:
    case NODE_PARALLEL:
    case NODE_JOIN:
    case NODE_NOOP:
        return exec_pass;
    case NODE_DELAY:
        return exec_delay;
    case NODE_FILTER:
        return exec_filter;
    case NODE_AGGREGATE:
        return exec_aggregate;
    case NODE_LOOP:
        if (node->remote.ptr)
            return NULL;
        if (node->function != FUNCTION_NONE)
            return find_function(node->function);
        return makes_value(node) ? exec_transform : exec_pass;
    case NODE_HTTP:
        return exec_http;
    case NODE_EXEC:
        return exec_subprocess;
    case NODE_MAP:
    case NODE_WORKFLOW:
    case NODE_SIGNAL:
    case NODE_HUMAN:
    case NODE_AGENT:
    case NODE_TOOL:
        break;
    }
    return NULL;
}

int exec_failed(struct exec_task *task, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(task->failure.code, sizeof(task->failure.code), "%s", code);
    (void)vsnprintf(task->failure.message, sizeof(task->failure.message), format, arguments);
    va_end(arguments);
    return -1;
}

int exec_pass(struct exec_task *task)
{
    task->passed = task->values->input.text;
    return 0;
}

static int too_large(struct exec_task *task, const char *what)
{
    return exec_failed(task, "too_large", "%s is larger than %zu bytes, which is the most here",
                       what, task->max_value_bytes);
}

bool exec_is_instant(const struct graph_node *node)
{
    return find_executor(node) && !node->jq.ptr && node->function != FUNCTION_LOG &&
           !exec_is_async(node);
}

bool exec_is_async(const struct graph_node *node)
{
    return node->type == NODE_HTTP || node->type == NODE_EXEC;
}

int exec_run(struct exec_task *task)
{
    executor_fn *run = task->plugin ? exec_plugin : find_executor(task->node);
    task->passed = SLICE_NONE;
    task->job = NULL;
    if (!run)
        return exec_failed(task, "internal", "this worker does not know how to run type '%s'%s",
                           node_type_name(task->node->type),
                           task->node->type == NODE_FUNCTION ? " with this function" : "");
    task->output->cap_bytes = task->max_value_bytes;
    const int rc = run(task);
    /* A buffer that ran over makes executors fail in their own words; the true reason is this. */
    if (!buf_ok(task->output))
        return too_large(task, "the output");
    if (rc != 0)
        return -1;
    if (task->wait_until_us > 0 || task->job)
        return 0;
    if (task->passed.ptr ? task->passed.len > task->max_value_bytes : task->output->len == 0)
        return task->passed.ptr ? too_large(task, "the output")
                                : exec_failed(task, "internal", "the execution left no output");
    return 0;
}

int exec_resolve_input(struct exec_task *task, struct slice natural)
{
    struct buf text;
    task->values->input = (struct graph_text){.text = natural};
    if (!task->node->input)
        return 0;
    buf_init(&text, task->max_value_bytes);
    int rc = binding_eval(task->node->input, task->values, task->arena, &text, &task->failure);
    if (!buf_ok(&text))
        rc = too_large(task, "config.input");
    struct slice kept = rc == 0 ? arena_copy(task->arena, buf_slice(&text)) : SLICE_NONE;
    if (rc == 0 && !kept.ptr)
        rc = exec_failed(task, "too_large", "config.input: out of memory for it");
    buf_free(&text);
    task->values->input = (struct graph_text){.text = kept};
    return rc;
}
