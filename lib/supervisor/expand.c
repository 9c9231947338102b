/* expand: from ledger records to rows.
 *
 * The ledger has what workers and scripts knew; what follows from the definition is added here: the
 * nodes that a dead edge skipped, the names of nodes, which executions had a choice.
 */
#include "base/clock.h"
#include "base/log.h"
#include "protocol/decimal.h"
#include "supervisor/state.h"
#include <inttypes.h>
#include <string.h>

enum { WAIT_DETAIL_BYTES = 256 };

static const char error_open_joins[] =
    "{\"code\":\"internal\",\"message\":\"no token was left and joins were still open\"}";

static const char error_deadline[] =
    "{\"code\":\"deadline\",\"message\":\"it had not ended when its deadline passed\"}";

/* --- runs --- */

static void touch(struct batch *batch, struct run *run, uint16_t slot)
{
    if (run->touched)
        return;
    run->touched = true;
    run->slot = slot;
    run->fold = (struct archive_run){.run = slice_str(run->id)};
    run->status_before = run->status;
    run->is_new = run->ends_unclear = false;
    run->ends = NULL;
    batch->touched[batch->touched_count++] = run;
}

/* Told and acted on once the batch is committed: until then another supervisor may have been faster, and
 * what is in the record already is these very entries. */
static void become_stray(struct run *run, const char *why)
{
    if (!run->stray)
        run->stray_because = why;
    run->stray = true;
}

/* Whether a record that is not a start may go into the record. */
static bool may_follow(struct supervisor *s, struct run *run, const struct entry *entry,
                       const struct ledger_outcome *outcome)
{
    if (run->stray)
        return false;
    if (!run->recorded)
        become_stray(run, "its start is not in the record");
    else if (run_status_final(run->status))
        become_stray(run, "it had ended");
    else if (outcome->event <= run->events)
        become_stray(run, "it went back in time");
    else if (outcome->event != run->events + 1)
        partition_alarm(s, &s->partitions[entry->slot], "events of a run are missing", run->id);
    return !run->stray;
}

static enum run_status status_after(const struct run *run, char letter, bool executed)
{
    switch (letter) {
    case 'c':
        return RUN_COMPLETED;
    case 'f':
        return RUN_FAILED;
    case 'x':
        return RUN_CANCELLED;
    default:
        return executed ? RUN_RUNNING : run->status;
    }
}

/* After every record of a run. */
static void fold(struct run *run, const struct entry *entry, const struct ledger_outcome *outcome,
                 bool executed)
{
    run->status = status_after(run, outcome->status, executed);
    run->events = outcome->event;
    run->fold.status = run->status;
    run->fold.events = run->events;
    if (!run_status_final(run->status))
        return;
    run->fold.ended_us = entry->at_us;
    run->fold.collect = run->status == RUN_COMPLETED && !graph_makes_output(run->graph);
}

/* With node ids. The scope itself without memory: it is the same, less pleasant to read. */
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

/* --- events --- */

static void add_event(struct supervisor *s, const struct record *record, const char *kind,
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

/* --- skipped nodes --- */

struct skipping {
    struct supervisor *s;
    const struct run *run;
    struct slice scope;
    int64_t at_us;
};

static void add_skipped(void *context, uint32_t node)
{
    struct skipping *skipping = context;
    const struct graph *graph = skipping->run->graph;
    struct slice scope = graph_scope_fit(graph, skipping->scope,
                                         graph->nodes[node].head_of == GRAPH_NO_LOOP
                                             ? graph->nodes[node].loop
                                             : graph_outer_loop(graph, node));
    const struct archive_execution execution = {
        .run = slice_str(skipping->run->id),
        .node = &skipping->run->graph->nodes[node],
        .scope = shown_scope(skipping->s, graph, scope),
        .status = "skipped",
        .list_order = -1,
        .at_us = skipping->at_us,
    };
    archive_add_execution(&skipping->s->archive, &execution);
}

/* The joins that an outcome lists: those that were skipped, and what hangs on them alone. */
static int expand_joins(struct supervisor *s, struct run *run, struct slice joins, int64_t at_us,
                        bool *open_joins, struct err *err)
{
    struct ledger_join join;
    size_t at = 0;
    int more;
    while ((more = ledger_next_join(joins, &at, &join, open_joins, err)) > 0) {
        struct skipping skipping = {s, run, join.scope, at_us};
        const struct graph_dead_walk walk = {.skipped = add_skipped, .context = &skipping};
        if (join.fired)
            continue;
        if (join.node >= run->graph->node_count)
            return err_set(err, ERR_INTERNAL, "a ledger record of run %s names node %u", run->id,
                           join.node);
        add_skipped(&skipping, join.node);
        if (graph_dead_node(run->graph, join.node, &s->batch.arena, &walk) != 0)
            return err_set(err, ERR_LIMIT, "no memory to expand a skipped node");
    }
    return more;
}

static int expand_dead_edges(struct supervisor *s, const struct run *run,
                             const struct graph_node *node,
                             const struct ledger_execution *execution, struct err *err)
{
    struct skipping skipping = {s, run, execution->scope, execution->ended_us};
    const struct graph_dead_walk walk = {.skipped = add_skipped, .context = &skipping};
    for (uint32_t i = 0; i < node->edge_count; i++) {
        if (execution->taken.ptr[i] == '0' &&
            graph_dead_edge(run->graph, &node->edges[i], &s->batch.arena, &walk) != 0)
            return err_set(err, ERR_LIMIT, "no memory to expand a dead edge");
    }
    return 0;
}

/* --- decisions --- */

/* A loop's next iteration begins: no edge is decided. */
static bool went_back(const struct ledger_execution *execution)
{
    return slice_eq_str(execution->taken, "b");
}

/* By a goto, or back: what a terminal node makes is none of the run's output then. */
static bool leads_on(const struct ledger_execution *execution)
{
    return went_back(execution) ||
           (execution->taken.len > 0 &&
            memchr(execution->taken.ptr, '1', execution->taken.len) != NULL);
}

/* An attempt that failed; its token stays live for the next one. */
static bool is_retried(const struct ledger_execution *execution,
                       const struct ledger_outcome *outcome)
{
    return execution->failed && outcome->delta == 0 && outcome->last < outcome->first &&
           execution->taken.len == 0 && outcome->status == 'r';
}

static bool had_choice(const struct graph_node *node)
{
    if (node->routing != ROUTING_EACH || node->edge_count > 1 || node->when)
        return node->edge_count > 0;
    for (uint32_t i = 0; i < node->route_count; i++) {
        if (node->routes[i].condition)
            return true;
    }
    return false;
}

static struct slice edge_targets(struct supervisor *s, const struct run *run,
                                 const struct graph_node *node, struct slice taken, char wanted)
{
    struct buf out;
    buf_init(&out, ARCHIVE_BUF_BYTES);
    buf_char(&out, '[');
    for (uint32_t i = 0; i < node->edge_count; i++) {
        if (taken.ptr[i] != wanted)
            continue;
        if (out.len > 1)
            buf_char(&out, ',');
        json_write_string(&out, run->graph->nodes[node->edges[i].to].id);
    }
    buf_char(&out, ']');
    struct slice copy = buf_ok(&out) ? arena_copy(&s->batch.arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    return copy;
}

static int add_decision(struct supervisor *s, const struct run *run, const struct graph_node *node,
                        const struct ledger_execution *execution, struct err *err)
{
    const struct archive_decision decision = {
        .run = slice_str(run->id),
        .node = node,
        .scope = shown_scope(s, run->graph, execution->scope),
        .attempt = execution->attempt,
        .taken = edge_targets(s, run, node, execution->taken, '1'),
        .dead = edge_targets(s, run, node, execution->taken, '0'),
        .reason = execution->reason,
        .at_us = execution->ended_us,
    };
    if (!decision.taken.ptr || !decision.dead.ptr)
        return err_set(err, ERR_LIMIT, "no memory for a decision");
    archive_add_decision(&s->archive, &decision);
    return 0;
}

/* --- waiting --- */

/* Until when a token waits, and for which attempt when one has failed. SLICE_NONE: the record does not
 * say (of an older worker). */
static struct slice wait_detail(struct supervisor *s, const struct ledger_execution *execution)
{
    struct buf out;
    int64_t due_ms;
    if (!decimal_i64(execution->reason, &due_ms) || due_ms < 0 || due_ms > INT64_MAX / 1000)
        return SLICE_NONE;
    buf_init(&out, WAIT_DETAIL_BYTES);
    if (execution->failed)
        buf_printf(&out, "attempt %" PRIu32 " ", execution->attempt + 1);
    if (due_ms == 0) {
        buf_str(&out, "at once");
    } else {
        buf_str(&out, execution->failed ? "at " : "until ");
        clock_write_rfc3339(&out, due_ms * 1000);
    }
    struct slice copy = buf_ok(&out) ? arena_copy(&s->batch.arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    return copy;
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
        become_stray(run, "it was started a second time");
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
    touch(&s->batch, run, entry->slot);
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
    fold(run, entry, &record->ledger.outcome, false);
    add_event(s, record, "start", NULL, -1, SLICE_NONE);
    return 0;
}

/* The run ended with this record: what it says of the reason. */
static void fold_end(struct supervisor *s, struct run *run,
                     const struct ledger_execution *execution, bool open_joins)
{
    if (run->status == RUN_COMPLETED) {
        if (graph_makes_output(run->graph) && execution)
            run->fold.output = execution->output;
    } else if (run->status == RUN_FAILED) {
        run->fold.error =
            execution && execution->failed ? execution->error : slice_str(error_open_joins);
        if (open_joins) {
            s->stats.alarms++;
            log_write(LOG_ERROR, "a run had no token left and open joins: it failed",
                      LOG_S("run_id", run->id));
        }
    }
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
        .left = leads_on(execution),
        .goes_back = went_back(execution),
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
    if (!may_follow(s, run, entry, outcome))
        return 0;
    if (!hidden) {
        if (!decimal_u32(execution->node, &index) || index >= run->graph->node_count)
            return err_set(err, ERR_INTERNAL, "a ledger record of run %s names node %.*s", run->id,
                           SLICE_ARG(execution->node));
        node = &run->graph->nodes[index];
        if (execution->taken.len != 0 && execution->taken.len != node->edge_count &&
            !(went_back(execution) && node->loops != GRAPH_NO_LOOP))
            return err_set(err, ERR_INTERNAL, "a ledger record of run %s decides %zu edges of %u",
                           run->id, execution->taken.len, node->edge_count);
    }
    touch(&s->batch, run, entry->slot);
    fold(run, entry, outcome, true);
    const bool retried = !hidden && is_retried(execution, outcome);
    add_event(s, record,
              hidden    ? "output"
              : retried ? "retry"
                        : "execution",
              hidden ? NULL : execution, hidden ? -1 : (int64_t)index,
              retried ? wait_detail(s, execution) : SLICE_NONE);
    if (node) {
        if (add_execution(s, record, node, err) != 0)
            return -1;
        if (run->fold.started_us == 0 || execution->started_us < run->fold.started_us)
            run->fold.started_us = execution->started_us;
        if (execution->taken.len > 0 && !went_back(execution) &&
            (expand_dead_edges(s, run, node, execution, err) != 0 ||
             (had_choice(node) && add_decision(s, run, node, execution, err) != 0)))
            return -1;
    }
    if (expand_joins(s, run, outcome->joins, execution->ended_us, &open_joins, err) != 0)
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
    if (!may_follow(s, run, entry, &record->ledger.outcome))
        return 0;
    touch(&s->batch, run, entry->slot);
    fold(run, entry, &record->ledger.outcome, false);
    add_event(s, record, "continuation", NULL, -1, SLICE_NONE);
    if (expand_joins(s, run, record->ledger.outcome.joins, entry->at_us, &open_joins, err) != 0)
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
    if (!may_follow(s, run, entry, &record->ledger.outcome))
        return 0;
    touch(&s->batch, run, entry->slot);
    fold(run, entry, &record->ledger.outcome, false);
    add_event(s, record, "command", NULL, -1, command->kind);
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

void cancelled_error_write(struct buf *out, struct slice by)
{
    struct buf message;
    buf_init(&message, 0);
    buf_str(&message, "cancelled by ");
    buf_slice_append(&message, by);
    buf_str(out, "{\"code\":\"cancelled\",\"message\":");
    json_write_string(out, buf_slice(&message));
    buf_char(out, '}');
    if (!buf_ok(&message))
        out->failed = true;
    buf_free(&message);
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

/* It waits for a remote worker, not for its time. */
static bool is_task(const struct ledger_execution *execution)
{
    const size_t len = sizeof(LEDGER_TASK_REASON) - 1;
    return execution->reason.len > len &&
           memcmp(execution->reason.ptr, LEDGER_TASK_REASON, len) == 0;
}

/* A token that waits: nothing happened to the run. */
static int expand_wait(struct supervisor *s, const struct record *record, struct err *err)
{
    const struct ledger_execution *execution = &record->ledger.execution;
    const struct entry *entry = &s->batch.entries[record->entry];
    struct run *run = record->run;
    uint32_t index;
    if (!may_follow(s, run, entry, &record->ledger.outcome))
        return 0;
    if (!decimal_u32(execution->node, &index) || index >= run->graph->node_count)
        return err_set(err, ERR_INTERNAL, "a ledger record of run %s names node %.*s", run->id,
                       SLICE_ARG(execution->node));
    touch(&s->batch, run, entry->slot);
    fold(run, entry, &record->ledger.outcome, true);
    if (run->fold.started_us == 0 || execution->started_us < run->fold.started_us)
        run->fold.started_us = execution->started_us;
    if (is_task(execution))
        add_event(s, record, "task", execution, index,
                  slice_of(execution->reason.ptr + sizeof(LEDGER_TASK_REASON) - 1,
                           execution->reason.len - (sizeof(LEDGER_TASK_REASON) - 1)));
    else
        add_event(s, record, "wait", execution, index, wait_detail(s, execution));
    return 0;
}

/* Claimed, told of, lapsed or handed back by a remote worker: nothing happened to the run. */
static int expand_task(struct supervisor *s, const struct record *record, struct err *err)
{
    static const char *const kinds[] = {"claim", "progress", "lapse", "release"};
    const struct ledger_task *task = &record->ledger.task;
    const struct entry *entry = &s->batch.entries[record->entry];
    const struct ledger_execution of = {.scope = task->scope, .attempt = task->attempt};
    struct run *run = record->run;
    const char *kind = NULL;
    uint32_t index;
    if (!may_follow(s, run, entry, &record->ledger.outcome))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_eq_str(task->kind, kinds[i]))
            kind = kinds[i];
    }
    if (!kind || !decimal_u32(task->node, &index) || index >= run->graph->node_count)
        return err_set(err, ERR_INTERNAL, "a ledger record of run %s has '%.*s' of node %.*s",
                       run->id, SLICE_ARG(task->kind), SLICE_ARG(task->node));
    touch(&s->batch, run, entry->slot);
    fold(run, entry, &record->ledger.outcome, true);
    add_event(s, record, kind, &of, index, task->detail.len > 0 ? task->detail : task->worker);
    return 0;
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
