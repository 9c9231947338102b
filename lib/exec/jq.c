/* jq: programs over the input, conditions, and the check of programs for lib/graph. */
#include "jq/jq.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "exec/executors.h"
#include <stdio.h>

enum { CONDITION_BYTES = 64 << 10 /* what one makes that is no condition, to be shown */ };

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
    case JQ_FAULT_LATE:
        return "expression_cost";
    case JQ_FAULT_TOO_LARGE:
        return "too_large";
    case JQ_FAULT_UNAVAILABLE:
        break;
    }
    return "internal";
}

static int fail(struct graph_failure *failure, const char *code, const char *path,
                const char *message)
{
    char text[1024];
    (void)snprintf(failure->code, sizeof(failure->code), "%s", code);
    (void)snprintf(text, sizeof(text), "%s: %s", path, message);
    const struct slice cut = utf8_cut(slice_str(text), sizeof(failure->message) - 1);
    memcpy(failure->message, cut.ptr, cut.len);
    failure->message[cut.len] = '\0';
    return -1;
}

static int timed_out(const struct exec_jq *jq, const char *path, struct graph_failure *failure)
{
    char message[80];
    (void)snprintf(message, sizeof(message), "the node took longer than %lld ms",
                   (long long)jq->timeout_ms);
    return fail(failure, "timeout", path, message);
}

/* What is left of the execution's time; whether it is the node's own that is over first. */
static bool limits_of(const struct exec_jq *jq, int64_t now_us, struct jq_limits *limits)
{
    const int64_t cpu_us = (jq->time_ms > 0 ? jq->time_ms : JQ_TIME_MS) * 1000 - jq->cpu_us;
    const int64_t wall_us = (jq->wall_ms > 0 ? jq->wall_ms : JQ_WALL_MS) * 1000 - jq->wall_us;
    const int64_t node_us = jq->timeout_ms > 0 ? jq->deadline_us - now_us : INT64_MAX;
    const bool nodes = node_us < wall_us;
    limits->time_ms = cpu_us / 1000;
    limits->wall_ms = nodes && node_us > 0 ? (node_us + 999) / 1000 : nodes ? 0 : wall_us / 1000;
    return nodes;
}

/* One program, in what is left of the execution's time. */
static int run(struct exec_jq *jq, const char *path, struct slice program, struct slice input,
               size_t most_bytes, struct buf *out, struct graph_failure *failure)
{
    struct jq_error error;
    struct jq_stats before, after;
    if (!jq || !jq->jq)
        return fail(failure, "internal", path, "there is no jq here");
    const int64_t began_us = clock_mono_us(&clock_system);
    struct jq_limits limits = {.output_bytes = most_bytes};
    const bool nodes = limits_of(jq, began_us, &limits);
    if (nodes && limits.wall_ms <= 0)
        return timed_out(jq, path, failure);
    if (limits.time_ms <= 0 || limits.wall_ms <= 0)
        return fail(failure, "expression_cost", path,
                    "the programs in jq of this execution have used up their time");
    jq_stats(jq->jq, &before);
    const int rc = jq_run(jq->jq, program, input, &limits, out, &error);
    jq_stats(jq->jq, &after);
    jq->cpu_us += after.cpu_us - before.cpu_us;
    jq->wall_us += clock_mono_us(&clock_system) - began_us;
    if (rc != 0 && nodes && error.fault == JQ_FAULT_LATE)
        return timed_out(jq, path, failure);
    return rc == 0 ? 0 : fail(failure, code_of(error.fault), path, error.message);
}

int exec_jq(struct exec_task *task)
{
    return run(task->jq, task->node->jq_path, task->node->jq, task->values->input.text,
               task->max_value_bytes, task->output, &task->failure);
}

/* --- conditions --- */

static int run_condition(void *context, const char *path, struct slice program, struct slice input,
                         struct arena *arena, struct slice *value, struct graph_failure *failure)
{
    struct buf out;
    buf_init(&out, CONDITION_BYTES);
    int rc = run(context, path, program, input, CONDITION_BYTES, &out, failure);
    *value = rc == 0 ? arena_copy(arena, buf_slice(&out)) : SLICE_NONE;
    if (rc == 0 && !value->ptr)
        rc = fail(failure, "expression_cost", path, "out of memory");
    buf_free(&out);
    return rc;
}

struct graph_jq exec_conditions(struct exec_jq *jq)
{
    return (struct graph_jq){.run = run_condition, .context = jq};
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
