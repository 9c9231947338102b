/* fold: what the records of a run make of it: its status, when it began, why it ended; and whether
 * a record may be the run's next at all.
 */
#include "base/json.h"
#include "base/log.h"
#include "supervisor/state.h"

static const char error_open_joins[] =
    "{\"code\":\"internal\",\"message\":\"no token was left and joins were still open\"}";

void fold_stray(struct run *run, const char *why)
{
    if (!run->stray)
        run->stray_because = why;
    run->stray = true;
}

bool fold_allows(struct supervisor *s, struct run *run, const struct entry *entry,
                 const struct ledger_outcome *outcome)
{
    if (run->stray)
        return false;
    if (!run->recorded)
        fold_stray(run, "its start is not in the record");
    else if (run_status_final(run->status))
        fold_stray(run, "it had ended");
    else if (outcome->event <= run->events)
        fold_stray(run, "it went back in time");
    else if (outcome->event != run->events + 1)
        partition_alarm(s, &s->partitions[entry->slot], "events of a run are missing", run->id);
    return !run->stray;
}

/* The batch has something for its row. */
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

void fold_outcome(struct supervisor *s, struct run *run, const struct entry *entry,
                  const struct ledger_outcome *outcome, bool executed)
{
    touch(&s->batch, run, entry->slot);
    run->status = status_after(run, outcome->status, executed);
    run->events = outcome->event;
    run->fold.status = run->status;
    run->fold.events = run->events;
    if (!run_status_final(run->status))
        return;
    run->fold.ended_us = entry->at_us;
    run->fold.collect = run->status == RUN_COMPLETED && !graph_makes_output(run->graph);
}

void fold_started(struct run *run, int64_t started_us)
{
    if (run->fold.started_us == 0 || started_us < run->fold.started_us)
        run->fold.started_us = started_us;
}

void fold_end(struct supervisor *s, struct run *run, const struct ledger_execution *execution,
              bool open_joins)
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
