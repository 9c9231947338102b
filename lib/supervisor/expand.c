/* expand: from ledger records to rows.
 *
 * The ledger has what workers and scripts knew; what follows from the definition is added: the names
 * of nodes here, skipped nodes and which executions had a choice in decided.c. What a record means
 * for its run as a whole is in fold.c, records of tokens that wait are in waiting.c.
 */
#include "base/json.h"
#include "protocol/decimal.h"
#include "supervisor/state.h"

static const char error_deadline[] =
    "{\"code\":\"deadline\",\"message\":\"it had not ended when its deadline passed\"}";

/* --- events --- */

/* Without memory the scope itself: it is the same, less pleasant to read. */
struct slice shown_scope(struct supervisor *s, const struct graph *graph, struct slice scope)
{
    struct buf out;
    if (scope.len == 0)
        return SLICE("");
    buf_init(&out, ARCHIVE_BUF_BYTES);
    graph_scope_show(graph, scope, &out);
    struct slice copy = buf_ok(&out) ? arena_copy(&s->batch.arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    return copy.ptr ? copy : scope;
}

void expand_event(struct supervisor *s, const struct record *record, const char *kind,
                  const struct ledger_execution *execution, int64_t node, struct slice detail)
{
    const struct entry *entry = &s->batch.entries[record->entry];
    const struct archive_cursor *cursor = &s->partitions[entry->slot].cursor;
    const struct ledger_outcome *outcome = &record->ledger.outcome;
    const struct archive_event event = {
        .run = slice_str(record->run->id),
        .event = outcome->event,
        .partition = cursor->partition,
        .epoch = cursor->epoch,
        .seq = entry->seq,
        .ordinal = record->ordinal,
        .kind = kind,
        .at_us = entry->at_us,
        .token = outcome->number,
        .delta = outcome->delta,
        .first = outcome->first,
        .last = outcome->last,
        .status = record->run->status,
        .node = node,
        .scope = execution ? shown_scope(s, record->run->graph, execution->scope) : SLICE_NONE,
        .attempt = execution ? execution->attempt : 0,
        .detail = detail,
    };
    archive_add_event(&s->archive, &event);
}

/* --- records --- */

static int expand_start(struct supervisor *s, const struct record *record, struct err *err)
{
    const struct ledger_start *start = &record->ledger.start;
    const struct entry *entry = &s->batch.entries[record->entry];
    struct run *run = record->run;
    int64_t version, submitted_us, deadline_ms;
    if (run->stray)
        return 0;
    if (run->recorded && (run_status_final(run->status) || run->events > 0)) {
        fold_stray(run, "it was started a second time");
        return 0;
    }
    if (!decimal_i64(start->version, &version) ||
        !decimal_i64(start->submitted_us, &submitted_us) ||
        !decimal_i64(start->deadline_ms, &deadline_ms))
        return err_set(err, ERR_INTERNAL, "the start of run %s cannot be read", run->id);
    if (!run->graph && run_find_graph(s, run, start->digest, err) != 0)
        return -1;
    if (run->stray)
        return 0;
    fold_outcome(s, run, entry, &record->ledger.outcome, false);
    if (!run->recorded) {
        run->is_new = run->recorded = true;
        run->new_run = (struct archive_new_run){
            .run = slice_str(run->id),
            .workflow = start->workflow,
            .digest = start->digest,
            .input = start->input,
            .labels = start->labels,
            .inbox_id = start->inbox_id.len > 0 ? start->inbox_id : SLICE_NONE,
            .version = version,
            .partition = s->partitions[entry->slot].cursor.partition,
            .submitted_us = submitted_us > 0 ? submitted_us : entry->at_us,
            .deadline_us = deadline_ms * 1000,
        };
    }
    expand_event(s, record, "start", NULL, -1, SLICE_NONE);
    return 0;
}

/* An attempt that failed; its token stays live for the next one. */
static bool is_retried(const struct ledger_execution *execution,
                       const struct ledger_outcome *outcome)
{
    return execution->failed && outcome->delta == 0 && outcome->last < outcome->first &&
           execution->taken.len == 0 && outcome->status == 'r';
}

/* An attempt, or a node that its `when` skipped. */
static int add_execution(struct supervisor *s, const struct record *record,
                         const struct graph_node *node, struct err *err)
{
    const struct ledger_execution *execution = &record->ledger.execution;
    const struct ledger_outcome *outcome = &record->ledger.outcome;
    struct run *run = record->run;
    const bool skipped = execution->skipped;
    const struct archive_execution row = {
        .run = slice_str(run->id),
        .node = node,
        .scope = shown_scope(s, run->graph, execution->scope),
        .attempt = skipped ? 0 : execution->attempt,
        .status = execution->failed ? "failed"
                  : skipped         ? "skipped"
                                    : "completed",
        .token = outcome->number,
        .at_us = execution->started_us,
        .started_us = skipped ? 0 : execution->started_us,
        .ended_us = skipped ? 0 : execution->ended_us,
        .output = execution->output.len > 0 ? execution->output : SLICE_NONE,
        .error = execution->error.len > 0 ? execution->error : SLICE_NONE,
        .worker = skipped ? SLICE_NONE : execution->worker,
        .usage = execution->usage.len > 0 ? execution->usage : SLICE_NONE,
        .left = decided_to_lead_on(execution),
        .goes_back = decided_to_go_back(execution),
        .list_order = graph_scope_order(run->graph, execution->scope),
    };
    archive_add_execution(&s->archive, &row);
    return ends_add(s, run, &row, err);
}

static int expand_execution(struct supervisor *s, const struct record *record, struct err *err)
{
    const struct ledger_execution *execution = &record->ledger.execution;
    const struct ledger_outcome *outcome = &record->ledger.outcome;
    const struct entry *entry = &s->batch.entries[record->entry];
    struct run *run = record->run;
    const bool hidden = record->ledger.kind == LEDGER_OUTPUT;
    const struct graph_node *node = NULL;
    uint32_t index = 0;
    bool open_joins = false;
    if (!fold_allows(s, run, entry, outcome))
        return 0;
    if (!hidden) {
        if (!decimal_u32(execution->node, &index) || index >= run->graph->node_count)
            return err_set(err, ERR_INTERNAL, "a ledger record of run %s names node %.*s", run->id,
                           SLICE_ARG(execution->node));
        node = &run->graph->nodes[index];
        if (execution->taken.len != 0 && execution->taken.len != node->edge_count &&
            !(decided_to_go_back(execution) && node->loops != GRAPH_NO_LOOP))
            return err_set(err, ERR_INTERNAL, "a ledger record of run %s decides %zu edges of %u",
                           run->id, execution->taken.len, node->edge_count);
    }
    fold_outcome(s, run, entry, outcome, true);
    const bool retried = !hidden && is_retried(execution, outcome);
    expand_event(s, record,
                 hidden    ? "output"
                 : retried ? "retry"
                           : "execution",
                 hidden ? NULL : execution, hidden ? -1 : (int64_t)index,
                 retried ? waiting_until(s, execution) : SLICE_NONE);
    if (node) {
        if (add_execution(s, record, node, err) != 0)
            return -1;
        fold_started(run, execution->started_us);
        if (decided_edges(s, run, node, execution, err) != 0)
            return -1;
    }
    if (decided_joins(s, run, outcome->joins, execution->ended_us, &open_joins, err) != 0)
        return -1;
    if (run_status_final(run->status))
        fold_end(s, run, execution, open_joins);
    return 0;
}

static int expand_continuation(struct supervisor *s, const struct record *record, struct err *err)
{
    const struct entry *entry = &s->batch.entries[record->entry];
    struct run *run = record->run;
    bool open_joins = false;
    if (!fold_allows(s, run, entry, &record->ledger.outcome))
        return 0;
    fold_outcome(s, run, entry, &record->ledger.outcome, false);
    expand_event(s, record, "continuation", NULL, -1, SLICE_NONE);
    if (decided_joins(s, run, record->ledger.outcome.joins, entry->at_us, &open_joins, err) != 0)
        return -1;
    if (run_status_final(run->status))
        fold_end(s, run, NULL, open_joins);
    return 0;
}

static int expand_command(struct supervisor *s, const struct record *record, struct err *err)
{
    const struct ledger_command *command = &record->ledger.command;
    const struct entry *entry = &s->batch.entries[record->entry];
    struct run *run = record->run;
    struct buf error;
    if (!fold_allows(s, run, entry, &record->ledger.outcome))
        return 0;
    fold_outcome(s, run, entry, &record->ledger.outcome, false);
    expand_event(s, record, "command", NULL, -1, command->kind);
    if (command->command_id.len > 0) /* nobody asked for a deadline's effect */
        archive_add_command(&s->archive, command->command_id);
    if (run->status == RUN_FAILED && slice_eq_str(command->kind, "deadline"))
        run->fold.error = slice_str(error_deadline);
    if (run->status != RUN_CANCELLED)
        return 0;
    buf_init(&error, ARCHIVE_BUF_BYTES);
    cancelled_error_write(&error, command->by);
    run->fold.error = buf_ok(&error) ? arena_copy(&s->batch.arena, buf_slice(&error)) : SLICE_NONE;
    buf_free(&error);
    return run->fold.error.ptr ? 0 : err_set(err, ERR_LIMIT, "no memory for a command");
}

static void expand_rejected(struct supervisor *s, const struct record *record)
{
    const struct ledger_rejected *rejected = &record->ledger.rejected;
    const struct entry *entry = &s->batch.entries[record->entry];
    const struct archive_cursor *cursor = &s->partitions[entry->slot].cursor;
    const struct archive_rejected row = {
        .partition = cursor->partition,
        .epoch = cursor->epoch,
        .seq = entry->seq,
        .ordinal = record->ordinal,
        .inbox_id = rejected->inbox_id,
        .run = rejected->run,
        .reason = rejected->reason,
        .request = rejected->request,
        .at_us = entry->at_us,
    };
    archive_add_rejected(&s->archive, &row);
}

static int expand_record(struct supervisor *s, const struct record *record, struct err *err)
{
    switch (record->ledger.kind) {
    case LEDGER_START:
        return expand_start(s, record, err);
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
        return expand_execution(s, record, err);
    case LEDGER_WAIT:
        return expand_wait(s, record, err);
    case LEDGER_TASK:
        return expand_task(s, record, err);
    case LEDGER_CONTINUATION:
        return expand_continuation(s, record, err);
    case LEDGER_COMMAND:
        return expand_command(s, record, err);
    case LEDGER_REJECTED:
        expand_rejected(s, record);
        return 0;
    case LEDGER_DUPLICATE: /* only its inbox entry matters, after the commit */
        return 0;
    }
    return err_set(err, ERR_INTERNAL, "a ledger record of an unknown kind");
}

/* --- the batch --- */

static void add_cursors(struct supervisor *s)
{
    struct batch *batch = &s->batch;
    for (uint32_t i = 0; i < batch->entry_count; i++) {
        const struct entry *entry = &batch->entries[i];
        char hex[SHA256_HEX_LEN + 1];
        if (i + 1 < batch->entry_count && batch->entries[i + 1].slot == entry->slot)
            continue;
        entry_sha256(entry, hex);
        archive_add_cursor(&s->archive, &s->partitions[entry->slot].cursor, entry->seq, hex);
    }
}

static int add_run(struct supervisor *s, struct run *run, struct err *err)
{
    if (run->fold.collect && ends_collect(s, run, err) != 0)
        return -1;
    if (run->is_new)
        archive_add_new_run(&s->archive, &run->new_run, &run->fold);
    else if (run->status_before != RUN_RUNNING || run->status != RUN_RUNNING)
        archive_add_run(&s->archive, &run->fold);
    return 0;
}

int expand_batch(struct supervisor *s, struct err *err)
{
    struct batch *batch = &s->batch;
    archive_reset(&s->archive);
    for (uint32_t i = 0; i < batch->record_count; i++) {
        if (expand_record(s, &batch->records[i], err) != 0)
            return -1;
    }
    if (expand_cancelled(s, err) != 0)
        return -1;
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        if (add_run(s, batch->touched[i], err) != 0)
            return -1;
    }
    add_cursors(s);
    return archive_ok(&s->archive) ? 0 : err_set(err, ERR_LIMIT, "no memory for a batch");
}
