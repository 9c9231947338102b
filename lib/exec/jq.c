/* jq: a program over the input, and the check of programs for lib/graph. */
#include "jq/jq.h"
#include "exec/executors.h"
#include <stdio.h>

static const char *code_of(enum jq_fault fault)
{
    switch (fault) {
    case JQ_FAULT_NONE:
    case JQ_FAULT_PROGRAM:
    case JQ_FAULT_EXPRESSION:
        return "expression";
    case JQ_FAULT_TYPE:
        return "type";
    case JQ_FAULT_COST:
        return "expression_cost";
    case JQ_FAULT_TOO_LARGE:
        return "too_large";
    case JQ_FAULT_UNAVAILABLE:
        break;
    }
    return "internal";
}

int exec_jq(struct exec_task *task)
{
    struct jq_error error;
    const struct graph_node *node = task->node;
    const struct jq_limits limits = {.time_ms = task->jq_time_ms,
                                     .output_bytes = task->max_value_bytes};
    if (!task->jq)
        return exec_failed(task, "internal", "%s: there is no jq here", node->jq_path);
    if (jq_run(task->jq, node->jq, task->values->input.text, &limits, task->output, &error) == 0)
        return 0;
    return exec_failed(task, code_of(error.fault), "%s: %s", node->jq_path, error.message);
}

/* --- checking --- */

static bool check(void *context, struct slice program, struct graph_problem *problem)
{
    struct jq_error error;
    if (jq_check(context, program, &error) == 0)
        return true;
    problem->offset = error.offset;
    const char *lead = error.fault == JQ_FAULT_UNAVAILABLE ? "cannot be checked: " : "";
    (void)snprintf(problem->message, sizeof(problem->message), "%s%s", lead, error.message);
    return false;
}

struct graph_checks exec_checks(struct jq *jq)
{
    return (struct graph_checks){.jq = check, .context = jq};
}
