/* execute: one execution. What takes time goes on in job.c. */
#include "base/clock.h"
#include "base/json.h"
#include "exec/exec.h"
#include "exec/plugins.h"
#include "protocol/ledger.h"
#include "protocol/wanted.h"
#include "worker/probe.h"
#include "worker/run.h"
#include "worker/stretch.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_KEPT_BYTES = 256 << 10 };

/* --- values --- */

static int add_output(struct run *run, const struct wanted_item *item, struct slice text)
{
    struct stored_output stored;
    if (item->node >= run->token->graph->node_count)
        return failure_fill(&run->failure, "internal", "a value of node %u, which does not exist",
                            item->node);
    if (!text.ptr && item->is_input)
        return failure_fill(&run->failure, "internal", "the output of node '%.*s' is not there",
                            SLICE_ARG(run->token->graph->nodes[item->node].id));
    if (!text.ptr)
        return 0;
    if (stored_output_read(text, &stored) != 0)
        return failure_fill(&run->failure, "internal", "the output of node '%.*s' is unreadable",
                            SLICE_ARG(run->token->graph->nodes[item->node].id));
    const uint32_t at = run->values.output_count++;
    run->values.outputs[at] = (struct graph_output){.node = item->node,
                                                    .failed = stored.failed,
                                                    .attempt = stored.attempt,
                                                    .started_us = stored.started_us,
                                                    .ended_us = stored.ended_us,
                                                    .output = {.text = stored.json}};
    if (item->is_input)
        run->inputs[run->input_count++] = at;
    return 0;
}

static int add_value(struct run *run, const struct wanted_item *item, struct slice text)
{
    switch (item->kind) {
    case WANTED_NODE:
    case WANTED_PREVIOUS:
        return add_output(run, item, text);
    case WANTED_INPUT:
        run->values.context.text = text;
        return 0;
    case WANTED_RUN:
        run->values.run.text = text;
        return 0;
    case WANTED_RESULT:
        run->came_back = text;
        return 0;
    case WANTED_PARKED: /* d<started_us>,… or d<started_us>u,… or u,… */
        if (text.len > 0 && text.ptr[0] == 'u') {
            run->doubted = true;
            return 0;
        }
        run->resumed = text.len > 1;
        run->started_us = 0;
        size_t at = 1;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++)
            run->started_us = run->started_us * 10 + (text.ptr[at] - '0');
        run->doubted = at < text.len && text.ptr[at] == 'u';
        return 0;
    }
    return 0;
}

static int fill_values(struct run *run)
{
    struct token *token = run->token;
    struct wanted_item item;
    size_t at = 0;
    uint32_t index = 0;
    bool bad = false;
    run->values.outputs = arena_array(run->arena, token->value_count, sizeof(*run->values.outputs));
    run->inputs = arena_array(run->arena, token->value_count, sizeof(*run->inputs));
    if (token->values_too_large || !run->values.outputs || !run->inputs)
        return failure_fill(&run->failure, "too_large",
                            "what the execution needs is larger than a worker takes");
    if (token->value_gone)
        return failure_fill(&run->failure, "internal",
                            "a value that the token wants is not beside its run any more");
    while (index < token->value_count && wanted_next(token->wanted, &at, &item, &bad)) {
        if (add_value(run, &item, token->values[index++]) != 0)
            return -1;
    }
    if (bad || index != token->value_count || wanted_next(token->wanted, &at, &item, &bad))
        return failure_fill(&run->failure, "internal", "the token wants '%.*s' and got %u values",
                            (int)(token->wanted.len > 200 ? 200 : token->wanted.len),
                            token->wanted.ptr, token->value_count);
    return 0;
}

/* The input without config.input: ptr NULL on failure. */
static struct slice natural_input(struct run *run)
{
    struct buf *object = run->by->scratch;
    struct slice text = SLICE_NONE;
    const struct graph_node *node = run->node;
    /* Again: a loop's head has the loop node's output. */
    const bool again = node->head_of != GRAPH_NO_LOOP && run->values.iteration > 1;
    const bool from_one =
        again || node->pred_count == 1 || node->join == JOIN_ANY || node->join == JOIN_EACH;
    if (node->pred_count == 0 && !again)
        text = run->values.context.text;
    else if (from_one && run->input_count == 1)
        text = run->values.outputs[run->inputs[0]].output.text;
    if (from_one || node->pred_count == 0) {
        if (!text.ptr)
            (void)failure_fill(&run->failure, "internal", "the token came without its input");
        return text;
    }
    buf_reset(object);
    buf_char(object, '{');
    for (uint32_t i = 0; i < run->input_count; i++) {
        const struct graph_output *output = &run->values.outputs[run->inputs[i]];
        if (i > 0)
            buf_char(object, ',');
        json_write_string(object, run->token->graph->nodes[output->node].id);
        buf_char(object, ':');
        buf_slice_append(object, output->output.text);
    }
    buf_char(object, '}');
    if (buf_ok(object) && json_text_depth(buf_slice(object)) > json_default_limits.max_depth) {
        (void)failure_fill(&run->failure, "too_large", "the input is nested deeper than %u levels",
                           json_default_limits.max_depth);
        return SLICE_NONE;
    }
    if (buf_ok(object))
        text = arena_copy(run->arena, buf_slice(object));
    if (!text.ptr)
        (void)failure_fill(&run->failure, "too_large", "the input is larger than %zu bytes",
                           run->by->max_value_bytes);
    return text;
}

/* --- what there is to execute --- */

/* Routes and concludes what has been executed, or was not to be. */
static int go_on(struct run *run, enum route_outcome outcome, struct slice output,
                 struct slice error)
{
    struct token *token = run->token;
    struct route route;
    run->values.output = (struct graph_text){.text = output};
    if (route_plan(token->graph, run->node, outcome, token->scope, &run->values, run->by->queues,
                   &token->arena, run->arena, &route, &run->failure) != 0) {
        run->routing = true;
        return -1;
    }
    return run_conclude(run, outcome, output, error, &route);
}

/* `error`: of the first of the taken edges, in their order, that a goto took; null otherwise. */
static void fill_error(struct run *run)
{
    struct json_ref output, error;
    run->values.error = (struct graph_text){.text = SLICE("null")};
    for (uint32_t i = 0; i < run->input_count; i++) {
        struct graph_output *from = &run->values.outputs[run->inputs[i]];
        if (!from->failed || run->token->graph->nodes[from->node].on_error != ON_ERROR_GOTO)
            continue;
        if (graph_text_ref(&from->output, run->arena, &output) != 0)
            return;
        error = json_member(output, SLICE("error"));
        if (json_present(error))
            run->values.error = (struct graph_text){.text = json_text(error)};
        return;
    }
}

/* What an aggregate works on: all inputs, in edge order. */
static int fill_inputs(struct run *run)
{
    struct buf *list = run->by->scratch;
    list->cap_bytes = run->by->max_value_bytes;
    buf_reset(list);
    buf_char(list, '[');
    for (uint32_t i = 0; i < run->input_count; i++) {
        if (i > 0)
            buf_char(list, ',');
        buf_slice_append(list, run->values.outputs[run->inputs[i]].output.text);
    }
    buf_char(list, ']');
    run->values.inputs = (struct graph_text){.text = run_keep_scratch(run)};
    return run->values.inputs.text.ptr
               ? 0
               : failure_fill(&run->failure, "too_large", "the inputs are larger than %zu bytes",
                              run->by->max_value_bytes);
}

/* `of`: input or output. */
static int check_schema(struct run *run, const struct schema *schema, struct graph_text *value,
                        const char *of)
{
    char what[64];
    if (!schema)
        return 0;
    if (run->node)
        (void)snprintf(what, sizeof(what), "nodes[%u].%s_schema", run->node->index, of);
    else
        (void)snprintf(what, sizeof(what), "%s_schema", of);
    return graph_schema_check(schema, value, what, run->arena, &run->failure);
}

/* Programs in jq have what is left of the node's own time. */
void run_limit_jq(struct run *run, int64_t now_us)
{
    run->jq.timeout_ms = run->node->timeout_ms;
    if (run->jq.timeout_ms > 0)
        run->jq.deadline_us =
            clock_mono_us(&clock_system) + run->started_us + run->jq.timeout_ms * 1000 - now_us;
}

/* Of a node with a queue of its own, those decide who serve it. */
const struct handler *execute_plugin(const struct execution *execution,
                                     const struct graph_node *node)
{
    return execution->host && execution->host->plugins
               ? plugins_find(execution->host->plugins, node)
               : NULL;
}

int run_attempt(struct run *run, struct exec_task *task)
{
    if (run->node->remote.ptr) {
        task->plugin = execute_plugin(run->by, run->node);
        if (!task->plugin)
            return run_post(run);
        return run_ask(run, &task->asked) == 0 ? job_start(run, task) : -1;
    }
    if (exec_is_async(run->node))
        return job_start(run, task);
    return exec_run(task) == 0 ? run_executed(run, task) : run_failed(run, task);
}

static int execute_node(struct run *run)
{
    struct token *token = run->token;
    struct exec_task task = {.node = run->node,
                             .values = &run->values,
                             .arena = run->arena,
                             .run_id = token->run,
                             .scope = token->scope,
                             .taken_over = token_had_holders(token),
                             .host = run->by->host,
                             .attempt = token->attempt,
                             .started_us = run->started_us,
                             .now_us = run->by->now_us(run->by->context),
                             .max_value_bytes = run->by->max_value_bytes,
                             .jq = &run->jq,
                             .output = run->by->scratch};
    run_limit_jq(run, task.now_us);
    run->by->scratch->cap_bytes = run->by->max_value_bytes;
    struct slice natural = natural_input(run);
    if (!natural.ptr)
        return -1;
    buf_reset(task.output);
    if (run->node->goto_target)
        fill_error(run);
    if (run->node->type == NODE_AGGREGATE && run->node->pred_count > 0 && fill_inputs(run) != 0)
        return -1;
    buf_reset(task.output);
    if (exec_resolve_input(&task, natural) != 0) {
        run->failure = task.failure;
        return -1;
    }
    if (run->node->when && !run->resumed) {
        bool holds = false;
        if (graph_expr_holds(run->node->when, &run->values, run->arena, &holds, &run->failure) != 0)
            return -1;
        if (!holds)
            return go_on(run, ROUTE_SKIPPED, SLICE(""), SLICE(""));
    }
    if (!run->resumed &&
        check_schema(run, run->node->input_schema, &run->values.input, "input") != 0)
        return -1;
    if (run->node->remote.ptr && run->resumed)
        return run_take_back(run, &task.passed) == 0 ? run_executed(run, &task) : -1;
    return probe_is_due(run) ? probe_ask(run, &task) : run_attempt(run, &task);
}

int run_failed(struct run *run, const struct exec_task *task)
{
    run->failure = task->failure;
    run->verdict = task->verdict;
    return -1;
}

int run_executed(struct run *run, const struct exec_task *task)
{
    if (task->wait_until_us > 0) {
        const int64_t deadline_us = run->started_us + run->node->timeout_ms * 1000;
        if (run->node->timeout_ms == 0 || task->wait_until_us <= deadline_us)
            return run_wait_until(run, task->wait_until_us);
        return task->now_us < deadline_us
                   ? run_wait_until(run, deadline_us)
                   : failure_fill(&run->failure, "timeout",
                                  "node '%.*s' took longer than %" PRId64 " ms",
                                  SLICE_ARG(run->node->id), run->node->timeout_ms);
    }
    struct slice output =
        task->passed.ptr ? task->passed : arena_copy(run->arena, buf_slice(task->output));
    if (!output.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for the output");
    struct graph_text text = {.text = output};
    if (check_schema(run, run->node->output_schema, &text, "output") != 0)
        return -1;
    return go_on(run, ROUTE_COMPLETED, output, SLICE(""));
}

/* {"error": …}, and the error itself within it. ptr NULL without memory. */
static struct slice error_output(struct run *run, struct slice *error)
{
    static const char lead[] = "{\"error\":";
    struct buf *scratch = run->by->scratch;
    scratch->cap_bytes = RECORD_EXTRA_BYTES;
    buf_reset(scratch);
    buf_str(scratch, lead);
    run_write_failure(run, scratch);
    buf_char(scratch, '}');
    struct slice output = run_keep_scratch(run);
    if (output.ptr)
        *error = slice_of(output.ptr + sizeof(lead) - 1, output.len - sizeof(lead));
    return output;
}

/* What on_error says. A failure of the routing only a goto catches; nothing else tries it again. Without its
 * values nothing is routed: conditions that look into ctx would take it for another run's. */
int run_handle_failure(struct run *run)
{
    struct slice error;
    if (!run->routing && run_may_retry(run) && run_retry(run) == 0)
        return 0;
    if (probe_is_due_at_the_end(run) && probe_ask(run, NULL) == 0)
        return 0;
    if (!run->node || run->blind || run->node->on_error == ON_ERROR_FAIL ||
        (run->routing && run->node->on_error != ON_ERROR_GOTO))
        return run_fail(run);
    struct slice output = error_output(run, &error);
    if (!output.ptr)
        return -1;
    const enum route_outcome outcome =
        run->node->on_error == ON_ERROR_GOTO ? ROUTE_GOES_TO : ROUTE_CONTINUES;
    return go_on(run, outcome, output, error) == 0 ? 0 : run_fail(run);
}

/* An object of the ends' outputs, but of those that a goto led on from. */
static void form_output(const struct run *run, struct buf *out)
{
    bool first = true;
    buf_char(out, '{');
    for (uint32_t i = 0; i < run->values.output_count; i++) {
        const struct graph_output *output = &run->values.outputs[i];
        const struct graph_node *node = &run->token->graph->nodes[output->node];
        if (output->failed && node->on_error == ON_ERROR_GOTO)
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        json_write_string(out, node->id);
        buf_char(out, ':');
        buf_slice_append(out, output->output.text);
    }
    buf_char(out, '}');
}

static int execute_mapping(struct run *run)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    const struct route nowhere = {.taken = SLICE(""), .reason = SLICE("")};
    if (!graph_makes_output(token->graph))
        return failure_fill(&run->failure, "internal",
                            "a hidden last token, and the definition has no output mapping");
    run->values.input = run->values.context;
    scratch->cap_bytes = run->by->max_value_bytes;
    buf_reset(scratch);
    int rc = 0;
    if (token->graph->output)
        rc = binding_eval(token->graph->output, &run->values, run->arena, scratch, &run->failure);
    else
        form_output(run, scratch);
    if (!buf_ok(scratch))
        return failure_fill(&run->failure, "too_large", "the output is larger than %zu bytes",
                            run->by->max_value_bytes);
    struct slice output = rc == 0 ? run_keep_scratch(run) : SLICE_NONE;
    if (rc == 0 && !output.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for the output");
    struct graph_text text = {.text = output};
    if (rc != 0 || check_schema(run, token->graph->output_schema, &text, "output") != 0)
        return -1;
    return run_conclude(run, ROUTE_COMPLETED, output, SLICE(""), &nowhere);
}

/* NULL when the token names a node that the graph does not have. */
static const struct graph_node *node_of(const struct token *token)
{
    uint64_t index = 0;
    for (size_t i = 0; i < token->node.len && index <= GRAPH_MAX_NODES; i++)
        index = index * 10 + (uint64_t)(token->node.ptr[i] - '0');
    return index < token->graph->node_count ? &token->graph->nodes[index] : NULL;
}

/* The same with the failure. */
static const struct graph_node *find_node(struct run *run)
{
    const struct token *token = run->token;
    const struct graph_node *node = node_of(token);
    if (node)
        return node;
    (void)failure_fill(&run->failure, "internal", "the token names node %.*s of %u",
                       SLICE_ARG(token->node), token->graph->node_count);
    return NULL;
}

static uint32_t most_deliveries(const struct graph_node *node)
{
    return node && exec_is_async(node) ? EXECUTE_MAX_DELIVERIES_ASYNC : EXECUTE_MAX_DELIVERIES;
}

static int execute(struct run *run)
{
    const struct token *token = run->token;
    if (!is_hidden(token) && !(run->node = find_node(run)))
        return -1;
    run->values.iteration = graph_scope_iteration(token->scope);
    if (run->node && (exec_is_async(run->node) || run->node->remote.ptr))
        run->arena = &run->token->arena; /* it may outlive the call */
    run->blind = fill_values(run) != 0;
    if (run->blind)
        return -1;
    if (token->deliveries >= most_deliveries(run->node))
        return failure_fill(&run->failure, "worker_lost",
                            "%u workers in turn were lost while they executed this alone",
                            token->deliveries);
    if (token->state == 'u')
        return failure_fill(&run->failure, "join_unsatisfied",
                            "too few of its predecessors ran: it needs %u of %u",
                            run->node ? run->node->need : 0, run->node ? run->node->pred_count : 0);
    return run->node ? execute_node(run) : execute_mapping(run);
}

static int continuation(const struct execution *execution, struct token *token)
{
    struct run run = {.by = execution, .token = token};
    execution->scratch->cap_bytes = RECORD_EXTRA_BYTES;
    buf_reset(execution->scratch);
    ledger_write_continuation(execution->scratch, token->run);
    token->result = (struct token_result){.kind = LEDGER_CONTINUATION,
                                          .identity = run_identity(token, false),
                                          .output_field = SLICE(""),
                                          .output_value = SLICE(""),
                                          .record = run_keep_scratch(&run)};
    return token->result.identity.ptr && token->result.record.ptr ? 0 : -1;
}

static int execute_here(const struct execution *execution, struct token *token)
{
    struct run run = {.by = execution,
                      .token = token,
                      .arena = execution->arena,
                      .started_us = execution->now_us(execution->context)};
    if (is_continuation(token))
        return continuation(execution, token);
    if (arena_room(execution->arena) > SCRATCH_KEPT_BYTES)
        arena_free(execution->arena);
    arena_reset(execution->arena);
    run.jq = run_jq(execution);
    run.conditions = exec_conditions(&run.jq);
    run.values.jq = &run.conditions;
    run.values.budget = execution->expressions;
    return execute(&run) == 0 ? 0 : run_handle_failure(&run);
}

static int go_along(const struct execution *execution, struct token *token, bool finish)
{
    const int64_t until_us = execution->now_us(execution->context) + STRETCH_US;
    int rc = finish ? job_finish(execution, token) : execute_here(execution, token);
    while (rc == 0 && !token->job && stretch_on(token, until_us))
        rc = execute_here(execution, token);
    return rc;
}

bool execute_by_plugin(const struct execution *execution, const struct token *token)
{
    if (is_hidden(token) || is_continuation(token) || !token->graph)
        return false;
    const struct graph_node *node = node_of(token);
    return node && (execute_plugin(execution, node) ||
                    (node->probe && execute_plugin(execution, node->probe)));
}

int execute_token(const struct execution *execution, struct token *token)
{
    return go_along(execution, token, false);
}

int execute_finish(const struct execution *execution, struct token *token)
{
    return go_along(execution, token, true);
}

int execute_give_up(const struct execution *execution, struct token *token,
                    const struct graph_failure *failure)
{
    struct run run = {.by = execution,
                      .token = token,
                      .arena = execution->arena,
                      .started_us = execution->now_us(execution->context),
                      .failure = *failure};
    if (is_continuation(token) || token_rewind(token) != 0)
        return -1;
    if (!is_hidden(token))
        run.node = find_node(&run);
    run.failure = *failure;
    return run_fail(&run);
}
