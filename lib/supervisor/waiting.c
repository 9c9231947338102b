/* waiting: records of tokens that wait, for their time or for a remote worker. Nothing happened to
 * their runs but that.
 */
#include "base/clock.h"
#include "protocol/decimal.h"
#include "supervisor/state.h"
#include <inttypes.h>
#include <string.h>

enum { WAIT_DETAIL_BYTES = 256 };

struct slice waiting_until(struct supervisor *s, const struct ledger_execution *execution)
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

/* It waits for a remote worker, not for its time. */
static bool is_task(const struct ledger_execution *execution)
{
    const size_t len = sizeof(LEDGER_TASK_REASON) - 1;
    return execution->reason.len > len &&
           memcmp(execution->reason.ptr, LEDGER_TASK_REASON, len) == 0;
}

int expand_wait(struct supervisor *s, const struct record *record, struct err *err)
{
    const struct ledger_execution *execution = &record->ledger.execution;
    const struct entry *entry = &s->batch.entries[record->entry];
    struct run *run = record->run;
    uint32_t index;
    if (!fold_allows(s, run, entry, &record->ledger.outcome))
        return 0;
    if (!decimal_u32(execution->node, &index) || index >= run->graph->node_count)
        return err_set(err, ERR_INTERNAL, "a ledger record of run %s names node %.*s", run->id,
                       SLICE_ARG(execution->node));
    fold_outcome(s, run, entry, &record->ledger.outcome, true);
    fold_started(run, execution->started_us);
    if (is_task(execution))
        expand_event(s, record, "task", execution, index,
                     slice_of(execution->reason.ptr + sizeof(LEDGER_TASK_REASON) - 1,
                              execution->reason.len - (sizeof(LEDGER_TASK_REASON) - 1)));
    else
        expand_event(s, record, "wait", execution, index, waiting_until(s, execution));
    return 0;
}

int expand_task(struct supervisor *s, const struct record *record, struct err *err)
{
    static const char *const kinds[] = {"claim", "progress", "lapse", "release"};
    const struct ledger_task *task = &record->ledger.task;
    const struct entry *entry = &s->batch.entries[record->entry];
    const struct ledger_execution of = {.scope = task->scope, .attempt = task->attempt};
    struct run *run = record->run;
    const char *kind = NULL;
    uint32_t index;
    if (!fold_allows(s, run, entry, &record->ledger.outcome))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_eq_str(task->kind, kinds[i]))
            kind = kinds[i];
    }
    if (!kind || !decimal_u32(task->node, &index) || index >= run->graph->node_count)
        return err_set(err, ERR_INTERNAL, "a ledger record of run %s has '%.*s' of node %.*s",
                       run->id, SLICE_ARG(task->kind), SLICE_ARG(task->node));
    fold_outcome(s, run, entry, &record->ledger.outcome, true);
    expand_event(s, record, kind, &of, index, task->detail.len > 0 ? task->detail : task->worker);
    return 0;
}
