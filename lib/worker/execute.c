/* execute: one execution, synchronously. */
#include "worker/execute.h"
#include "base/json.h"
#include "exec/exec.h"
#include "protocol/ledger.h"
#include "protocol/wanted.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beside the values themselves: the status, times and names around them. */
enum { RECORD_EXTRA_BYTES = 64 << 10 };

struct run {
    const struct execution *by;
    struct token *token;
    const struct graph_node *node; /* NULL: the hidden token */
    struct graph_values values;
    uint32_t *inputs; /* indices into values.outputs: what the input is made of */
    uint32_t input_count;
    int64_t started_us;
    bool resumed; /* it waited, and began earlier */
    bool routing; /* what failed was the choice of its edges */
    struct exec_jq jq;
    struct graph_jq conditions; /* by jq; values has its address */
    struct graph_failure failure;
};

static bool is_hidden(const struct token *token) { return slice_eq_str(token->node, "o"); }
static bool is_continuation(const struct token *token) { return slice_eq_str(token->node, "c"); }

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
    case WANTED_PARKED: /* d<started_us>,… */
        run->resumed = text.len > 1;
        run->started_us = 0;
        for (size_t i = 1; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            run->started_us = run->started_us * 10 + (text.ptr[i] - '0');
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
    run->values.outputs =
        arena_array(&token->arena, token->value_count, sizeof(*run->values.outputs));
    run->inputs = arena_array(&token->arena, token->value_count, sizeof(*run->inputs));
    if (token->values_too_large || !run->values.outputs || !run->inputs)
        return failure_fill(&run->failure, "too_large",
                            "what the execution needs is larger than a worker takes");
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
        text = arena_copy(&run->token->arena, buf_slice(object));
    if (!text.ptr)
        (void)failure_fill(&run->failure, "too_large", "the input is larger than %zu bytes",
                           run->by->max_value_bytes);
    return text;
}

/* --- results --- */

static struct slice identity(struct token *token, bool failed)
{
    struct buf text;
    struct slice kept = SLICE_NONE;
    buf_init(&text, 4096 + token->scope.len);
    buf_slice_append(&text, token->node);
    buf_char(&text, '|');
    buf_slice_append(&text, token->scope);
    buf_printf(&text, "|%u|", token->attempt);
    if (failed)
        buf_printf(&text, "%u|", token->generation);
    if (buf_ok(&text))
        kept = arena_copy(&token->arena, buf_slice(&text));
    buf_free(&text);
    return kept;
}

/* Takes what is in the scratch buffer into the arena. */
static struct slice keep_scratch(struct run *run)
{
    struct buf *scratch = run->by->scratch;
    return buf_ok(scratch) ? arena_copy(&run->token->arena, buf_slice(scratch)) : SLICE_NONE;
}

static struct ledger_execution record_of(const struct run *run)
{
    const struct token *token = run->token;
    return (struct ledger_execution){.run = token->run,
                                     .node = token->node,
                                     .scope = token->scope,
                                     .attempt = token->attempt,
                                     .started_us = run->started_us,
                                     .ended_us = run->by->now_us(run->by->context),
                                     .worker = run->by->consumer,
                                     .taken = SLICE(""),
                                     .reason = SLICE(""),
                                     .output = SLICE(""),
                                     .error = SLICE("")};
}

static int fail(struct run *run)
{
    static const struct route_op fails = {.kind = ROUTE_FAIL};
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct ledger_execution record = record_of(run);
    scratch->cap_bytes = RECORD_EXTRA_BYTES + token->scope.len;
    buf_reset(scratch);
    failure_write_json(scratch, &run->failure, run->node ? run->node->id : SLICE_NONE,
                       token->attempt);
    record.failed = true;
    record.error = keep_scratch(run);
    if (!record.error.ptr)
        return -1;
    buf_reset(scratch);
    ledger_write_execution(scratch, &record);
    token->result =
        (struct token_result){.kind = is_hidden(token) ? LEDGER_OUTPUT : LEDGER_EXECUTION,
                              .failed = true,
                              .identity = identity(token, true),
                              .output_field = SLICE(""),
                              .output_value = SLICE(""),
                              .record = keep_scratch(run),
                              .ops = &fails,
                              .op_count = 1};
    return token->result.identity.ptr && token->result.record.ptr ? 0 : -1;
}

/* --- parking --- */

/* What the token wants without what it was parked with. */
static struct slice wanted_before(const struct token *token)
{
    struct slice wanted = token->wanted;
    if (token->state != 'f')
        return wanted;
    while (wanted.len > 0 && wanted.ptr[wanted.len - 1] != 'p')
        wanted.len--;
    if (wanted.len > 0)
        wanted.len--;
    if (wanted.len > 0 && wanted.ptr[wanted.len - 1] == ',')
        wanted.len--;
    return wanted;
}

/* The token stays, and waits: with the record of a failed attempt, or of nothing but the waiting. */
static int park(struct run *run, struct ledger_execution *record, enum ledger_kind kind,
                int64_t due_ms, uint32_t attempt, struct slice data)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct route_op *op = arena_zalloc(&token->arena, sizeof(*op));
    if (!op)
        return failure_fill(&run->failure, "too_large", "out of memory to wait");
    *op = (struct route_op){.kind = ROUTE_PARK,
                            .where = token->queue,
                            .wanted = wanted_before(token),
                            .due_ms = due_ms,
                            .attempt = attempt,
                            .data = arena_copy(&token->arena, data)};
    scratch->cap_bytes = RECORD_EXTRA_BYTES + token->scope.len + record->error.len;
    buf_reset(scratch);
    ledger_write_execution(scratch, record);
    token->result = (struct token_result){.kind = kind,
                                          .failed = kind != LEDGER_WAIT,
                                          .identity = token->live,
                                          .output_field = SLICE(""),
                                          .output_value = SLICE(""),
                                          .record = keep_scratch(run),
                                          .ops = op,
                                          .op_count = 1};
    return token->result.record.ptr && op->data.ptr
               ? 0
               : failure_fill(&run->failure, "too_large", "out of memory to wait");
}

static int wait_until(struct run *run, int64_t until_us)
{
    struct ledger_execution record = record_of(run);
    char data[32];
    int len = snprintf(data, sizeof(data), "d%" PRId64, run->started_us);
    return park(run, &record, LEDGER_WAIT, (until_us + 999) / 1000, run->token->attempt,
                slice_of(data, (size_t)len));
}

/* The pause before the next attempt, in ms. */
static int64_t retry_pause_ms(const struct graph_retry *retry, uint32_t attempt)
{
    double ms = (double)retry->backoff_ms * pow(retry->multiplier, (double)(attempt - 1));
    if (!(ms <= (double)retry->max_backoff_ms)) /* infinity too */
        ms = (double)retry->max_backoff_ms;
    const double random = (double)rand() / RAND_MAX; /* spread is all that it is for */
    return (int64_t)(ms * (1 + retry->jitter * (2 * random - 1)));
}

/* What is no fault of the attempt is not tried again. */
static bool may_retry(const struct run *run)
{
    static const char *const final[] = {"join_unsatisfied", "worker_lost", "internal",
                                        "loop_limit"};
    if (!run->node || run->token->attempt >= run->node->retry.max_attempts)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(final); i++) {
        if (strcmp(run->failure.code, final[i]) == 0)
            return false;
    }
    return true;
}

static int retry(struct run *run)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct ledger_execution record = record_of(run);
    const int64_t pause_ms = retry_pause_ms(&run->node->retry, token->attempt);
    scratch->cap_bytes = RECORD_EXTRA_BYTES + token->scope.len;
    buf_reset(scratch);
    failure_write_json(scratch, &run->failure, run->node->id, token->attempt);
    record.failed = true;
    record.error = keep_scratch(run);
    if (!record.error.ptr)
        return -1;
    return park(run, &record, LEDGER_EXECUTION,
                pause_ms > 0 ? (record.ended_us + 999) / 1000 + pause_ms : 0, token->attempt + 1,
                SLICE(""));
}

/* Nobody reads the output of a terminal node but an output mapping that names it: the record has it
 * anyway. */
static bool output_is_read(const struct graph *graph, const struct graph_node *node)
{
    if (node->edge_count > 0 || node->loops != GRAPH_NO_LOOP)
        return true;
    for (uint32_t i = 0; i < graph->output_read_count; i++) {
        if (graph->output_reads[i] == node->index)
            return true;
    }
    return false;
}

static int store_output(struct run *run, const struct ledger_execution *record)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    const struct stored_output stored = {.failed = record->failed,
                                         .scope = token->scope,
                                         .attempt = token->attempt,
                                         .started_us = record->started_us,
                                         .ended_us = record->ended_us,
                                         .json = record->output};
    token->result.output_field = SLICE("");
    token->result.output_value = SLICE("");
    if (!run->node || record->skipped || !output_is_read(token->graph, run->node))
        return 0;
    buf_reset(scratch);
    buf_char(scratch, 'o');
    buf_slice_append(scratch, token->node);
    buf_char(scratch, '|');
    graph_scope_frame(token->scope, scratch);
    if (run->node->export_depth < run->node->frame_depth)
        buf_printf(scratch, "|%u", run->node->export_depth);
    token->result.output_field = keep_scratch(run);
    buf_reset(scratch);
    stored_output_write(scratch, &stored);
    token->result.output_value = keep_scratch(run);
    return token->result.output_field.ptr && token->result.output_value.ptr ? 0 : -1;
}

/* A result with a plan: of a completed execution, a failed one that goes on, or a skipped one. */
static int conclude(struct run *run, enum route_outcome outcome, struct slice output,
                    struct slice error, const struct route *route)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct ledger_execution record = record_of(run);
    record.failed = outcome == ROUTE_CONTINUES || outcome == ROUTE_GOES_TO;
    record.skipped = outcome == ROUTE_SKIPPED;
    record.error = error;
    record.output = output;
    record.taken = route->taken;
    record.reason = route->reason;
    scratch->cap_bytes = output.len + error.len + route->taken.len + route->reason.len +
                         token->scope.len + RECORD_EXTRA_BYTES;
    token->result =
        (struct token_result){.kind = is_hidden(token) ? LEDGER_OUTPUT : LEDGER_EXECUTION,
                              .failed = record.failed,
                              .ops = route->ops,
                              .op_count = route->op_count};
    int rc = store_output(run, &record);
    buf_reset(scratch);
    ledger_write_execution(scratch, &record);
    token->result.record = keep_scratch(run);
    /* A failure counts only from whoever holds the token. */
    token->result.identity = identity(token, record.failed);
    if (rc == 0 && token->result.record.ptr && token->result.identity.ptr)
        return 0;
    return failure_fill(&run->failure, "too_large", "out of memory for the result");
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
                   &token->arena, &route, &run->failure) != 0) {
        run->routing = true;
        return -1;
    }
    return conclude(run, outcome, output, error, &route);
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
        if (graph_text_ref(&from->output, &run->token->arena, &output) != 0)
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
    run->values.inputs = (struct graph_text){.text = keep_scratch(run)};
    return run->values.inputs.text.ptr
               ? 0
               : failure_fill(&run->failure, "too_large", "the inputs are larger than %zu bytes",
                              run->by->max_value_bytes);
}

static int execute_node(struct run *run)
{
    struct token *token = run->token;
    struct exec_task task = {.node = run->node,
                             .values = &run->values,
                             .arena = &token->arena,
                             .run_id = token->run,
                             .attempt = token->attempt,
                             .started_us = run->started_us,
                             .now_us = run->by->now_us(run->by->context),
                             .max_value_bytes = run->by->max_value_bytes,
                             .jq = &run->jq,
                             .output = run->by->scratch};
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
        if (graph_expr_holds(run->node->when, &run->values, &token->arena, &holds, &run->failure) !=
            0)
            return -1;
        if (!holds)
            return go_on(run, ROUTE_SKIPPED, SLICE(""), SLICE(""));
    }
    if (exec_run(&task) != 0) {
        run->failure = task.failure;
        return -1;
    }
    if (task.wait_until_us > 0) {
        const int64_t deadline_us = run->started_us + run->node->timeout_ms * 1000;
        if (run->node->timeout_ms == 0 || task.wait_until_us <= deadline_us)
            return wait_until(run, task.wait_until_us);
        return task.now_us < deadline_us
                   ? wait_until(run, deadline_us)
                   : failure_fill(&run->failure, "timeout",
                                  "node '%.*s' took longer than %" PRId64 " ms",
                                  SLICE_ARG(run->node->id), run->node->timeout_ms);
    }
    struct slice output =
        task.passed.ptr ? task.passed : arena_copy(&token->arena, buf_slice(task.output));
    if (!output.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for the output");
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
    failure_write_json(scratch, &run->failure, run->node->id, run->token->attempt);
    buf_char(scratch, '}');
    struct slice output = keep_scratch(run);
    if (output.ptr)
        *error = slice_of(output.ptr + sizeof(lead) - 1, output.len - sizeof(lead));
    return output;
}

/* What on_error says. A failure of the routing only a goto catches; nothing else tries it again. */
static int handle_failure(struct run *run)
{
    struct slice error;
    if (!run->routing && may_retry(run) && retry(run) == 0)
        return 0;
    if (!run->node || run->node->on_error == ON_ERROR_FAIL ||
        (run->routing && run->node->on_error != ON_ERROR_GOTO))
        return fail(run);
    struct slice output = error_output(run, &error);
    if (!output.ptr)
        return -1;
    const enum route_outcome outcome =
        run->node->on_error == ON_ERROR_GOTO ? ROUTE_GOES_TO : ROUTE_CONTINUES;
    return go_on(run, outcome, output, error) == 0 ? 0 : fail(run);
}

static int execute_mapping(struct run *run)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    const struct route nowhere = {.taken = SLICE(""), .reason = SLICE("")};
    if (!token->graph->output)
        return failure_fill(&run->failure, "internal",
                            "a hidden last token, and the definition has no output mapping");
    run->values.input = run->values.context;
    scratch->cap_bytes = run->by->max_value_bytes;
    buf_reset(scratch);
    int rc =
        binding_eval(token->graph->output, &run->values, &token->arena, scratch, &run->failure);
    if (!buf_ok(scratch))
        return failure_fill(&run->failure, "too_large", "the output is larger than %zu bytes",
                            run->by->max_value_bytes);
    struct slice output = rc == 0 ? keep_scratch(run) : SLICE_NONE;
    if (rc == 0 && !output.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for the output");
    return rc == 0 ? conclude(run, ROUTE_COMPLETED, output, SLICE(""), &nowhere) : -1;
}

/* NULL, with failure set, when the token names a node that the graph does not have. */
static const struct graph_node *find_node(struct run *run)
{
    const struct token *token = run->token;
    uint64_t index = 0;
    for (size_t i = 0; i < token->node.len && index <= GRAPH_MAX_NODES; i++)
        index = index * 10 + (uint64_t)(token->node.ptr[i] - '0');
    if (index < token->graph->node_count)
        return &token->graph->nodes[index];
    (void)failure_fill(&run->failure, "internal", "the token names node %.*s of %u",
                       SLICE_ARG(token->node), token->graph->node_count);
    return NULL;
}

static int execute(struct run *run)
{
    const struct token *token = run->token;
    if (!is_hidden(token) && !(run->node = find_node(run)))
        return -1;
    run->values.iteration = graph_scope_iteration(token->scope);
    if (token->deliveries >= EXECUTE_MAX_DELIVERIES)
        return failure_fill(&run->failure, "worker_lost",
                            "%u workers in turn were lost while they executed this alone",
                            token->deliveries);
    if (fill_values(run) != 0)
        return -1;
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
                                          .identity = identity(token, false),
                                          .output_field = SLICE(""),
                                          .output_value = SLICE(""),
                                          .record = keep_scratch(&run)};
    return token->result.identity.ptr && token->result.record.ptr ? 0 : -1;
}

int execute_token(const struct execution *execution, struct token *token)
{
    struct run run = {
        .by = execution, .token = token, .started_us = execution->now_us(execution->context)};
    if (is_continuation(token))
        return continuation(execution, token);
    run.jq = (struct exec_jq){.jq = execution->jq, .time_ms = execution->jq_time_ms};
    run.conditions = exec_conditions(&run.jq);
    run.values.jq = &run.conditions;
    return execute(&run) == 0 ? 0 : handle_failure(&run);
}

int execute_give_up(const struct execution *execution, struct token *token,
                    const struct graph_failure *failure)
{
    struct run run = {.by = execution,
                      .token = token,
                      .started_us = execution->now_us(execution->context),
                      .failure = *failure};
    if (is_continuation(token))
        return -1;
    if (!is_hidden(token))
        run.node = find_node(&run);
    run.failure = *failure;
    return fail(&run);
}
