/* conclude: from what an execution came to, to what settle is told. */
#include "protocol/ledger.h"
#include "worker/run.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `node|scope|attempt|` and `generation|` begin the live field, where none of them has a bar. */
struct slice run_identity(const struct token *token, bool failed)
{
    if (token->step_count > 0)
        return token->first_identity; /* what the steps led to is nobody else's */
    const char *at = token->live.ptr, *const end = at + token->live.len;
    for (int bars = failed ? 4 : 3; bars > 0 && at; bars--) {
        at = memchr(at, '|', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    return at ? slice_of(token->live.ptr, (size_t)(at - token->live.ptr)) : SLICE_NONE;
}

struct slice run_keep_scratch(struct run *run)
{
    struct buf *scratch = run->by->scratch;
    return buf_ok(scratch) ? arena_copy(&run->token->arena, buf_slice(scratch)) : SLICE_NONE;
}

struct ledger_execution run_record(const struct run *run)
{
    const struct token *token = run->token;
    const bool elsewhere = run->result.worker.len > 0;
    return (struct ledger_execution){
        .run = token->run,
        .node = token->node,
        .scope = token->scope,
        .attempt = token->attempt,
        .started_us = elsewhere ? run->result.started_us : run->started_us,
        .ended_us = elsewhere ? run->result.ended_us : run->by->now_us(run->by->context),
        .worker = elsewhere ? run->result.worker : run->by->consumer,
        .taken = SLICE(""),
        .reason = SLICE(""),
        .output = SLICE(""),
        .error = SLICE(""),
        .usage = run->usage.ptr ? run->usage : SLICE("")};
}

/* An execution by a remote worker ended earlier. */
static int64_t now_or_end(const struct run *run, const struct ledger_execution *record)
{
    return run->result.worker.len > 0 ? run->by->now_us(run->by->context) : record->ended_us;
}

void run_write_failure(const struct run *run, struct buf *out)
{
    const bool unknown = run->verdict.unknown || run->doubted;
    const struct graph_node *node = run->node;
    const struct graph_node *asked = node && run->probe_failure ? node->probe : NULL;
    failure_write_json(out, &run->failure, node ? node->id : SLICE_NONE, run->token->attempt,
                       unknown, asked ? run->probe_failure : NULL, asked ? asked->id : SLICE_NONE);
}

int run_fail(struct run *run)
{
    static const struct route_op fails = {.kind = ROUTE_FAIL};
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct ledger_execution record = run_record(run);
    scratch->cap_bytes = RECORD_EXTRA_BYTES + token->scope.len;
    buf_reset(scratch);
    run_write_failure(run, scratch);
    record.failed = true;
    record.error = run_keep_scratch(run);
    if (!record.error.ptr)
        return -1;
    buf_reset(scratch);
    ledger_write_execution(scratch, &record);
    token->result =
        (struct token_result){.kind = is_hidden(token) ? LEDGER_OUTPUT : LEDGER_EXECUTION,
                              .failed = true,
                              .identity = run_identity(token, true),
                              .output_field = SLICE(""),
                              .output_value = SLICE(""),
                              .record = run_keep_scratch(run),
                              .ops = &fails,
                              .op_count = 1};
    return token->result.identity.ptr && token->result.record.ptr ? 0 : -1;
}

/* --- parking --- */

/* `p` begins what it was parked with, and is in no other name. */
struct slice run_wanted_before(const struct token *token)
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

int run_stay(struct run *run, struct ledger_execution *record, enum ledger_kind kind,
             struct route_op op, struct slice reason)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct route_op *kept = arena_zalloc(&token->arena, sizeof(*kept));
    record->reason = reason;
    if (!kept || !reason.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory to wait");
    *kept = op;
    scratch->cap_bytes =
        RECORD_EXTRA_BYTES + token->scope.len + record->error.len + record->reason.len;
    buf_reset(scratch);
    ledger_write_execution(scratch, record);
    token->result = (struct token_result){.kind = kind,
                                          .failed = kind != LEDGER_WAIT,
                                          .identity = token->step_count > 0 ? token->first_identity
                                                                            : token->live,
                                          .output_field = SLICE(""),
                                          .output_value = SLICE(""),
                                          .record = run_keep_scratch(run),
                                          .ops = kept,
                                          .op_count = 1};
    return token->result.record.ptr
               ? 0
               : failure_fill(&run->failure, "too_large", "out of memory to wait");
}

static int park(struct run *run, struct ledger_execution *record, enum ledger_kind kind,
                int64_t due_ms, uint32_t attempt, struct slice data)
{
    struct token *token = run->token;
    char due[24];
    const int len = snprintf(due, sizeof(due), "%" PRId64, due_ms);
    const struct route_op op = {.kind = ROUTE_PARK,
                                .where = token->queue,
                                .wanted = run_wanted_before(token),
                                .due_ms = due_ms,
                                .attempt = attempt,
                                .data = arena_copy(&token->arena, data)};
    if (!op.data.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory to wait");
    return run_stay(run, record, kind, op, arena_copy(&token->arena, slice_of(due, (size_t)len)));
}

int run_wait_until(struct run *run, int64_t until_us)
{
    struct ledger_execution record = run_record(run);
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

/* One loss ended the attempt, so that the probe can be asked. Without one, three workers were lost with it, and
 * there is no sense in more: here these are attempts, with `retry` or without. */
static bool is_probed_loss(const struct run *run)
{
    return run->node->probe && run->result.kind == 'l';
}

static uint32_t most_attempts(const struct run *run)
{
    enum { LOSSES_MOST = 3 }; /* as lua/include/task.lua has it */
    const uint32_t most = run->node->retry.max_attempts;
    return is_probed_loss(run) && most < LOSSES_MOST ? LOSSES_MOST : most;
}

bool run_may_retry(const struct run *run)
{
    static const char *const final[] = {"binding",     "expression",       "type",
                                        "routing",     "join_unsatisfied", "loop_limit",
                                        "worker_lost", "internal"};
    if (!run->node || run->verdict.final || run->token->attempt >= most_attempts(run))
        return false;
    if (is_probed_loss(run))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(final); i++) {
        if (strcmp(run->failure.code, final[i]) == 0)
            return false;
    }
    return true;
}

int run_retry(struct run *run)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct ledger_execution record = run_record(run);
    const bool doubted = run->node->probe && (run->doubted || run->verdict.unknown);
    int64_t pause_ms = retry_pause_ms(&run->node->retry, token->attempt);
    if (pause_ms < run->verdict.retry_after_ms)
        pause_ms = run->verdict.retry_after_ms;
    scratch->cap_bytes = RECORD_EXTRA_BYTES + token->scope.len;
    buf_reset(scratch);
    run_write_failure(run, scratch);
    record.failed = true;
    record.error = run_keep_scratch(run);
    if (!record.error.ptr)
        return -1;
    return park(run, &record, LEDGER_EXECUTION,
                pause_ms > 0 ? (now_or_end(run, &record) + 999) / 1000 + pause_ms : 0,
                token->attempt + 1, doubted ? SLICE("u") : SLICE(""));
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
    token->result.exports = run->node->export_depth < run->node->frame_depth;
    if (token->result.exports)
        buf_printf(scratch, "|%u", run->node->export_depth);
    token->result.output_field = run_keep_scratch(run);
    buf_reset(scratch);
    stored_output_write(scratch, &stored);
    token->result.output_value = run_keep_scratch(run);
    return token->result.output_field.ptr && token->result.output_value.ptr ? 0 : -1;
}

/* A result with a plan: of a completed execution, a failed one that goes on, or a skipped one. */
int run_conclude(struct run *run, enum route_outcome outcome, struct slice output,
                 struct slice error, const struct route *route)
{
    struct token *token = run->token;
    struct buf *scratch = run->by->scratch;
    struct ledger_execution record = run_record(run);
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
                              .ended_us = now_or_end(run, &record),
                              .ops = route->ops,
                              .op_count = route->op_count};
    int rc = store_output(run, &record);
    buf_reset(scratch);
    ledger_write_execution(scratch, &record);
    token->result.record = run_keep_scratch(run);
    /* A failure counts only from whoever holds the token. */
    token->result.identity = run_identity(token, record.failed);
    if (rc == 0 && token->result.record.ptr && token->result.identity.ptr)
        return 0;
    return failure_fill(&run->failure, "too_large", "out of memory for the result");
}
